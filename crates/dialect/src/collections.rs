//! Go's slices and maps: collections that know nil from empty.
//!
//! Both codecs of the system keep the difference (`null` and `[]`, `c0` and `90`), so the types must keep it too.

use std::collections::BTreeMap;
use std::ops::Deref;

/// A Go `[]T`: nil, or a vector.
///
/// Reads like a slice. nil and empty differ for `==` and for both codecs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct List<T>(Option<Vec<T>>);

impl<T> List<T> {
    /// The nil list.
    pub const fn nil() -> Self {
        List(None)
    }

    /// The empty list that is not nil.
    pub const fn empty() -> Self {
        List(Some(Vec::new()))
    }

    /// Whether this is nil (an empty list is not).
    pub const fn is_nil(&self) -> bool {
        self.0.is_none()
    }

    /// The vector to change; a nil list becomes an empty one.
    pub fn make_mut(&mut self) -> &mut Vec<T> {
        self.0.get_or_insert_with(Vec::new)
    }

    /// The elements as a slice, empty for nil.
    pub fn as_slice(&self) -> &[T] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The elements as a vector, empty for nil.
    pub fn into_vec(self) -> Vec<T> {
        self.0.unwrap_or_default()
    }

    /// Appends one element; a nil list becomes non-nil.
    pub fn push(&mut self, item: T) {
        self.make_mut().push(item);
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List(None)
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        List(Some(items))
    }
}

impl<T, const N: usize> From<[T; N]> for List<T> {
    fn from(items: [T; N]) -> Self {
        List(Some(items.into()))
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        List(Some(iter.into_iter().collect()))
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

/// A Go `map[string]V`: nil, or a map ordered by key bytes.
///
/// Reads like a `BTreeMap`. nil and empty differ for `==` and for both codecs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dict<V>(Option<BTreeMap<String, V>>);

impl<V> Dict<V> {
    /// The nil map.
    pub const fn nil() -> Self {
        Dict(None)
    }

    /// The empty map that is not nil.
    pub const fn empty() -> Self {
        Dict(Some(BTreeMap::new()))
    }

    /// Whether this is nil (an empty map is not).
    pub const fn is_nil(&self) -> bool {
        self.0.is_none()
    }

    /// The map to change; a nil map becomes an empty one.
    pub fn make_mut(&mut self) -> &mut BTreeMap<String, V> {
        self.0.get_or_insert_with(BTreeMap::new)
    }

    /// The entries as a map, empty for nil.
    pub fn into_map(self) -> BTreeMap<String, V> {
        self.0.unwrap_or_default()
    }

    /// Sets one entry; a nil map becomes non-nil.
    pub fn insert(&mut self, key: impl Into<String>, value: V) -> Option<V> {
        self.make_mut().insert(key.into(), value)
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.0.as_ref()?.get(key)
    }

    /// Number of entries, 0 for nil.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |map| map.len())
    }

    /// Whether there is no entry (nil or empty).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries in byte order of the keys.
    pub fn iter(&self) -> Entries<'_, V> {
        Entries(self.0.as_ref().map(|map| map.iter()))
    }
}

/// Iterator over the entries of a [`Dict`], in byte order of the keys.
#[derive(Debug, Clone)]
pub struct Entries<'a, V>(Option<std::collections::btree_map::Iter<'a, String, V>>);

impl<'a, V> Iterator for Entries<'a, V> {
    type Item = (&'a String, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.as_mut()?.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.0.as_ref().map_or(0, ExactSizeIterator::len);
        (len, Some(len))
    }
}

impl<V> ExactSizeIterator for Entries<'_, V> {}

impl<V> Default for Dict<V> {
    fn default() -> Self {
        Dict(None)
    }
}

impl<V: 'static> Dict<V> {
    const NOTHING: &'static BTreeMap<String, V> = &BTreeMap::new();
}

impl<V: 'static> Deref for Dict<V> {
    type Target = BTreeMap<String, V>;

    fn deref(&self) -> &BTreeMap<String, V> {
        self.0.as_ref().unwrap_or(Self::NOTHING)
    }
}

impl<V> From<BTreeMap<String, V>> for Dict<V> {
    fn from(map: BTreeMap<String, V>) -> Self {
        Dict(Some(map))
    }
}

impl<K: Into<String>, V, const N: usize> From<[(K, V); N]> for Dict<V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Into<String>, V> FromIterator<(K, V)> for Dict<V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        let map: BTreeMap<String, V> = iter
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect();
        map.into()
    }
}

impl<'a, V> IntoIterator for &'a Dict<V> {
    type Item = (&'a String, &'a V);
    type IntoIter = Entries<'a, V>;

    fn into_iter(self) -> Entries<'a, V> {
        self.iter()
    }
}

impl<V> IntoIterator for Dict<V> {
    type Item = (String, V);
    type IntoIter = std::collections::btree_map::IntoIter<String, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_map().into_iter()
    }
}
