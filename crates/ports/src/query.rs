//! Reads as values: equal queries share one run, one wait and one encoding.

use crate::Read;
use std::time::Duration;

/// Which instances a health query lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum HealthFilter {
    /// Every instance.
    #[default]
    All,
    /// No check critical (what DNS uses without `only_passing`).
    NotCritical,
    /// All checks passing.
    Passing,
}

/// Which instances provide the service asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Via {
    /// Instances of that name.
    #[default]
    Name,
    /// Its sidecars and native instances.
    Connect,
    /// Ingress gateways that expose it.
    Ingress,
}

/// A canonical read: everything that decides the answer's content but who asks, nothing that does not. The room shares answers
/// between callers of the same [`AuthorizerId`](crate::AuthorizerId).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// What is read.
    pub read: Read,
    /// Target datacenter; empty is the answering agent's own. Doors leave it empty when it equals the own one.
    pub datacenter: String,
    /// `?filter=` text, empty for none. Applied after each run; never moves the index.
    pub filter: String,
    /// `?near=`: sort by round-trip time from this node, empty for none.
    pub near: String,
    /// `?node-meta=`, sorted by key; a node must have all.
    pub node_meta: Vec<(String, String)>,
    /// `?peer=`: data imported from that peer, empty for local data.
    pub peer: String,
}

impl Query {
    /// A query of local data without filter and order.
    pub fn new(read: Read) -> Self {
        Self {
            read,
            datacenter: String::new(),
            filter: String::new(),
            near: String::new(),
            node_meta: Vec::new(),
            peer: String::new(),
        }
    }
}

/// How current an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Consistency {
    /// The leader's word without a quorum round.
    #[default]
    Default,
    /// Any server.
    Stale,
    /// The leader proves its leadership first.
    Consistent,
}

/// How a read is to be made; not part of what equal queries share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// 0 answers at once; otherwise wait until the result's index is above this.
    pub min_index: u64,
    /// Longest wait; zero means the default query time. Clamped and jittered by the room (spec/server.md §5.2).
    pub max_wait: Duration,
    /// Consistency asked for.
    pub consistency: Consistency,
    /// With a stale read: repeat at the leader if the answering server is further behind; zero means no bound.
    pub max_stale: Duration,
}
