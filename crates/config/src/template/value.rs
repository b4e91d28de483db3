//! Values of a template: what they are called, when they are true, how they are printed.

use super::attribute::{address, described};
use crate::host::Interface;
use std::fmt;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// Addresses with their interfaces.
    List(Vec<Interface>),
    /// One of them.
    One(Box<Interface>),
    /// Its address alone.
    Address(Box<Interface>),
}

impl Value {
    /// The name of the type in errors.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "sockaddr.IfAddrs",
            Self::One(_) => "sockaddr.IfAddr",
            Self::Address(_) => "sockaddr.SockAddr",
        }
    }

    /// What `if` and `with` make of it.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::Float(n) => *n != 0.0,
            Self::Text(t) => !t.is_empty(),
            Self::List(l) => !l.is_empty(),
            Self::One(_) | Self::Address(_) => true,
        }
    }

    /// Work it stands for, in values.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::List(l) => l.len(),
            Self::Text(t) => t.len() / 64,
            _ => 0,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("<nil>"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Float(n) if n.abs() >= 1e21 || (*n != 0.0 && n.abs() < 1e-4) => exponent(f, *n),
            Self::Float(n) => write!(f, "{n}"),
            Self::Text(t) => f.write_str(t),
            Self::List(list) => {
                f.write_str("[")?;
                for (i, one) in list.iter().enumerate() {
                    let blank = if i > 0 { " " } else { "" };
                    write!(f, "{blank}{}", described(one))?;
                }
                f.write_str("]")
            }
            Self::One(i) => f.write_str(&described(i)),
            Self::Address(i) => f.write_str(&address(i)),
        }
    }
}

/// `1e+21`: at least two digits and a sign.
fn exponent(f: &mut fmt::Formatter<'_>, n: f64) -> fmt::Result {
    let text = format!("{n:e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let sign = if power < 0 { '-' } else { '+' };
    write!(f, "{digits}e{sign}{:02}", power.abs())
}
