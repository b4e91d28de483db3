//! What a server's driver hands out contradicts nothing that any server handed out before.

use bytes::Bytes;
use consensus::core::Role;
use consensus::driver::{Job, Outputs};
use consensus::log::{HardState, Write};
use consensus::message;
use std::sync::PoisonError;

use super::{Answer, Running};
use crate::ledger::SharedLedger;
use crate::machine::OpId;
use crate::{Failure, fail};

/// An entry on its way into a log, and the term of the one before it as far as that is known.
pub(super) struct Placed {
    index: u64,
    term: u64,
    previous: Option<u64>,
    payload: Bytes,
}

impl Running {
    /// Takes note of what is on its way into the log.
    pub(super) fn note_writes(&mut self, jobs: &[Job]) {
        let core = self.driver.core();
        for write in writes(jobs) {
            let mut previous = write.install.map(|p| p.term);
            let mut placed = Vec::new();
            for entry in &write.entries {
                let before = previous.or_else(|| core.position(entry.index - 1).map(|p| p.term));
                previous = Some(entry.term);
                if entry.context.is_empty() {
                    placed.push(Placed {
                        index: entry.index,
                        term: entry.term,
                        previous: before,
                        payload: entry.data.clone(),
                    });
                }
            }
            self.unwritten.push_back((write.number, placed));
        }
    }

    /// What stands in the log now contradicts no other log.
    pub(super) fn written(&mut self, number: u64, ledger: &SharedLedger) -> Result<(), Failure> {
        let mut ledger = ledger.lock();
        while let Some((_, placed)) = self.unwritten.pop_front_if(|(n, _)| *n <= number) {
            for entry in placed {
                ledger.appended(entry.index, entry.term, entry.previous, &entry.payload)?;
            }
        }
        Ok(())
    }

    /// What came out contradicts nothing that came out elsewhere.
    pub(super) fn check(
        &self,
        out: &Outputs<u32>,
        id: u64,
        ledger: &SharedLedger,
    ) -> Result<(), Failure> {
        let core = self.driver.core();
        let view = core.view();
        let mut ledger = ledger.lock();
        if self.driver.broken().is_some() {
            return Ok(());
        }
        if view.role == Role::Leader {
            ledger.leads(view.term, id)?;
        }
        // What is not durable when the messages leave.
        let states = writes(&self.jobs).chain(writes(&out.jobs));
        let votes: Vec<_> = states.filter_map(|w| w.hard_state).collect();
        for message in &out.messages {
            let granted = message::granted(&message.bytes);
            let voted =
                |state: &&HardState| state.vote == message.to && Some(state.term) == granted;
            if let Some(state) = votes.iter().find(voted) {
                let term = state.term;
                return fail(format!(
                    "server {id} votes in {term} before that is durable"
                ));
            }
        }
        Ok(())
    }

    /// Operations that ended since the last time.
    pub(super) fn ended(&mut self, id: u64) -> Result<Vec<(OpId, Answer)>, Failure> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = std::mem::take(&mut *ends);
        for (op, end) in &ends {
            if *end == Answer::Dropped {
                return fail(format!("server {id} dropped operation {op}"));
            }
            if !self.open.remove(op) {
                return fail(format!("server {id} answered operation {op} twice"));
            }
        }
        Ok(ends)
    }
}

fn writes(jobs: &[Job]) -> impl Iterator<Item = &Write> {
    jobs.iter().filter_map(|job| match job {
        Job::Write(write) => Some(write),
        _ => None,
    })
}
