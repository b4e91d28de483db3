//! Error texts that clients see, in one place (spec/wire.md §9, spec/server.md §6).
//!
//! Constants are whole texts; functions build those with variable parts. HTTP status codes are not known here.

pub mod state;

/// No leader is known or reachable within the hold time.
pub const NO_LEADER: &str = "No cluster leader";
/// The datacenter is unknown.
pub const NO_PATH_TO_DATACENTER: &str = "No path to datacenter";
/// Servers of the datacenter are known but none answers.
pub const REMOTE_DC_UNREACHABLE: &str = "Remote DC has no server currently reachable";
/// A client agent knows no server.
pub const NO_SERVERS: &str = "No known Consul servers";
/// The leader has not finished its establishment.
pub const NOT_READY_FOR_CONSISTENT_READS: &str = "Not ready to serve consistent reads";
/// A prepared query does not exist.
pub const QUERY_NOT_FOUND: &str = "Query not found";
/// The leader was deposed while the write was in flight.
pub const LEADERSHIP_LOST: &str = "leadership lost while committing log";
/// Segments do not exist in CE.
pub const SEGMENTS_UNSUPPORTED: &str =
    "Network segments are not supported in this version of Consul";
/// Catalog: a registration for an unknown node.
pub const MISSING_NODE: &str = "Missing node registration";
/// Catalog: a check of an unknown service.
pub const MISSING_SERVICE: &str = "Missing service registration";
/// There is no configuration of autopilot yet.
pub const AUTOPILOT_UNINITIALISED: &str = "autopilot config not initialized yet";
