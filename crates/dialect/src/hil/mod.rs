//! HIL, the interpolation language of templates and bindings: `${…}` with variables, calls, numbers, texts, arithmetic,
//! comparisons, logic and conditions. A text is parsed, then typed into a [`Program`], which is rendered again and again.
//!
//! Positions in errors are `line:column`, both from 1, as the reference counts them. Must never learn what variables mean.

mod parse;
#[cfg(test)]
mod tests;
mod typed;

pub use parse::Text;
pub use typed::{Program, Scope};

/// Nesting of parentheses, calls, texts and operators within an expression.
const NESTING_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A part between literal texts, with where it stands.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    at: Place,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Number(i64),
    Decimal(f64),
    Bool(bool),
    Text(Text),
    Variable(String),
    Call(String, Vec<Node>),
    Operation(Sign, Box<Node>, Box<Node>),
    /// Condition, what holds if it does, what holds if not.
    Choice(Box<Node>, Box<Node>, Box<Node>),
}

/// What stands between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Or,
    And,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}
