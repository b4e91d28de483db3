//! The apply thread: feeds the state machine, answers proposers, takes snapshots when the log has grown.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::core::{Apply, Entries};
use crate::disk::Disk;
use crate::engine::{Input, Waiter};
use crate::inbox::Inbox;
use crate::log::Position;
use crate::machine::StateMachine;
use crate::membership::Membership;
use crate::observe::{Event, Observer};
use crate::record;
use crate::snapshot::{SnapshotMeta, SnapshotReader, SnapshotWriter};

/// Work for the apply thread.
pub(crate) enum Work<O> {
    /// With the time since which it waits.
    Apply(Apply<Waiter<O>>, Instant),
    /// Take a snapshot now, whatever the log's size.
    Snapshot,
    /// The snapshot taken last is in place with this size, or failed.
    SnapshotEnded(Option<u64>),
    Stop,
}

pub(crate) struct Applier<S: StateMachine> {
    pub(crate) machine: S,
    pub(crate) disk: Option<Arc<dyn Disk>>,
    pub(crate) work: Arc<Inbox<Work<S::Outcome>>>,
    pub(crate) engine: Arc<Inbox<Input<S::Outcome>>>,
    pub(crate) applied: Arc<AtomicU64>,
    pub(crate) position: Position,
    pub(crate) membership: Membership,
    /// Where the replay of what was found at start ends.
    pub(crate) replay_upto: Option<u64>,
    /// Log bytes that call for a snapshot.
    pub(crate) threshold: u64,
    pub(crate) log_bytes: u64,
    pub(crate) snapshot_bytes: u64,
    pub(crate) snapshotting: bool,
    pub(crate) observer: Arc<dyn Observer>,
}

impl<S: StateMachine> Applier<S> {
    /// Runs until told to stop. Errors and panics of the state machine end the engine too.
    pub(crate) fn run(mut self) {
        let (work, engine) = (self.work.clone(), self.engine.clone());
        let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.serve()));
        let reason = match end {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the state machine panicked".to_owned()),
        };
        drop(work.close());
        if let Some(reason) = reason {
            engine.push(Input::Stopped(reason));
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        self.check_replayed();
        let mut items = VecDeque::new();
        loop {
            self.work.take(&mut items, None);
            let before = self.position.index;
            for item in items.drain(..) {
                match item {
                    Work::Apply(apply, since) => {
                        self.observer.saw(Event::Waited(since.elapsed()));
                        self.apply(apply)?;
                    }
                    Work::Snapshot => self.start_snapshot(),
                    Work::SnapshotEnded(bytes) => {
                        self.snapshotting = false;
                        self.snapshot_bytes = bytes.unwrap_or(self.snapshot_bytes);
                    }
                    Work::Stop => return Ok(()),
                }
            }
            if self.position.index != before {
                // First of all the state is shown: who hears how far it is may look at it.
                self.check_replayed();
                self.applied.store(self.position.index, Ordering::Release);
                self.engine.push(Input::Applied(self.position.index));
                if self.log_bytes > self.threshold.max(self.snapshot_bytes / 2) {
                    self.start_snapshot();
                }
            }
        }
    }

    fn check_replayed(&mut self) {
        if self
            .replay_upto
            .is_some_and(|upto| upto <= self.position.index)
        {
            self.replay_upto = None;
            self.machine.replayed();
        }
    }

    fn apply(&mut self, apply: Apply<Waiter<S::Outcome>>) -> io::Result<()> {
        match apply {
            Apply::Entries(batch) => self.apply_entries(batch)?,
            Apply::Membership {
                position,
                membership,
                waiter,
            } => {
                self.position = position;
                self.membership = membership;
                if let Some(waiter) = waiter {
                    waiter.changed(position.index);
                }
            }
            Apply::Restore(position, membership) => {
                let Some(disk) = &self.disk else {
                    return Err(io::Error::other("a snapshot without a disk"));
                };
                let mut reader = SnapshotReader::open(&**disk, position)?;
                self.machine.restore(position.index, &mut reader)?;
                self.position = position;
                self.membership = membership;
                self.log_bytes = 0;
            }
        }
        Ok(())
    }

    fn apply_entries(&mut self, batch: Entries<Waiter<S::Outcome>>) -> io::Result<()> {
        let Entries {
            entries,
            waiters,
            upto,
        } = batch;
        if !entries.is_empty() {
            let bytes = |payload: usize| record::span(payload) as u64;
            self.log_bytes += entries.iter().map(|e| bytes(e.payload.len())).sum::<u64>();
            let mut outcomes = self.machine.apply(&entries)?.into_iter().zip(0u32..);
            // Readers that come after the answer must find the state at least there.
            self.position = upto;
            self.check_replayed();
            self.applied.store(upto.index, Ordering::Release);
            for (at, waiter) in waiters {
                let outcome = outcomes.find(|(_, position)| *position == at);
                if let (Some((outcome, _)), Some(entry)) = (outcome, entries.get(at as usize)) {
                    waiter.applied(entry.index, outcome);
                }
            }
        }
        self.position = upto;
        Ok(())
    }

    fn start_snapshot(&mut self) {
        let Some(disk) = self.disk.clone().filter(|_| !self.snapshotting) else {
            return;
        };
        let meta = SnapshotMeta {
            position: self.position,
            membership: self.membership.clone(),
        };
        let began = Instant::now();
        let source = self.machine.snapshot();
        let (engine, work) = (self.engine.clone(), self.work.clone());
        let observer = self.observer.clone();
        let write = move || {
            let done = (|| {
                let mut writer = SnapshotWriter::create(disk, "local", &meta)?;
                let created = Instant::now();
                let mut buffered = io::BufWriter::with_capacity(64 << 10, &mut writer);
                source.write_to(&mut buffered)?;
                buffered.flush()?;
                drop(buffered);
                let bytes = writer.finish()?;
                observer.saw(Event::Snapshot {
                    create: created - began,
                    persist: created.elapsed(),
                });
                io::Result::Ok(bytes)
            })();
            match done {
                Ok(bytes) => {
                    work.push(Work::SnapshotEnded(Some(bytes)));
                    engine.push(Input::SnapshotMade(meta));
                }
                Err(error) => {
                    tracing::warn!(%error, "the raft snapshot could not be written");
                    work.push(Work::SnapshotEnded(None));
                }
            }
        };
        self.log_bytes = 0;
        let thread = std::thread::Builder::new().name("raft-snapshot".to_owned());
        self.snapshotting = thread.spawn(write).is_ok();
    }
}
