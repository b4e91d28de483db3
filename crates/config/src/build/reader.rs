//! Values out of a merged tree. Text that does not mean what its key needs is collected, not returned at once: the
//! reference reports all of these together (agent-config.md §8).

use crate::host::Host;
use crate::merge::get;
use crate::model::TextMap;
use crate::tree::{Map, Tree};
use serde_json::{Map as JsonMap, Value as Json};
use std::cell::RefCell;
use std::time::Duration;

pub(crate) struct Reader<'a> {
    pub(crate) map: &'a Map,
    pub(crate) host: &'a dyn Host,
    pub(crate) dev: bool,
    errors: RefCell<Vec<String>>,
    warnings: RefCell<Vec<String>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(map: &'a Map, host: &'a dyn Host, dev: bool) -> Self {
        Self {
            map,
            host,
            dev,
            errors: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    pub(crate) fn error(&self, text: String) {
        self.errors.borrow_mut().push(text);
    }

    pub(crate) fn warn(&self, text: impl Into<String>) {
        self.warnings.borrow_mut().push(text.into());
    }

    pub(crate) fn take_errors(&self) -> Vec<String> {
        self.errors.take()
    }

    pub(crate) fn take_warnings(&self) -> Vec<String> {
        self.warnings.take()
    }

    /// Keeps the value or collects the error.
    pub(crate) fn keep<T: Default>(&self, result: Result<T, String>) -> T {
        result.unwrap_or_else(|e| {
            self.error(e);
            T::default()
        })
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        get(self.map, path).is_some()
    }

    pub(crate) fn opt_text(&self, path: &str) -> Option<String> {
        match get(self.map, path) {
            Some(Tree::Text(s)) => Some(s.clone()),
            _ => None,
        }
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.opt_text(path).unwrap_or_default()
    }

    pub(crate) fn opt_bool(&self, path: &str) -> Option<bool> {
        match get(self.map, path) {
            Some(Tree::Bool(b)) => Some(*b),
            _ => None,
        }
    }

    pub(crate) fn bool(&self, path: &str) -> bool {
        self.opt_bool(path).unwrap_or(false)
    }

    pub(crate) fn opt_int(&self, path: &str) -> Option<i64> {
        match get(self.map, path) {
            Some(Tree::Int(n)) => Some(*n),
            _ => None,
        }
    }

    pub(crate) fn int(&self, path: &str) -> i64 {
        self.opt_int(path).unwrap_or(0)
    }

    pub(crate) fn uint(&self, path: &str) -> u64 {
        u64::try_from(self.int(path)).unwrap_or(0)
    }

    pub(crate) fn opt_float(&self, path: &str) -> Option<f64> {
        match get(self.map, path) {
            Some(Tree::Float(n)) => Some(*n),
            Some(Tree::Int(n)) => Some(*n as f64),
            _ => None,
        }
    }

    pub(crate) fn float(&self, path: &str) -> f64 {
        self.opt_float(path).unwrap_or(0.0)
    }

    pub(crate) fn texts(&self, path: &str) -> Vec<String> {
        match get(self.map, path) {
            Some(Tree::List { items, .. }) => items
                .iter()
                .filter_map(|t| match t {
                    Tree::Text(s) => Some(s.clone()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn text_map(&self, path: &str) -> TextMap {
        match get(self.map, path) {
            Some(Tree::Map(m)) => m
                .iter()
                .filter_map(|(k, v)| match v {
                    Tree::Text(s) => Some((k.clone(), s.clone())),
                    _ => None,
                })
                .collect(),
            _ => TextMap::new(),
        }
    }

    pub(crate) fn list(&self, path: &str) -> &'a [Tree] {
        match get(self.map, path) {
            Some(Tree::List { items, .. }) => items,
            _ => &[],
        }
    }

    pub(crate) fn json_map(&self, path: &str) -> JsonMap<String, Json> {
        match get(self.map, path).map(Tree::to_json) {
            Some(Json::Object(m)) => m,
            _ => JsonMap::new(),
        }
    }

    /// Nanoseconds of a duration key; 0 when absent or refused.
    pub(crate) fn nanos(&self, path: &str) -> i64 {
        match self.opt_text(path) {
            Some(text) => self.nanos_of(path, &text),
            None => 0,
        }
    }

    /// Nanoseconds of a text, named by `key` in the error.
    pub(crate) fn nanos_of(&self, key: &str, text: &str) -> i64 {
        self.keep(
            dialect::duration::parse(text)
                .map_err(|e| format!("{key}: invalid duration: {text:?}: {e}")),
        )
    }

    pub(crate) fn duration(&self, path: &str) -> Duration {
        positive(self.nanos(path))
    }

    /// A duration with a lower limit.
    pub(crate) fn duration_from(&self, path: &str, min_nanos: i64) -> Duration {
        let n = self.nanos(path);
        if n < min_nanos && self.has(path) && self.errors.borrow().is_empty() {
            self.error(format!(
                "{path}: duration '{}' cannot be less than: {}",
                self.text(path),
                dialect::duration::format(min_nanos)
            ));
        }
        positive(n)
    }
}

pub(crate) fn positive(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
