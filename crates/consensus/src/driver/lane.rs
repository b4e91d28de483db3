//! A worker behind a queue that is passed by while it is empty.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

/// Work is done here, or on a thread beside, never both at once and never out of order: while anything is handed out, all that
/// follows is handed out after it.
pub(crate) struct Lane<T> {
    worker: Arc<Mutex<T>>,
    /// Pieces of work that were handed out and did not come back.
    away: usize,
}

impl<T> Lane<T> {
    pub(crate) fn new(worker: T) -> Lane<T> {
        Lane {
            worker: Arc::new(Mutex::new(worker)),
            away: 0,
        }
    }

    /// The worker, when nothing is away; nobody else holds it then.
    pub(crate) fn here(&self) -> Option<MutexGuard<'_, T>> {
        (self.away == 0).then(|| self.worker.lock())
    }

    pub(crate) fn worker(&self) -> &Arc<Mutex<T>> {
        &self.worker
    }

    pub(crate) fn left(&mut self, count: usize) {
        self.away += count;
    }

    pub(crate) fn back(&mut self, count: usize) {
        self.away = self.away.saturating_sub(count);
    }
}
