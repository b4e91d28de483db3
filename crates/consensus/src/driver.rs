//! One server's driver as a value: what happens goes in with the time, what is to be done beside comes out.
//!
//! Owns: the engine, the log, the state machine and who receives a snapshot, and the order of effects among them: durable before
//! acknowledged, shown before anybody who waits is woken. Must never learn: threads, clocks, sockets. A shell (the threads of
//! [`crate::Consensus`], or the simulator) sends the messages and carries out what is handed out; it brings the results back.
//!
//! A server that is the whole cluster writes, applies and answers where it is polled, since nobody's heartbeats could be late by
//! it; among several the engine waits for neither disk nor state machine.

mod apply;
mod board;
mod engine;
mod input;
mod lane;
mod receive;
mod writer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::core::{Core, Outgoing, Violation};
use crate::disk::Disk;
use crate::faults::Faults;
use crate::machine::StateMachine;
use crate::observe::Observer;
use crate::recover::Recovered;
use crate::status::Status;

pub use apply::{Progress, SnapshotJob, Work};
pub use board::Indexes;
pub use input::{Call, Callback, Completion, Ending, Input, ReadWaiter, Waiter};
pub use receive::{RECEIVE_LIMIT, Receiver, Receiving};
pub use writer::{Done, Job};

pub(crate) use board::Heard;

use apply::Applier;
use engine::Engine;
use lane::Lane;
use writer::Writer;

/// Bytes of commands up to which the state machine is fed where the driver is polled; more goes to a thread beside, so that a log
/// of gigabytes is replayed while this server leads already.
const HERE_BYTES: usize = 64 << 10;
/// Entries kept on disk before a snapshot, for followers that lag.
pub(crate) const TRAILING_ENTRIES: u64 = 10_000;

/// What a driver is made of.
pub struct Parts<S> {
    /// What was found on the disk.
    pub found: Recovered,
    /// The state machine, with the snapshot's state if there was one.
    pub machine: S,
    /// Where snapshots live; `None` keeps everything in memory.
    pub disk: Option<Arc<dyn Disk>>,
    /// There is no way to other servers, whatever the membership says.
    pub lone: bool,
    /// Election time-outs follow from it.
    pub seed: u64,
    /// Time between ticks.
    pub tick: Duration,
    /// Log bytes that call for a snapshot, unless half the last snapshot is more.
    pub snapshot_log_bytes: u64,
    /// Entries kept before a snapshot, for followers that lag.
    pub trailing: u64,
    /// Told about what is done.
    pub observer: Arc<dyn Observer>,
    /// A deliberate mistake (tests of the tests).
    pub faults: Faults,
}

/// What a poll asks of its shell, in this order. The shell empties it.
pub struct Outputs<O> {
    /// To send. One with a snapshot brings the file's bytes before itself; what became of it comes back as
    /// [`Input::SnapshotSent`].
    pub messages: Vec<Outgoing>,
    /// Peers whose connection is to be closed.
    pub disconnects: Vec<u64>,
    /// For [`LogSide::run`], in order.
    pub jobs: Vec<Job>,
    /// For [`ApplySide::run`], in order.
    pub work: Vec<Work<O>>,
    /// To write, beside everything else.
    pub snapshots: Vec<SnapshotJob>,
}

impl<O> Default for Outputs<O> {
    fn default() -> Self {
        Outputs {
            messages: Vec::new(),
            disconnects: Vec::new(),
            jobs: Vec::new(),
            work: Vec::new(),
            snapshots: Vec::new(),
        }
    }
}

/// The log, for whoever carries out its jobs beside.
pub struct LogSide(Arc<Mutex<Writer>>);

impl LogSide {
    /// Does all jobs, with one sync; the result goes back in.
    pub fn run<O>(&self, jobs: impl ExactSizeIterator<Item = Job>) -> Input<O> {
        let count = jobs.len();
        let done = self.0.lock().run(jobs);
        Input::Log(count, done)
    }
}

/// The state machine, for whoever feeds it beside.
pub struct ApplySide<S: StateMachine>(Arc<Mutex<Applier<S>>>);

impl<S: StateMachine> ApplySide<S> {
    /// Does all of it; the result goes back in. A snapshot that comes with it is to be written.
    ///
    /// # Errors
    /// When the state machine cannot go on: to be told with [`Input::Stopped`].
    pub fn run(
        &self,
        now: Instant,
        work: impl ExactSizeIterator<Item = Work<S::Outcome>>,
    ) -> Result<(Input<S::Outcome>, Option<SnapshotJob>), Violation> {
        let count = work.len();
        let (progress, snapshot) = self.0.lock().run(now, work)?;
        Ok((Input::Applied(count, progress), snapshot))
    }
}

/// One server's consensus.
pub struct Driver<S: StateMachine> {
    engine: Engine<S::Outcome>,
    log: Lane<Writer>,
    apply: Lane<Applier<S>>,
    receiver: Arc<Receiver>,
    lone: bool,
}

impl<S: StateMachine> Driver<S> {
    /// Starts from what was found.
    ///
    /// # Errors
    /// [`Violation`] when log and snapshot contradict each other.
    pub fn new(parts: Parts<S>, now: Instant) -> Result<Driver<S>, Violation> {
        let Parts {
            mut found,
            machine,
            disk,
            lone,
            seed,
            tick,
            snapshot_log_bytes,
            trailing,
            observer,
            faults,
        } = parts;
        let alone = found.membership.members.len() == 1;
        let replay_upto = if alone {
            found.last()
        } else {
            found.hard_state.commit
        };
        let mut core = Core::new(found.start(seed, faults))?;
        if alone {
            core.campaign();
        }
        let indexes = Arc::new(Indexes::default());
        let position = found.applied;
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        indexes.applied.store(position.index, relaxed);
        if found.has_snapshot {
            indexes.snapshot.store(position.index, relaxed);
        }
        let mut applier = Applier {
            machine,
            disk,
            indexes: indexes.clone(),
            position,
            membership: found.membership,
            replay_upto: Some(replay_upto.max(position.index)),
            threshold: snapshot_log_bytes,
            log_bytes: 0,
            snapshot_bytes: 0,
            snapshotting: false,
            observer: observer.clone(),
            faults,
        };
        applier.check_replayed();
        let writer = Writer::new(found.log, observer.clone(), faults);
        let keep = if lone { 0 } else { trailing };
        let engine = Engine::new(core, lone, tick, keep, indexes, observer, now, faults);
        Ok(Driver {
            engine,
            log: Lane::new(writer),
            apply: Lane::new(applier),
            receiver: Arc::default(),
            lone,
        })
    }

    /// Takes in what happened up to `now` and does what follows from it. To be called with nothing, too: after
    /// [`Driver::new`], and when [`Driver::wake_at`] has come.
    ///
    /// # Errors
    /// [`Violation`] when this server's own log or state is damaged: it takes part no more, [`Driver::end`] follows.
    pub fn poll(
        &mut self,
        now: Instant,
        inputs: &mut VecDeque<Input<S::Outcome>>,
        out: &mut Outputs<S::Outcome>,
    ) -> Result<(), Violation> {
        // What was handed out and not taken by the shell yet is counted once.
        let (jobs, work) = (out.jobs.len(), out.work.len());
        for input in inputs.iter() {
            match input {
                Input::Log(count, _) => self.log.back(*count),
                Input::Applied(count, _) => self.apply.back(*count),
                _ => {}
            }
        }
        self.engine.take_in(now, inputs, out)?;
        if self.engine.has_ended() {
            return Ok(());
        }
        self.engine.pass_ticks(now);
        self.engine.try_again(now, out);
        loop {
            self.engine.round(now, out)?;
            if !self.do_here(now, out)? {
                break;
            }
        }
        self.log.left(out.jobs.len().saturating_sub(jobs));
        self.apply.left(out.work.len().saturating_sub(work));
        self.engine.publish(false);
        Ok(())
    }

    /// Does what may be done here; whether that was anything.
    fn do_here(&mut self, now: Instant, out: &mut Outputs<S::Outcome>) -> Result<bool, Violation> {
        if !self.lone && !self.engine.core.is_alone() {
            return Ok(false);
        }
        let mut did = false;
        if !out.jobs.is_empty()
            && let Some(mut writer) = self.log.here()
        {
            let done = writer.run(out.jobs.drain(..));
            self.engine.log_done(now, done)?;
            did = true;
        }
        let small = |work: &[Work<S::Outcome>]| {
            !work.iter().any(Work::restores)
                && work.iter().map(Work::bytes).sum::<usize>() <= HERE_BYTES
        };
        if !out.work.is_empty()
            && small(&out.work)
            && let Some(mut applier) = self.apply.here()
        {
            let (progress, snapshot) = applier.run(now, out.work.drain(..))?;
            out.snapshots.extend(snapshot);
            self.engine.applied(&progress);
            did = true;
        }
        Ok(did)
    }

    /// When to poll again at the latest; `None` when nothing but an input can change anything.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.engine.wake_at()
    }

    /// This server takes part no more, for that reason: everything waiting is answered.
    pub fn end(&mut self, reason: String) {
        self.engine.end(reason);
    }

    /// Whether an input asked to end; who asked is to be told when all is closed.
    pub fn closing(&mut self) -> Option<Option<tokio::sync::oneshot::Sender<()>>> {
        self.engine.closing.take()
    }

    /// Answers everything that waits. The log's last job, if it can be closed in order.
    pub fn close(&mut self) -> Option<Job> {
        self.engine.close()
    }

    /// The log.
    #[must_use]
    pub fn log_side(&self) -> LogSide {
        LogSide(self.log.worker().clone())
    }

    /// The state machine.
    #[must_use]
    pub fn apply_side(&self) -> ApplySide<S> {
        ApplySide(self.apply.worker().clone())
    }

    /// Who takes in snapshots.
    #[must_use]
    pub fn receiver(&self) -> Arc<Receiver> {
        self.receiver.clone()
    }

    /// The core, to look at.
    #[must_use]
    pub fn core(&self) -> &Core<Waiter<S::Outcome>, ReadWaiter> {
        &self.engine.core
    }

    /// Why the log takes no writes, if it does not: for want of space it goes on by itself, otherwise after a restart.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        let broken = self.engine.broken.as_ref();
        broken.map(|broken| &*broken.reason)
    }

    /// Whether the log failed for good.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.engine.has_failed()
    }

    /// Indexes as they move.
    #[must_use]
    pub fn indexes(&self) -> Arc<Indexes> {
        self.engine.indexes.clone()
    }

    /// The status as it changes.
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.engine.status.subscribe()
    }
}
