//! Which rows an answer takes: drawn at random, each shown once.

use hashbrown::HashSet;
use model::CheckServiceNode;
use rand::Rng;
use smallvec::SmallVec;
use std::hash::Hash;

/// Up to here a scan is cheaper than hashing.
const SCANNED_MAX: usize = 8;

/// What an answer remembers to leave duplicates out.
pub(crate) struct Seen<K> {
    few: SmallVec<[K; SCANNED_MAX]>,
    many: HashSet<K>,
}

impl<K: Copy + Eq + Hash> Seen<K> {
    pub(crate) fn new() -> Self {
        Self {
            few: SmallVec::new(),
            many: HashSet::new(),
        }
    }

    /// Whether the key is new.
    pub(crate) fn insert(&mut self, key: K) -> bool {
        if !self.many.is_empty() {
            return self.many.insert(key);
        }
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() == SCANNED_MAX {
            self.many.reserve(8 * SCANNED_MAX);
            self.many.extend(self.few.iter().copied());
            self.many.insert(key);
        } else {
            self.few.push(key);
        }
        true
    }
}

/// Rows in random order, drawn one at a time: an answer with room for three draws three.
pub(crate) struct Draw<'a, 's, R> {
    rows: &'a [CheckServiceNode],
    order: &'s mut Vec<u32>,
    next: usize,
    rng: Option<&'s mut R>,
}

impl<'a, 's, R: Rng> Draw<'a, 's, R> {
    pub(crate) fn new(
        rows: &'a [CheckServiceNode],
        order: &'s mut Vec<u32>,
        rng: Option<&'s mut R>,
    ) -> Self {
        order.clear();
        if rng.is_some() {
            order.extend(0..rows.len() as u32);
        }
        Self {
            rows,
            order,
            next: 0,
            rng,
        }
    }
}

impl<'a, R: Rng> Iterator for Draw<'a, '_, R> {
    type Item = &'a CheckServiceNode;

    fn next(&mut self) -> Option<&'a CheckServiceNode> {
        let at = self.next;
        if at >= self.rows.len() {
            return None;
        }
        self.next += 1;
        let Some(rng) = self.rng.as_deref_mut() else {
            return self.rows.get(at);
        };
        let drawn = rng.random_range(at..self.rows.len());
        self.order.swap(at, drawn);
        self.rows.get(*self.order.get(at)? as usize)
    }
}
