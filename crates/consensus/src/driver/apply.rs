//! The state machine's side of the driver: feeds it, answers proposers, says when a snapshot is due. Runs on a thread of its own,
//! or where the driver is polled.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::core::{Apply, Entries, Violation};
use crate::disk::Disk;
use crate::driver::board::Indexes;
use crate::driver::input::Waiter;
use crate::faults::Faults;
use crate::log::Position;
use crate::machine::{SnapshotSource, StateMachine};
use crate::membership::Membership;
use crate::observe::{Event, Observer};
use crate::record;
use crate::snapshot::{SnapshotMeta, SnapshotReader, SnapshotWriter};

/// Work for the state machine.
pub enum Work<O> {
    /// With the time since which it waits.
    Apply(Apply<Waiter<O>>, Instant),
    /// Take a snapshot now, whatever the log's size.
    Snapshot,
    /// The snapshot taken last is in place with this size, or failed.
    SnapshotEnded(Option<u64>),
}

impl<O> Work<O> {
    /// Bytes of commands in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Work::Apply(apply, _) => apply.bytes(),
            Work::Snapshot | Work::SnapshotEnded(_) => 0,
        }
    }

    /// Whether it replaces the state, which takes as long as the state is large.
    pub(crate) fn restores(&self) -> bool {
        matches!(self, Work::Apply(Apply::Restore(..), _))
    }
}

/// How far the state machine is.
pub struct Progress(pub(crate) Position);

/// A snapshot to write: a value that anybody may carry out anywhere, beside everything else.
pub struct SnapshotJob {
    disk: Arc<dyn Disk>,
    meta: SnapshotMeta,
    source: Box<dyn SnapshotSource>,
    began: Instant,
    observer: Arc<dyn Observer>,
}

impl SnapshotJob {
    /// Writes the file and puts it in place; its bytes. To be told with [`super::Input::SnapshotEnded`].
    #[must_use]
    pub fn run(self) -> Option<(SnapshotMeta, u64)> {
        let SnapshotJob {
            disk,
            meta,
            source,
            began,
            observer,
        } = self;
        let written = (|| {
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
        match written {
            Ok(bytes) => Some((meta, bytes)),
            Err(error) => {
                tracing::warn!(%error, "the raft snapshot could not be written");
                None
            }
        }
    }
}

/// The state machine and what is known of its state.
pub(crate) struct Applier<S: StateMachine> {
    pub(crate) machine: S,
    pub(crate) disk: Option<Arc<dyn Disk>>,
    pub(crate) indexes: Arc<Indexes>,
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
    pub(crate) faults: Faults,
}

impl<S: StateMachine> Applier<S> {
    /// Does all of `work`; how far the state is then, and a snapshot to write if one is due.
    ///
    /// # Errors
    /// When the state machine cannot go on, or panicked.
    pub(crate) fn run(
        &mut self,
        now: Instant,
        work: impl Iterator<Item = Work<S::Outcome>>,
    ) -> Result<(Progress, Option<SnapshotJob>), Violation> {
        let done = catch_unwind(AssertUnwindSafe(|| self.serve(now, work)));
        match done {
            Ok(Ok(snapshot)) => Ok((Progress(self.position), snapshot)),
            Ok(Err(error)) => Err(Violation(error.to_string())),
            Err(_) => Err(Violation("the state machine panicked".to_owned())),
        }
    }

    fn serve(
        &mut self,
        now: Instant,
        work: impl Iterator<Item = Work<S::Outcome>>,
    ) -> io::Result<Option<SnapshotJob>> {
        let mut snapshot = None;
        let before = self.position.index;
        for item in work {
            match item {
                Work::Apply(apply, since) => {
                    let waited = now.saturating_duration_since(since);
                    self.observer.saw(Event::Waited(waited));
                    self.apply(apply)?;
                }
                Work::Snapshot => snapshot = snapshot.or(self.begin_snapshot(now)),
                Work::SnapshotEnded(bytes) => {
                    self.snapshotting = false;
                    self.snapshot_bytes = bytes.unwrap_or(self.snapshot_bytes);
                }
            }
        }
        if self.position.index != before {
            self.show();
            if self.log_bytes > self.threshold.max(self.snapshot_bytes / 2) {
                snapshot = snapshot.or(self.begin_snapshot(now));
            }
        }
        Ok(snapshot)
    }

    /// First of all the state is shown: who hears how far it is may look at it.
    fn show(&mut self) {
        self.check_replayed();
        self.indexes
            .applied
            .store(self.position.index, Ordering::Release);
    }

    /// Tells the state machine, once, when it is as far as the log was at the start.
    pub(crate) fn check_replayed(&mut self) {
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
        if entries.is_empty() {
            self.position = upto;
            return Ok(());
        }
        let bytes = |payload: usize| record::span(payload) as u64;
        self.log_bytes += entries.iter().map(|e| bytes(e.payload.len())).sum::<u64>();
        if self.faults == Faults::ShowEarly {
            self.indexes.applied.store(upto.index, Ordering::Release);
        }
        let mut outcomes = self.machine.apply(&entries)?.into_iter().zip(0u32..);
        // Readers that come after the answer must find the state at least there.
        self.position = upto;
        self.show();
        for (at, waiter) in waiters {
            let outcome = outcomes.find(|(_, position)| *position == at);
            if let (Some((outcome, _)), Some(entry)) = (outcome, entries.get(at as usize)) {
                waiter.applied(entry.index, outcome);
            }
        }
        Ok(())
    }

    fn begin_snapshot(&mut self, began: Instant) -> Option<SnapshotJob> {
        let due = self.position.index > 0 && !self.snapshotting;
        let disk = self.disk.clone().filter(|_| due)?;
        let meta = SnapshotMeta {
            position: self.position,
            membership: self.membership.clone(),
        };
        self.log_bytes = 0;
        self.snapshotting = true;
        Some(SnapshotJob {
            disk,
            meta,
            source: self.machine.snapshot(),
            began,
            observer: self.observer.clone(),
        })
    }
}
