//! Running a prepared query.

use model::{CheckServiceNode, PreparedQuery};
use std::net::IpAddr;
use std::time::Duration;

/// Which prepared query to run, and for whom (spec/server.md §14.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execute {
    /// ID, name, or a name that a template matches.
    pub query: String,
    /// Target datacenter; empty is the answering agent's own.
    pub datacenter: String,
    /// Most instances to return; 0 is all.
    pub limit: usize,
    /// Mesh-capable instances, whatever the query says.
    pub connect: bool,
    /// Sort by round-trip time from this node, `_agent` or `_ip`; empty leaves it to the query.
    pub near: String,
    /// The client's address, for `_ip`.
    pub client: Option<IpAddr>,
    /// Node of the agent that the client asked, for `_agent`; empty is the answering server's own.
    pub agent: String,
}

/// The result of a prepared query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Executed {
    /// The service looked up, after templating.
    pub service: String,
    /// Instances in the query's order.
    pub rows: Vec<CheckServiceNode>,
    /// The query's `DNS.TTL`, a duration text, possibly empty.
    pub dns_ttl: String,
    /// The datacenter that produced the rows.
    pub datacenter: String,
    /// The peer that produced them, "" for none.
    pub peer: String,
    /// Failover targets tried.
    pub failovers: u64,
    /// Whether the answering server knows a leader.
    pub known_leader: bool,
    /// Time since the answering server heard from the leader.
    pub last_contact: Duration,
    /// Whether rows were removed and the caller sent a token.
    pub filtered_by_acls: bool,
}

/// A prepared query as it would run: templates rendered, nothing executed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explained {
    /// The rendered definition.
    pub query: PreparedQuery,
    /// Whether the answering server knows a leader.
    pub known_leader: bool,
    /// Time since the answering server heard from the leader.
    pub last_contact: Duration,
}
