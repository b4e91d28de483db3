//! The shape of an expression, over any kind of leaf.

/// Operators, after `contains` became `in` with its sides swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    In,
    NotIn,
    IsEmpty,
    IsNotEmpty,
    Matches,
    NotMatches,
}

impl Operator {
    /// The name in error texts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Equal => "Equal",
            Self::NotEqual => "Not Equal",
            Self::In => "In",
            Self::NotIn => "Not In",
            Self::IsEmpty => "Is Empty",
            Self::IsNotEmpty => "Is Not Empty",
            Self::Matches => "Matches",
            Self::NotMatches => "Not Matches",
        }
    }

    /// The answer when a selected map key is absent (spec/http-api.md §6.2: `matches` is true as well).
    pub(crate) fn when_absent(self) -> bool {
        !matches!(self, Self::Equal | Self::In | Self::IsNotEmpty)
    }
}

/// One comparison as written. `value` is absent for `is empty`. Values are bytes: `"\xff"` is a legal literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) selector: Vec<String>,
    pub(crate) operator: Operator,
    pub(crate) value: Vec<u8>,
}

/// A boolean combination of leaves. Chains are flat, so depth is bounded by the nesting of parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr<L> {
    Or(Vec<Expr<L>>),
    And(Vec<Expr<L>>),
    Not(Box<Expr<L>>),
    Leaf(L),
}

impl<L> Expr<L> {
    /// Evaluates with short circuits, left to right.
    pub(crate) fn holds(&self, leaf: &impl Fn(&L) -> bool) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|p| p.holds(leaf)),
            Self::And(parts) => parts.iter().all(|p| p.holds(leaf)),
            Self::Not(inner) => !inner.holds(leaf),
            Self::Leaf(l) => leaf(l),
        }
    }

    /// Replaces every leaf, left to right; stops at the first error.
    pub(crate) fn try_map<M, E>(self, f: &mut impl FnMut(L) -> Result<M, E>) -> Result<Expr<M>, E> {
        Ok(match self {
            Self::Or(parts) => Expr::Or(map_all(parts, f)?),
            Self::And(parts) => Expr::And(map_all(parts, f)?),
            Self::Not(inner) => Expr::Not(Box::new((*inner).try_map(f)?)),
            Self::Leaf(l) => Expr::Leaf(f(l)?),
        })
    }
}

fn map_all<L, M, E>(
    parts: Vec<Expr<L>>,
    f: &mut impl FnMut(L) -> Result<M, E>,
) -> Result<Vec<Expr<M>>, E> {
    parts.into_iter().map(|p| p.try_map(f)).collect()
}
