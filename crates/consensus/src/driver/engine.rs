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
/// Pause before the log is tried again after it found no space.
const SPACE_PAUSE: Duration = Duration::from_secs(1);
/// Ticks that are made up for at once after the thread was held up; more are forgotten.
const MAX_LATE_TICKS: u32 = 4;

/// Why the log takes no writes, and for how long.
pub(super) struct Broken {
    pub(super) reason: String,
    pub(super) until: Until,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Nobody knows what the medium holds.
    Restart,
    /// There is no space; it is tried again then.
    Space(Instant),
    /// It is being tried.
    Tried,
}

pub(super) struct Engine<O> {
    pub(super) core: Core<Waiter<O>, ReadWaiter>,
    /// There is no way to other servers.
    lone: bool,
    tick: Duration,
    /// Entries kept before a snapshot.
    trailing: u64,
    pub(super) status: watch::Sender<Status>,
    pub(super) indexes: Arc<Indexes>,
    pub(super) broken: Option<Broken>,
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
        match self.broken {
            Some(Broken {
                until: Until::Space(at),
                ..
            }) => Some(at),
            _ => (!self.is_asleep()).then_some(self.next_tick),
        }
    }

    /// Whether the log takes no writes before a restart.
    pub(super) fn has_failed(&self) -> bool {
        let broken = self.broken.as_ref();
        broken.is_some_and(|broken| broken.until == Until::Restart)
    }

    fn disk_error(&self) -> Option<ProposeError> {
        let broken = self.broken.as_ref();
        broken.map(|broken| ProposeError::Disk(broken.reason.clone()))
    }

    /// Tries the log again when it is time.
    pub(super) fn try_again(&mut self, now: Instant, out: &mut Outputs<O>) {
        if let Some(Broken { until, .. }) = &mut self.broken
            && let Until::Space(at) = *until
            && at <= now
        {
            *until = Until::Tried;
            out.jobs.push(Job::Retry);
        }
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
                Input::Propose(payload, completion) => match self.disk_error() {
                    Some(error) => completion.call(Err(error)),
                    None => proposals.push((payload, Waiter::Command(completion))),
                },
                // A barrier or a change stands after the proposals that came before it.
                Input::Read(read) if self.broken.is_some() && !self.lone => {
                    read.call(Err(ReadError::NotLeader { leader: None }));
                }
                Input::Read(read) => self.core.read(read),
                Input::Change(change, completion) => {
                    self.core.propose(proposals.drain(..));
                    match self.disk_error() {
                        Some(error) => completion.call(Err(error)),
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
            Input::Log(_, done) => self.log_done(now, done)?,
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
            Input::PeerGone(_) | Input::Transfer(_) | Input::Campaign if self.is_silent() => {}
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
        if !self.has_failed() {
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
        if !self.has_failed() {
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
        match (self.disk_error(), refusal) {
            (Some(error), _) => error,
            (None, Refusal::NotLeader) => ProposeError::NotLeader {
                leader: self.leader(),
            },
            (None, Refusal::LeadershipLost) => ProposeError::LeadershipLost,
            (None, Refusal::Full) => ProposeError::Full,
            (None, Refusal::ChangeUnderWay) => ProposeError::ChangeUnderWay,
            (None, Refusal::ChangeImpossible) => ProposeError::ChangeImpossible,
        }
    }

    pub(super) fn log_done(&mut self, now: Instant, done: Vec<Done>) -> Result<(), Violation> {
        let full = done.iter().any(|done| matches!(done, Done::Full(_)));
        for done in done {
            match done {
                Done::Written(number) => {
                    if !full {
                        self.go_on();
                    }
                    self.core.written(number)?;
                }
                Done::Purged(first) => self.core.compacted(first),
                Done::Fetched(low, entries) => self.core.fetched(low, entries),
                Done::Full(reason) => self.break_down(reason, Until::Space(now + SPACE_PAUSE)),
                Done::Failed(reason) => self.break_down(reason, Until::Restart),
            }
        }
        Ok(())
    }

    /// The log takes no writes: from here on nothing is acknowledged. With peers this server falls silent, so that they elect
    /// another; alone it goes on answering reads. Without space it is for a time, after any other error until a restart.
    fn break_down(&mut self, reason: String, until: Until) {
        match &mut self.broken {
            Some(broken) if broken.until == Until::Restart => return,
            // Still no space.
            Some(broken) if until != Until::Restart => {
                *broken = Broken { reason, until };
                return;
            }
            _ => {}
        }
        if until == Until::Restart {
            tracing::error!(%reason, "the raft log failed; writes are refused until a restart");
        } else {
            tracing::error!(%reason, "the raft log has no space; writes are refused until it has some");
            if !self.lone {
                self.core.step_down();
            }
        }
        let told = self.core.abandon();
        let error = ProposeError::Disk(reason.clone());
        self.broken = Some(Broken { reason, until });
        // Who is told looks at the status next.
        self.publish(true);
        for waiter in told {
            waiter.refuse(error.clone());
        }
    }

    /// What found no space is written now.
    fn go_on(&mut self) {
        if self.broken.is_some() && !self.has_failed() {
            tracing::info!("the raft log has space again; writes are accepted");
            self.broken = None;
            self.publish(true);
        }
    }

    fn send(&mut self, now: Instant, message: Outgoing, out: &mut Outputs<O>) {
        if self.lone || self.is_silent() {
            if message.snapshot.is_some() {
                self.core.snapshot_sent(message.to, false);
            }
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
            disk_error: self.broken.as_ref().map(|broken| broken.reason.clone()),
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
        self.broken = Some(Broken {
            reason: reason.clone(),
            until: Until::Restart,
        });
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
