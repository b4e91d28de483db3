//! HCL 1: the configuration language of agents and ACL rules, in its native and its JSON form.
//!
//! Owns the syntax and its error texts. It must never learn a key's meaning: what [`parse`] returns is what the reference's
//! decoder puts into a `map[string]interface{}` (blocks become lists of maps), and [`items`] is the tree with positions for
//! readers that need them. A text whose first character is `{` is taken as JSON.

mod json;
mod parse;
mod scan;
mod value;

use std::fmt;

pub use value::{Map, Value, decode};

/// Deepest nesting of objects, lists and labels together that is read: what walks or drops a tree may recurse.
pub const MAX_DEPTH: usize = 128;

/// A place in the text, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos {
    /// The line.
    pub line: u32,
    /// The character within the line.
    pub column: u32,
}

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a text is not HCL. The display is the reference's message: `At 1:8: …`, or the text alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where, if the message says so in its head.
    pub pos: Option<Pos>,
    /// What.
    pub text: String,
}

impl Error {
    pub(crate) fn at(pos: Pos, text: impl Into<String>) -> Self {
        Error {
            pos: Some(pos),
            text: text.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pos) = self.pos {
            write!(f, "At {pos}: ")?;
        }
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// What becomes of a second assignment to the same key of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// The last one counts.
    Allow,
    /// `The argument "x" at 2:1 was already set. Each argument can only be defined once`. Blocks may repeat.
    Refuse,
}

/// A key or label.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Where it stands.
    pub pos: Pos,
    /// The text, unquoted.
    pub text: String,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `true`, `false`.
    Bool(Pos, bool),
    /// A whole number, with its text.
    Int(Pos, i64, String),
    /// A number with point or exponent, with its text.
    Float(Pos, f64, String),
    /// A string or here-document.
    Str(Pos, String),
    /// `[ … ]`.
    List(Pos, Vec<Node>),
    /// `{ … }`.
    Object(Pos, Vec<Item>),
}

impl Node {
    /// Where it starts.
    pub fn pos(&self) -> Pos {
        match self {
            Node::Bool(pos, _)
            | Node::Int(pos, ..)
            | Node::Float(pos, ..)
            | Node::Str(pos, _)
            | Node::List(pos, _)
            | Node::Object(pos, _) => *pos,
        }
    }
}

/// One statement: `key = value`, or `key "label" { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The key and the labels after it, at least one.
    pub keys: Vec<Key>,
    /// The value.
    pub value: Node,
}

/// Reads a text into a [`Value::Map`].
pub fn parse(text: &str) -> Result<Value, Error> {
    Ok(Value::Map(decode(&items(text, Duplicates::Allow)?)))
}

/// Reads a text into its statements.
pub fn items(text: &str, duplicates: Duplicates) -> Result<Vec<Item>, Error> {
    match text
        .trim_start_matches(char::is_whitespace)
        .starts_with('{')
    {
        true => json::items(text),
        false => parse::items(text, duplicates),
    }
}
