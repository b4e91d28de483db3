//! Reads as values: equal queries share one run, one wait and one encoding.

use bytes::Bytes;
use std::time::Duration;

/// What is read. Names are as the client spelt them; the room folds case where the table does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// One key.
    KvGet {
        /// The key's bytes.
        key: Bytes,
    },
    /// All entries under a prefix.
    KvList {
        /// May be empty: everything.
        prefix: Bytes,
    },
    /// Key names under a prefix, cut after the separator (empty: not cut).
    KvKeys {
        /// May be empty.
        prefix: Bytes,
        /// May be empty.
        separator: Bytes,
    },
    /// One session.
    SessionGet {
        /// Opaque ID.
        id: String,
    },
    /// Sessions of a node.
    SessionsOfNode {
        /// Node name.
        node: String,
    },
    /// All sessions.
    Sessions,
    /// All nodes.
    Nodes,
    /// Service names with the union of their tags.
    Services,
    /// Service names with kind and counts are the UI's; this is the plain list of names.
    ServiceNames,
    /// Instances of a service (`/v1/catalog/service`, `/v1/catalog/connect`).
    ServiceNodes {
        /// Service name.
        name: String,
        /// All must be present, case-insensitively.
        tags: Vec<String>,
        /// Mesh-capable instances for that name instead.
        connect: bool,
        /// Only instances whose service address or, if empty, node address equals this (`ServiceAddress` of the RPC); "" for all.
        address: String,
    },
    /// The services of a node, found by name or ID prefix (`/v1/catalog/node`, `/v1/catalog/node-services`).
    NodeServices {
        /// Name, ID or unique prefix of an ID of at least two characters.
        node: String,
    },
    /// Checks of a node.
    NodeChecks {
        /// Node name.
        node: String,
    },
    /// Checks of all instances of a service.
    ServiceChecks {
        /// Service name.
        name: String,
    },
    /// Checks by status; `any` for all.
    ChecksInState {
        /// Status text.
        state: String,
    },
    /// Instances of a service with their checks (`/v1/health/service|connect|ingress`).
    ServiceHealth {
        /// Service name.
        name: String,
        /// All must be present, case-insensitively.
        tags: Vec<String>,
        /// Only instances whose checks all pass (`passing`), or whose checks are not critical, or all.
        passing: HealthFilter,
        /// Which instances count as providing the service.
        via: Via,
    },
    /// Every node with services and checks, for the UI; or one node.
    NodeDump {
        /// `None`: all nodes.
        node: Option<String>,
    },
    /// Every service instance with checks, for the UI.
    ServiceDump {
        /// Only this kind, if given; `Some("")` is the typical kind.
        kind: Option<String>,
    },
    /// Coordinates of all nodes.
    Coordinates,
    /// Coordinates of one node, all segments.
    CoordinatesOfNode {
        /// Node name.
        node: String,
    },
    /// All prepared queries.
    PreparedQueries,
    /// One prepared query by ID.
    PreparedQuery {
        /// UUID text.
        id: String,
    },
    /// The autopilot configuration.
    AutopilotConfig,
    /// Counters of nodes, services, keys.
    Usage,
    /// Root certificates of the mesh.
    CaRoots,
}

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
