//! What a configuration file says, before anyone knows what its keys mean.
//!
//! Both syntaxes end here. The tree remembers what Go would have decoded a value to, because refusals name Go types.

use std::collections::BTreeMap;
use std::fmt;

/// A value of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// JSON `null`: as if the key were not there.
    Null,
    /// A boolean.
    Bool(bool),
    /// An HCL integer (JSON numbers are always [`Tree::Float`]).
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list. `blocks`: an HCL list of objects.
    List {
        /// Elements.
        items: Vec<Tree>,
        /// From HCL, and every element is an object.
        blocks: bool,
    },
    /// An object.
    Map(Map),
}

/// An object of a file; keys as written.
pub type Map = BTreeMap<String, Tree>;

impl Tree {
    /// A plain list.
    pub fn list(items: Vec<Tree>) -> Self {
        Self::List {
            items,
            blocks: false,
        }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Name of the Go type.
    pub(crate) fn go_type(&self) -> &'static str {
        match self {
            Self::Null => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List { blocks: false, .. } => "[]interface {}",
            Self::List { blocks: true, .. } => "[]map[string]interface {}",
            Self::Map(_) => "map[string]interface {}",
        }
    }

    /// Name of the kind of the Go type.
    pub(crate) fn go_kind(&self) -> &'static str {
        match self {
            Self::List { .. } => "slice",
            Self::Map(_) => "map",
            Self::Null => "invalid",
            other => other.go_type(),
        }
    }

    /// As JSON: whole numbers without fraction, keys sorted.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::from(*b),
            Self::Int(n) => Value::from(*n),
            Self::Float(n) if n.fract() == 0.0 && n.abs() < 9e15 => Value::from(*n as i64),
            Self::Float(n) => Value::from(*n),
            Self::Text(s) => Value::from(s.as_str()),
            Self::List { items, .. } => Value::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(m) => {
                Value::Object(m.iter().map(|(k, v)| (k.clone(), v.to_json())).collect())
            }
        }
    }
}

/// As Go's `%v`.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<nil>"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Float(n) => f.write_str(&go_float(*n)),
            Self::Text(s) => f.write_str(s),
            Self::List { items, .. } => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(" ")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Self::Map(m) => {
                f.write_str("map[")?;
                for (i, (k, v)) in m.iter().enumerate() {
                    if i > 0 {
                        f.write_str(" ")?;
                    }
                    write!(f, "{k}:{v}")?;
                }
                f.write_str("]")
            }
        }
    }
}

/// `%v` of a float64: shortest digits, exponent form below 1e-4 and from 1e21.
pub(crate) fn go_float(n: f64) -> String {
    if n != 0.0 && (n.abs() < 1e-4 || n.abs() >= 1e21) {
        let text = format!("{n:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(e) => ('-', e),
            None => ('+', exponent),
        };
        format!("{digits}e{sign}{exponent:0>2}")
    } else {
        format!("{n}")
    }
}

impl From<serde_json::Value> for Tree {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(b),
            Value::Number(n) => Self::Float(n.as_f64().unwrap_or(f64::MAX)),
            Value::String(s) => Self::Text(s),
            Value::Array(items) => Self::list(items.into_iter().map(Self::from).collect()),
            Value::Object(m) => Self::Map(m.into_iter().map(|(k, v)| (k, Self::from(v))).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_like_go() {
        for (n, want) in [
            (5.0, "5"),
            (1.9, "1.9"),
            (1e6, "1000000"),
            (1e21, "1e+21"),
            (0.00001, "1e-05"),
            (-0.5, "-0.5"),
        ] {
            assert_eq!(go_float(n), want);
        }
        let t = Tree::from(serde_json::json!({"b": [1, "x"], "a": null}));
        assert_eq!(t.to_string(), "map[a:<nil> b:[1 x]]");
    }
}
