//! One server's consensus as a value: ticks, messages, proposals and completions go in; writes, messages,
//! entries to apply and answers come out.
//!
//! Owns: the order of things: what may be sent before a write is durable and what only after, who is
//! answered when. Must never learn: clocks, threads, files, sockets, what a command means. raft-rs is the
//! engine inside; its rough edges (global randomness, panics, silent drops) end here
//! (docs/decisions/0004).

mod check;
mod output;
mod reads;
mod ready;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use raft::eraftpb::{Entry, Message, MessageType};
use raft::{GetEntriesContext, RawNode, ReadOnlyOption, StateRole, Storage};

pub use check::{Refused, Violation};
pub use output::{Apply, Entries, Entry as Command, Outgoing, Output, Refusal, Role, View, Wish};

use crate::faults::Faults;
use crate::log::{HardState, Position};
use crate::membership::{Change, Membership};
use crate::message;
use crate::store::Store;

/// Ticks between heartbeats of a leader.
pub const HEARTBEAT_TICKS: usize = 2;
/// Fewest ticks without a leader before an election; also the time a leader may miss its majority.
pub const ELECTION_TICKS: usize = 12;
/// Upper bound (exclusive) of the ticks before an election.
pub const ELECTION_TICKS_END: usize = 18;
/// Bytes of entries in one append message.
const MESSAGE_BYTES: u64 = 1 << 20;
/// Append messages under way to one follower.
const MESSAGES_UNDER_WAY: usize = 256;
/// Bytes of entries handed to the state machine at once.
const APPLY_BYTES: u64 = 4 << 20;
/// Bytes of proposals that wait for their majority; more are refused.
const UNCOMMITTED_BYTES: u64 = 128 << 20;
/// Bytes of entries kept in memory for followers that lag a little.
pub const CACHE_BYTES: u64 = 8 << 20;

/// What a server starts with.
pub struct Start {
    /// The server's own raft id, not 0.
    pub id: u64,
    /// Election timeouts follow from this, the id and the term.
    pub seed: u64,
    /// From the log.
    pub hard_state: HardState,
    /// Position before the first entry of the log.
    pub base: Position,
    /// The log's entries.
    pub entries: Vec<Entry>,
    /// What the state machine holds already: the newest snapshot, or the bootstrap record.
    pub applied: Position,
    /// The membership as of `applied`.
    pub membership: Membership,
    /// Whether `applied` is a snapshot file that could be sent.
    pub has_snapshot: bool,
    /// Bytes of entries kept in memory for followers that lag a little; [`CACHE_BYTES`] but in tests.
    pub cache_bytes: u64,
    /// Deliberate mistakes (tests of the tests).
    pub faults: Faults,
}

/// Things that wait for a write to be durable, in commit order.
enum Gated {
    Entries(Vec<Entry>),
    Install(Position, Membership),
}

/// One server. `W` is given back when a proposal's fate is known, `R` when a read may run.
pub struct Core<W, R> {
    node: RawNode<Store>,
    id: u64,
    seed: u64,
    faults: Faults,
    cache_bytes: u64,
    membership: Membership,
    waiting: VecDeque<(Position, W)>,
    /// Numbers of writes handed out and not yet durable.
    outstanding: VecDeque<u64>,
    /// The last of them that brought a new term or vote.
    voted: u64,
    last_ready: u64,
    held: VecDeque<(u64, Vec<Message>)>,
    gated: VecDeque<(u64, Gated)>,
    saved: HardState,
    installing: bool,
    incoming: Option<(Position, Membership)>,
    released: u64,
    applied: u64,
    read_number: u64,
    reads_next: Vec<R>,
    reads_asked: Option<(u64, Vec<R>)>,
    reads_confirmed: VecDeque<(u64, Vec<R>)>,
    leading: bool,
    out: Output<W, R>,
}

impl<W, R> Core<W, R> {
    /// Starts from what the log and the snapshot hold.
    ///
    /// # Errors
    /// [`Violation`] when they contradict each other.
    pub fn new(start: Start) -> Result<Core<W, R>, Violation> {
        let last = start.entries.last().map_or(start.base.index, |e| e.index);
        if start.id == 0 || last < start.applied.index || start.base.index > start.applied.index {
            return Err(Violation("the log does not meet the snapshot".to_owned()));
        }
        if start.hard_state.commit > last {
            return Err(Violation(format!(
                "entries up to {} were committed, but the log ends at {last}",
                start.hard_state.commit
            )));
        }
        let mut hard_state = raft::eraftpb::HardState {
            term: start.hard_state.term,
            vote: start.hard_state.vote,
            ..Default::default()
        };
        hard_state.commit = start.hard_state.commit.max(start.applied.index);
        let snapshot = start
            .has_snapshot
            .then(|| (start.applied, start.membership.clone()));
        let conf_state = start.membership.conf_state();
        let store = Store::new(hard_state, conf_state, start.base, start.entries, snapshot);
        let config = raft::Config {
            id: start.id,
            election_tick: ELECTION_TICKS,
            min_election_tick: ELECTION_TICKS,
            max_election_tick: ELECTION_TICKS_END,
            heartbeat_tick: HEARTBEAT_TICKS,
            applied: start.applied.index,
            max_size_per_msg: MESSAGE_BYTES,
            max_inflight_msgs: MESSAGES_UNDER_WAY,
            check_quorum: true,
            pre_vote: true,
            read_only_option: ReadOnlyOption::Safe,
            max_uncommitted_size: UNCOMMITTED_BYTES,
            max_committed_size_per_ready: APPLY_BYTES,
            ..raft::Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node =
            RawNode::new(&config, store, &logger).map_err(|error| Violation(error.to_string()))?;
        let mut core = Core {
            node,
            id: start.id,
            seed: start.seed,
            faults: start.faults,
            cache_bytes: start.cache_bytes,
            membership: start.membership,
            waiting: VecDeque::new(),
            outstanding: VecDeque::new(),
            voted: 0,
            last_ready: 0,
            held: VecDeque::new(),
            gated: VecDeque::new(),
            saved: start.hard_state,
            installing: false,
            incoming: None,
            released: start.applied.index,
            applied: start.applied.index,
            read_number: 0,
            reads_next: Vec::new(),
            reads_asked: None,
            reads_confirmed: VecDeque::new(),
            leading: false,
            out: Output::default(),
        };
        core.set_timeout();
        Ok(core)
    }

    /// One tick of time has passed.
    pub fn tick(&mut self) {
        // The engine insists that whoever campaigns has its own log on disk and its snapshot applied.
        // What was noted of the role may be older than the last message.
        if self.node.raft.state != StateRole::Leader && !self.may_campaign() {
            return;
        }
        self.node.tick();
        self.set_timeout();
    }

    /// Campaigns now instead of after a timeout.
    pub fn campaign(&mut self) {
        let leads = self.node.raft.state == StateRole::Leader;
        if leads || !self.node.raft.promotable() || !self.may_campaign() {
            return;
        }
        let _ = self.node.campaign();
        self.set_timeout();
    }

    /// Leads or campaigns no more, until a time-out says so.
    pub fn step_down(&mut self) {
        if self.node.raft.state != StateRole::Follower {
            let term = self.node.raft.term;
            self.node.raft.become_follower(term, raft::INVALID_ID);
            self.set_timeout();
        }
    }

    /// The connection to `peer` was refused or reset: if it leads, do not wait for the timeout.
    pub fn peer_gone(&mut self, peer: u64) {
        if self.leading {
            self.node.report_unreachable(peer);
        } else if self.node.raft.leader_id == peer {
            self.node.raft.leader_id = raft::INVALID_ID;
            self.campaign();
        }
    }

    /// Puts commands into the log, when this server leads; the others' fate comes out as refusals.
    pub fn propose(&mut self, batch: impl IntoIterator<Item = (Bytes, W)>) {
        let (mut entries, mut waiters) = (Vec::new(), Vec::new());
        for (payload, waiter) in batch {
            entries.push(Entry {
                data: payload,
                ..Entry::default()
            });
            waiters.push(waiter);
        }
        self.put(entries, waiters);
    }

    /// Puts one membership change into the log. Refused while another one is under way.
    pub fn change(&mut self, change: &Change, waiter: W) {
        let refusal = if !self.leading {
            Some(Refusal::NotLeader)
        } else if self.node.raft.has_pending_conf() || !self.gated.is_empty() {
            Some(Refusal::ChangeUnderWay)
        } else if !self.membership.allows(change) {
            Some(Refusal::ChangeImpossible)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.out.refused.push((waiter, refusal));
            return;
        }
        let (mut own, engine) = (BytesMut::new(), change.for_engine());
        change.encode(&mut own);
        let mut entry = message::entry(true, 0, 0, own.freeze());
        match protobuf_bytes(&engine) {
            Some(bytes) => entry.data = bytes,
            None => return self.out.refused.push((waiter, Refusal::ChangeImpossible)),
        }
        self.put(vec![entry], vec![waiter]);
    }

    fn put(&mut self, entries: Vec<Entry>, waiters: Vec<W>) {
        if entries.is_empty() {
            return;
        }
        let transferring = self.node.raft.lead_transferee.is_some();
        let leads = self.node.raft.state == StateRole::Leader;
        let refusal = if !leads || transferring {
            Refusal::NotLeader
        } else {
            let first = self.node.raft.raft_log.last_index() + 1;
            let term = self.node.raft.term;
            let mut message = Message::default();
            message.set_msg_type(MessageType::MsgPropose);
            message.from = self.id;
            message.set_entries(entries.into());
            if self.node.raft.step(message).is_ok() {
                let positions = (first..).map(|index| Position { index, term });
                self.waiting.extend(positions.zip(waiters));
                return;
            }
            Refusal::Full
        };
        let refused = waiters.into_iter().map(|waiter| (waiter, refusal));
        self.out.refused.extend(refused);
    }

    /// What to do with a snapshot that a leader of `term` sends.
    #[must_use]
    pub fn wants_snapshot(&self, term: u64, position: Position) -> Wish {
        let raft = &self.node.raft;
        if self.is_installing() || term < raft.term {
            Wish::Unwanted
        } else if position.index > raft.raft_log.committed {
            Wish::Wanted
        } else {
            Wish::Known
        }
    }

    /// Takes in a message from another server. For a snapshot message the file must be in place.
    ///
    /// # Errors
    /// [`Refused`] when no server that works sends such a message; nothing of it was taken in. What merely
    /// comes too late or to the wrong server is dropped.
    pub fn step(&mut self, bytes: Bytes) -> Result<(), Refused> {
        let (message, membership) = message::decode(bytes).map_err(|malformed| Refused {
            from: 0,
            reason: malformed.to_string(),
        })?;
        let from = message.from;
        if !self
            .sensible(&message)
            .map_err(|reason| Refused { from, reason })?
        {
            return Ok(());
        }
        let meta = message.get_snapshot().get_metadata();
        let position = Position {
            index: meta.index,
            term: meta.term,
        };
        let installing = self.is_installing();
        // What is left as an error is a message from a server that is not (or no longer) a member.
        let _ = self.node.step(message);
        if let Some(membership) = membership
            && !installing
            && self.is_installing()
        {
            self.incoming = Some((position, membership));
        }
        self.set_timeout();
        Ok(())
    }

    /// Everything up to write `number` is durable.
    pub fn written(&mut self, number: u64) -> Result<(), Violation> {
        while self.outstanding.front().is_some_and(|open| *open <= number) {
            self.outstanding.pop_front();
        }
        self.settle()
    }

    /// The state machine has applied everything up to `index`.
    pub fn applied(&mut self, index: u64) {
        self.applied = self.applied.max(index);
        let log = &self.node.raft.raft_log;
        let known = index.min(log.committed).min(log.persisted);
        if known > log.applied {
            self.node.advance_apply_to(known);
        }
        // What is committed and not applied the engine reads back when it campaigns: it must find it in memory.
        let upto = self.node.raft.raft_log.applied;
        let keep = if self.is_alone() { 0 } else { self.cache_bytes };
        let upto = match self.faults {
            Faults::EvictAny => self.node.raft.raft_log.last_index(),
            _ => upto,
        };
        self.node.mut_store().evict(upto, keep);
    }

    /// Entries asked for with a [`crate::store::Fetch`] from `low` on; none when they could not be read.
    pub fn fetched(&mut self, low: u64, entries: Vec<Entry>) {
        let context: Option<GetEntriesContext> = self.node.mut_store().fetched(low, entries);
        if let Some(context) = context {
            self.node.on_entries_fetched(context);
        }
        self.node.mut_store().forget_fetched();
    }

    /// A snapshot of this server's own state is in place.
    pub fn snapshot_made(&mut self, position: Position, membership: Membership) {
        let newer = match &self.node.store().snapshot {
            Some((old, _)) => old.index < position.index,
            None => true,
        };
        if newer {
            self.node.mut_store().snapshot = Some((position, membership));
        }
    }

    /// The log on disk begins at `first` now.
    pub fn compacted(&mut self, first: u64) {
        let covered = self.node.store().snapshot.as_ref().map_or(0, |s| s.0.index);
        // A snapshot may be told of before it is known here that its entries are applied.
        let applied = self.node.raft.raft_log.applied;
        self.node
            .mut_store()
            .compact(first.min(covered + 1).min(applied + 1));
    }

    /// A snapshot for `peer` arrived or not.
    pub fn snapshot_sent(&mut self, peer: u64, arrived: bool) {
        let status = if arrived {
            raft::SnapshotStatus::Finish
        } else {
            raft::SnapshotStatus::Failure
        };
        self.node.report_snapshot(peer, status);
    }

    /// Hands leadership to `peer`, when this server leads and `peer` votes.
    pub fn transfer(&mut self, peer: u64) {
        if self.leading && peer != self.id {
            self.node.transfer_leader(peer);
        }
    }

    /// Takes everything that came out. Call after each round of inputs.
    ///
    /// # Errors
    /// [`Violation`] as for [`Core::step`].
    pub fn output(&mut self) -> Result<Output<W, R>, Violation> {
        loop {
            self.note_role();
            self.ask_reads();
            if !self.node.has_ready() {
                break;
            }
            self.handle_ready()?;
            self.settle()?;
        }
        while let Some((index, _)) = self.reads_confirmed.front()
            && *index <= self.applied
        {
            if let Some((index, reads)) = self.reads_confirmed.pop_front() {
                let answered = reads.into_iter().map(|read| (read, Ok(index)));
                self.out.reads.extend(answered);
            }
        }
        self.out.fetches = self.node.mut_store().take_fetches();
        self.out.wants_snapshot = self.node.mut_store().take_snapshot_wish();
        Ok(std::mem::take(&mut self.out))
    }

    /// Gives back everyone who waits for an entry: their fate will not be known here.
    pub fn abandon(&mut self) -> Vec<W> {
        let refused = std::mem::take(&mut self.out.refused).into_iter();
        let waiting = self.waiting.drain(..).map(|(_, waiter)| waiter);
        waiting.chain(refused.map(|(waiter, _)| waiter)).collect()
    }

    fn note_role(&mut self) {
        let leading = self.node.raft.state == StateRole::Leader;
        if self.leading && !leading {
            let lost = self.waiting.drain(..);
            let lost = lost.map(|(_, waiter)| (waiter, Refusal::LeadershipLost));
            self.out.refused.extend(lost);
            let asked = self.reads_asked.take().map(|(_, reads)| reads);
            let reads = std::mem::take(&mut self.reads_next);
            let reads = reads.into_iter().chain(asked.into_iter().flatten());
            self.out
                .reads
                .extend(reads.map(|read| (read, Err(Refusal::NotLeader))));
        }
        self.leading = leading;
    }

    /// The engine draws from the global generator whenever it resets its timer; the value is replaced by
    /// one that follows from seed, id and term.
    fn set_timeout(&mut self) {
        let spread = (ELECTION_TICKS_END - ELECTION_TICKS) as u64;
        let drawn = mix(self.seed ^ mix(self.id) ^ mix(self.node.raft.term)) % spread;
        self.node
            .raft
            .set_randomized_election_timeout(ELECTION_TICKS + drawn as usize);
    }

    fn current_state(&self) -> HardState {
        let state = &self.node.store().hard_state;
        HardState {
            term: state.term,
            vote: state.vote,
            commit: state.commit,
        }
    }

    fn is_only_voter(&self) -> bool {
        let mut voters = self.membership.members.iter().filter(|(_, m)| m.voter);
        voters.next().is_some_and(|(id, _)| *id == self.id) && voters.next().is_none()
    }

    /// Where this server stands.
    #[must_use]
    pub fn view(&self) -> View {
        let raft = &self.node.raft;
        View {
            id: self.id,
            role: match raft.state {
                StateRole::Leader => Role::Leader,
                StateRole::Follower => Role::Follower,
                StateRole::Candidate | StateRole::PreCandidate => Role::Candidate,
            },
            leader: (raft.leader_id != raft::INVALID_ID).then_some(raft.leader_id),
            term: raft.term,
            last: raft.raft_log.last_index(),
            commit: raft.raft_log.committed,
            applied: self.applied,
            leads_current_term: self.leading
                && self
                    .position(self.applied)
                    .is_some_and(|at| at.term == raft.term),
        }
    }

    /// The membership acted under.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Term of the entry at `index`, when the log still knows it.
    #[must_use]
    pub fn position(&self, index: u64) -> Option<Position> {
        self.node.store().position(index)
    }

    /// First and last index of the log.
    #[must_use]
    pub fn range(&self) -> (u64, u64) {
        let store = self.node.store();
        (
            store.first_index().unwrap_or(1),
            store.last_index().unwrap_or(0),
        )
    }

    /// Whether there is nobody else.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.membership.members.len() <= 1
    }

    /// Whether nothing is under way: a driver may sleep without ticking when it is alone.
    #[must_use]
    pub fn is_idle_alone(&self) -> bool {
        self.leading && self.is_only_voter() && self.is_alone()
    }

    /// How far each follower is known to have the log, for a leader.
    pub fn progress(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let leading = self.leading;
        let all = self.node.raft.prs().iter();
        all.filter(move |_| leading).map(|(id, p)| (*id, p.matched))
    }
}

fn protobuf_bytes(change: &raft::eraftpb::ConfChangeV2) -> Option<Bytes> {
    use protobuf::Message as _;
    change.write_to_bytes().ok().map(Bytes::from)
}

/// The finalizer of splitmix64: a fixed, well-spread function of 64 bits.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
