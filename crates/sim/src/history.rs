//! What clients saw, and whether one order explains it: the order of the log, with each read at the index
//! it was answered from.

use std::collections::BTreeMap;

use crate::ledger::Ledger;
use crate::machine::{Action, Machine, OpId, encode};
use crate::{Failure, fail};

/// How an operation ended for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Still waiting, or the client gave up: it may have happened, or may yet.
    Unknown,
    /// Certainly did not happen.
    Refused,
    /// Happened: log index (of a read: what it was answered from) and answer.
    Done(u64, u32),
}

/// One operation of one client.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// What was asked.
    pub action: Action,
    /// When.
    pub start: u64,
    /// When the client learned the end.
    pub end: u64,
    /// How it ended.
    pub result: End,
}

/// All operations of a run.
#[derive(Default)]
pub struct History {
    /// By id, ids ascending with their start.
    pub operations: BTreeMap<OpId, Operation>,
}

impl History {
    /// Checks everything against the log.
    ///
    /// # Errors
    /// The first thing no sequential execution explains.
    pub fn check(&self, ledger: &Ledger) -> Result<(), Failure> {
        self.check_writes(ledger)?;
        self.check_order()?;
        self.check_reads(ledger)
    }

    fn check_writes(&self, ledger: &Ledger) -> Result<(), Failure> {
        for (op, operation) in &self.operations {
            let place = ledger.places.get(op).copied();
            match (operation.result, operation.action) {
                (End::Done(index, answer), action) if !is_read(action) => {
                    let entry = ledger.committed.get(&index);
                    if place != Some(index) {
                        return fail(format!("acknowledged write {op} at {index} is lost"));
                    }
                    if entry.is_none_or(|e| e.outcome != answer) {
                        return fail(format!("write {op} at {index} was answered {answer}"));
                    }
                }
                (End::Refused, _) if place.is_some() => {
                    return fail(format!("refused operation {op} was applied at {place:?}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whatever ended before something else began stands before it in the log.
    fn check_order(&self) -> Result<(), Failure> {
        let done = self.operations.iter().filter_map(|(op, o)| match o.result {
            End::Done(index, _) => Some((*op, *o, index)),
            _ => None,
        });
        let done: Vec<_> = done.collect();
        let mut by_end: Vec<_> = done.iter().collect();
        by_end.sort_by_key(|(_, o, _)| o.end);
        let (mut ended, mut highest, mut who) = (by_end.into_iter().peekable(), 0, 0);
        for (op, operation, index) in &done {
            while let Some((other, o, i)) = ended.peek()
                && o.end < operation.start
            {
                if *i > highest {
                    (highest, who) = (*i, *other);
                }
                ended.next();
            }
            // Two writes never share an index, a read may see the index of what came before it.
            if *index < highest || (*index == highest && !is_read(operation.action)) {
                return fail(format!(
                    "operation {op} at index {index} began after {who} at {highest} had ended"
                ));
            }
        }
        Ok(())
    }

    fn check_reads(&self, ledger: &Ledger) -> Result<(), Failure> {
        let reads = self.operations.iter().filter_map(|(op, o)| match o.result {
            End::Done(index, answer) if is_read(o.action) => Some((index, *op, o.action, answer)),
            _ => None,
        });
        let mut reads: Vec<_> = reads.collect();
        reads.sort_by_key(|(index, op, ..)| (*index, *op));
        let mut machine = Machine::default();
        let mut entries = ledger.committed.iter().peekable();
        for (index, op, action, answer) in reads {
            while let Some((at, entry)) = entries.peek()
                && **at <= index
            {
                if let Some(write) = self.operations.get(&entry.op) {
                    machine.apply(**at, &encode(entry.op, write.action, 0));
                }
                entries.next();
            }
            let right = machine.read(action);
            if right != answer {
                return fail(format!(
                    "read {op} at {index} answered {answer}, not {right}"
                ));
            }
        }
        Ok(())
    }
}

/// Whether the action is a read.
#[must_use]
pub fn is_read(action: Action) -> bool {
    matches!(action, Action::Get(_) | Action::Holder(_))
}
