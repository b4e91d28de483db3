//! The language of `?filter=` (spec/http-api.md §6): text and row type in, predicate out.
//!
//! Owns: the grammar with its exact error texts, selectors and operators against a row's [`Schema`], coercion of values,
//! and the regular-expression dialect of `matches`. Must never learn what it filters, nor where rows come from.
//!
//! A row type describes itself once with a static table of accessors ([`Schema`]); compiling a text against it yields a
//! [`Filter`] whose evaluation follows function pointers into the row: no allocation, no lookup by name, no copy.

mod expr;
mod literal;
mod parse;
pub mod regexp;
mod schema;

pub use parse::{NESTING_MAX, REFUSALS_MAX, SyntaxErrors};
pub use schema::{AnyOf, Field, Keyed, Kind, Nested, Object, Objects, Schema};

use expr::Expr;
use std::cell::RefCell;

/// Why a text is no filter for rows of a type. The texts are those that clients see (spec/http-api.md §6.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text does not fit the grammar, or nests deeper than [`NESTING_MAX`].
    #[error("{0}")]
    Syntax(SyntaxErrors),
    /// No such field; the text up to the first part that does not exist.
    #[error("Selector \"{0}\" is not valid")]
    Selector(String),
    /// The operator makes no sense for the field.
    #[error("Invalid match operator \"{operator}\" for selector \"{selector}\"")]
    Operator {
        /// Name of the operator, such as `Is Empty`.
        operator: &'static str,
        /// The field, dotted.
        selector: String,
    },
    /// The value is no number or truth value.
    #[error("Failed to coerce value {value} for selector \"{selector}\": {reason}")]
    Coerce {
        /// The value, quoted.
        value: String,
        /// The field, dotted.
        selector: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The value after `matches` is no regular expression.
    #[error("Failed to compile regular expression {pattern}: {reason}")]
    Regexp {
        /// The pattern, quoted.
        pattern: String,
        /// What is wrong with it.
        reason: regexp::Error,
    },
}

impl Error {
    /// Whether the text itself is malformed, whatever the rows are. `/v1/agent/checks` reports other errors differently.
    pub fn is_syntax(&self) -> bool {
        matches!(self, Self::Syntax(_))
    }
}

/// A compiled filter over rows of type `T`. Immutable and shareable between threads.
pub struct Filter<T: 'static> {
    expr: Expr<schema::Test<T>>,
    bytes: usize,
}

/// Memory of one comparison, bytes: its node, its test and its value, rounded up.
const COMPARISON_BYTES: usize = 256;

impl<T: 'static> Filter<T> {
    /// Checks `text` against the grammar and the row type. The text must not be empty: no filter is a matter of the caller.
    ///
    /// # Errors
    /// All syntax errors of the text; or else the first selector, operator or value that does not fit, from left to right.
    pub fn compile(text: &str, schema: &'static Schema<T>) -> Result<Self, Error> {
        let parsed = parse::parse(text).map_err(Error::Syntax)?;
        let patterns = RefCell::default();
        let mut comparisons = 0;
        let expr = parsed.try_map(&mut |m| {
            comparisons += 1;
            schema.test(&m, &patterns)
        })?;
        let bytes = text.len() + comparisons * COMPARISON_BYTES + patterns.borrow().bytes();
        Ok(Self { expr, bytes })
    }

    /// Memory that it takes, bytes, estimated.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the row satisfies the filter.
    pub fn matches(&self, row: &T) -> bool {
        self.expr.holds(&|test| test(row))
    }
}

impl<T> std::fmt::Debug for Filter<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filter")
    }
}

/// Checks only the grammar: for doors that must refuse a malformed text before they know the rows.
///
/// # Errors
/// All syntax errors of the text.
pub fn check_syntax(text: &str) -> Result<(), Error> {
    parse::parse(text).map(drop).map_err(Error::Syntax)
}
