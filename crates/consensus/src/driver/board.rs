//! What a driver shows of itself without being asked.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use parking_lot::Mutex;

/// Indexes that move too often for the watched status.
#[derive(Default)]
pub struct Indexes {
    pub(crate) last: AtomicU64,
    pub(crate) commit: AtomicU64,
    pub(crate) snapshot: AtomicU64,
    /// Moves after the state machine shows what it says.
    pub(crate) applied: AtomicU64,
    pub(crate) heard: Mutex<Heard>,
}

impl Indexes {
    /// Last index applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied.load(std::sync::atomic::Ordering::Acquire)
    }
}

/// What moves with the messages of others; taken down once a tick.
#[derive(Default, Clone)]
pub(crate) struct Heard {
    /// When the leader was last heard, for a server that follows.
    pub(crate) contact: Option<Instant>,
    /// How far each server's log is known to match, for a leader.
    pub(crate) progress: Vec<(u64, u64)>,
}
