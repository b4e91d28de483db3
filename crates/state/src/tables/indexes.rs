//! The table of indexes: the Raft index of the last change, by table or derived name (spec/server.md §4.1).

use crate::Root;
use crate::key::{Key, Path, fold};
use crate::snapshot;
use crate::tables::spec::{Archived, Native, TableSpec};
use dialect::record;
use wire::command::kind;

record! {
    /// An entry of the index table in an archive.
    struct IndexEntry {
        key: String = "Key",
        value: u64 = "Value",
    }
}

/// Its type in an archive.
const INDEX: u8 = 16;

pub(crate) const INDEXES: TableSpec = TableSpec {
    name: "index",
    record: "name and index",
    changed_by: &[
        kind::REGISTER,
        kind::DEREGISTER,
        kind::KVS,
        kind::SESSION,
        kind::COORDINATE_BATCH,
        kind::PREPARED_QUERY,
        kind::TXN,
        kind::AUTOPILOT,
        kind::CONNECT_CA,
        kind::SYSTEM_METADATA,
    ],
    wakes: &[],
    reads: &[],
    native: Native {
        byte: 11,
        save: |root, out| {
            let mut rows = root.indexes.iter();
            rows.try_for_each(|(key, index)| out.row(|w| snapshot::write_pair(w, key, *index)))
        },
        load: |root, r| {
            let (key, index) = snapshot::read_pair(r)?;
            root.indexes.insert(Key::from(key), index);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[INDEX],
        place: 170,
        save: |root, out| {
            root.indexes.iter().try_for_each(|(key, value)| {
                let key = key.to_string();
                out.record(INDEX, &IndexEntry { key, value: *value })
            })
        },
        load: |root, record| {
            record.read(|row: IndexEntry| {
                // Names are told apart without regard to case, and looked up folded.
                root.indexes.insert(Key::from(&*fold(&row.key)), row.value);
            })
        },
    }],
    rules: &[],
};

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
