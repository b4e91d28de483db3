//! What a reload changes and what it cannot (agent-config.md §13).

use crate::schema::walk;
use crate::tree::{Map, Tree};
use std::collections::BTreeMap;
use std::fmt;

/// Effective value of every key, by dotted path. Printing it shows names only: values may be secrets.
#[derive(Clone, PartialEq)]
pub struct Keys(BTreeMap<String, Tree>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A key whose value differs between two loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Dotted path.
    pub key: String,
    /// A reload applies it; otherwise it waits for a restart.
    pub reloads: bool,
}

impl Keys {
    pub(crate) fn of(merged: &Map) -> Self {
        let mut out = BTreeMap::new();
        walk(&mut |path, _| {
            if let Some(value) = crate::merge::get(merged, path) {
                out.insert(path.to_string(), value.clone());
            }
        });
        Self(out)
    }

    /// The merged tree that is in force when a process that started with `self` has reloaded `new`: what does not reload
    /// stays as it was at the start.
    pub(crate) fn reloaded(&self, new: &Keys) -> Map {
        let mut out = Map::new();
        walk(&mut |path, field| {
            let from = if field.reloads { new } else { self };
            if let Some(value) = from.0.get(path) {
                crate::merge::set(&mut out, path, value.clone());
            }
        });
        out
    }

    /// The changes from `self` to `new`, in table order.
    pub fn diff(&self, new: &Keys) -> Vec<Change> {
        let mut out = Vec::new();
        walk(&mut |path, field| {
            if self.0.get(path) != new.0.get(path) {
                out.push(Change {
                    key: path.to_string(),
                    reloads: field.reloads,
                });
            }
        });
        out
    }
}
