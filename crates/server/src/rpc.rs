//! The room's port.

use crate::server::Server;
use model::Session;
use ports::changes::{ChangeStream, Subject};
use ports::{
    Answered, BoxFuture, Caller, ClusterStatus, Consistency, Execute, Executed, Explained, Query,
    ReadOptions, Rpc, RpcError, Write,
};
use telemetry::names;
use wire::Outcome;
use wire::command::{TxnRequest, TxnResponse};

impl Rpc for Server {
    fn read<'a>(
        &'a self,
        caller: &'a Caller,
        query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Answered, RpcError>> {
        self.count_read(&query);
        self.read_told(caller, query, options)
    }

    fn read_now(
        &self,
        caller: &Caller,
        query: &Query,
        options: &ReadOptions,
    ) -> Option<Result<Answered, RpcError>> {
        let began = self.begins();
        let answered = Server::read_now(self, caller, query, options)?;
        self.count_read(query);
        self.tell_now(query, options, began, &answered);
        Some(answered)
    }

    fn write<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        write: Write,
    ) -> BoxFuture<'a, Result<Outcome, RpcError>> {
        Box::pin(self.make_measured(caller, datacenter, write))
    }

    fn session_renew<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Session>, RpcError>> {
        Box::pin(self.timed(names::SESSION_RENEW, async move {
            let by = self
                .enter(
                    caller,
                    datacenter,
                    &ports::SESSION_RENEW,
                    Consistency::Default,
                )
                .await?;
            Ok(self.renew(&by, id))
        }))
    }

    fn txn_read<'a>(
        &'a self,
        caller: &'a Caller,
        request: TxnRequest,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<(TxnResponse, Answered), RpcError>> {
        Box::pin(self.timed(names::TXN_READ, async move {
            let by = self
                .enter(
                    caller,
                    &request.datacenter,
                    &ports::TXN_READ,
                    options.consistency,
                )
                .await?;
            Ok(self.txn_look(&by, request))
        }))
    }

    fn execute<'a>(
        &'a self,
        caller: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Executed, RpcError>> {
        Box::pin(self.timed(names::PREPARED_QUERY_EXECUTE, async move {
            let by = self
                .enter(
                    caller,
                    &request.datacenter,
                    &ports::PREPARED_QUERY_EXECUTE,
                    options.consistency,
                )
                .await?;
            self.query_execute(&by, request)
        }))
    }

    fn explain<'a>(
        &'a self,
        caller: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Explained, RpcError>> {
        Box::pin(self.timed(names::PREPARED_QUERY_EXPLAIN, async move {
            let by = self
                .enter(
                    caller,
                    &request.datacenter,
                    &ports::PREPARED_QUERY_EXPLAIN,
                    options.consistency,
                )
                .await?;
            self.query_explain(&by, request)
        }))
    }

    fn changes<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        subjects: Vec<Subject>,
        since: Option<u64>,
    ) -> BoxFuture<'a, Result<Box<dyn ChangeStream>, RpcError>> {
        Box::pin(async move {
            // On anyone but the leader the rows may be those of an earlier time.
            let by = self
                .enter(
                    caller,
                    datacenter,
                    &ports::CHANGES_OPEN,
                    Consistency::Default,
                )
                .await?;
            self.open_changes(by, caller, subjects, since)
        })
    }

    fn datacenters<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<String>, RpcError>> {
        let known = |_| vec![self.config.datacenter.clone()];
        Box::pin(std::future::ready(self.guard.admit(caller).map(known)))
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
            last_contact: status.last_contact.map(|at| at.elapsed()),
        }
    }
}
