//! What every connection is served with.

use crate::budget::Budget;
use crate::limits::Limits;
use crate::port::{Methods, Snapshots};
use rt::Time;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// The ports behind the door, its limits and its clock.
pub(crate) struct Inside {
    pub(crate) methods: Arc<dyn Methods>,
    pub(crate) snapshots: Arc<dyn Snapshots>,
    pub(crate) limits: Limits,
    pub(crate) time: Time,
    held: Arc<AtomicUsize>,
}

impl Inside {
    pub(crate) fn new(
        methods: Arc<dyn Methods>,
        snapshots: Arc<dyn Snapshots>,
        limits: Limits,
        time: Time,
    ) -> Self {
        Self {
            methods,
            snapshots,
            limits,
            time,
            held: Arc::default(),
        }
    }

    /// What a new connection may hold.
    pub(crate) fn budget(&self) -> Budget {
        Budget::new(self.held.clone(), self.limits.connection_bytes)
    }
}
