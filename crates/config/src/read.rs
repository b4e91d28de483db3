//! From the text of a file or fragment to a tree. The only place that knows that there are two syntaxes.

use crate::tree::{Map, Tree};
use dialect::{Any, hcl, json};

/// Syntax of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// HashiCorp configuration language, version 1.
    Hcl,
}

impl Format {
    /// By the ending of a file name.
    pub fn of_path(path: &str) -> Option<Self> {
        if path.ends_with(".json") {
            Some(Self::Json)
        } else if path.ends_with(".hcl") {
            Some(Self::Hcl)
        } else {
            None
        }
    }

    /// By its name on the command line.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "hcl" => Some(Self::Hcl),
            _ => None,
        }
    }
}

/// Reads a text; the error is the reader's message without file name.
pub fn read(text: &str, format: Format) -> Result<Map, String> {
    match format {
        Format::Json => json(text),
        Format::Hcl => hcl(text),
    }
}

fn json(text: &str) -> Result<Map, String> {
    let value: Any =
        json::unmarshal(text.as_bytes(), json::Mode::Lax).map_err(|e| e.to_string())?;
    let kind = match value {
        Any::Map(map) => {
            return Ok(map.into_iter().map(|(k, v)| (k, tree(v))).collect());
        }
        Any::Null => return Ok(Map::new()),
        Any::Bool(_) => "bool",
        Any::Int(_) | Any::Uint(_) | Any::Float(_) => "number",
        Any::Str(_) | Any::Bytes(_) => "string",
        Any::List(_) => "array",
    };
    Err(format!(
        "json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
    ))
}

fn tree(value: Any) -> Tree {
    match value {
        Any::Null => Tree::Null,
        Any::Bool(b) => Tree::Bool(b),
        Any::Int(n) => Tree::Float(n as f64),
        Any::Uint(n) => Tree::Float(n as f64),
        Any::Float(n) => Tree::Float(n),
        Any::Str(s) => Tree::Text(s),
        Any::Bytes(b) => Tree::Text(String::from_utf8_lossy(&b).into_owned()),
        Any::List(items) => Tree::list(items.into_iter().map(tree).collect()),
        Any::Map(map) => Tree::Map(map.into_iter().map(|(k, v)| (k, tree(v))).collect()),
    }
}

fn hcl(text: &str) -> Result<Map, String> {
    match hcl::parse(text).map_err(|e| e.to_string())? {
        hcl::Value::Map(map) => Ok(of_hcl(map)),
        _ => Ok(Map::new()),
    }
}

fn of_hcl(map: hcl::Map) -> Map {
    map.into_iter().map(|(k, v)| (k, hcl_tree(v))).collect()
}

fn hcl_tree(value: hcl::Value) -> Tree {
    match value {
        hcl::Value::Bool(b) => Tree::Bool(b),
        hcl::Value::Int(n) => Tree::Int(n),
        hcl::Value::Float(n) => Tree::Float(n),
        hcl::Value::Str(s) => Tree::Text(s),
        hcl::Value::List(items) => Tree::list(items.into_iter().map(hcl_tree).collect()),
        hcl::Value::Blocks(blocks) => Tree::List {
            items: blocks.into_iter().map(|m| Tree::Map(of_hcl(m))).collect(),
            blocks: true,
        },
        hcl::Value::Map(map) => Tree::Map(of_hcl(map)),
    }
}
