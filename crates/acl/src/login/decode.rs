//! Free-form configuration into values, with the reference's texts for what does not fit.

use std::collections::BTreeMap;

use dialect::url::quote;
use dialect::{Any, Dict};

/// Takes members out of a configuration and remembers what was wrong.
pub(super) struct Decoder<'a> {
    left: BTreeMap<&'a str, &'a Any>,
    faults: Vec<String>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(config: &'a Dict<Any>) -> Self {
        Decoder {
            left: config.iter().map(|(k, v)| (k.as_str(), v)).collect(),
            faults: Vec::new(),
        }
    }

    /// A member that is there and not null: its exact key first, then one in another case.
    fn take(&mut self, key: &str) -> Option<&'a Any> {
        let value = self.left.remove(key).or_else(|| {
            let other = self.left.keys().copied();
            let other = other
                .into_iter()
                .find(|name| name.eq_ignore_ascii_case(key))?;
            self.left.remove(other)
        });
        value.filter(|value| **value != Any::Null)
    }

    pub(super) fn text(&mut self, key: &str) -> String {
        self.take(key)
            .map_or_else(String::new, |value| self.as_text(key, value))
    }

    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        match self.take(key) {
            None => Vec::new(),
            Some(Any::List(items)) => items
                .iter()
                .enumerate()
                .map(|(at, item)| self.as_text(&format!("{key}[{at}]"), item))
                .collect(),
            Some(Any::Map(map)) if map.is_empty() => Vec::new(),
            Some(one) => vec![self.as_text(&format!("{key}[0]"), one)],
        }
    }

    pub(super) fn map(&mut self, key: &str) -> BTreeMap<String, String> {
        match self.take(key) {
            None => BTreeMap::new(),
            Some(Any::Map(entries)) => entries
                .iter()
                .map(|(name, value)| {
                    let text = self.as_text(&format!("{key}[{name}]"), value);
                    (name.clone(), text)
                })
                .collect(),
            Some(other) => {
                let found = go_type(other);
                self.faults
                    .push(format!("'{key}' expected a map, got '{found}'"));
                BTreeMap::new()
            }
        }
    }

    pub(super) fn number(&mut self, key: &str) -> i64 {
        match self.take(key) {
            None => 0,
            Some(Any::Int(number)) => *number,
            Some(Any::Uint(number)) => i64::try_from(*number).unwrap_or(i64::MAX),
            Some(Any::Float(number)) => *number as i64,
            Some(Any::Bool(truth)) => i64::from(*truth),
            Some(Any::Str(text)) if text.is_empty() => 0,
            Some(Any::Str(text)) => text.parse().unwrap_or_else(|_| {
                let shown = quote(text.as_bytes());
                self.faults.push(format!(
                    "cannot parse '{key}' as int: strconv.ParseInt: parsing {shown}: invalid syntax"
                ));
                0
            }),
            Some(other) => {
                self.unfit(key, "int64", other);
                0
            }
        }
    }

    pub(super) fn truth(&mut self, key: &str) -> bool {
        match self.take(key) {
            None => false,
            Some(Any::Bool(truth)) => *truth,
            Some(Any::Int(number)) => *number != 0,
            Some(Any::Uint(number)) => *number != 0,
            Some(Any::Float(number)) => *number != 0.0,
            Some(Any::Str(text)) => match text.as_str() {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
                "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
                other => {
                    let shown = quote(other.as_bytes());
                    self.faults.push(format!(
                        "cannot parse '{key}' as bool: strconv.ParseBool: parsing {shown}: invalid syntax"
                    ));
                    false
                }
            },
            Some(other) => {
                self.unfit(key, "bool", other);
                false
            }
        }
    }

    /// What is left is unknown.
    ///
    /// # Errors
    /// All that was wrong.
    pub(super) fn finish(mut self) -> Result<(), String> {
        if !self.left.is_empty() {
            let names: Vec<_> = self.left.into_keys().collect();
            self.faults
                .push(format!("'' has invalid keys: {}", names.join(", ")));
        }
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort();
        let count = self.faults.len();
        let faults: Vec<_> = self
            .faults
            .iter()
            .map(|fault| format!("* {fault}"))
            .collect();
        let faults = faults.join("\n");
        Err(format!(
            "error decoding config: {count} error(s) decoding:\n\n{faults}"
        ))
    }

    fn as_text(&mut self, key: &str, value: &Any) -> String {
        match value {
            Any::Null => String::new(),
            Any::Str(text) => text.clone(),
            Any::Bool(truth) => i32::from(*truth).to_string(),
            Any::Int(number) => number.to_string(),
            Any::Uint(number) => number.to_string(),
            Any::Float(number) => number.to_string(),
            other => {
                self.unfit(key, "string", other);
                String::new()
            }
        }
    }

    fn unfit(&mut self, key: &str, wanted: &str, found: &Any) {
        let found = go_type(found);
        self.faults.push(format!(
            "'{key}' expected type '{wanted}', got unconvertible type '{found}'"
        ));
    }
}

fn go_type(value: &Any) -> &'static str {
    match value {
        Any::Null => "nil",
        Any::Bool(_) => "bool",
        Any::Int(_) => "int64",
        Any::Uint(_) => "uint64",
        Any::Float(_) => "float64",
        Any::Str(_) => "string",
        Any::Bytes(_) => "[]uint8",
        Any::List(_) => "[]interface {}",
        Any::Map(_) => "map[string]interface {}",
    }
}
