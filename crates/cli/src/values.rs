//! The values of parsed flags, looked up by name.

use std::collections::BTreeMap;
use std::time::Duration;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Of a boolean.
    Bool(bool),
    /// Of a signed integer.
    Int(i64),
    /// Of an unsigned integer.
    Uint(u64),
    /// Of a floating point number.
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    /// Of a text.
    String(String),
    /// Of a repeatable text, in order.
    List(Vec<String>),
    /// Of repeatable pairs.
    Map(BTreeMap<String, String>),
}

#[derive(Clone, Debug)]
struct Slot {
    name: &'static str,
    value: Value,
    set: bool,
}

/// All flags of one invocation. Asking for a flag that the command does not have, or as another kind, gives the zero
/// value (and stops a debug build: it is a mistake in the command).
#[derive(Clone, Debug, Default)]
pub struct Values {
    slots: Vec<Slot>,
}

impl Values {
    pub(crate) fn new(slots: impl Iterator<Item = (&'static str, Value)>) -> Self {
        Self {
            slots: slots
                .map(|(name, value)| Slot {
                    name,
                    value,
                    set: false,
                })
                .collect(),
        }
    }

    pub(crate) fn update(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Value) -> Result<(), String>,
    ) -> Result<(), String> {
        match self.slots.iter_mut().find(|s| s.name == name) {
            Some(slot) => {
                slot.set = true;
                change(&mut slot.value)
            }
            None => Ok(()),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let found = self.slots.iter().find(|s| s.name == name);
        debug_assert!(found.is_some(), "the command has no flag -{name}");
        found.map(|s| &s.value)
    }

    /// Whether the command has this flag at all (shared code over several commands).
    pub fn has(&self, name: &str) -> bool {
        self.slots.iter().any(|s| s.name == name)
    }

    /// Whether the flag was on the command line.
    pub fn is_set(&self, name: &str) -> bool {
        self.slots.iter().any(|s| s.name == name && s.set)
    }

    /// Value of a boolean.
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(true)))
    }

    /// Value of a text; empty when not given and without default.
    pub fn string(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::String(s)) => s,
            _ => "",
        }
    }

    /// Value of a signed integer.
    pub fn int(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Value::Int(n)) => *n,
            _ => 0,
        }
    }

    /// Value of an unsigned integer.
    pub fn uint(&self, name: &str) -> u64 {
        match self.get(name) {
            Some(Value::Uint(n)) => *n,
            _ => 0,
        }
    }

    /// Value of a floating point number.
    pub fn float(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(Value::Float(n)) => *n,
            _ => 0.0,
        }
    }

    /// Value of a duration in nanoseconds; may be negative.
    pub fn nanos(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Value::Duration(n)) => *n,
            _ => 0,
        }
    }

    /// Value of a duration; a negative one counts as zero.
    pub fn duration(&self, name: &str) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos(name)).unwrap_or(0))
    }

    /// Values of a repeatable text, in the order given.
    pub fn list(&self, name: &str) -> &[String] {
        match self.get(name) {
            Some(Value::List(l)) => l,
            _ => &[],
        }
    }

    /// Pairs of a repeatable `key=value`.
    pub fn map(&self, name: &str) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        match self.get(name) {
            Some(Value::Map(m)) => m,
            _ => &NONE,
        }
    }
}
