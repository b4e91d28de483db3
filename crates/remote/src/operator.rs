//! The port to the cluster's own affairs: calls, and archives over connections of their own.

use crate::caller::{Kind, NOW};
use crate::remote::Remote;
use crate::snapshot;
use calls::client;
use ports::{
    AutopilotState, BoxFuture, Caller, Operator, Pieces, RaftPeer, RaftServer, RpcError, Snapshot,
};

/// Only servers hand leadership over, and by another protocol.
const NO_TRANSFER: &str = "leadership is handed over by servers: ask one";

impl Operator for Remote {
    fn raft_configuration<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        stale: bool,
    ) -> BoxFuture<'a, Result<Vec<RaftServer>, RpcError>> {
        let request = client::raft(datacenter, stale, &self.origin(caller));
        Box::pin(self.ask(request, NOW, client::raft_servers))
    }

    fn raft_remove_peer<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        peer: RaftPeer,
    ) -> BoxFuture<'a, Result<(), RpcError>> {
        let request = client::raft_remove(datacenter, peer, &self.origin(caller));
        Box::pin(self.ask(request, Kind::Write, |_| Ok(())))
    }

    fn raft_transfer_leader<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
    ) -> BoxFuture<'a, Result<(), RpcError>> {
        Box::pin(std::future::ready(Err(RpcError::refused(NO_TRANSFER))))
    }

    fn autopilot<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
    ) -> BoxFuture<'a, Result<AutopilotState, RpcError>> {
        let request = client::autopilot(datacenter, &self.origin(caller));
        Box::pin(self.ask(request, NOW, client::autopilot_state))
    }

    fn snapshot_save<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        stale: bool,
    ) -> BoxFuture<'a, Result<Snapshot, RpcError>> {
        let request = client::save(datacenter, stale, &self.origin(caller));
        Box::pin(snapshot::save(&self.calls, request))
    }

    fn snapshot_restore<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        archive: Box<dyn Pieces>,
    ) -> BoxFuture<'a, Result<(), RpcError>> {
        let request = client::restore(datacenter, &self.origin(caller));
        Box::pin(snapshot::restore(&self.calls, request, archive))
    }
}
