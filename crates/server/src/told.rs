//! What the log says of this server's part in the cluster, in the words of the reference's raft library.

use crate::server::Server;
use consensus::Role;

impl Server {
    fn named(&self, role: &str) -> String {
        let (address, port) = (&self.config.node.address, self.config.server_port);
        format!("Node at {address}:{port} [{role}]")
    }

    /// What this server is from now on.
    pub(crate) fn tell_role(&self, role: Role) {
        if role == Role::Leader {
            tracing::info!(target: "agent.server.raft", leader = self.named("Leader"), "entering leader state");
        } else {
            tracing::info!(
                target: "agent.server.raft",
                follower = self.named("Follower"),
                "leader-address" = "",
                "leader-id" = "",
                "entering follower state"
            );
        }
    }

    /// The election that the only voter has won, in which it waited for nobody: time-out, candidature and victory are one
    /// step of its engine, which shows the end only.
    pub(crate) fn tell_election(&self, term: u64) {
        let membership = self.consensus.membership();
        if membership.members.values().filter(|m| m.voter).count() != 1 {
            return;
        }
        tracing::warn!(
            target: "agent.server.raft",
            { "last-leader-addr" = "", "last-leader-id" = "" },
            "heartbeat timeout reached, starting election"
        );
        tracing::info!(target: "agent.server.raft", node = self.named("Candidate"), term, "entering candidate state");
        tracing::info!(target: "agent.server.raft", term, tally = 1, "election won");
    }
}
