//! What a template says: nodes, and how Go names them in an error.

use std::fmt;

/// One thing to write or do.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    /// Evaluated; its value is written unless it was declared.
    Action(Pipe),
    Branch(Branch),
    Break,
    Continue,
}

/// What a branch does with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    If,
    With,
    Range,
}

#[derive(Debug)]
pub(super) struct Branch {
    pub(super) kind: Kind,
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands of which each hands its value on to the next.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) at: usize,
    /// Variables that take the value.
    pub(super) names: Vec<String>,
    /// They exist already.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// A word of a command.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) at: usize,
    pub(super) term: Term,
    /// `.Field.Field` behind the term.
    pub(super) fields: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Term {
    Dot,
    Nil,
    Bool(bool),
    Int(String, i64),
    Float(String, f64),
    /// As written, and its value.
    Text(String, String),
    /// The fields of the dot.
    Field,
    Variable(String),
    Function(String),
    Pipe(Box<Pipe>),
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.term {
            Term::Dot => f.write_str(".")?,
            Term::Nil => f.write_str("nil")?,
            Term::Bool(b) => write!(f, "{b}")?,
            Term::Int(t, _) | Term::Float(t, _) | Term::Text(t, _) => f.write_str(t)?,
            Term::Variable(t) | Term::Function(t) => f.write_str(t)?,
            Term::Field => {}
            Term::Pipe(p) => write!(f, "({p})")?,
        }
        self.fields.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.names.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.names.join(", "))?;
        }
        for (i, command) in self.commands.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            for (j, word) in command.iter().enumerate() {
                let blank = if j > 0 { " " } else { "" };
                write!(f, "{blank}{word}")?;
            }
        }
        Ok(())
    }
}
