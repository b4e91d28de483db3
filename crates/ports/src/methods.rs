//! The methods of the server's protocol: their list, and reads and writes as values.
//!
//! A new read or write is a variant here with its row; what it does stands in `server/src/methods`. A test prints the list into
//! docs/methods.md. Names are those of the wire (spec/wire.md §4), what is asked is that of spec/acl.md §13.

use crate::{Access, HealthFilter, Resource, Via};
use bytes::Bytes;
use model::{AutopilotConfig, PreparedQuery, Session};
use wire::command::{DeregisterRequest, KvsRequest, RegisterRequest, TxnRequest};

/// What a method is to who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Answers from the tables.
    Read,
    /// Changes the tables.
    Write,
    /// Answers as long as somebody listens.
    Stream,
    /// The cluster's own affairs.
    Operator,
}

/// Which server of the datacenter serves a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedBy {
    /// Any, whatever it knows.
    Anyone,
    /// The leader.
    Leader,
    /// Whoever the consistency asked for admits.
    Consistency,
    /// The same, but a stale answer needs no leader to be known.
    LeaderUnlessStale,
}

/// A row of [`METHODS`].
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// Name, service and method.
    pub name: &'static str,
    /// What it is to who asks.
    pub class: Class,
    /// Who serves it.
    pub served_by: ServedBy,
    /// What the rules are asked before it is done, about names in its arguments; which of several depends on them.
    pub asks: &'static [(Resource, Access)],
    /// What the rules must let read of each row that is shown; the others are left out.
    pub shows: &'static [Resource],
}

macro_rules! methods {
    ($($(#[$doc:meta])* $row:ident = $name:literal, $class:ident, $served_by:ident, $asks:expr, $shows:expr;)*) => {
        $($(#[$doc])* pub static $row: Method = Method {
            name: $name,
            class: Class::$class,
            served_by: ServedBy::$served_by,
            asks: $asks,
            shows: $shows,
        };)*

        /// Every method that a server knows.
        pub static METHODS: &[&Method] = &[$(&$row),*];
    };
}

methods! {
    /// `Catalog.Register`.
    CATALOG_REGISTER = "Catalog.Register", Write, Leader, &[(Resource::Node, Access::Write), (Resource::Service, Access::Write)], &[];
    /// `Catalog.Deregister`.
    CATALOG_DEREGISTER = "Catalog.Deregister", Write, Leader, &[(Resource::Node, Access::Write), (Resource::Service, Access::Write)], &[];
    /// `Catalog.ListDatacenters`.
    CATALOG_LIST_DATACENTERS = "Catalog.ListDatacenters", Read, Anyone, &[], &[];
    /// `Catalog.ListNodes`.
    CATALOG_LIST_NODES = "Catalog.ListNodes", Read, Consistency, &[], &[Resource::Node];
    /// `Catalog.ListServices`.
    CATALOG_LIST_SERVICES = "Catalog.ListServices", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `Catalog.ServiceList`.
    CATALOG_SERVICE_LIST = "Catalog.ServiceList", Read, Consistency, &[], &[Resource::Service];
    /// `Catalog.ServiceNodes`.
    CATALOG_SERVICE_NODES = "Catalog.ServiceNodes", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `Catalog.NodeServices`.
    CATALOG_NODE_SERVICES = "Catalog.NodeServices", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `Health.ChecksInState`.
    HEALTH_CHECKS_IN_STATE = "Health.ChecksInState", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `Health.NodeChecks`.
    HEALTH_NODE_CHECKS = "Health.NodeChecks", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `Health.ServiceChecks`.
    HEALTH_SERVICE_CHECKS = "Health.ServiceChecks", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `Health.ServiceNodes`.
    HEALTH_SERVICE_NODES = "Health.ServiceNodes", Read, Consistency, &[(Resource::Service, Access::Read)], &[Resource::Node, Resource::Service];
    /// `KVS.Apply`.
    KVS_APPLY = "KVS.Apply", Write, Leader, &[(Resource::Key, Access::Write)], &[];
    /// `KVS.Get`.
    KVS_GET = "KVS.Get", Read, Consistency, &[(Resource::Key, Access::Read)], &[];
    /// `KVS.List`.
    KVS_LIST = "KVS.List", Read, Consistency, &[(Resource::Key, Access::List)], &[Resource::Key];
    /// `KVS.ListKeys`.
    KVS_LIST_KEYS = "KVS.ListKeys", Read, Consistency, &[(Resource::Key, Access::List)], &[Resource::Key];
    /// `Session.Apply`.
    SESSION_APPLY = "Session.Apply", Write, Leader, &[(Resource::Session, Access::Write)], &[];
    /// `Session.Get`.
    SESSION_GET = "Session.Get", Read, Consistency, &[], &[Resource::Session];
    /// `Session.List`.
    SESSION_LIST = "Session.List", Read, Consistency, &[], &[Resource::Session];
    /// `Session.NodeSessions`.
    SESSION_NODE_SESSIONS = "Session.NodeSessions", Read, Consistency, &[], &[Resource::Session];
    /// `Session.Renew`.
    SESSION_RENEW = "Session.Renew", Write, Leader, &[(Resource::Session, Access::Write)], &[];
    /// `Txn.Apply`.
    TXN_APPLY = "Txn.Apply", Write, Leader, &[(Resource::Key, Access::Write), (Resource::Node, Access::Write), (Resource::Service, Access::Write)], &[Resource::Key, Resource::Node, Resource::Service];
    /// `Txn.Read`.
    TXN_READ = "Txn.Read", Read, Consistency, &[(Resource::Key, Access::Read)], &[Resource::Key, Resource::Node, Resource::Service];
    /// `Coordinate.Update`.
    COORDINATE_UPDATE = "Coordinate.Update", Write, Leader, &[(Resource::Node, Access::Write)], &[];
    /// `Coordinate.ListNodes`.
    COORDINATE_LIST_NODES = "Coordinate.ListNodes", Read, Consistency, &[], &[Resource::Node];
    /// `Coordinate.Node`.
    COORDINATE_NODE = "Coordinate.Node", Read, Consistency, &[(Resource::Node, Access::Read)], &[];
    /// `PreparedQuery.Apply`.
    PREPARED_QUERY_APPLY = "PreparedQuery.Apply", Write, Leader, &[(Resource::Query, Access::Write)], &[];
    /// `PreparedQuery.Get`.
    PREPARED_QUERY_GET = "PreparedQuery.Get", Read, Consistency, &[(Resource::Query, Access::Read)], &[];
    /// `PreparedQuery.List`.
    PREPARED_QUERY_LIST = "PreparedQuery.List", Read, Consistency, &[], &[Resource::Query];
    /// `PreparedQuery.Execute`.
    PREPARED_QUERY_EXECUTE = "PreparedQuery.Execute", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `PreparedQuery.Explain`.
    PREPARED_QUERY_EXPLAIN = "PreparedQuery.Explain", Read, Consistency, &[(Resource::Query, Access::Read)], &[];
    /// `ConnectCA.Roots`.
    CONNECT_CA_ROOTS = "ConnectCA.Roots", Read, Consistency, &[], &[];
    /// `Internal.NodeInfo`.
    INTERNAL_NODE_INFO = "Internal.NodeInfo", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `Internal.NodeDump`.
    INTERNAL_NODE_DUMP = "Internal.NodeDump", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `Internal.ServiceDump`.
    INTERNAL_SERVICE_DUMP = "Internal.ServiceDump", Read, Consistency, &[], &[Resource::Node, Resource::Service];
    /// `Operator.AutopilotGetConfiguration`.
    OPERATOR_AUTOPILOT_GET = "Operator.AutopilotGetConfiguration", Read, Consistency, &[(Resource::Operator, Access::Read)], &[];
    /// `Operator.AutopilotSetConfiguration`.
    OPERATOR_AUTOPILOT_SET = "Operator.AutopilotSetConfiguration", Write, Leader, &[(Resource::Operator, Access::Write)], &[];
    /// `Operator.AutopilotState` and `Operator.ServerHealth`.
    OPERATOR_AUTOPILOT_STATE = "Operator.AutopilotState", Operator, Leader, &[(Resource::Operator, Access::Read)], &[];
    /// `Operator.RaftGetConfiguration`.
    OPERATOR_RAFT_GET = "Operator.RaftGetConfiguration", Operator, LeaderUnlessStale, &[(Resource::Operator, Access::Read)], &[];
    /// `Operator.RaftRemovePeerByID` and `…ByAddress`.
    OPERATOR_RAFT_REMOVE_PEER = "Operator.RaftRemovePeer", Operator, Leader, &[(Resource::Operator, Access::Write)], &[];
    /// gRPC's `OperatorService/TransferLeader`.
    OPERATOR_TRANSFER_LEADER = "Operator.TransferLeader", Operator, Leader, &[(Resource::Operator, Access::Write)], &[];
    /// `Operator.Usage`.
    OPERATOR_USAGE = "Operator.Usage", Read, Consistency, &[(Resource::Operator, Access::Read)], &[];
    /// Of a snapshot connection.
    SNAPSHOT_SAVE = "Snapshot.Save", Operator, LeaderUnlessStale, &[(Resource::Acl, Access::Write)], &[];
    /// Of a snapshot connection.
    SNAPSHOT_RESTORE = "Snapshot.Restore", Operator, Leader, &[(Resource::Acl, Access::Write)], &[];
    /// `/v1/x/stream`, which is ours.
    CHANGES_OPEN = "Changes.Open", Stream, Leader, &[], &[Resource::Key, Resource::Node, Resource::Service];
}

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

impl Read {
    /// Its row.
    pub fn method(&self) -> &'static Method {
        match self {
            Self::KvGet { .. } => &KVS_GET,
            Self::KvList { .. } => &KVS_LIST,
            Self::KvKeys { .. } => &KVS_LIST_KEYS,
            Self::SessionGet { .. } => &SESSION_GET,
            Self::SessionsOfNode { .. } => &SESSION_NODE_SESSIONS,
            Self::Sessions => &SESSION_LIST,
            Self::Nodes => &CATALOG_LIST_NODES,
            Self::Services => &CATALOG_LIST_SERVICES,
            Self::ServiceNames => &CATALOG_SERVICE_LIST,
            Self::ServiceNodes { .. } => &CATALOG_SERVICE_NODES,
            Self::NodeServices { .. } => &CATALOG_NODE_SERVICES,
            Self::NodeChecks { .. } => &HEALTH_NODE_CHECKS,
            Self::ServiceChecks { .. } => &HEALTH_SERVICE_CHECKS,
            Self::ChecksInState { .. } => &HEALTH_CHECKS_IN_STATE,
            Self::ServiceHealth { .. } => &HEALTH_SERVICE_NODES,
            Self::NodeDump { node: None } => &INTERNAL_NODE_DUMP,
            Self::NodeDump { node: Some(_) } => &INTERNAL_NODE_INFO,
            Self::ServiceDump { .. } => &INTERNAL_SERVICE_DUMP,
            Self::Coordinates => &COORDINATE_LIST_NODES,
            Self::CoordinatesOfNode { .. } => &COORDINATE_NODE,
            Self::PreparedQueries => &PREPARED_QUERY_LIST,
            Self::PreparedQuery { .. } => &PREPARED_QUERY_GET,
            Self::AutopilotConfig => &OPERATOR_AUTOPILOT_GET,
            Self::Usage => &OPERATOR_USAGE,
            Self::CaRoots => &CONNECT_CA_ROOTS,
        }
    }
}

/// A change of the replicated state. Validation and defaults are the room's (spec/server.md §3).
#[derive(Clone, Debug)]
pub enum Write {
    /// `Catalog.Register`
    Register(Box<RegisterRequest>),
    /// `Catalog.Deregister`
    Deregister(Box<DeregisterRequest>),
    /// `KVS.Apply`; yields `Outcome::Bool`, for plain set and delete `true`.
    Kv(Box<KvsRequest>),
    /// `Session.Apply` create; yields `Outcome::Id`.
    SessionCreate(Box<Session>),
    /// `Session.Apply` destroy.
    SessionDestroy(String),
    /// `Txn.Apply`; yields `Outcome::Txn`.
    Txn(Box<TxnRequest>),
    /// `PreparedQuery.Apply` create; yields `Outcome::Id`.
    QueryCreate(Box<PreparedQuery>),
    /// `PreparedQuery.Apply` update.
    QueryUpdate(Box<PreparedQuery>),
    /// `PreparedQuery.Apply` delete.
    QueryDelete(String),
    /// `Coordinate.Update`: kept in memory and flushed in batches.
    CoordinateUpdate(Box<model::Coordinate>),
    /// `Operator.AutopilotSetConfiguration`; yields `Outcome::Bool` with `cas`.
    AutopilotSet {
        /// The new configuration.
        config: Box<AutopilotConfig>,
        /// Only if the ModifyIndex still matches.
        cas: bool,
    },
}

impl Write {
    /// The datacenter that the request itself names; "" for none.
    pub fn datacenter(&self) -> &str {
        match self {
            Self::Register(request) => &request.datacenter,
            Self::Deregister(request) => &request.datacenter,
            Self::Txn(request) => &request.datacenter,
            _ => "",
        }
    }

    /// Its row.
    pub fn method(&self) -> &'static Method {
        match self {
            Self::Register(_) => &CATALOG_REGISTER,
            Self::Deregister(_) => &CATALOG_DEREGISTER,
            Self::Kv(_) => &KVS_APPLY,
            Self::SessionCreate(_) | Self::SessionDestroy(_) => &SESSION_APPLY,
            Self::Txn(_) => &TXN_APPLY,
            Self::QueryCreate(_) | Self::QueryUpdate(_) | Self::QueryDelete(_) => {
                &PREPARED_QUERY_APPLY
            }
            Self::CoordinateUpdate(_) => &COORDINATE_UPDATE,
            Self::AutopilotSet { .. } => &OPERATOR_AUTOPILOT_SET,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    fn words<T>(all: &[T], word: impl Fn(&T) -> String) -> String {
        if all.is_empty() {
            return "–".to_owned();
        }
        all.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_document_is_current() {
        let mut page = "# Methods\n\nPrinted from `METHODS` of `crates/ports/src/methods.rs` by its test.\n\n\
            | method | class | served by | asks | shows rows that may be read by |\n|---|---|---|---|---|\n"
            .to_owned();
        for method in METHODS {
            let asks = words(method.asks, |(resource, access)| {
                format!("{resource:?}:{access:?}").to_lowercase()
            });
            let shows = words(method.shows, |resource| {
                format!("{resource:?}").to_lowercase()
            });
            let served_by = match method.served_by {
                ServedBy::Anyone => "anyone",
                ServedBy::Leader => "the leader",
                ServedBy::Consistency => "as the consistency says",
                ServedBy::LeaderUnlessStale => "as the consistency says; stale: anyone",
            };
            let class = format!("{:?}", method.class).to_lowercase();
            let name = method.name;
            writeln!(
                page,
                "| `{name}` | {class} | {served_by} | {asks} | {shows} |"
            )
            .unwrap();
        }
        expect_test::expect_file!["../../../docs/methods.md"].assert_eq(&page);
    }

    #[test]
    fn a_name_stands_once_and_changes_need_the_leader() {
        let mut names = BTreeSet::new();
        for method in METHODS {
            assert!(names.insert(method.name), "{}", method.name);
            let (service, verb) = method.name.split_once('.').unwrap();
            assert!(!service.is_empty() && !verb.is_empty());
            if method.class == Class::Write {
                assert_eq!(method.served_by, ServedBy::Leader, "{}", method.name);
                assert!(!method.asks.is_empty(), "{} asks nothing", method.name);
            }
        }
    }
}
