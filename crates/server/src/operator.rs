//! The cluster's own affairs: raft membership, autopilot's view, archives (spec/http-api.md §20, §21).

use crate::server::Server;
use consensus::membership::{Change, Member};
use ports::{
    Authorized, AutopilotState, BoxFuture, Caller, Consistency, Operator, Pieces, RaftPeer,
    RaftServer, RpcError, ServerHealth, Snapshot,
};
use std::time::Duration;

/// Entries that a healthy server may be behind the leader (the default of autopilot's `MaxTrailingLogs`).
const TRAILING_MAX: u64 = 250;
/// Raft protocol that every server of this version speaks.
const PROTOCOL_VERSION: &str = "3";

impl Server {
    fn raft_server(&self, raft_id: u64, member: &Member) -> RaftServer {
        let status = self.consensus.status();
        let leads = status
            .leader
            .as_ref()
            .is_some_and(|leader| leader.raft_id == raft_id);
        let progress = status
            .progress
            .iter()
            .find(|(id, _)| *id == raft_id)
            .map(|(_, index)| *index);
        let own = raft_id == status.raft_id;
        RaftServer {
            id: member.node_id.clone(),
            node: member.node_name.clone(),
            address: self.server_address(&member.node_name),
            leader: leads,
            protocol_version: PROTOCOL_VERSION.into(),
            voter: member.voter,
            last_index: if own {
                status.last_index
            } else {
                progress.unwrap_or_default()
            },
        }
    }

    pub(crate) fn raft_servers(&self) -> Vec<RaftServer> {
        let membership = self.consensus.membership();
        membership
            .members
            .iter()
            .map(|(id, member)| self.raft_server(*id, member))
            .collect()
    }

    async fn remove_peer(&self, _: &Authorized, peer: RaftPeer) -> Result<(), RpcError> {
        let membership = self.consensus.membership();
        let found = membership.members.iter().find(|(_, member)| match &peer {
            RaftPeer::Id(id) => member.node_id == *id,
            RaftPeer::Address(address) => self.server_address(&member.node_name) == *address,
        });
        let Some((raft_id, _)) = found else {
            let (what, name) = match &peer {
                RaftPeer::Id(id) => ("id", id),
                RaftPeer::Address(address) => ("address", address),
            };
            return Err(RpcError::refused(format!(
                "{what} {name:?} was not found in the Raft configuration"
            )));
        };
        let voters = membership
            .members
            .values()
            .filter(|member| member.voter)
            .count();
        if voters == 1
            && membership
                .members
                .get(raft_id)
                .is_some_and(|member| member.voter)
        {
            return Err(RpcError::refused(
                "need at least one voter in configuration: {[]}",
            ));
        }
        let change = Change::Remove { raft_id: *raft_id };
        self.consensus
            .change_membership(change)
            .await
            .map(|_| ())
            .map_err(|error| self.unwritten(error))
    }

    pub(crate) fn autopilot_now(&self, by: &Authorized) -> AutopilotState {
        let status = self.consensus.status();
        if !self.is_ready() {
            return AutopilotState::default();
        }
        let root = self.root(by);
        let own = &*self.config.node.id;
        let writes = status.disk_error.is_none() && status.ended.is_none();
        let servers = self.raft_servers().into_iter().map(|server| {
            let meta = root.node("", &server.node).rows.map(|row| {
                row.meta
                    .iter()
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect()
            });
            // Of the others is known how far they are; of this server, whether it can write.
            let healthy = if server.id == own {
                writes
            } else {
                server.last_index + TRAILING_MAX >= status.last_index
            };
            ServerHealth {
                name: server.node,
                id: server.id,
                address: server.address,
                serf_status: "alive".into(),
                version: self.config.version.clone(),
                leader: server.leader,
                last_contact: Duration::ZERO,
                last_term: status.term,
                last_index: server.last_index,
                healthy,
                voter: server.voter,
                stable_since: self.started,
                meta: meta.unwrap_or_default(),
            }
        });
        let servers: Vec<ServerHealth> = servers.collect();
        let voters = servers
            .iter()
            .filter(|server| server.voter && server.healthy)
            .count() as u64;
        AutopilotState {
            healthy: servers.iter().all(|server| server.healthy),
            failure_tolerance: voters.saturating_sub(1) / 2,
            servers,
        }
    }
}

impl Operator for Server {
    fn raft_configuration<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        stale: bool,
    ) -> BoxFuture<'a, Result<Vec<RaftServer>, RpcError>> {
        Box::pin(async move {
            let consistency = if stale {
                Consistency::Stale
            } else {
                Consistency::Default
            };
            self.enter(caller, datacenter, &ports::OPERATOR_RAFT_GET, consistency)
                .await?;
            Ok(self.raft_servers())
        })
    }

    fn raft_remove_peer<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        peer: RaftPeer,
    ) -> BoxFuture<'a, Result<(), RpcError>> {
        Box::pin(async move {
            let by = self
                .enter(
                    caller,
                    datacenter,
                    &ports::OPERATOR_RAFT_REMOVE_PEER,
                    Consistency::Default,
                )
                .await?;
            self.remove_peer(&by, peer).await
        })
    }

    fn raft_transfer_leader<'a>(
        &'a self,
        caller: &'a Caller,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), RpcError>> {
        Box::pin(async move {
            self.enter(
                caller,
                "",
                &ports::OPERATOR_TRANSFER_LEADER,
                Consistency::Default,
            )
            .await?;
            let own = self.consensus.status().raft_id;
            let membership = self.consensus.membership();
            let known = |member: &&Member| member.node_id == id;
            if !id.is_empty() && !membership.members.values().any(|member| known(&member)) {
                return Err(RpcError::refused(format!(
                    "Could not find address for server id {id}"
                )));
            }
            let target = membership.members.iter().find(|(raft_id, member)| {
                **raft_id != own && member.voter && (id.is_empty() || known(member))
            });
            let (raft_id, _) = target.ok_or_else(|| RpcError::refused("cannot find peer"))?;
            self.consensus.transfer_leadership(*raft_id);
            Ok(())
        })
    }

    fn autopilot<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
    ) -> BoxFuture<'a, Result<AutopilotState, RpcError>> {
        Box::pin(async move {
            let by = self
                .enter(
                    caller,
                    datacenter,
                    &ports::OPERATOR_AUTOPILOT_STATE,
                    Consistency::Default,
                )
                .await?;
            Ok(self.autopilot_now(&by))
        })
    }

    fn snapshot_save<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        stale: bool,
    ) -> BoxFuture<'a, Result<Snapshot, RpcError>> {
        Box::pin(async move {
            let consistency = if stale {
                Consistency::Stale
            } else {
                Consistency::Consistent
            };
            let by = self
                .enter(caller, datacenter, &ports::SNAPSHOT_SAVE, consistency)
                .await?;
            self.save(&by, self.archive_place(caller)?).await
        })
    }

    fn snapshot_restore<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        archive: Box<dyn Pieces>,
    ) -> BoxFuture<'a, Result<(), RpcError>> {
        Box::pin(async move {
            let by = self
                .enter(
                    caller,
                    datacenter,
                    &ports::SNAPSHOT_RESTORE,
                    Consistency::Default,
                )
                .await?;
            let _place = self.archive_place(caller)?;
            self.restore(&by, archive).await
        })
    }
}
