//! Writes of keys and values (spec/server.md §3.4, §3.5).

use super::{Applied, Change, Refused};
use crate::key::Key;
use crate::{Effect, RowKey, WatchKey};
use dialect::Bytes;
use model::{KvEntry, RaftIndex};
use std::sync::Arc;
use wire::{Outcome, command::KvsRequest, command::TombstoneRequest, errors::state as text};

impl Change<'_> {
    pub(crate) fn kvs(&mut self, request: &KvsRequest) -> Applied<Outcome> {
        let entry = &request.entry;
        match &*request.op {
            "set" => {
                self.kv_set(entry);
                Ok(Outcome::Nil)
            }
            "delete" => {
                self.kv_delete(entry.key.as_bytes());
                Ok(Outcome::Nil)
            }
            "delete-cas" => Ok(Outcome::Bool(self.kv_delete_cas(entry))),
            "delete-tree" => {
                self.kv_delete_tree(entry.key.as_bytes());
                Ok(Outcome::Nil)
            }
            "cas" => Ok(Outcome::Bool(self.kv_cas(entry).is_some())),
            "lock" => self
                .kv_lock(entry)
                .map(|locked| Outcome::Bool(locked.is_some())),
            "unlock" => self
                .kv_unlock(entry)
                .map(|unlocked| Outcome::Bool(unlocked.is_some())),
            other => Err(text::invalid_operation("KVS", other).into()),
        }
    }

    pub(crate) fn tombstone(&mut self, request: &TombstoneRequest) -> Applied<Outcome> {
        if request.op != "reap" {
            return Err(text::invalid_operation("Tombstone", &request.op).into());
        }
        // No index moves and nobody wakes: what readers see stays the same.
        self.root.kv.reap(request.reap_index);
        Ok(Outcome::Nil)
    }

    /// Writes an entry; whoever holds it keeps it. Gives the row as it stands.
    pub(super) fn kv_set(&mut self, entry: &KvEntry) -> Arc<KvEntry> {
        let session = self
            .root
            .kv
            .get(entry.key.as_bytes())
            .map(|old| old.session.clone())
            .unwrap_or_default();
        self.kv_write(entry, entry.lock_index, session)
    }

    /// The one place where an entry is stored: an equal one stays as it is.
    fn kv_write(&mut self, entry: &KvEntry, lock_index: u64, session: String) -> Arc<KvEntry> {
        let old = self.root.kv.get(entry.key.as_bytes());
        if let Some(old) = old
            && old.lock_index == lock_index
            && old.flags == entry.flags
            && old.value.as_deref().unwrap_or_default()
                == entry.value.as_deref().unwrap_or_default()
            && old.session == session
        {
            return old.clone();
        }
        let row = Arc::new(KvEntry {
            lock_index,
            key: old.map_or_else(|| entry.key.clone(), |old| old.key.clone()),
            flags: entry.flags,
            value: entry.value.clone(),
            session,
            indexes: RaftIndex {
                create_index: old.map_or(self.index, |old| old.indexes.create_index),
                modify_index: self.index,
            },
        });
        let key = self.root.kv.put(row.clone());
        self.root.bump("kvs", self.index);
        self.touched.row(|| RowKey::Kv(key.clone()));
        self.touch(WatchKey::KvKey(key));
        row
    }

    /// Compare-and-set; `None` when the index does not match.
    pub(super) fn kv_cas(&mut self, entry: &KvEntry) -> Option<Arc<KvEntry>> {
        let stored = self
            .root
            .kv
            .get(entry.key.as_bytes())
            .map(|old| old.indexes.modify_index);
        let matches = match (stored, entry.indexes.modify_index) {
            (None, 0) => true,
            (Some(stored), wanted) => wanted != 0 && stored == wanted,
            (None, _) => false,
        };
        matches.then(|| self.kv_set(entry))
    }

    /// Locks for the entry's session; `None` when another holds it.
    pub(super) fn kv_lock(&mut self, entry: &KvEntry) -> Applied<Option<Arc<KvEntry>>> {
        if entry.session.is_empty() {
            return Err(text::MISSING_SESSION.into());
        }
        if self.root.sessions.get(&entry.session).is_none() {
            return Err(text::invalid_session(&entry.session).into());
        }
        let old = self.root.kv.get(entry.key.as_bytes());
        let lock_index = match old {
            Some(old) if old.session == entry.session => old.lock_index,
            Some(old) if !old.session.is_empty() => return Ok(None),
            Some(old) => old.lock_index + 1,
            None => 1,
        };
        Ok(Some(self.kv_write(
            entry,
            lock_index,
            entry.session.clone(),
        )))
    }

    /// Unlocks; `None` when the entry's session does not hold it.
    pub(super) fn kv_unlock(&mut self, entry: &KvEntry) -> Applied<Option<Arc<KvEntry>>> {
        if entry.session.is_empty() {
            return Err(text::MISSING_SESSION.into());
        }
        let Some(old) = self.root.kv.get(entry.key.as_bytes()) else {
            return Ok(None);
        };
        if old.session != entry.session {
            return Ok(None);
        }
        let lock_index = old.lock_index;
        Ok(Some(self.kv_write(entry, lock_index, String::new())))
    }

    /// Deletes one key, leaving a tombstone.
    pub(super) fn kv_delete(&mut self, key: &[u8]) {
        if self.root.kv.remove(key).is_some() {
            let gone = Key::from(key);
            self.touched.row(|| RowKey::Kv(gone.clone()));
            self.buried(WatchKey::KvKey(gone), Some(key));
        }
    }

    pub(super) fn kv_delete_cas(&mut self, entry: &KvEntry) -> bool {
        match self.root.kv.get(entry.key.as_bytes()) {
            None => true,
            Some(old) if old.indexes.modify_index != entry.indexes.modify_index => false,
            Some(_) => {
                self.kv_delete(entry.key.as_bytes());
                true
            }
        }
    }

    /// Deletes all keys with a prefix, leaving one tombstone for it.
    pub(super) fn kv_delete_tree(&mut self, prefix: &[u8]) {
        let keys: Vec<Key> = self
            .root
            .kv
            .entries
            .prefix(prefix)
            .map(|(key, _)| key.clone())
            .collect();
        if keys.is_empty() {
            return;
        }
        for key in keys {
            self.root.kv.remove(&key);
            self.touched.row(|| RowKey::Kv(key));
        }
        let grave = (!prefix.is_empty()).then_some(prefix);
        self.buried(WatchKey::KvPrefix(Key::from(prefix)), grave);
    }

    fn buried(&mut self, gone: WatchKey, grave: Option<&[u8]>) {
        if let Some(key) = grave {
            self.root.kv.bury(key, self.index);
            self.touched.effect(Effect::Tombstones(self.index));
        }
        self.root.bump("kvs", self.index);
        self.root.bump("tombstones", self.index);
        self.touch(gone);
    }

    /// Gives up a key that a session held.
    pub(super) fn kv_release(&mut self, key: &[u8]) {
        let Some(old) = self.root.kv.get(key).cloned() else {
            return;
        };
        self.kv_write(&old, old.lock_index, String::new());
    }

    /// Runs one KV operation of a transaction and adds what it yields.
    pub(super) fn kv_op(
        &mut self,
        verb: &str,
        entry: &KvEntry,
        out: &mut Vec<Arc<KvEntry>>,
    ) -> Applied<()> {
        let bytes = entry.key.as_bytes();
        let row = || text::key_row(&entry.key.to_string_lossy());
        let found = self.root.kv.get(bytes).cloned();
        let written = match verb {
            "set" => Some(self.kv_set(entry)),
            "delete" => {
                self.kv_delete(bytes);
                None
            }
            "delete-cas" if !self.kv_delete_cas(entry) => {
                return Err(text::stale("delete", &row()).into());
            }
            "delete-cas" => None,
            "delete-tree" => {
                self.kv_delete_tree(bytes);
                None
            }
            "cas" => Some(
                self.kv_cas(entry)
                    .ok_or_else(|| text::stale("set", &row()))?,
            ),
            "lock" => Some(
                self.kv_lock(entry)?
                    .ok_or_else(|| format!("failed to lock {}, lock is already held", row()))?,
            ),
            "unlock" => Some(self.kv_unlock(entry)?.ok_or_else(|| {
                format!(
                    "failed to unlock {}, lock isn't held, or is held by another session",
                    row()
                )
            })?),
            "get" => {
                out.push(found.ok_or_else(|| text::missing(&row()))?);
                return Ok(());
            }
            "get-or-empty" => {
                out.push(found.unwrap_or_else(|| Arc::new(empty(entry))));
                return Ok(());
            }
            "get-tree" => {
                out.extend(
                    self.root
                        .kv
                        .entries
                        .prefix(bytes)
                        .map(|(_, row)| row.clone()),
                );
                return Ok(());
            }
            "check-session" => Some(check_session(found, entry, &row())?),
            "check-index" => Some(check_index(found, entry, &row())?),
            "check-not-exists" if found.is_some() => return Err(format!("{} exists", row()).into()),
            "check-not-exists" => None,
            other => return Err(text::unknown_operation("KV", other).into()),
        };
        out.extend(written.map(|row| Arc::new(without_value(&row))));
        Ok(())
    }
}

/// What `get-or-empty` yields for a missing key: what the request says of it, but no value.
fn empty(asked: &KvEntry) -> KvEntry {
    KvEntry {
        key: asked.key.clone(),
        flags: asked.flags,
        indexes: RaftIndex {
            create_index: 0,
            modify_index: asked.indexes.modify_index,
        },
        ..KvEntry::default()
    }
}

fn without_value(row: &KvEntry) -> KvEntry {
    KvEntry {
        value: None::<Bytes>,
        ..row.clone()
    }
}

fn check_session(
    found: Option<Arc<KvEntry>>,
    entry: &KvEntry,
    row: &str,
) -> Result<Arc<KvEntry>, Refused> {
    let found = found.ok_or_else(|| format!("failed to check session, {row} doesn't exist"))?;
    if found.session == entry.session {
        return Ok(found);
    }
    let (stored, wanted) = (text::quote(&found.session), text::quote(&entry.session));
    Err(format!("failed session check for {row}, current session {stored} != {wanted}").into())
}

fn check_index(
    found: Option<Arc<KvEntry>>,
    entry: &KvEntry,
    row: &str,
) -> Result<Arc<KvEntry>, Refused> {
    let found = found.ok_or_else(|| format!("failed to check index, {row} doesn't exist"))?;
    let (stored, wanted) = (found.indexes.modify_index, entry.indexes.modify_index);
    if stored == wanted {
        return Ok(found);
    }
    Err(format!("failed index check for {row}, current modify index {stored} != {wanted}").into())
}
