//! Deliberate mistakes, one at a time, so that a test can show that the simulation would notice them.
//! All are off by default; nothing but the simulator sets them.

use crate::log::HardState;

/// Which rule is broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Faults {
    /// None.
    #[default]
    None,
    /// Every third batch is not synced.
    SkipSync,
    /// The vote is written as "none".
    ForgetVote,
    /// Every fifth completion is never called.
    DropWaiter,
    /// One entry more than committed is handed to the state machine.
    CommitAhead,
    /// Reads are answered without asking a majority.
    ReadUnconfirmed,
    /// What a start reads from the log counts as durable.
    TrustCache,
    /// A start syncs what it read, and does not write it again before.
    SyncUnwritten,
    /// A write counts as durable when the one before it is.
    WrittenEarly,
    /// A vote is sent before it is on disk.
    VoteEarly,
    /// A snapshot takes one entry more from the log than it covers.
    PurgeTooFar,
    /// Whether old segments could be removed is not looked at. Nothing notices, since it cannot matter: a snapshot covers them
    /// (`segments_left_behind_by_a_purge_change_nothing`); it would say nothing of a medium that fails.
    IgnorePurge,
    /// Appends reach the engine unchecked.
    AnyAppend,
    /// A campaign may begin at any time.
    AnyCampaign,
    /// Votes count at any time.
    AnyVote,
    /// Entries leave the memory before they are applied.
    EvictAny,
    /// An index is shown before the state machine shows what it says.
    ShowEarly,
    /// Reads wait for what was handed to the state machine, not for what it has applied.
    TellEarly,
    /// A server whose log failed goes on sending.
    BrokenSends,
    /// What found no space is forgotten, and what comes after it is written.
    ForgetFull,
    /// Reading old entries back panics.
    PanicInFetch,
}

impl Faults {
    pub(crate) fn skips_sync(self, sync: u64) -> bool {
        self == Faults::SkipSync && sync.is_multiple_of(3)
    }

    pub(crate) fn saved_state(self, state: HardState) -> HardState {
        if self == Faults::ForgetVote {
            HardState { vote: 0, ..state }
        } else {
            state
        }
    }

    pub(crate) fn drops_waiter(self, index: u64) -> bool {
        self == Faults::DropWaiter && index.is_multiple_of(5)
    }
}
