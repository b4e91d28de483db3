//! Bytes that are held for peers: of one connection, and of all.

use crate::limits::DOOR_BYTES_MAX;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One connection's share; dropping it gives everything back.
pub(crate) struct Budget {
    all: Arc<AtomicUsize>,
    own: usize,
    most: usize,
}

impl Budget {
    pub(crate) fn new(all: Arc<AtomicUsize>, most: usize) -> Self {
        Self { all, own: 0, most }
    }

    /// Something that held `was` bytes now holds `is`; `false` when that is too much. It is counted all the same: who is told so
    /// lets it go.
    pub(crate) fn change(&mut self, was: usize, is: usize) -> bool {
        self.own = self.own - was + is;
        if is <= was {
            self.all.fetch_sub(was - is, Ordering::Relaxed);
            return true;
        }
        let all = self.all.fetch_add(is - was, Ordering::Relaxed) + is - was;
        self.own <= self.most && all <= DOOR_BYTES_MAX
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}
