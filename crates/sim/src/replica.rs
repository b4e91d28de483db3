//! The state machine that a simulated server's driver feeds: it compares all it is given with the ledger.
//!
//! What it shows (state and index) is what a reader finds at any moment.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use consensus::driver::Indexes;
use consensus::{Entry, SnapshotSource, StateMachine};

use crate::ledger::SharedLedger;
use crate::machine::{Action, Machine};
use crate::server::Answer;
use crate::{Failure, fail};

#[derive(Default)]
struct Shown {
    machine: Machine,
    /// Last command in it.
    index: u64,
    indexes: Option<Arc<Indexes>>,
}

/// A server's state. Clones are the same one.
#[derive(Clone)]
pub struct Replica {
    shown: Arc<Mutex<Shown>>,
    ledger: SharedLedger,
}

impl Replica {
    /// An empty one.
    #[must_use]
    pub fn new(ledger: SharedLedger) -> Replica {
        Replica {
            shown: Arc::default(),
            ledger,
        }
    }

    /// Where its driver shows how far it is.
    pub fn shows(&self, indexes: Arc<Indexes>) {
        self.shown().indexes = Some(indexes);
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a read. Whether the index is high enough the history finds out.
    #[must_use]
    pub fn read(&self, action: Action) -> Answer {
        let shown = self.shown();
        let index = shown.indexes.as_ref().map_or(0, |i| i.applied());
        Answer::Done(index, shown.machine.read(action))
    }

    /// Last index applied and hash of the state.
    #[must_use]
    pub fn state(&self) -> (u64, u64) {
        let shown = self.shown();
        let index = shown.indexes.as_ref().map_or(0, |i| i.applied());
        (index, shown.machine.hash)
    }

    fn take(&self, entry: &Entry) -> Result<u32, Failure> {
        let mut shown = self.shown();
        let told = shown.indexes.as_ref().map_or(0, |i| i.applied());
        if entry.index <= shown.index {
            return fail(format!("{} applied again", entry.index));
        }
        if told >= entry.index {
            return fail(format!("{told} is shown before {} is applied", entry.index));
        }
        let outcome = shown.machine.apply(entry.index, &entry.payload);
        let (term, hash) = (entry.term, shown.machine.hash);
        shown.index = entry.index;
        let mut ledger = self.ledger.lock();
        ledger.applied(entry.index, term, &entry.payload, outcome, hash)?;
        Ok(outcome)
    }
}

impl StateMachine for Replica {
    type Outcome = u32;

    fn apply(&mut self, batch: &[Entry]) -> io::Result<Vec<u32>> {
        let outcomes = batch.iter().map(|entry| self.take(entry));
        outcomes
            .collect::<Result<_, _>>()
            .map_err(|failure| io::Error::other(failure.0))
    }

    fn understands(&self, payload: &Bytes) -> Result<(), String> {
        let known = crate::machine::decode(payload).map(drop);
        known.ok_or_else(|| "no command".to_owned())
    }

    fn snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(Copied(self.shown().machine.clone()))
    }

    fn restore(&mut self, index: u64, input: &mut dyn io::Read) -> io::Result<()> {
        let machine = Machine::load(input)?;
        if machine.hash != self.ledger.lock().state(index) {
            let text = format!("the snapshot of {index} holds another state");
            return Err(io::Error::other(text));
        }
        let mut shown = self.shown();
        (shown.machine, shown.index) = (machine, index);
        Ok(())
    }
}

struct Copied(Machine);

impl SnapshotSource for Copied {
    fn write_to(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<()> {
        self.0.save(out)
    }
}
