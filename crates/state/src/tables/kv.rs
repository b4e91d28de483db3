//! Key/value entries and tombstones.

use crate::key::{Key, Path, fold};
use crate::table::Table;
use crate::{ReadResult, Root, WatchKey};
use dialect::Text;
use model::KvEntry;
use std::sync::Arc;

/// The KV table with its tombstones.
#[derive(Clone, Default)]
pub(crate) struct Kv {
    pub(crate) entries: Table<Arc<KvEntry>>,
    /// session, key → nothing: which keys a session holds.
    held: Table<Key>,
    /// key → index of the deletion.
    pub(crate) tombstones: Table<u64>,
    /// Big-endian index, key: the order of reaping.
    by_age: Table<Key>,
}

fn aged(index: u64, key: &[u8]) -> Key {
    let mut bytes = Vec::with_capacity(8 + key.len());
    bytes.extend_from_slice(&index.to_be_bytes());
    bytes.extend_from_slice(key);
    Key::from(&bytes[..])
}

impl Kv {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Arc<KvEntry>> {
        self.entries.get(key)
    }

    pub(crate) fn put(&mut self, entry: Arc<KvEntry>) -> Key {
        let new = entry.clone();
        // The stored key is shared with the row that is replaced.
        let (key, old) = match self
            .entries
            .get_entry(entry.key.as_bytes())
            .map(|(key, old)| (key.clone(), old.clone()))
        {
            Some((key, old)) => {
                if let Some(slot) = self.entries.get_mut(&key) {
                    *slot = entry;
                }
                (key, Some(old))
            }
            None => {
                let key = Key::from(entry.key.as_bytes());
                self.entries.insert(key.clone(), entry);
                (key, None)
            }
        };
        let old_session = old.as_ref().map_or("", |old| &*old.session);
        if old_session != new.session {
            if !old_session.is_empty() {
                self.held
                    .remove(&Path::of(&[fold(old_session).as_bytes(), &key]));
            }
            if !new.session.is_empty() {
                self.held.insert(
                    Path::of(&[fold(&new.session).as_bytes(), &key]).key(),
                    key.clone(),
                );
            }
        }
        key
    }

    /// As `put`, for rows that arrive in key order and mostly once.
    pub(crate) fn load(&mut self, row: KvEntry) {
        if row.session.is_empty() && self.tail_is_before(&row.key) {
            self.entries
                .insert(Key::from(row.key.as_bytes()), Arc::new(row));
        } else {
            self.put(Arc::new(row));
        }
    }

    fn tail_is_before(&self, key: &Text) -> bool {
        self.entries
            .last()
            .is_none_or(|(last, _)| last[..] < *key.as_bytes())
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Arc<KvEntry>> {
        let old = self.entries.remove(key)?;
        if !old.session.is_empty() {
            self.held
                .remove(&Path::of(&[fold(&old.session).as_bytes(), key]));
        }
        Some(old)
    }

    /// The keys that a session holds.
    pub(crate) fn held_by(&self, session: &str) -> Vec<Key> {
        self.held
            .prefix(&Path::under(&[fold(session).as_bytes()]))
            .map(|(_, key)| key.clone())
            .collect()
    }

    pub(crate) fn bury(&mut self, key: &[u8], index: u64) {
        if let Some(older) = self.tombstones.insert(Key::from(key), index) {
            self.by_age.remove(&aged(older, key));
        }
        self.by_age.insert(aged(index, key), Key::from(key));
    }

    /// Removes the tombstones up to and including `index`.
    pub(crate) fn reap(&mut self, index: u64) {
        let due: Vec<(Key, Key)> = self
            .by_age
            .iter()
            .take_while(|(age, _)| {
                age.get(..8)
                    .is_some_and(|age| age <= &index.to_be_bytes()[..])
            })
            .map(|(age, key)| (age.clone(), key.clone()))
            .collect();
        for (age, key) in due {
            self.by_age.remove(&age);
            self.tombstones.remove(&key);
        }
    }
}

impl Root {
    /// The index of reads that found nothing and of the whole table.
    fn kv_index(&self) -> u64 {
        self.index("kvs").max(self.index("tombstones"))
    }

    /// The index of a read of a prefix (spec/server.md §4.2).
    fn kv_prefix_index(&self, prefix: &[u8], newest: u64) -> u64 {
        if prefix.is_empty() {
            return self.kv_index();
        }
        let buried = self
            .kv
            .tombstones
            .prefix(prefix)
            .map(|(_, index)| *index)
            .max()
            .unwrap_or(0);
        match newest.max(buried) {
            0 => self.kv_index(),
            index => index,
        }
    }

    /// One entry.
    pub fn kv_get(&self, key: &[u8]) -> ReadResult<Option<Arc<KvEntry>>> {
        match self.kv.entries.get_entry(key) {
            Some((key, row)) => ReadResult::new(
                row.indexes.modify_index,
                Some(row.clone()),
                [WatchKey::KvKey(key.clone())],
            ),
            None => ReadResult::new(self.kv_index(), None, [WatchKey::KvKey(Key::from(key))]),
        }
    }

    /// All entries under a prefix, by key bytes.
    pub fn kv_list(&self, prefix: &[u8]) -> ReadResult<Vec<Arc<KvEntry>>> {
        let rows: Vec<_> = self
            .kv
            .entries
            .prefix(prefix)
            .map(|(_, row)| row.clone())
            .collect();
        let newest = rows
            .iter()
            .map(|row| row.indexes.modify_index)
            .max()
            .unwrap_or(0);
        ReadResult::new(
            self.kv_prefix_index(prefix, newest),
            rows,
            [WatchKey::KvPrefix(Key::from(prefix))],
        )
    }

    /// The keys under a prefix in byte order; with a separator, each cut behind its first occurrence after the prefix and told once.
    pub fn kv_keys(&self, prefix: &[u8], separator: &[u8]) -> ReadResult<Vec<Key>> {
        let mut rows: Vec<Key> = Vec::new();
        let mut newest = 0;
        for (key, row) in self.kv.entries.prefix(prefix) {
            newest = newest.max(row.indexes.modify_index);
            let rest = key.get(prefix.len()..).unwrap_or_default();
            let cut = (!separator.is_empty())
                .then(|| {
                    rest.windows(separator.len())
                        .position(|window| window == separator)
                })
                .flatten();
            match cut {
                Some(at) => {
                    let name = key
                        .get(..prefix.len() + at + separator.len())
                        .unwrap_or_default();
                    if rows.last().is_none_or(|last| last[..] != *name) {
                        rows.push(Key::from(name));
                    }
                }
                None => rows.push(key.clone()),
            }
        }
        ReadResult::new(
            self.kv_prefix_index(prefix, newest),
            rows,
            [WatchKey::KvPrefix(Key::from(prefix))],
        )
    }
}
