//! What the query machinery counts; metrics and tests read it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start. Plain atomics, read at any time.
#[derive(Debug, Default)]
pub struct Counters {
    /// Queries run against a root.
    pub runs: AtomicU64,
    /// Reads answered from an answer already there.
    pub hits: AtomicU64,
    /// Groups with waiters that a commit touched.
    pub notified_groups: AtomicU64,
    /// Waiters that a commit woke.
    pub wakeups: AtomicU64,
    /// Of these, the ones whose new answer has no higher index than they waited for.
    pub spurious: AtomicU64,
    /// Waiters that ran into their deadline.
    pub timeouts: AtomicU64,
    /// Groups dropped from the cache of answers.
    pub evictions: AtomicU64,
    /// Reads and writes refused because a limit was reached.
    pub limited: AtomicU64,
    /// Batches of commands applied.
    pub batches: AtomicU64,
    /// Commands applied.
    pub commands: AtomicU64,
    /// Coordinates dropped because too many arrived between two batches.
    pub dropped_coordinates: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
