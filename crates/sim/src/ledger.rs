//! What all servers together may never contradict: one leader per term, one entry per place in the log, one
//! state per index, and nothing acknowledged that is not there in the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::machine::{OpId, decode, fnv};
use crate::{Failure, fail};

/// A committed command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Term of the entry.
    pub term: u64,
    /// Hash of its payload.
    pub payload: u64,
    /// The operation in it.
    pub op: OpId,
    /// What applying it answered.
    pub outcome: u32,
    /// Hash of the state after it.
    pub state: u64,
}

/// The record of a run.
#[derive(Default)]
pub struct Ledger {
    leaders: BTreeMap<u64, u64>,
    appended: BTreeMap<(u64, u64), (u64, u64)>,
    /// Everything applied anywhere, by index.
    pub committed: BTreeMap<u64, Committed>,
    /// Where each operation was committed.
    pub places: BTreeMap<OpId, u64>,
}

/// The record that the world and all its servers share.
#[derive(Clone, Default)]
pub struct SharedLedger(Arc<Mutex<Ledger>>);

impl SharedLedger {
    /// To look at, or to add to.
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Server `id` leads in `term`.
    ///
    /// # Errors
    /// When another one did.
    pub fn leads(&mut self, term: u64, id: u64) -> Result<(), Failure> {
        let first = *self.leaders.entry(term).or_insert(id);
        if first == id {
            return Ok(());
        }
        fail(format!("two leaders in term {term}: {first} and {id}"))
    }

    /// An entry was put into some server's log after one of term `previous`.
    ///
    /// # Errors
    /// When another entry has the same index and term, or another one before it.
    pub fn appended(
        &mut self,
        index: u64,
        term: u64,
        previous: Option<u64>,
        payload: &[u8],
    ) -> Result<(), Failure> {
        let Some(previous) = previous else {
            return Ok(());
        };
        let seen = (fnv(payload), previous);
        let first = *self.appended.entry((index, term)).or_insert(seen);
        if first == seen {
            return Ok(());
        }
        fail(format!(
            "two logs differ at index {index} of term {term}: {first:?} and {seen:?}"
        ))
    }

    /// A server applied a command.
    ///
    /// # Errors
    /// When another one applied something else there, or came to another state, or an operation is applied
    /// twice.
    pub fn applied(
        &mut self,
        index: u64,
        term: u64,
        payload: &[u8],
        outcome: u32,
        state: u64,
    ) -> Result<(), Failure> {
        let Some((op, _)) = decode(payload) else {
            return fail(format!("index {index} holds no command"));
        };
        let entry = Committed {
            term,
            payload: fnv(payload),
            op,
            outcome,
            state,
        };
        let first = *self.committed.entry(index).or_insert(entry);
        if first != entry {
            return fail(format!(
                "index {index} was applied as {first:?} and as {entry:?}"
            ));
        }
        let place = *self.places.entry(op).or_insert(index);
        if place != index {
            return fail(format!(
                "operation {op} was applied at {place} and at {index}"
            ));
        }
        Ok(())
    }

    /// Hash of the state at `index`, as far as known.
    #[must_use]
    pub fn state(&self, index: u64) -> u64 {
        let before = self.committed.range(..=index).next_back();
        before.map_or(0, |(_, entry)| entry.state)
    }
}
