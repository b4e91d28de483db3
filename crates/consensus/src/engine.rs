//! The engine thread: moves inputs into the [`Core`] and its outputs to the log, the peers and the apply
//! thread. It decides nothing but what to do when the disk fails.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::apply::Work;
use crate::core::{Core, Outgoing, Output, Refusal, Role, Violation};
use crate::disk::Disk;
use crate::inbox::Inbox;
use crate::log::Position;
use crate::machine::Transport;
use crate::membership::Change;
use crate::message;
use crate::observe::{Event, Observer};
use crate::snapshot::{SnapshotFile, SnapshotMeta};
use crate::status::{ProposeError, ReadError, Server, Status};
use crate::writer::{Done, Job, Writer};

/// Entries kept on disk before a snapshot, for followers that lag.
const TRAILING_ENTRIES: u64 = 10_000;
/// Longest time that a snapshot may be under way before it counts as lost.
const SENDING_LIMIT: Duration = Duration::from_secs(3600);
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

/// Tells what became of a snapshot exactly once: that it failed, when whoever carried it went without a word. A follower that
/// nobody reports on would never be sent anything again.
struct Report<F: FnMut(bool)>(Option<F>);

impl<F: FnMut(bool)> Report<F> {
    fn tell(&mut self, arrived: bool) {
        if let Some(mut tell) = self.0.take() {
            tell(arrived);
        }
    }
}

impl<F: FnMut(bool)> Drop for Report<F> {
    fn drop(&mut self) {
        self.tell(false);
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
    /// Whether the snapshot that a leader of that term sends is wanted.
    Wanted(u64, Position, std::sync::mpsc::Sender<bool>),
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
    /// Snapshots under way to others, with the time each began.
    pub(crate) sending: BTreeMap<u64, Instant>,
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
    pub(crate) heard: Mutex<Heard>,
}

/// What moves with the messages of others; taken down once a tick.
#[derive(Default, Clone)]
pub(crate) struct Heard {
    /// When the leader was last heard, for a server that follows.
    pub(crate) contact: Option<Instant>,
    /// How far each server's log is known to match, for a leader.
    pub(crate) progress: Vec<(u64, u64)>,
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
        if late > 0 {
            self.take_down();
        }
        let old = |began: &Instant| now.saturating_duration_since(*began) > SENDING_LIMIT;
        for peer in self
            .sending
            .extract_if(.., |_, began| old(began))
            .map(|(peer, _)| peer)
        {
            self.core.snapshot_sent(peer, false);
        }
    }

    /// What the status tells of others stays as fresh as a tick.
    fn take_down(&self) {
        let leads = self.core.view().role == Role::Leader;
        *self.indexes.heard.lock() = Heard {
            contact: self.contact.filter(|_| !leads),
            progress: self.core.progress().collect(),
        };
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

    fn take_message(&mut self, bytes: Bytes) {
        let from = message::sender(&bytes);
        match self.core.step(bytes) {
            Ok(()) => {
                if from.is_some() && from == self.core.view().leader {
                    self.contact = Some(Instant::now());
                }
            }
            Err(refused) => {
                tracing::error!(%refused, "a peer sent what cannot be");
                if let Some(transport) = &self.transport {
                    transport.disconnect(refused.from);
                }
            }
        }
    }

    fn take_in_event(&mut self, input: Input<O>) -> Result<(), Violation> {
        match input {
            Input::Message(bytes) if self.broken.is_none() => self.take_message(bytes),
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
            Input::SnapshotSent(peer, arrived) => {
                self.sending.remove(&peer);
                self.core.snapshot_sent(peer, arrived);
            }
            Input::Wanted(term, position, answer) => {
                let wanted = self.broken.is_none() && self.core.wants_snapshot(term, position);
                // Who asked may have given up.
                let _ = answer.send(wanted);
            }
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
            let bytes = apply.bytes();
            self.work
                .push_weighed(Work::Apply(apply, Instant::now()), bytes);
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
            LogSide::Thread(inbox) => {
                for job in jobs {
                    let bytes = job.bytes();
                    inbox.push_weighed(job, bytes);
                }
            }
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
        let to = message.to;
        let opened = self
            .disk
            .as_ref()
            .and_then(|disk| SnapshotFile::open(&**disk, position).ok());
        let Some(file) = opened else {
            return self.core.snapshot_sent(to, false);
        };
        self.sending.insert(to, Instant::now());
        let inbox = self.inbox.clone();
        let mut report = Report(Some(move |arrived| {
            inbox.push(Input::SnapshotSent(to, arrived));
        }));
        let done = Box::new(move |arrived| report.tell(arrived));
        transport.send_snapshot(to, message.bytes, file, done);
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
        self.take_down();
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

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn what_became_of_a_snapshot_is_told_once_even_by_who_goes_without_a_word() {
        let (sender, told) = std::sync::mpsc::channel();
        let report = || {
            let sender = sender.clone();
            Report(Some(move |arrived| sender.send(arrived).unwrap()))
        };
        drop(report());
        report().tell(true);
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [false, true]);
    }
}
