//! What the raft engine reads of the log: the recent entries in memory, the terms of all, and requests for
//! the rest. Owns no file: entries that are not in memory are asked for and handed in later.

use std::cell::RefCell;
use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use crate::log::{Position, entry_bytes};
use crate::membership::Membership;

/// Requests for entries on disk that may be open at a time; more are dropped and asked again by the engine.
const MAX_FETCHES: usize = 16;

/// A wish for entries that are on disk only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    /// First index.
    pub low: u64,
    /// Index after the last one.
    pub high: u64,
    /// Stop after so many bytes.
    pub max_bytes: u64,
}

#[derive(Default)]
struct Pending {
    open: Vec<(u64, GetEntriesContext)>,
    wanted: Vec<Fetch>,
    snapshot: bool,
}

/// The engine's storage.
pub(crate) struct Store {
    pub(crate) hard_state: HardState,
    pub(crate) conf_state: ConfState,
    /// Position before the first entry of the log.
    base: Position,
    last: u64,
    /// First index of each run of equal terms, ascending.
    terms: VecDeque<Position>,
    cache: VecDeque<Entry>,
    cache_first: u64,
    cache_bytes: u64,
    /// The newest snapshot file in place.
    pub(crate) snapshot: Option<(Position, Membership)>,
    fetched: Option<Vec<Entry>>,
    pending: RefCell<Pending>,
}

impl Store {
    pub(crate) fn new(
        hard_state: HardState,
        conf_state: ConfState,
        base: Position,
        entries: Vec<Entry>,
        snapshot: Option<(Position, Membership)>,
    ) -> Store {
        let mut store = Store {
            hard_state,
            conf_state,
            base,
            last: base.index,
            terms: VecDeque::new(),
            cache: VecDeque::new(),
            cache_first: base.index + 1,
            cache_bytes: 0,
            snapshot,
            fetched: None,
            pending: RefCell::default(),
        };
        store.append(&entries);
        store
    }

    /// Adds entries; they replace what has their indexes and everything behind.
    pub(crate) fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else {
            return;
        };
        if first.index <= self.last {
            let keep = first.index.saturating_sub(self.cache_first) as usize;
            for gone in self.cache.drain(keep.min(self.cache.len())..) {
                self.cache_bytes -= entry_bytes(&gone) as u64;
            }
            self.cache_first = self.cache_first.min(first.index);
            while self
                .terms
                .back()
                .is_some_and(|run| run.index >= first.index)
            {
                self.terms.pop_back();
            }
        }
        for entry in entries {
            if self.terms.back().is_none_or(|run| run.term != entry.term) {
                self.terms.push_back(Position {
                    index: entry.index,
                    term: entry.term,
                });
            }
            self.cache_bytes += entry_bytes(entry) as u64;
            self.cache.push_back(entry.clone());
            self.last = entry.index;
        }
    }

    /// Drops entries from memory, oldest first, while they exceed `max_bytes`; only those up to `upto`.
    pub(crate) fn evict(&mut self, upto: u64, max_bytes: u64) {
        while self.cache_bytes > max_bytes && self.cache_first <= upto {
            let Some(gone) = self.cache.pop_front() else {
                return;
            };
            self.cache_bytes -= entry_bytes(&gone) as u64;
            self.cache_first = gone.index + 1;
        }
    }

    /// The log begins at `first` now.
    pub(crate) fn compact(&mut self, first: u64) {
        if first <= self.base.index + 1 || first > self.last + 1 {
            return;
        }
        let Ok(term) = self.term(first - 1) else {
            return;
        };
        self.evict(first - 1, 0);
        self.base = Position {
            index: first - 1,
            term,
        };
        while self.terms.get(1).is_some_and(|run| run.index <= first) {
            self.terms.pop_front();
        }
    }

    /// A snapshot replaced the whole log.
    pub(crate) fn install(&mut self, position: Position, membership: Membership) {
        self.conf_state = membership.conf_state();
        self.base = position;
        self.last = position.index;
        self.terms.clear();
        self.cache.clear();
        self.cache_bytes = 0;
        self.cache_first = position.index + 1;
        self.fetched = None;
        *self.pending.borrow_mut() = Pending::default();
        self.snapshot = Some((position, membership));
    }

    pub(crate) fn take_fetches(&mut self) -> Vec<Fetch> {
        std::mem::take(&mut self.pending.borrow_mut().wanted)
    }

    /// Whether the engine wanted a snapshot that is not there.
    pub(crate) fn take_snapshot_wish(&mut self) -> bool {
        std::mem::take(&mut self.pending.borrow_mut().snapshot)
    }

    /// Holds fetched entries for the engine's next question; gives back whom to wake.
    pub(crate) fn fetched(&mut self, low: u64, entries: Vec<Entry>) -> Option<GetEntriesContext> {
        let pending = &mut *self.pending.borrow_mut();
        let at = pending.open.iter().position(|(open, _)| *open == low)?;
        self.fetched = Some(entries);
        Some(pending.open.swap_remove(at).1)
    }

    pub(crate) fn forget_fetched(&mut self) {
        self.fetched = None;
    }

    pub(crate) fn position(&self, index: u64) -> Option<Position> {
        let term = self.term(index).ok()?;
        Some(Position { index, term })
    }

    /// The entry, when in memory.
    pub(crate) fn cached(&self, index: u64) -> Option<&Entry> {
        let at = index.checked_sub(self.cache_first)?;
        self.cache.get(usize::try_from(at).ok()?)
    }
}

fn unavailable<T>(error: StorageError) -> raft::Result<T> {
    Err(raft::Error::Store(error))
}

impl Storage for Store {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState {
            hard_state: self.hard_state.clone(),
            conf_state: self.conf_state.clone(),
        })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        let max_bytes = max_size.into().unwrap_or(u64::MAX);
        if low <= self.base.index {
            return unavailable(StorageError::Compacted);
        }
        if low >= self.cache_first {
            let from = (low - self.cache_first) as usize;
            let count = (high - low) as usize;
            let mut bytes = 0u64;
            let mut entries = Vec::with_capacity(count.min(1024));
            for entry in self.cache.iter().skip(from).take(count) {
                bytes += entry.data.len() as u64 + 16;
                if bytes > max_bytes && !entries.is_empty() {
                    break;
                }
                entries.push(entry.clone());
            }
            return Ok(entries);
        }
        if let Some(fetched) = &self.fetched
            && fetched.first().is_some_and(|e| e.index == low)
        {
            return Ok(fetched
                .iter()
                .take_while(|e| e.index < high)
                .cloned()
                .collect());
        }
        let pending = &mut *self.pending.borrow_mut();
        let known = pending.open.iter().any(|(open, _)| *open == low);
        if context.can_async() && !known && pending.open.len() < MAX_FETCHES {
            pending.open.push((low, context));
            pending.wanted.push(Fetch {
                low,
                high,
                max_bytes,
            });
        }
        unavailable(StorageError::LogTemporarilyUnavailable)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.base.index {
            return Ok(self.base.term);
        }
        if index < self.base.index {
            return unavailable(StorageError::Compacted);
        }
        if index > self.last {
            return unavailable(StorageError::Unavailable);
        }
        let at = self.terms.partition_point(|run| run.index <= index);
        match at.checked_sub(1).and_then(|at| self.terms.get(at)) {
            Some(run) => Ok(run.term),
            None => unavailable(StorageError::Unavailable),
        }
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.base.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last)
    }

    fn snapshot(&self, request_index: u64, to: u64) -> raft::Result<Snapshot> {
        match &self.snapshot {
            // A server refuses a snapshot from before it was added.
            Some((position, membership))
                if position.index >= request_index
                    && position.index >= self.base.index
                    && membership.members.contains_key(&to) =>
            {
                let mut snapshot = Snapshot::default();
                let meta = snapshot.mut_metadata();
                meta.index = position.index;
                meta.term = position.term;
                meta.set_conf_state(membership.conf_state());
                Ok(snapshot)
            }
            _ => {
                self.pending.borrow_mut().snapshot = true;
                unavailable(StorageError::SnapshotTemporarilyUnavailable)
            }
        }
    }
}
