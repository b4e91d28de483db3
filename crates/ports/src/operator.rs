//! The port to the cluster's own affairs: raft membership, autopilot's view, archives (spec/http-api.md §20, §21).

use crate::{BoxFuture, Caller, RpcError};
use bytes::Bytes;
use std::time::{Duration, SystemTime};

/// A member of the raft configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftServer {
    /// Node ID (UUID text).
    pub id: String,
    /// Node name, `(unknown)` when no member of the pool has that ID.
    pub node: String,
    /// Server address, `host:port`.
    pub address: String,
    /// Whether it leads.
    pub leader: bool,
    /// Raft protocol version text, `unknown` like the name.
    pub protocol_version: String,
    /// Whether it votes.
    pub voter: bool,
    /// Its last log index.
    pub last_index: u64,
}

/// How a raft member is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RaftPeer {
    /// By node ID.
    Id(String),
    /// By server address.
    Address(String),
}

/// What autopilot knows of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerHealth {
    /// Node ID (UUID text).
    pub id: String,
    /// Node name.
    pub name: String,
    /// Server address, `host:port`.
    pub address: String,
    /// `alive`, `left`, `failed` or `none`.
    pub serf_status: String,
    /// Version of its program.
    pub version: String,
    /// Whether it leads.
    pub leader: bool,
    /// Time since it heard from the leader; zero for the leader itself.
    pub last_contact: Duration,
    /// Term of its last log entry.
    pub last_term: u64,
    /// Its last log index.
    pub last_index: u64,
    /// Whether autopilot counts it as healthy.
    pub healthy: bool,
    /// Whether it votes.
    pub voter: bool,
    /// Since when its health has not changed.
    pub stable_since: SystemTime,
    /// Metadata of its node.
    pub meta: Vec<(String, String)>,
}

/// What autopilot knows of the cluster; empty before its first round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AutopilotState {
    /// Whether all servers are healthy.
    pub healthy: bool,
    /// How many servers may fail without an outage.
    pub failure_tolerance: u64,
    /// The servers; empty means that autopilot has not looked yet.
    pub servers: Vec<ServerHealth>,
}

/// The port to the cluster's own affairs. `datacenter` is empty for the own one.
pub trait Operator: Send + Sync + 'static {
    /// `Operator.RaftGetConfiguration`. `stale` lets any server answer.
    fn raft_configuration<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        stale: bool,
    ) -> BoxFuture<'a, Result<Vec<RaftServer>, RpcError>>;

    /// Removes a member; refuses one that is not there with the reference's text.
    fn raft_remove_peer<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        peer: RaftPeer,
    ) -> BoxFuture<'a, Result<(), RpcError>>;

    /// Hands leadership to the server with that ID, or to any if `id` is empty.
    fn raft_transfer_leader<'a>(
        &'a self,
        caller: &'a Caller,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), RpcError>>;

    /// `Operator.ServerHealth` and `Operator.AutopilotState`.
    fn autopilot<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
    ) -> BoxFuture<'a, Result<AutopilotState, RpcError>>;

    /// An archive of the state (gzip of a tar file) and its index. `stale` lets any server make it. The archive is complete
    /// when this answers, and a slow reader holds nothing but its file.
    fn snapshot_save<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        stale: bool,
    ) -> BoxFuture<'a, Result<Snapshot, RpcError>>;

    /// Replaces the state by an archive's. Nothing changes if it is damaged or does not arrive whole.
    fn snapshot_restore<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        archive: Box<dyn Pieces>,
    ) -> BoxFuture<'a, Result<(), RpcError>>;
}

/// Bytes that come piece by piece, in order.
pub trait Pieces: Send + 'static {
    /// The next piece; an empty one is the end.
    ///
    /// # Errors
    /// What came is not all there is; there is no sense in asking again.
    fn next(&mut self) -> BoxFuture<'_, std::io::Result<Bytes>>;
}

/// Bytes that are there already come as one piece.
impl Pieces for Bytes {
    fn next(&mut self) -> BoxFuture<'_, std::io::Result<Bytes>> {
        let all = std::mem::take(self);
        Box::pin(std::future::ready(Ok(all)))
    }
}

/// An archive and what the headers tell of it.
pub struct Snapshot {
    /// Index of the last change it holds.
    pub index: u64,
    /// The archive.
    pub archive: Box<dyn Pieces>,
    /// Whether the answering server knows a leader.
    pub known_leader: bool,
    /// Time since the answering server heard from the leader.
    pub last_contact: Duration,
}
