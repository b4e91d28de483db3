//! The engine thread: moves inputs into the [`Core`] and its outputs to the log, the peers and the apply
//! thread. It decides nothing but what to do when the disk fails.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::apply::Work;
use crate::core::{Core, Outgoing, Output, Refusal, Role, Violation};
use crate::disk::Disk;
use crate::inbox::Inbox;
use crate::machine::Transport;
use crate::membership::Change;
use crate::observe::{Event, Observer};
use crate::snapshot::{SnapshotMeta, SnapshotReader};
use crate::status::{ProposeError, ReadError, Server, Status};
use crate::writer::{Done, Job, Writer};

/// Entries kept on disk before a snapshot, for followers that lag.
const TRAILING_ENTRIES: u64 = 10_000;
/// Ticks that are made up for at once after the thread was held up; more are forgotten.
const MAX_LATE_TICKS: u32 = 4;

/// The one call a proposer gets back: made exactly once, with [`ProposeError::Shutdown`] if nobody else did.
pub(crate) struct Completion<O>(Option<Callback<O>>);

/// What a proposer wants called with the entry's index and outcome.
pub type Callback<O> = Box<dyn FnOnce(Result<(u64, O), ProposeError>) + Send>;

impl<O> Completion<O> {
    pub(crate) fn new(callback: Callback<O>) -> Completion<O> {
        Completion(Some(callback))
    }

    pub(crate) fn call(mut self, result: Result<(u64, O), ProposeError>) {
        if let Some(callback) = self.0.take() {
            callback(result);
        }
    }
}

impl<O> Drop for Completion<O> {
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            callback(Err(ProposeError::Shutdown));
        }
    }
}

/// Who waits for an entry.
pub(crate) enum Waiter<O> {
    Command(Completion<O>),
    Change(oneshot::Sender<Result<u64, ProposeError>>),
}

impl<O> Waiter<O> {
    pub(crate) fn applied(self, index: u64, outcome: O) {
        if let Waiter::Command(completion) = self {
            completion.call(Ok((index, outcome)));
        }
    }

    pub(crate) fn changed(self, index: u64) {
        if let Waiter::Change(sender) = self {
            let _ = sender.send(Ok(index));
        }
    }

    fn refuse(self, error: ProposeError) {
        match self {
            Waiter::Command(completion) => completion.call(Err(error)),
            Waiter::Change(sender) => drop(sender.send(Err(error))),
        }
    }
}

pub(crate) type ReadWaiter = oneshot::Sender<Result<u64, ReadError>>;

/// Everything that can happen to the engine.
pub(crate) enum Input<O> {
    Propose(Bytes, Completion<O>),
    Change(Change, oneshot::Sender<Result<u64, ProposeError>>),
    Read(ReadWaiter),
    Message(Bytes),
    Applied(u64),
    Log(Done),
    SnapshotMade(SnapshotMeta),
    SnapshotSent(u64, bool),
    SnapshotNow,
    PeerGone(u64),
    Transfer(u64),
    Campaign,
    /// The apply thread ended.
    Stopped(String),
    Shutdown(Option<oneshot::Sender<()>>),
}

/// Where writes go.
pub(crate) enum LogSide {
    Inline(Box<Writer>),
    Thread(Arc<Inbox<Job>>),
}

pub(crate) struct Engine<O: Send + 'static> {
    pub(crate) core: Core<Waiter<O>, ReadWaiter>,
    pub(crate) inbox: Arc<Inbox<Input<O>>>,
    pub(crate) work: Arc<Inbox<Work<O>>>,
    pub(crate) log: LogSide,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    pub(crate) disk: Option<Arc<dyn Disk>>,
    pub(crate) tick: Duration,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) indexes: Arc<Indexes>,
    pub(crate) broken: Option<String>,
    /// Why it takes part no more.
    pub(crate) ended: Option<String>,
    pub(crate) next_tick: Instant,
    pub(crate) contact: Option<Instant>,
    pub(crate) closing: Option<Option<oneshot::Sender<()>>>,
    pub(crate) threads: Vec<std::thread::JoinHandle<()>>,
    pub(crate) observer: Arc<dyn Observer>,
}

/// Indexes that move too often for the watched status.
#[derive(Default)]
pub(crate) struct Indexes {
    pub(crate) last: AtomicU64,
    pub(crate) commit: AtomicU64,
    pub(crate) snapshot: AtomicU64,
}

impl<O: Send + 'static> Engine<O> {
    /// Runs until shutdown. After a violation or a panic of the engine this server takes part no more: everything
    /// waiting is answered, the reason stands in the status, and whoever carries the process ends it.
    pub(crate) fn run(mut self) {
        let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.serve()));
        let reason = match served {
            Ok(Ok(())) => None,
            Ok(Err(violation)) => Some(violation.to_string()),
            Err(_) => Some("the consensus engine panicked".to_owned()),
        };
        if let Some(reason) = reason {
            tracing::error!(%reason, "consensus ended");
            self.broken = Some(reason.clone());
            self.ended = Some(reason);
            self.publish(true);
            self.refuse_until_shutdown();
        }
        self.close();
    }

    fn serve(&mut self) -> Result<(), Violation> {
        let mut inputs = VecDeque::new();
        self.next_tick = Instant::now() + self.tick;
        if self.core.membership().members.len() == 1 {
            self.core.campaign();
        }
        loop {
            self.round()?;
            if self.closing.is_some() {
                return Ok(());
            }
            let asleep = self.broken.is_some() || self.core.is_idle_alone();
            self.inbox
                .take(&mut inputs, (!asleep).then_some(self.next_tick));
            self.take_in(&mut inputs)?;
            if !asleep {
                self.pass_ticks();
            }
        }
    }

    fn pass_ticks(&mut self) {
        let now = Instant::now();
        let mut late = 0;
        while self.next_tick <= now && late < MAX_LATE_TICKS {
            self.core.tick();
            self.next_tick += self.tick;
            late += 1;
        }
        if self.next_tick <= now {
            self.next_tick = now + self.tick;
        }
    }

    fn take_in(&mut self, inputs: &mut VecDeque<Input<O>>) -> Result<(), Violation> {
        let mut proposals: Vec<(Bytes, Waiter<O>)> = Vec::new();
        for input in inputs.drain(..) {
            match input {
                Input::Propose(payload, completion) => match &self.broken {
                    Some(reason) => completion.call(Err(ProposeError::Disk(reason.clone()))),
                    None => proposals.push((payload, Waiter::Command(completion))),
                },
                // A barrier or a change stands after the proposals that came before it.
                Input::Read(read) if self.broken.is_some() && self.transport.is_some() => {
                    let _ = read.send(Err(ReadError::NotLeader { leader: None }));
                }
                Input::Read(read) => self.core.read(read),
                Input::Change(change, sender) => {
                    self.core.propose(proposals.drain(..));
                    match &self.broken {
                        Some(reason) => {
                            let error = ProposeError::Disk(reason.clone());
                            Waiter::<O>::Change(sender).refuse(error);
                        }
                        None => self.core.change(&change, Waiter::Change(sender)),
                    }
                }
                other => self.take_in_event(other)?,
            }
        }
        if !proposals.is_empty() {
            self.core.propose(proposals);
        }
        Ok(())
    }

    fn take_in_event(&mut self, input: Input<O>) -> Result<(), Violation> {
        match input {
            Input::Message(bytes) if self.broken.is_none() => {
                self.core.step(bytes)?;
                self.contact = Some(Instant::now());
            }
            Input::Applied(index) => self.core.applied(index),
            Input::Log(done) => self.log_done(done)?,
            Input::SnapshotMade(meta) => {
                let index = meta.position.index;
                self.indexes.snapshot.store(index, Ordering::Relaxed);
                self.core.snapshot_made(meta.position, meta.membership);
                let keep = if self.transport.is_some() {
                    TRAILING_ENTRIES
                } else {
                    0
                };
                self.give_log(vec![Job::Purge((index + 1).saturating_sub(keep).max(1))])?;
            }
            Input::SnapshotSent(peer, arrived) => self.core.snapshot_sent(peer, arrived),
            Input::SnapshotNow => self.work.push(Work::Snapshot),
            Input::PeerGone(peer) => self.core.peer_gone(peer),
            Input::Transfer(peer) => self.core.transfer(peer),
            Input::Campaign => self.core.campaign(),
            Input::Stopped(reason) => return Err(Violation(reason)),
            Input::Shutdown(sender) => self.closing = Some(sender),
            Input::Message(_) | Input::Propose(..) | Input::Change(..) | Input::Read(_) => {}
        }
        Ok(())
    }

    /// Hands outputs on until nothing more comes out.
    fn round(&mut self) -> Result<(), Violation> {
        loop {
            let output = self.core.output()?;
            let written = !output.writes.is_empty() || !output.fetches.is_empty();
            self.hand_on(output)?;
            if !(written && matches!(self.log, LogSide::Inline(_))) {
                break;
            }
        }
        self.publish(false);
        Ok(())
    }

    fn hand_on(&mut self, output: Output<Waiter<O>, ReadWaiter>) -> Result<(), Violation> {
        // Messages first: a leader's appends leave beside its own write.
        for message in output.messages {
            self.send(message);
        }
        if self.broken.is_none() {
            let writes = output.writes.into_iter().map(Job::Write);
            let jobs: Vec<Job> = writes
                .chain(output.fetches.into_iter().map(Job::Fetch))
                .collect();
            self.give_log(jobs)?;
        }
        for apply in output.apply {
            self.work.push(Work::Apply(apply, Instant::now()));
        }
        if output.wants_snapshot {
            self.work.push(Work::Snapshot);
        }
        for (waiter, refusal) in output.refused {
            let error = self.propose_error(refusal);
            waiter.refuse(error);
        }
        for (read, result) in output.reads {
            let leader = || self.leader();
            let _ = read.send(result.map_err(|_| ReadError::NotLeader { leader: leader() }));
        }
        Ok(())
    }

    fn propose_error(&self, refusal: Refusal) -> ProposeError {
        match (&self.broken, refusal) {
            (Some(reason), _) => ProposeError::Disk(reason.clone()),
            (None, Refusal::NotLeader) => ProposeError::NotLeader {
                leader: self.leader(),
            },
            (None, Refusal::LeadershipLost) => ProposeError::LeadershipLost,
            (None, Refusal::Full) => ProposeError::Full,
            (None, Refusal::ChangeUnderWay) => ProposeError::ChangeUnderWay,
            (None, Refusal::ChangeImpossible) => ProposeError::ChangeImpossible,
        }
    }

    fn give_log(&mut self, jobs: Vec<Job>) -> Result<(), Violation> {
        if jobs.is_empty() {
            return Ok(());
        }
        match &mut self.log {
            LogSide::Inline(writer) => {
                for done in writer.run(jobs.into_iter()) {
                    self.log_done(done)?;
                }
            }
            LogSide::Thread(inbox) => jobs.into_iter().for_each(|job| inbox.push(job)),
        }
        Ok(())
    }

    fn log_done(&mut self, done: Done) -> Result<(), Violation> {
        match done {
            Done::Written(number) => self.core.written(number)?,
            Done::Purged(first) => self.core.compacted(first),
            Done::Fetched(low, entries) => self.core.fetched(low, entries),
            Done::Failed(reason) => self.break_down(reason),
        }
        Ok(())
    }

    /// The disk failed: from here on nothing is acknowledged. With peers this server falls silent, so that
    /// they elect another; alone it goes on answering reads.
    fn break_down(&mut self, reason: String) {
        if self.broken.is_some() {
            return;
        }
        tracing::error!(%reason, "the raft log failed; writes are refused until a restart");
        for waiter in self.core.abandon() {
            waiter.refuse(ProposeError::Disk(reason.clone()));
        }
        self.broken = Some(reason);
        self.publish(true);
    }

    fn send(&mut self, message: Outgoing) {
        let Some(transport) = self.transport.as_ref().filter(|_| self.broken.is_none()) else {
            return;
        };
        let Some(position) = message.snapshot else {
            transport.send(message.to, message.bytes);
            return;
        };
        let (inbox, to) = (self.inbox.clone(), message.to);
        let opened = self
            .disk
            .as_ref()
            .and_then(|disk| SnapshotReader::open(&**disk, position).ok());
        match opened {
            Some(reader) => transport.send_snapshot(
                to,
                message.bytes,
                reader,
                Box::new(move |arrived| inbox.push(Input::SnapshotSent(to, arrived))),
            ),
            None => self.core.snapshot_sent(to, false),
        }
    }

    fn leader(&self) -> Option<Server> {
        let id = self.core.view().leader?;
        if self.ended.is_some() || self.broken.is_some() && self.transport.is_some() {
            return None;
        }
        let member = self.core.membership().members.get(&id);
        Some(Server {
            raft_id: id,
            node_id: member.map(|m| m.node_id.clone()).unwrap_or_default(),
            node_name: member.map(|m| m.node_name.clone()).unwrap_or_default(),
        })
    }

    fn publish(&mut self, force: bool) {
        let view = self.core.view();
        self.indexes.last.store(view.last, Ordering::Relaxed);
        self.indexes.commit.store(view.commit, Ordering::Relaxed);
        let same = {
            let old = self.status.borrow();
            old.role == view.role
                && old.leader.as_ref().map(|l| l.raft_id) == view.leader
                && old.established == view.leads_current_term
                && old.term == view.term
                && old.membership == *self.core.membership()
        };
        if same && !force {
            return;
        }
        let leader = self.leader();
        let silent = self.ended.is_some() || self.broken.is_some() && self.transport.is_some();
        let role = if silent { Role::Follower } else { view.role };
        let old = self.status.borrow().role;
        if role != old {
            if role == Role::Leader && old == Role::Follower {
                // A lone voter is through with its candidacy before anybody looks.
                self.observer.saw(Event::Role(Role::Candidate));
            }
            self.observer.saw(Event::Role(role));
        }
        self.status.send_replace(Status {
            raft_id: view.id,
            role,
            leader,
            established: view.leads_current_term && !silent,
            term: view.term,
            last_index: view.last,
            commit_index: view.commit,
            applied_index: view.applied,
            snapshot_index: self.indexes.snapshot.load(Ordering::Relaxed),
            last_contact: self.contact.filter(|_| view.role != Role::Leader),
            disk_error: self.broken.clone(),
            ended: self.ended.clone(),
            membership: self.core.membership().clone(),
            progress: self.core.progress().collect(),
        });
    }

    fn refuse_until_shutdown(&mut self) {
        let reason = self.broken.clone().unwrap_or_default();
        for waiter in self.core.abandon() {
            waiter.refuse(ProposeError::Disk(reason.clone()));
        }
        let mut inputs = VecDeque::new();
        while self.closing.is_none() {
            self.inbox.take(&mut inputs, None);
            for input in inputs.drain(..) {
                match input {
                    Input::Propose(_, completion) => {
                        completion.call(Err(ProposeError::Disk(reason.clone())));
                    }
                    Input::Change(_, sender) => {
                        Waiter::<O>::Change(sender).refuse(ProposeError::Disk(reason.clone()));
                    }
                    Input::Shutdown(sender) => self.closing = Some(sender),
                    _ => {}
                }
            }
        }
    }

    /// Answers what waits, closes the log in order, waits for the other threads.
    fn close(mut self) {
        drop(self.inbox.close());
        for waiter in self.core.abandon() {
            waiter.refuse(ProposeError::Shutdown);
        }
        let commit = self.core.view().commit;
        let seal = self.broken.is_none().then_some(Job::Seal(commit));
        match &mut self.log {
            LogSide::Inline(writer) => drop(writer.run(seal.into_iter())),
            LogSide::Thread(inbox) => {
                let jobs = seal.into_iter().chain([Job::Stop]);
                jobs.for_each(|job| inbox.push(job));
            }
        }
        self.work.push(Work::Stop);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        if let Some(Some(sender)) = self.closing.take() {
            let _ = sender.send(());
        }
    }
}
