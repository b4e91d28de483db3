//! The one persistent ordered map everything is kept in.
//!
//! Cloning is O(1) and shares all rows; a write copies the path to one leaf. No other module names the crate behind it.

use crate::key::Key;
use imbl::OrdMap;
use std::ops::Bound;

/// An ordered, persistent table.
#[derive(Clone)]
pub(crate) struct Table<V: Clone>(OrdMap<Key, V>);

impl<V: Clone> Default for Table<V> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<V: Clone> Table<V> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        self.0.get(key)
    }

    pub(crate) fn get_entry(&self, key: &[u8]) -> Option<(&Key, &V)> {
        self.0.get_key_value(key)
    }

    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// The row with the highest key.
    pub(crate) fn last(&self) -> Option<(&Key, &V)> {
        self.0.get_max().map(|(key, value)| (key, value))
    }

    pub(crate) fn insert(&mut self, key: Key, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<V> {
        self.0.remove(key)
    }

    /// All rows in key order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        self.0.iter()
    }

    /// All rows whose key begins with `prefix`, in key order.
    pub(crate) fn prefix<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a Key, &'a V)> {
        self.from(prefix)
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// All rows from `start` on, in key order.
    pub(crate) fn from<'a>(&'a self, start: &'a [u8]) -> impl Iterator<Item = (&'a Key, &'a V)> {
        self.0
            .range::<_, [u8]>((Bound::Included(start), Bound::Unbounded))
    }

    /// Whether any key begins with `prefix`.
    pub(crate) fn has_prefix(&self, prefix: &[u8]) -> bool {
        self.prefix(prefix).next().is_some()
    }
}
