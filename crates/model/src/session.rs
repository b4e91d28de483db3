//! Sessions: what locks hang from.

use crate::RaftIndex;
use dialect::{List, Nanos, record};

record! {
    /// A service check that a session depends on.
    pub struct ServiceCheck {
        id: String = "ID",
        namespace: String = "Namespace",
    }
}

record! {
    /// A session (spec/server.md §3.6).
    pub struct Session {
        id: String = "ID",
        name: String = "Name",
        node: String = "Node",
        lock_delay: Nanos = "LockDelay",
        /// `release` or `delete`: what happens to held keys when the session ends.
        behavior: String = "Behavior",
        /// A duration text, "" for none.
        ttl: String = "TTL",
        node_checks: List<String> = "NodeChecks",
        service_checks: List<ServiceCheck> = "ServiceChecks",
        /// Deprecated list, kept for old snapshots.
        checks: List<String> = "Checks" [omit],
        #flatten indexes: RaftIndex,
    }
}
