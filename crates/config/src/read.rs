//! From the text of a file or fragment to a tree. The only place that knows that there are two syntaxes.

use crate::tree::{Map, Tree};

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
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| {
        if e.is_eof() {
            "unexpected end of JSON input".to_string()
        } else {
            e.to_string()
        }
    })?;
    let kind = match &value {
        serde_json::Value::Null => return Ok(Map::new()),
        serde_json::Value::Bool(_) => "bool",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Array(_) => "array",
        serde_json::Value::Object(_) => "object",
    };
    match Tree::from(value) {
        Tree::Map(map) => Ok(map),
        _ => Err(format!(
            "json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )),
    }
}

fn hcl(text: &str) -> Result<Map, String> {
    json(text)
}
