//! `Status.*`: asked without a token, answered by any server.

use crate::row::Handler;
use dialect::List;
use dialect::msgpack;
use wire::rpc::{Empty, RaftStats};

/// `Status.Ping`
pub(crate) static PING: Handler =
    |_, _, _| Box::pin(std::future::ready(Ok(msgpack::to_bytes(&Empty {}))));

/// `Status.Leader`
pub(crate) static LEADER: Handler = |served, _, _| {
    let leader = served.rpc.status().leader;
    Box::pin(std::future::ready(Ok(msgpack::to_bytes(&leader))))
};

/// `Status.Peers`
pub(crate) static PEERS: Handler = |served, _, _| {
    let mut peers = served.rpc.status().peers;
    peers.sort_unstable();
    let peers = List::from(peers);
    Box::pin(std::future::ready(Ok(msgpack::to_bytes(&peers))))
};

/// `Status.RaftStats`: the leader says that it hears itself all the time, one that never heard a leader says so.
pub(crate) static RAFT_STATS: Handler = |served, _, _| {
    let status = served.rpc.status();
    let last_contact = match (status.is_leader, status.last_contact) {
        (true, _) => "0".to_owned(),
        (false, None) => "never".to_owned(),
        (false, Some(length)) => {
            dialect::duration::format(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX))
        }
    };
    Box::pin(std::future::ready(Ok(msgpack::to_bytes(&RaftStats {
        last_contact,
        last_term: status.term,
        last_index: status.last_log_index,
    }))))
};
