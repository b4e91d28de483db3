//! The root: all tables as one value.

use crate::key::{Key, Path};
use crate::table::Table;
use crate::tables::{
    authority::Authority, catalog::Catalog, kv::Kv, opaque::Opaque, queries::Queries,
    sessions::Sessions, usage::Usage, vips::Vips,
};
use model::{AutopilotConfig, Coordinate, SystemMetadataEntry};
use std::sync::Arc;

/// One version of the whole replicated state. Cloning is O(1); a clone never changes.
#[derive(Clone, Default)]
pub struct Root {
    pub(crate) catalog: Catalog,
    pub(crate) kv: Kv,
    pub(crate) sessions: Sessions,
    pub(crate) queries: Queries,
    /// By peer, node, segment.
    pub(crate) coordinates: Table<Arc<Coordinate>>,
    pub(crate) authority: Authority,
    pub(crate) autopilot: Option<Arc<AutopilotConfig>>,
    /// By key.
    pub(crate) metadata: Table<Arc<SystemMetadataEntry>>,
    /// Raft index of the last change, by table or derived name (spec/server.md §4.1).
    pub(crate) indexes: Table<u64>,
    pub(crate) usage: Usage,
    pub(crate) vips: Vips,
    pub(crate) opaque: Opaque,
}

impl Root {
    /// The entry of the index table, 0 if there is none.
    pub fn index(&self, name: &str) -> u64 {
        self.indexes.get(name.as_bytes()).copied().unwrap_or(0)
    }

    /// The highest index of any table: what a snapshot of this root stands for.
    pub fn last_index(&self) -> u64 {
        self.indexes
            .iter()
            .map(|(_, value)| *value)
            .max()
            .unwrap_or(0)
    }

    /// The entry of a derived name: `peer.<peer or ~>:<parts…>`.
    pub(crate) fn peer_index(&self, peer: &str, parts: &[&str]) -> Option<u64> {
        self.indexes.get(&peer_entry(peer, parts)).copied()
    }

    /// Raises an entry; never lowers it.
    pub(crate) fn bump(&mut self, name: &str, index: u64) {
        self.raise(name.as_bytes(), index);
    }

    /// Raises a derived entry.
    pub(crate) fn bump_peer(&mut self, peer: &str, parts: &[&str], index: u64) {
        self.raise(&peer_entry(peer, parts), index);
    }

    /// Raises an entry that stands under its plain and under its derived name.
    pub(crate) fn bump_both(&mut self, peer: &str, name: &str, index: u64) {
        self.bump(name, index);
        self.bump_peer(peer, &[name], index);
    }

    /// Removes a derived entry.
    pub(crate) fn drop_peer(&mut self, peer: &str, parts: &[&str]) {
        self.indexes.remove(&peer_entry(peer, parts));
    }

    fn raise(&mut self, name: &[u8], index: u64) {
        // Looking first keeps the path shared when nothing moves, as in the later writes of one transaction.
        match self.indexes.get(name) {
            Some(value) if *value >= index => {}
            Some(_) => {
                if let Some(value) = self.indexes.get_mut(name) {
                    *value = index;
                }
            }
            None => {
                self.indexes.insert(Key::from(name), index);
            }
        }
    }
}

fn peer_entry(peer: &str, parts: &[&str]) -> Path {
    let mut all: smallvec::SmallVec<[&str; 6]> = smallvec::SmallVec::new();
    all.extend(["peer.", if peer.is_empty() { "~" } else { peer }, ":"]);
    all.extend(parts.iter().copied());
    Path::text(&all)
}
