//! From a tree to a tree of known keys: spelling, types, unknown keys (agent-config.md §2).
//!
//! The result has canonical keys, no nulls, and every value is of its row's type, so whoever reads it need not check again.

use crate::schema::{Field, Kind};
use crate::tree::{Map, Tree};

/// What was wrong with a file, in the words of the reference's decoder.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Wrong types.
    pub wrong: Vec<String>,
    /// Dotted paths nobody knows.
    pub unknown: Vec<String>,
}

/// Decodes a map against rows.
pub(crate) fn decode(fields: &'static [Field], map: Map) -> (Map, Findings) {
    let mut findings = Findings::default();
    let out = block(fields, map, "", &mut findings);
    (out, findings)
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_string()
    } else {
        format!("{prefix}.{name}")
    }
}

/// Takes the value of a row out of the map: exact spelling, other case, other spelling – in this order.
fn take(map: &mut Map, field: &Field) -> Option<Tree> {
    let mut found = map.remove(field.name);
    if found.is_none() {
        let other = map
            .keys()
            .find(|k| k.eq_ignore_ascii_case(field.name))
            .cloned();
        found = other.and_then(|k| map.remove(&k));
    }
    for alias in field.aliases {
        let other = map.keys().find(|k| k.eq_ignore_ascii_case(alias)).cloned();
        if let Some(value) = other.and_then(|k| map.remove(&k)) {
            found.get_or_insert(value);
        }
    }
    found
}

fn block(fields: &'static [Field], mut map: Map, path: &str, findings: &mut Findings) -> Map {
    let mut out = Map::new();
    for field in fields {
        if let Some(value) = take(&mut map, field) {
            let path = join(path, field.name);
            if let Some(value) = decode_value(&field.kind, value, &path, findings) {
                out.insert(field.name.to_string(), value);
            }
        }
    }
    findings
        .unknown
        .extend(map.into_keys().map(|k| join(path, &k)));
    out
}

/// A list where none is expected stands for its only element; an empty one for nothing.
fn unlist(value: Tree) -> Tree {
    match value {
        Tree::List { mut items, .. } if items.len() == 1 => items.pop().unwrap_or(Tree::Null),
        Tree::List { items, .. } if items.is_empty() => Tree::Null,
        other => other,
    }
}

fn decode_value(kind: &Kind, value: Tree, path: &str, findings: &mut Findings) -> Option<Tree> {
    let is_list = matches!(
        kind,
        Kind::Texts | Kind::Blocks(_) | Kind::Opaques | Kind::Entries
    );
    let value = if is_list { value } else { unlist(value) };
    if matches!(value, Tree::Null) {
        return None;
    }
    match kind {
        Kind::Bool | Kind::Int | Kind::Uint | Kind::Float | Kind::Text | Kind::Duration => {
            scalar(kind, value, path, findings)
        }
        Kind::Texts => list(value, path, findings, &mut |v, p, f| {
            decode_value(&Kind::Text, v, p, f)
        }),
        Kind::Blocks(inner) => list(value, path, findings, &mut |v, p, f| {
            decode_value(&Kind::Block(inner), v, p, f)
        }),
        Kind::Opaques => list(value, path, findings, &mut |v, p, f| {
            decode_value(&Kind::Opaque, v, p, f)
        }),
        Kind::Entries => list(value, path, findings, &mut |v, p, f| {
            expect_map(unlist(v), p, f).map(|m| unblock(Tree::Map(m)))
        }),
        Kind::Block(inner) => {
            let map = expect_map(value, path, findings)?;
            Some(Tree::Map(block(inner, map, path, findings)))
        }
        Kind::TextMap => entries(value, path, findings, &Kind::Text),
        Kind::TextsMap => entries(value, path, findings, &Kind::Texts),
        Kind::BlockMap(inner) => entries(value, path, findings, &Kind::Block(inner)),
        Kind::Opaque => {
            let map = expect_map(value, path, findings)?;
            Some(Tree::Map(
                map.into_iter().map(|(k, v)| (k, simplify(v))).collect(),
            ))
        }
    }
}

/// A value inside an opaque map: a list of one stands for its element at the first level, HCL blocks at every level.
fn simplify(value: Tree) -> Tree {
    unblock(unlist_keeping_empty(value))
}

fn unlist_keeping_empty(value: Tree) -> Tree {
    match value {
        Tree::List { mut items, .. } if items.len() == 1 => items.pop().unwrap_or(Tree::Null),
        other => other,
    }
}

fn unblock(value: Tree) -> Tree {
    match value {
        Tree::List {
            mut items,
            blocks: true,
        } if items.len() == 1 => unblock(items.pop().unwrap_or(Tree::Null)),
        Tree::List { items, blocks } => Tree::List {
            items: items.into_iter().map(unblock).collect(),
            blocks,
        },
        Tree::Map(map) => Tree::Map(map.into_iter().map(|(k, v)| (k, unblock(v))).collect()),
        other => other,
    }
}

fn expect_map(value: Tree, path: &str, findings: &mut Findings) -> Option<Map> {
    match value {
        Tree::Map(map) => Some(map),
        other => {
            findings.wrong.push(format!(
                "'{path}' expected a map, got '{}'",
                other.go_kind()
            ));
            None
        }
    }
}

fn entries(value: Tree, path: &str, findings: &mut Findings, kind: &Kind) -> Option<Tree> {
    let map = expect_map(value, path, findings)?;
    Some(Tree::Map(
        map.into_iter()
            .filter_map(|(k, v)| {
                let at = format!("{path}[{k}]");
                // A null in a map is the zero value, not an absent key.
                let v = if matches!(v, Tree::Null) && matches!(kind, Kind::Text) {
                    Tree::text("")
                } else {
                    v
                };
                decode_value(kind, v, &at, findings).map(|v| (k, v))
            })
            .collect(),
    ))
}

type Element<'a> = &'a mut dyn FnMut(Tree, &str, &mut Findings) -> Option<Tree>;

fn list(value: Tree, path: &str, findings: &mut Findings, element: Element<'_>) -> Option<Tree> {
    match value {
        Tree::List { items, .. } => {
            let mut out = Vec::with_capacity(items.len());
            for (i, item) in items.into_iter().enumerate() {
                if let Some(v) = element(item, &format!("{path}[{i}]"), findings) {
                    out.push(v);
                }
            }
            Some(Tree::list(out))
        }
        other => {
            findings.wrong.push(format!(
                "'{path}': source data must be an array or slice, got {}",
                other.go_kind()
            ));
            None
        }
    }
}

fn scalar(kind: &Kind, value: Tree, path: &str, findings: &mut Findings) -> Option<Tree> {
    let (expected, result) = match (kind, &value) {
        (Kind::Bool, Tree::Bool(_)) | (Kind::Text | Kind::Duration, Tree::Text(_)) => {
            return Some(value);
        }
        (Kind::Int, Tree::Int(_)) => return Some(value),
        (Kind::Int, Tree::Float(n)) => return Some(Tree::Int(*n as i64)),
        (Kind::Uint, Tree::Int(n)) if *n >= 0 => return Some(value),
        (Kind::Uint, Tree::Float(n)) if *n >= 0.0 => return Some(Tree::Int(*n as i64)),
        (Kind::Uint, Tree::Int(n)) => ("", Some(format!("{n}"))),
        (Kind::Uint, Tree::Float(n)) => ("", Some(format!("{n:.6}"))),
        (Kind::Float, Tree::Float(_)) => return Some(value),
        (Kind::Float, Tree::Int(n)) => return Some(Tree::Float(*n as f64)),
        (Kind::Bool, _) => ("bool", None),
        (Kind::Int, _) => ("int", None),
        (Kind::Uint, _) => ("uint64", None),
        (Kind::Float, _) => ("float64", None),
        _ => ("string", None),
    };
    findings.wrong.push(match result {
        Some(number) => format!("cannot parse '{path}', {number} overflows uint"),
        None => format!(
            "'{path}' expected type '{expected}', got unconvertible type '{}', value: '{value}'",
            value.go_type()
        ),
    });
    None
}
