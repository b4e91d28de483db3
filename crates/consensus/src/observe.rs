//! What the engine tells about its work, for whoever keeps metrics. It measures; it decides nothing by what it measured.

use std::time::Duration;

use crate::core::Role;

/// Something that the engine did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The log stands open: entries found in it and their bytes. Term and vote were read.
    Opened {
        /// Entries read back.
        entries: u64,
        /// Bytes of their payloads.
        bytes: u64,
    },
    /// This server does something else now.
    Role(Role),
    /// A batch is in the log.
    Logged(Logged),
    /// Entries were read back for a peer that lags.
    Read {
        /// How many.
        entries: u64,
        /// Bytes of their payloads.
        bytes: u64,
    },
    /// Committed work waited this long for the apply thread.
    Waited(Duration),
    /// A snapshot was written.
    Snapshot {
        /// Time to take a handle on the state and to begin the file.
        create: Duration,
        /// Time to write it and to put it in place.
        persist: Duration,
    },
}

/// What one write to the log was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Logged {
    /// What it added.
    pub counts: Counts,
    /// From the write to the end of its sync.
    pub took: Duration,
    /// Age of the segment that a new one follows, when one was begun.
    pub rotated: Option<Duration>,
}

/// What a log has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches written.
    pub appends: u64,
    /// Entries in them.
    pub entries: u64,
    /// Bytes of the entries' payloads.
    pub bytes: u64,
    /// Writes of term, vote and commit index.
    pub states: u64,
    /// Segments begun.
    pub segments: u64,
    /// Entries that went with their segments, because a snapshot covers them.
    pub head_cut: u64,
    /// Entries replaced by a leader's.
    pub tail_cut: u64,
}

impl Counts {
    /// What was added since `before`.
    #[must_use]
    pub fn since(&self, before: &Counts) -> Counts {
        Counts {
            appends: self.appends - before.appends,
            entries: self.entries - before.entries,
            bytes: self.bytes - before.bytes,
            states: self.states - before.states,
            segments: self.segments - before.segments,
            head_cut: self.head_cut - before.head_cut,
            tail_cut: self.tail_cut - before.tail_cut,
        }
    }
}

/// Told about every event, on the engine's own threads: it must not block.
pub trait Observer: Send + Sync + 'static {
    /// It happened.
    fn saw(&self, event: Event);
}

/// Tells nobody.
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn saw(&self, _: Event) {}
}
