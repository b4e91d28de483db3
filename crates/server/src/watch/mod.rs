//! Who waits for which rows: the registry that a commit's touched keys are matched with.
//!
//! Owns the sets of parked [`Group`]s by [`WatchKey`], sharded, and those by KV key and prefix in order. It must never learn
//! what a key means beyond prefixes, nor read a root.

mod keyspace;

use crate::group::Group;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use keyspace::Keyspace;
use parking_lot::Mutex;
use smallvec::SmallVec;
use state::WatchKey;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Shards of the registry; a power of two.
const SHARDS: usize = 64;

/// Groups parked on one key; usually one.
pub(crate) type Parked = SmallVec<[Arc<Group>; 1]>;

/// Adds `group` once.
fn join(parked: &mut Parked, group: &Arc<Group>) {
    if !parked.iter().any(|g| Arc::ptr_eq(g, group)) {
        parked.push(group.clone());
    }
}

/// Takes `group` out; whether none is left.
fn leave(parked: &mut Parked, group: &Arc<Group>) -> bool {
    if let Some(at) = parked.iter().position(|g| Arc::ptr_eq(g, group)) {
        parked.swap_remove(at);
    }
    parked.is_empty()
}

/// The registry.
pub(crate) struct Registry {
    shards: Box<[Mutex<HashMap<WatchKey, Parked>>]>,
    hasher: hashbrown::DefaultHashBuilder,
    keyspace: Mutex<Keyspace>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: hashbrown::DefaultHashBuilder::default(),
            keyspace: Mutex::default(),
        }
    }

    fn shard(&self, key: &WatchKey) -> &Mutex<HashMap<WatchKey, Parked>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }

    /// From now on a commit that touches `key` marks `group`.
    pub(crate) fn park(&self, key: &WatchKey, group: &Arc<Group>) {
        match key {
            WatchKey::KvKey(key) => self.keyspace.lock().park_key(key, group),
            WatchKey::KvPrefix(prefix) => self.keyspace.lock().park_prefix(prefix, group),
            _ => match self.shard(key).lock().entry(key.clone()) {
                Entry::Occupied(mut parked) => join(parked.get_mut(), group),
                Entry::Vacant(empty) => {
                    empty.insert(SmallVec::from_elem(group.clone(), 1));
                }
            },
        }
    }

    /// Undoes [`Registry::park`].
    pub(crate) fn unpark(&self, key: &WatchKey, group: &Arc<Group>) {
        match key {
            WatchKey::KvKey(key) => self.keyspace.lock().unpark_key(key, group),
            WatchKey::KvPrefix(prefix) => self.keyspace.lock().unpark_prefix(prefix, group),
            _ => {
                if let Entry::Occupied(mut parked) = self.shard(key).lock().entry(key.clone())
                    && leave(parked.get_mut(), group)
                {
                    parked.remove();
                }
            }
        }
    }

    /// Marks every group that the commit numbered `seq` touched and returns those with waiters, each once.
    pub(crate) fn touch(&self, keys: &[WatchKey], seq: u64) -> Vec<Arc<Group>> {
        let mut woken = Vec::new();
        let mut mark = |group: &Arc<Group>| {
            if group.mark(seq) {
                woken.push(group.clone());
            }
        };
        for key in keys {
            match key {
                WatchKey::KvKey(key) => self.keyspace.lock().touched_key(key, &mut mark),
                WatchKey::KvPrefix(prefix) => {
                    self.keyspace.lock().touched_prefix(prefix, &mut mark)
                }
                WatchKey::Everything => {
                    for shard in &self.shards {
                        shard.lock().values().flatten().for_each(&mut mark);
                    }
                    self.keyspace.lock().all(&mut mark);
                }
                _ => {
                    if let Some(parked) = self.shard(key).lock().get(key) {
                        parked.iter().for_each(&mut mark);
                    }
                }
            }
        }
        woken
    }
}
