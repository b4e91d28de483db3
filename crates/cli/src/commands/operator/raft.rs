//! `consul operator raft …`.

use super::connect;
use crate::command::{CS, Call, Command, FLAG_ERRORS_AGAIN};
use crate::flag::Flag;
use crate::{api, text};
use proconsul_client::RaftServer;

pub(crate) const GROUP: Command = Command {
    usage: "<subcommand> [options]",
    ..Command::group(
        "operator raft",
        "Looks at and changes the Raft peers",
        "Lists the servers that take part in consensus, removes lost ones and hands leadership over.",
    )
};

pub(crate) const LIST_PEERS: Command = Command {
    path: "operator raft list-peers",
    synopsis: "Lists the Raft peers",
    usage: "[options]",
    about: "Prints the servers in the Raft configuration, and how far each is behind the leader.",
    groups: CS,
    flags: &[],
    flag_errors: FLAG_ERRORS_AGAIN,
    run: Some(list_peers),
};

pub(crate) const REMOVE_PEER: Command = Command {
    path: "operator raft remove-peer",
    synopsis: "Removes a Raft peer",
    usage: "[options]",
    about: "Removes a server from the Raft configuration by address or ID. For servers that are gone for good and do not leave by themselves.",
    groups: CS,
    flags: &[
        Flag::string("address", "Address of the server, IP:PORT."),
        Flag::string("id", "ID of the server."),
    ],
    flag_errors: FLAG_ERRORS_AGAIN,
    run: Some(remove_peer),
};

pub(crate) const TRANSFER_LEADER: Command = Command {
    path: "operator raft transfer-leader",
    synopsis: "Hands leadership over",
    usage: "[options]",
    about: "Hands leadership over to a server, or to any that is up to date.",
    groups: CS,
    flags: &[Flag::string("id", "ID of the server that should lead.")],
    flag_errors: FLAG_ERRORS_AGAIN,
    run: Some(transfer_leader),
};

fn list_peers(call: &mut Call<'_>) -> i32 {
    let api = match connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    match api.wait(api.client.raft_configuration(&api::options(call))) {
        Err(e) => call.fail(format!(
            "Error getting peers: Failed to retrieve raft configuration: {e}"
        )),
        Ok(configuration) => {
            call.out(peers_table(&configuration.servers));
            0
        }
    }
}

/// The table of peers; `consul debug` saves it as well.
pub(crate) fn peers_table(servers: &[RaftServer]) -> String {
    let leader = servers.iter().find(|s| s.leader);
    let mut rows = vec![text::row([
        "Node",
        "ID",
        "Address",
        "State",
        "Voter",
        "RaftProtocol",
        "Commit Index",
        "Trails Leader By",
    ])];
    for server in servers {
        let protocol = match server.protocol_version.as_str() {
            "" => "<=1",
            version => version,
        };
        let behind = leader.map_or(0, |l| l.last_index.saturating_sub(server.last_index));
        let trails = match (server.leader, behind) {
            (true, _) => "-".to_owned(),
            (false, 1) => "1 commit".to_owned(),
            (false, n) => format!("{n} commits"),
        };
        rows.push(text::row([
            &server.node,
            &server.id,
            &server.address,
            if server.leader { "leader" } else { "follower" },
            &server.voter.to_string(),
            protocol,
            &server.last_index.to_string(),
            &trails,
        ]));
    }
    text::table(&rows)
}

fn remove_peer(call: &mut Call<'_>) -> i32 {
    let [address, id] = ["address", "id"].map(|name| call.flags.string(name).to_owned());
    let api = match connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let (by, value) = match (address.is_empty(), id.is_empty()) {
        (true, true) => {
            return call
                .fail("Error removing peer: an address or id is required for the peer to remove");
        }
        (false, false) => {
            return call.fail("Error removing peer: cannot give both an address and id");
        }
        (false, true) => ("address", address),
        (true, false) => ("id", id),
    };
    match api.wait(api.client.raft_remove_peer(by, &value)) {
        Err(e) => call.fail(format!("Error removing peer: {e}")),
        Ok(()) => {
            call.out(format!("Removed peer with {by} {}", text::quote(&value)));
            0
        }
    }
}

fn transfer_leader(call: &mut Call<'_>) -> i32 {
    let id = call.flags.string("id").to_owned();
    let api = match connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    match api.wait(api.client.raft_transfer_leader(&id)) {
        Err(e) => call.fail(format!(
            "Error transfering leadership: Failed to transfer leadership {e}"
        )),
        Ok(_) => {
            call.out("Success");
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers() {
        let server = |node: &str, leader, last_index| RaftServer {
            node: node.into(),
            leader,
            last_index,
            voter: true,
            protocol_version: "3".into(),
            ..RaftServer::default()
        };
        let text = peers_table(&[
            server("a", true, 9),
            server("b", false, 8),
            server("c", false, 7),
        ]);
        assert_eq!(
            text,
            "Node  ID  Address  State     Voter  RaftProtocol  Commit Index  Trails Leader By\n\
             a                  leader    true   3             9             -\n\
             b                  follower  true   3             8             1 commit\n\
             c                  follower  true   3             7             2 commits"
        );
    }
}
