//! The room's port.

use crate::server::Server;
use model::Session;
use ports::changes::{ChangeStream, Subject};
use ports::{
    Answered, BoxFuture, Caller, ClusterStatus, Execute, Executed, Explained, Query, ReadOptions,
    Rpc, RpcError, Write,
};
use telemetry::names;
use wire::Outcome;
use wire::command::{TxnRequest, TxnResponse};

impl Rpc for Server {
    fn read<'a>(
        &'a self,
        _: &'a Caller,
        query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Answered, RpcError>> {
        self.count_read(&query);
        self.read_told(query, options)
    }

    fn read_now(
        &self,
        _: &Caller,
        query: &Query,
        options: &ReadOptions,
    ) -> Option<Result<Answered, RpcError>> {
        let began = self.begins();
        let answered = Server::read_now(self, query, options)?;
        self.count_read(query);
        self.tell_now(query, options, began, &answered);
        Some(answered)
    }

    fn write<'a>(
        &'a self,
        _: &'a Caller,
        datacenter: &'a str,
        write: Write,
    ) -> BoxFuture<'a, Result<Outcome, RpcError>> {
        Box::pin(self.make_measured(datacenter, write))
    }

    fn session_renew<'a>(
        &'a self,
        _: &'a Caller,
        datacenter: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Session>, RpcError>> {
        Box::pin(self.timed(names::SESSION_RENEW, self.renew(datacenter, id)))
    }

    fn txn_read<'a>(
        &'a self,
        _: &'a Caller,
        request: TxnRequest,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<(TxnResponse, Answered), RpcError>> {
        Box::pin(self.timed(names::TXN_READ, self.txn_look(request, options)))
    }

    fn execute<'a>(
        &'a self,
        _: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Executed, RpcError>> {
        Box::pin(self.timed(
            names::PREPARED_QUERY_EXECUTE,
            self.query_execute(request, options),
        ))
    }

    fn explain<'a>(
        &'a self,
        _: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Explained, RpcError>> {
        Box::pin(self.timed(
            names::PREPARED_QUERY_EXPLAIN,
            self.query_explain(request, options),
        ))
    }

    fn changes<'a>(
        &'a self,
        _: &'a Caller,
        datacenter: &'a str,
        subjects: Vec<Subject>,
        since: Option<u64>,
    ) -> BoxFuture<'a, Result<Box<dyn ChangeStream>, RpcError>> {
        Box::pin(self.open_changes(datacenter, subjects, since))
    }

    fn datacenters<'a>(&'a self, _: &'a Caller) -> BoxFuture<'a, Result<Vec<String>, RpcError>> {
        Box::pin(std::future::ready(Ok(vec![self.config.datacenter.clone()])))
    }

    fn status(&self) -> ClusterStatus {
        let status = self.consensus.status();
        let place = |node: &str| self.server_address(node);
        ClusterStatus {
            leader: status
                .leader
                .as_ref()
                .map(|leader| place(&leader.node_name))
                .unwrap_or_default(),
            peers: status
                .membership
                .members
                .values()
                .map(|member| place(&member.node_name))
                .collect(),
            peer_ids: status
                .membership
                .members
                .values()
                .map(|member| member.node_id.clone())
                .collect(),
            is_leader: crate::server::leads(&status),
            last_log_index: status.last_index,
            commit_index: status.commit_index,
            applied_index: status.applied_index,
            term: status.term,
        }
    }
}

impl Server {
    /// Where a server is reached: the catalog's address of its node, and the server port.
    pub(crate) fn server_address(&self, node: &str) -> String {
        let own = &self.config.node;
        let address = if model::same_name(node, &own.name) {
            own.address.clone()
        } else {
            self.board
                .view()
                .root
                .node("", node)
                .rows
                .map(|row| row.address.clone())
                .unwrap_or_default()
        };
        let port = self.config.server_port;
        if address.contains(':') {
            format!("[{address}]:{port}")
        } else {
            format!("{address}:{port}")
        }
    }
}
