//! The port to the replicated state.

use crate::changes::{ChangeStream, Subject};
use crate::{Answered, Caller, Execute, Executed, Explained, Query, ReadOptions, RpcError, Write};
use model::Session;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use wire::Outcome;
use wire::command::{TxnRequest, TxnResponse};

/// A boxed future, so that ports stay object safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where the cluster stands, as `/v1/status/*` and the operator endpoints show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterStatus {
    /// Server address of the leader, "" when unknown.
    pub leader: String,
    /// Server addresses of all raft peers.
    pub peers: Vec<String>,
    /// Node IDs of the same peers, in the same order.
    pub peer_ids: Vec<String>,
    /// Whether this process is the leader.
    pub is_leader: bool,
    /// Raft indexes of this server.
    pub last_log_index: u64,
    /// Highest index known committed.
    pub commit_index: u64,
    /// Highest index applied to the tables.
    pub applied_index: u64,
    /// Current term.
    pub term: u64,
    /// Time since the leader was heard; `None` when it never was.
    pub last_contact: Option<Duration>,
}

/// The port to the replicated state, wherever it lives: in this process or behind the server port.
pub trait Rpc: Send + Sync + 'static {
    /// Answers a read, waiting as its options say. Dropping the future drops the wait.
    fn read<'a>(
        &'a self,
        caller: &'a Caller,
        query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Answered, RpcError>>;

    /// Answers at once if no wait, no forwarding and no quorum round is needed; `None` otherwise. The hot path of doors.
    fn read_now(
        &self,
        caller: &Caller,
        query: &Query,
        options: &ReadOptions,
    ) -> Option<Result<Answered, RpcError>>;

    /// Makes a change. It is finished whatever happens to the future.
    fn write<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        write: Write,
    ) -> BoxFuture<'a, Result<Outcome, RpcError>>;

    /// `Session.Renew`: resets the TTL; `None` when the session is unknown.
    fn session_renew<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Session>, RpcError>>;

    /// `Txn.Read`: a transaction without writes, on one root.
    fn txn_read<'a>(
        &'a self,
        caller: &'a Caller,
        request: TxnRequest,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<(TxnResponse, Answered), RpcError>>;

    /// `PreparedQuery.Execute`. An unknown query is refused with `Query not found`, which is also the answer of a port that
    /// has no prepared queries.
    fn execute<'a>(
        &'a self,
        _caller: &'a Caller,
        _request: Execute,
        _options: ReadOptions,
    ) -> BoxFuture<'a, Result<Executed, RpcError>> {
        Box::pin(std::future::ready(Err(RpcError::refused(
            "Query not found",
        ))))
    }

    /// `PreparedQuery.Explain`; refuses like [`Rpc::execute`].
    fn explain<'a>(
        &'a self,
        _caller: &'a Caller,
        _request: Execute,
        _options: ReadOptions,
    ) -> BoxFuture<'a, Result<Explained, RpcError>> {
        Box::pin(std::future::ready(Err(RpcError::refused(
            "Query not found",
        ))))
    }

    /// A stream of what changes about `subjects`, from everything on or, with `since`, from behind that index where that is
    /// possible. Refused beyond the server's limit of streams, and by a port that has none.
    fn changes<'a>(
        &'a self,
        _caller: &'a Caller,
        _datacenter: &'a str,
        _subjects: Vec<Subject>,
        _since: Option<u64>,
    ) -> BoxFuture<'a, Result<Box<dyn ChangeStream>, RpcError>> {
        Box::pin(std::future::ready(Err(RpcError::Unavailable(
            "this agent has no stream of changes".to_owned(),
        ))))
    }

    /// Known datacenters, nearest first (`Catalog.ListDatacenters`).
    fn datacenters<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<String>, RpcError>>;

    /// Leader, peers and indexes, as far as they are known here without asking anybody.
    fn status(&self) -> ClusterStatus;

    /// The same of whoever knows: a server tells its own view, a client agent asks a server for leader and peers.
    fn cluster<'a>(
        &'a self,
        _caller: &'a Caller,
    ) -> BoxFuture<'a, Result<ClusterStatus, RpcError>> {
        Box::pin(std::future::ready(Ok(self.status())))
    }
}
