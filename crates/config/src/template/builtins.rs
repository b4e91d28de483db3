//! The functions that every Go template has.

use super::printf::sprintf;
use super::value::Value;
use std::cmp::Ordering;

/// Fewest and most arguments of a function, if it is one.
pub(super) fn arity(name: &str) -> Option<(usize, Option<usize>)> {
    Some(match name {
        "and" | "or" | "eq" | "index" | "slice" | "printf" => (1, None),
        "not" | "len" => (1, Some(1)),
        "ne" | "lt" | "le" | "gt" | "ge" => (2, Some(2)),
        "print" | "println" => (0, None),
        _ => return None,
    })
}

/// Calls one; the number of arguments is right.
pub(super) fn call(name: &str, args: Vec<Value>) -> Result<Value, String> {
    Ok(match (name, args.as_slice()) {
        // The earlier ones decided nothing.
        ("and" | "or", [.., last]) => last.clone(),
        ("not", [one]) => Value::Bool(!one.truth()),
        ("len", [one]) => Value::Int(match one {
            Value::List(l) => l.len(),
            Value::Text(t) => t.len(),
            Value::Nil => return Err("len of nil pointer".to_string()),
            other => return Err(format!("len of type {}", other.kind())),
        } as i64),
        ("eq", [_]) => return Err("missing argument for comparison".to_string()),
        ("eq", [first, rest @ ..]) => {
            let mut any = false;
            for other in rest {
                any |= equal(first, other)?;
            }
            Value::Bool(any)
        }
        ("ne", [a, b]) => Value::Bool(!equal(a, b)?),
        ("lt", [a, b]) => Value::Bool(order(a, b)?.is_lt()),
        ("le", [a, b]) => Value::Bool(order(a, b)?.is_le()),
        ("gt", [a, b]) => Value::Bool(order(a, b)?.is_gt()),
        ("ge", [a, b]) => Value::Bool(order(a, b)?.is_ge()),
        ("index", [of, at @ ..]) => index(of, at)?,
        ("slice", [of, at @ ..]) => slice(of, at)?,
        ("print", all) => Value::Text(print(all)),
        ("println", all) => {
            let words: Vec<String> = all.iter().map(ToString::to_string).collect();
            Value::Text(words.join(" ") + "\n")
        }
        ("printf", [Value::Text(format), rest @ ..]) => Value::Text(sprintf(format, rest)?),
        ("printf", [other, ..]) => {
            return Err(format!(
                "wrong type for value; expected string; got {}",
                other.kind()
            ));
        }
        _ => return Err(format!("function {name:?} not defined")),
    })
}

/// Blanks stand between two values of which neither is a string.
fn print(all: &[Value]) -> String {
    let mut out = String::new();
    for (i, value) in all.iter().enumerate() {
        let texts = |v: &Value| matches!(v, Value::Text(_));
        if i > 0 && !texts(value) && !texts(&all[i - 1]) {
            out.push(' ');
        }
        out.push_str(&value.to_string());
    }
    out
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        (Value::Address(a), Value::Address(b)) => Ok(a.ip == b.ip && a.prefix == b.prefix),
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::List(_), _) | (_, Value::List(_)) => {
            Err("non-comparable type sockaddr.IfAddrs".to_string())
        }
        _ => Err("incompatible types for comparison".to_string()),
    }
}

fn order(a: &Value, b: &Value) -> Result<Ordering, String> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b).unwrap_or(Ordering::Equal)),
        (
            Value::Int(_) | Value::Text(_) | Value::Float(_),
            Value::Int(_) | Value::Text(_) | Value::Float(_),
        ) => Err("incompatible types for comparison".to_string()),
        _ => Err("invalid type for comparison".to_string()),
    }
}

fn position(at: &Value, most: usize) -> Result<usize, String> {
    match at {
        Value::Int(n) => usize::try_from(*n)
            .ok()
            .filter(|n| *n <= most)
            .ok_or_else(|| format!("index out of range: {n}")),
        Value::Nil => Err("cannot index slice/array with nil".to_string()),
        other => Err(format!(
            "cannot index slice/array with type {}",
            other.kind()
        )),
    }
}

fn index(of: &Value, at: &[Value]) -> Result<Value, String> {
    let mut value = of.clone();
    for at in at {
        value = match &value {
            Value::List(list) => {
                let i = position(at, list.len().saturating_sub(1))?;
                let one = list
                    .get(i)
                    .ok_or_else(|| format!("index out of range: {i}"))?;
                Value::One(Box::new(one.clone()))
            }
            Value::Text(text) => {
                let i = position(at, text.len().saturating_sub(1))?;
                let byte = text.as_bytes().get(i);
                Value::Int(i64::from(
                    *byte.ok_or_else(|| format!("index out of range: {i}"))?,
                ))
            }
            Value::Nil => return Err("index of untyped nil".to_string()),
            other => return Err(format!("can't index item of type {}", other.kind())),
        };
    }
    Ok(value)
}

fn slice(of: &Value, at: &[Value]) -> Result<Value, String> {
    let length = match of {
        Value::List(list) => list.len(),
        Value::Text(text) => text.len(),
        other => return Err(format!("can't slice item of type {}", other.kind())),
    };
    if at.len() > 2 {
        return Err(format!("too many slice indexes: {}", at.len()));
    }
    let from = at.first().map_or(Ok(0), |v| position(v, length))?;
    let to = at.get(1).map_or(Ok(length), |v| position(v, length))?;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match of {
        Value::List(list) => Value::List(list[from..to].to_vec()),
        Value::Text(text) => {
            Value::Text(String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned())
        }
        _ => Value::Nil,
    })
}
