//! What a server finds on its disk when it starts: the newest snapshot, the log, and the membership from
//! which the two are played forward. The simulator restarts its servers through here too.

use std::io;
use std::sync::Arc;

use raft::eraftpb::Entry;

use crate::core::{CACHE_BYTES, Start};
use crate::disk::Disk;
use crate::faults::Faults;
use crate::log::{HardState, Log, LogError, LogOptions, Opened, Position};
use crate::membership::Membership;
use crate::message;
use crate::observe::Event;
use crate::snapshot::{self, SnapshotMeta, SnapshotReader};
use crate::status::StartError;

/// Everything a server starts from.
pub struct Recovered {
    /// The log, ready to append; `None` for a server that keeps nothing.
    pub log: Option<Log>,
    /// This server's raft id.
    pub raft_id: u64,
    /// Term, vote and commit.
    pub hard_state: HardState,
    /// The position before the log's first entry.
    pub base: Position,
    /// The log's entries.
    pub entries: Vec<Entry>,
    /// Where the state machine starts: the snapshot, or the bootstrap record, or nothing.
    pub applied: Position,
    /// The membership there.
    pub membership: Membership,
    /// Whether `applied` is that of a snapshot, which was restored.
    pub has_snapshot: bool,
    /// Newer snapshots that were passed over: names, each with what is wrong.
    pub damaged: Vec<String>,
    /// Bytes of an interrupted write were cut off.
    pub cut: bool,
    /// Bytes of entries to keep in memory for followers that lag a little; [`CACHE_BYTES`] but in tests.
    pub cache_bytes: u64,
}

/// Restores the newest snapshot that is whole; what was passed over goes into `damaged`.
fn restore_newest(
    disk: &dyn Disk,
    mut restore: impl FnMut(&mut SnapshotReader) -> io::Result<()>,
    damaged: &mut Vec<String>,
) -> Result<Option<SnapshotMeta>, StartError> {
    for position in snapshot::in_place(disk)? {
        let restored = SnapshotReader::open(disk, position).and_then(|mut reader| {
            restore(&mut reader)?;
            io::copy(&mut reader, &mut io::sink())?;
            Ok(reader.meta().clone())
        });
        let file = snapshot::name(position);
        match restored {
            Ok(meta) => return Ok(Some(meta)),
            Err(error) if snapshot::is_damage(&error) => damaged.push(format!("{file} ({error})")),
            Err(error) => return Err(StartError::Snapshot { file, error }),
        }
    }
    Ok(None)
}

impl Recovered {
    /// What a lone server starts from that keeps nothing on disk.
    #[must_use]
    pub fn in_memory(raft_id: u64, membership: Membership) -> Recovered {
        let base = Position { index: 1, term: 1 };
        Recovered {
            log: None,
            raft_id,
            hard_state: HardState {
                term: 1,
                vote: 0,
                commit: 1,
            },
            base,
            entries: Vec::new(),
            applied: base,
            membership,
            has_snapshot: false,
            damaged: Vec::new(),
            cut: false,
            cache_bytes: CACHE_BYTES,
        }
    }

    /// Reads `disk`. An empty one gets a log under `fresh_id`, and, when `bootstrap` gives one, the first
    /// membership of a new cluster. `restore` is handed the newest snapshot, and an older one when it says
    /// that the first is damaged and the log reaches back that far.
    ///
    /// # Errors
    /// [`StartError`] when something is damaged or the medium fails.
    pub fn from_disk(
        disk: &Arc<dyn Disk>,
        options: LogOptions,
        fresh_id: u64,
        bootstrap: impl FnOnce(u64) -> Option<Membership>,
        restore: impl FnMut(&mut SnapshotReader) -> io::Result<()>,
    ) -> Result<Recovered, StartError> {
        let mut damaged = Vec::new();
        let snapshot = restore_newest(&**disk, restore, &mut damaged)?;
        let position = snapshot.as_ref().map(|meta| meta.position);
        let Opened {
            mut log,
            raft_id,
            mut hard_state,
            bootstrap: mut first,
            mut base,
            entries,
            fresh: _,
            cut,
        } = match Log::open(disk.clone(), options, position, fresh_id) {
            Err(log) if !damaged.is_empty() => {
                let damaged = damaged.join(", ");
                return Err(StartError::Snapshots { log, damaged });
            }
            opened => opened?,
        };
        let empty = entries.is_empty() && first.is_none() && snapshot.is_none();
        if empty
            && base.index == 0
            && let Some(membership) = bootstrap(raft_id)
        {
            log.bootstrap(&membership).map_err(LogError::from)?;
            hard_state = log.hard_state();
            base = Position { index: 1, term: 1 };
            first = Some((1, membership));
        }
        let (applied, membership) = match (&snapshot, first) {
            (Some(meta), _) => (meta.position, meta.membership.clone()),
            (None, Some((_, membership))) => (base, membership),
            (None, None) => (base, Membership::default()),
        };
        Ok(Recovered {
            log: Some(log),
            raft_id,
            hard_state,
            base,
            entries,
            applied,
            membership,
            has_snapshot: snapshot.is_some(),
            damaged,
            cut,
            cache_bytes: CACHE_BYTES,
        })
    }

    /// Last index of the log.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.entries.last().map_or(self.base.index, |e| e.index)
    }

    /// What was read, as an event.
    pub(crate) fn opened(&self) -> Event {
        let payload = |entry: &Entry| message::payload(entry).len() as u64;
        Event::Opened {
            entries: self.entries.len() as u64,
            bytes: self.entries.iter().map(payload).sum(),
        }
    }

    /// What the core starts from; the entries move there.
    pub fn start(&mut self, seed: u64, faults: Faults) -> Start {
        Start {
            id: self.raft_id,
            seed,
            hard_state: self.hard_state,
            base: self.base,
            entries: std::mem::take(&mut self.entries),
            applied: self.applied,
            membership: self.membership.clone(),
            has_snapshot: self.has_snapshot,
            cache_bytes: self.cache_bytes,
            faults,
        }
    }
}
