//! What a [`super::Core`] hands out.

use bytes::Bytes;
use raft::eraftpb::Entry as RaftEntry;

use crate::log::{Position, Write};
use crate::membership::Membership;
use crate::store::Fetch;

/// A committed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Log index.
    pub index: u64,
    /// Term.
    pub term: u64,
    /// The command's bytes.
    pub payload: Bytes,
}

/// Why a proposal or a read did not happen, or may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not the leader: nothing was done.
    NotLeader,
    /// Leadership ended: the command may still be committed.
    LeadershipLost,
    /// Too much waits already: nothing was done.
    Full,
    /// Another membership change is under way: nothing was done.
    ChangeUnderWay,
    /// The change would alter nothing or leave no voter: nothing was done.
    ChangeImpossible,
}

/// A message to another server.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Raft id of the receiver.
    pub to: u64,
    /// The message.
    pub bytes: Bytes,
    /// The snapshot file whose bytes have to arrive before the message does.
    pub snapshot: Option<Position>,
}

/// Commands to apply at once.
#[derive(Debug)]
pub struct Entries<W> {
    /// Ascending by index; entries without a command are left out.
    pub entries: Vec<Entry>,
    /// Who waits, by position in `entries`, ascending.
    pub waiters: Vec<(u32, W)>,
    /// The last index this brings the state to, and its term.
    pub upto: Position,
}

impl<W> Default for Entries<W> {
    fn default() -> Self {
        Entries {
            entries: Vec::new(),
            waiters: Vec::new(),
            upto: Position::default(),
        }
    }
}

impl<W> Entries<W> {
    pub(super) fn push(&mut self, entry: RaftEntry, waiter: Option<W>) {
        self.upto = Position {
            index: entry.index,
            term: entry.term,
        };
        if let Some(waiter) = waiter {
            self.waiters.push((self.entries.len() as u32, waiter));
        }
        // A new leader's first entry is empty and means nothing to the state machine.
        if !entry.data.is_empty() {
            self.entries.push(Entry {
                index: entry.index,
                term: entry.term,
                payload: entry.data,
            });
        }
    }
}

/// Work for the state machine, in order.
#[derive(Debug)]
pub enum Apply<W> {
    /// Commands.
    Entries(Entries<W>),
    /// The membership changed (or a change turned out impossible and it did not).
    Membership {
        /// Where in the log.
        position: Position,
        /// The membership from here on.
        membership: Membership,
        /// Who asked.
        waiter: Option<W>,
    },
    /// Replace the state by the snapshot in place at this position.
    Restore(Position, Membership),
}

impl<W> Apply<W> {
    /// The last index that it brings the state to.
    pub(crate) fn upto(&self) -> u64 {
        match self {
            Apply::Entries(batch) => batch.upto.index,
            Apply::Membership { position, .. } | Apply::Restore(position, _) => position.index,
        }
    }

    /// Bytes of commands in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Apply::Entries(batch) => batch.entries.iter().map(|entry| entry.payload.len()).sum(),
            Apply::Membership { .. } | Apply::Restore(..) => 0,
        }
    }
}

/// Everything that came out of a round.
#[derive(Debug)]
pub struct Output<W, R> {
    /// To make durable, in order; answer with [`super::Core::written`].
    pub writes: Vec<Write>,
    /// To send now.
    pub messages: Vec<Outgoing>,
    /// To apply, in order; answer with [`super::Core::applied`].
    pub apply: Vec<Apply<W>>,
    /// Proposals that came to nothing, or may have.
    pub refused: Vec<(W, Refusal)>,
    /// Reads that may run (with the index they see at least), or not.
    pub reads: Vec<(R, Result<u64, Refusal>)>,
    /// Entries to read from disk; answer with [`super::Core::fetched`].
    pub fetches: Vec<Fetch>,
    /// A follower needs a snapshot and there is none that reaches far enough.
    pub wants_snapshot: bool,
}

impl<W, R> Default for Output<W, R> {
    fn default() -> Self {
        Output {
            writes: Vec::new(),
            messages: Vec::new(),
            apply: Vec::new(),
            refused: Vec::new(),
            reads: Vec::new(),
            fetches: Vec::new(),
            wants_snapshot: false,
        }
    }
}

/// What is to become of a snapshot that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Put the file in place, then give in its message.
    Wanted,
    /// All of it is here: only the message is to be given in, whose answer tells the leader so. Without one it would send the
    /// snapshot for ever.
    Known,
    /// Neither: another one is being installed, or its leader leads no more.
    Unwanted,
}

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Follows a leader or waits for one.
    #[default]
    Follower,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

/// Where a server stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Its raft id.
    pub id: u64,
    /// What it does.
    pub role: Role,
    /// Raft id of the leader it knows of.
    pub leader: Option<u64>,
    /// Current term.
    pub term: u64,
    /// Last index in the log.
    pub last: u64,
    /// Last index known to be committed.
    pub commit: u64,
    /// Last index applied.
    pub applied: u64,
    /// Leads, and has applied an entry of its own term: nothing committed before is missing in its state machine.
    pub leads_current_term: bool,
}
