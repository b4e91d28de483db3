//! The engine's side of the driver: moves inputs into the [`Core`] and its outputs to whom they concern, and shows how things
//! stand. It decides nothing but what to do when the disk fails.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::core::{Core, Outgoing, Refusal, Role, Violation, Wish};
use crate::driver::apply::{Progress, Work};
use crate::driver::input::{Input, ReadWaiter, Waiter};
use crate::driver::writer::{Done, Job};
use crate::driver::{Heard, Indexes, Outputs};
use crate::faults::Faults;
use crate::message;
use crate::observe::{Event, Observer};
use crate::snapshot::SnapshotMeta;
use crate::status::{ProposeError, ReadError, Server, Status};

/// Longest time that a snapshot may be under way before it counts as lost.
const SENDING_LIMIT: Duration = Duration::from_secs(3600);
/// Ticks that are made up for at once after the thread was held up; more are forgotten.
const MAX_LATE_TICKS: u32 = 4;

pub(super) struct Engine<O> {
    pub(super) core: Core<Waiter<O>, ReadWaiter>,
    /// There is no way to other servers.
    lone: bool,
    tick: Duration,
    /// Entries kept before a snapshot.
    trailing: u64,
    pub(super) status: watch::Sender<Status>,
    pub(super) indexes: Arc<Indexes>,
    /// Why the log takes no writes.
    pub(super) broken: Option<String>,
    /// Why it takes part no more.
    ended: Option<String>,
    next_tick: Instant,
    contact: Option<Instant>,
    /// Snapshots under way to others, with the time each began.
    sending: BTreeMap<u64, Instant>,
    pub(super) closing: Option<Option<oneshot::Sender<()>>>,
    observer: Arc<dyn Observer>,
    faults: Faults,
}

impl<O> Engine<O> {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(
        core: Core<Waiter<O>, ReadWaiter>,
        lone: bool,
        tick: Duration,
        trailing: u64,
        indexes: Arc<Indexes>,
        observer: Arc<dyn Observer>,
        now: Instant,
        faults: Faults,
    ) -> Engine<O> {
        let (status, _) = watch::channel(Status {
            raft_id: core.view().id,
            ..Status::default()
        });
        Engine {
            core,
            lone,
            tick,
            trailing,
            status,
            indexes,
            broken: None,
            ended: None,
            next_tick: now + tick,
            contact: None,
            sending: BTreeMap::new(),
            closing: None,
            observer,
            faults,
        }
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        (!self.is_asleep()).then_some(self.next_tick)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether the log takes no writes: then nothing is said to others, who would count on it.
    fn is_silent(&self) -> bool {
        self.broken.is_some() && self.faults != Faults::BrokenSends
    }

    fn is_asleep(&self) -> bool {
        self.is_silent() || self.ended.is_some() || self.core.is_idle_alone()
    }

    pub(super) fn pass_ticks(&mut self, now: Instant) {
        if self.is_asleep() {
            return;
        }
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

    pub(super) fn take_in(
        &mut self,
        now: Instant,
        inputs: &mut VecDeque<Input<O>>,
        out: &mut Outputs<O>,
    ) -> Result<(), Violation> {
        let mut proposals: Vec<(Bytes, Waiter<O>)> = Vec::new();
        for input in inputs.drain(..) {
            if self.ended.is_some() {
                self.refuse(input);
                continue;
            }
            match input {
                Input::Propose(payload, completion) => match &self.broken {
                    Some(reason) => completion.call(Err(ProposeError::Disk(reason.clone()))),
                    None => proposals.push((payload, Waiter::Command(completion))),
                },
                // A barrier or a change stands after the proposals that came before it.
                Input::Read(read) if self.broken.is_some() && !self.lone => {
                    read.call(Err(ReadError::NotLeader { leader: None }));
                }
                Input::Read(read) => self.core.read(read),
                Input::Change(change, completion) => {
                    self.core.propose(proposals.drain(..));
                    match &self.broken {
                        Some(reason) => completion.call(Err(ProposeError::Disk(reason.clone()))),
                        None => self.core.change(&change, Waiter::Change(completion)),
                    }
                }
                other => self.take_in_event(now, other, out)?,
            }
        }
        if !proposals.is_empty() {
            self.core.propose(proposals);
        }
        Ok(())
    }

    fn take_message(&mut self, now: Instant, from: u64, bytes: Bytes, out: &mut Outputs<O>) {
        let refused = match message::sender(&bytes) {
            Some(sender) if sender == from => self.core.step(bytes).err().map(|r| r.reason),
            _ => Some("it names another sender, or none".to_owned()),
        };
        match refused {
            None if self.core.view().leader == Some(from) => self.contact = Some(now),
            None => {}
            Some(reason) => {
                tracing::error!(from, %reason, "a peer sent what cannot be");
                out.disconnects.push(from);
            }
        }
    }

    fn take_in_event(
        &mut self,
        now: Instant,
        input: Input<O>,
        out: &mut Outputs<O>,
    ) -> Result<(), Violation> {
        match input {
            Input::Message(from, bytes) if !self.is_silent() => {
                self.take_message(now, from, bytes, out);
            }
            Input::Applied(_, progress) => self.applied(&progress),
            Input::Log(_, done) => {
                for done in done {
                    self.log_done(done)?;
                }
            }
            Input::SnapshotEnded(made) => self.snapshot_ended(made, out),
            Input::SnapshotSent(peer, arrived) => {
                self.sending.remove(&peer);
                self.core.snapshot_sent(peer, arrived);
            }
            Input::Wanted(term, position, answer) => {
                let wanted = match self.broken {
                    None => self.core.wants_snapshot(term, position),
                    Some(_) => Wish::Unwanted,
                };
                // Who asked may have given up.
                let _ = answer.send(wanted);
            }
            Input::SnapshotNow => out.work.push(Work::Snapshot),
            Input::PeerGone(peer) => self.core.peer_gone(peer),
            Input::Transfer(peer) => self.core.transfer(peer),
            Input::Campaign => self.core.campaign(),
            Input::Stopped(reason) => return Err(Violation(reason)),
            Input::Shutdown(sender) => self.closing = Some(sender),
            Input::Message(..) | Input::Propose(..) | Input::Change(..) | Input::Read(_) => {}
        }
        Ok(())
    }

    fn snapshot_ended(&mut self, made: Option<(SnapshotMeta, u64)>, out: &mut Outputs<O>) {
        let Some((meta, bytes)) = made else {
            return out.work.push(Work::SnapshotEnded(None));
        };
        out.work.push(Work::SnapshotEnded(Some(bytes)));
        let index = meta.position.index;
        self.indexes.snapshot.store(index, Ordering::Relaxed);
        self.core.snapshot_made(meta.position, meta.membership);
        if self.broken.is_none() {
            let first = (index + 1).saturating_sub(self.trailing).max(1);
            out.jobs.push(Job::Purge(first));
        }
    }

    /// The state machine shows everything up to there.
    pub(super) fn applied(&mut self, progress: &Progress) {
        self.core.applied(progress.0.index);
    }

    /// Hands on what came out.
    pub(super) fn round(&mut self, now: Instant, out: &mut Outputs<O>) -> Result<(), Violation> {
        let output = self.core.output()?;
        for message in output.messages {
            self.send(now, message, out);
        }
        if self.broken.is_none() {
            out.jobs.extend(output.writes.into_iter().map(Job::Write));
            out.jobs.extend(output.fetches.into_iter().map(Job::Fetch));
        }
        if self.faults == Faults::TellEarly
            && let Some(upto) = output.apply.iter().map(crate::core::Apply::upto).max()
        {
            self.core.applied(upto);
        }
        let work = output
            .apply
            .into_iter()
            .map(|apply| Work::Apply(apply, now));
        out.work.extend(work);
        if output.wants_snapshot {
            out.work.push(Work::Snapshot);
        }
        for (waiter, refusal) in output.refused {
            let error = self.propose_error(refusal);
            waiter.refuse(error);
        }
        for (read, result) in output.reads {
            let leader = || self.leader();
            read.call(result.map_err(|_| ReadError::NotLeader { leader: leader() }));
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

    pub(super) fn log_done(&mut self, done: Done) -> Result<(), Violation> {
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

    fn send(&mut self, now: Instant, message: Outgoing, out: &mut Outputs<O>) {
        if self.lone || self.is_silent() {
            return;
        }
        if message.snapshot.is_some() {
            self.sending.insert(message.to, now);
        }
        out.messages.push(message);
    }

    fn leader(&self) -> Option<Server> {
        let id = self.core.view().leader?;
        if self.ended.is_some() || self.broken.is_some() && !self.lone {
            return None;
        }
        let member = self.core.membership().members.get(&id);
        Some(Server {
            raft_id: id,
            node_id: member.map(|m| m.node_id.clone()).unwrap_or_default(),
            node_name: member.map(|m| m.node_name.clone()).unwrap_or_default(),
        })
    }

    pub(super) fn publish(&mut self, force: bool) {
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
        let silent = self.ended.is_some() || self.broken.is_some() && !self.lone;
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

    /// After this all that comes in is refused.
    pub(super) fn end(&mut self, reason: String) {
        tracing::error!(%reason, "consensus ended");
        for waiter in self.core.abandon() {
            waiter.refuse(ProposeError::Disk(reason.clone()));
        }
        self.broken = Some(reason.clone());
        self.ended = Some(reason);
        self.publish(true);
    }

    fn refuse(&mut self, input: Input<O>) {
        let error = || ProposeError::Disk(self.ended.clone().unwrap_or_default());
        match input {
            Input::Propose(_, completion) => completion.call(Err(error())),
            Input::Change(_, completion) => completion.call(Err(error())),
            Input::Shutdown(sender) => self.closing = Some(sender),
            // Who waits for one of the others is told by its end.
            _ => {}
        }
    }

    pub(super) fn close(&mut self) -> Option<Job> {
        for waiter in self.core.abandon() {
            waiter.refuse(ProposeError::Shutdown);
        }
        let commit = self.core.view().commit;
        self.broken.is_none().then_some(Job::Seal(commit))
    }
}
