//! Rows that nothing feeds yet, or never will, and why. Whatever is not listed here is fed by a part that exists, which the
//! tests of the program show on a running agent.

/// Names, each with what it waits for; a `*` at the end stands for every name that begins so.
pub(super) const LATER: &[(&str, &str)] = &[
    ("acl.*", "ACLs"),
    ("agent.tls.cert.expiry", "TLS between servers"),
    ("cache.bypass", "every cached request has a key here"),
    (
        "cache.fetch_error",
        "answers are kept current by commits, not by fetches that fail",
    ),
    (
        "catalog.connect.query-tag*",
        "tags are ignored where mesh instances are asked for",
    ),
    ("client.api.catalog_gateway_services", "mesh"),
    ("client.api.success.catalog_gateway_services", "mesh"),
    ("client.rpc", "client mode"),
    ("client.rpc.error.catalog_gateway_services", "mesh"),
    ("client.rpc.exceeded", "client mode"),
    ("client.rpc.failed", "client mode"),
    ("fsm.acl.*", "ACLs"),
    ("fsm.ca.leaf", "mesh"),
    ("fsm.config_entry.*", "mesh"),
    ("fsm.intention", "mesh"),
    ("fsm.peering", "peering"),
    ("fsm.peering_trust_bundle", "peering"),
    ("grpc.*", "gRPC"),
    ("leader.replication.*", "several datacenters"),
    ("memberlist.*", "gossip"),
    ("mesh.*", "mesh"),
    ("prepared-query.execute_remote", "several datacenters"),
    (
        "raft.boltdb.*",
        "the reference's log store; the log lies elsewhere",
    ),
    ("raft.leader.oldestLogAge", "entries carry no time"),
    (
        "raft.logstore.*",
        "every record carries a checksum that is always verified",
    ),
    ("raft.replication.*", "several servers"),
    ("raft.rpc.*", "several servers"),
    ("raft.wal.tail_truncations", "several servers"),
    ("rpc.accept_conn", "server port"),
    ("rpc.cross-dc", "several datacenters"),
    ("rpc.raft_handoff", "server port"),
    (
        "rpc.rate_limit.log_dropped",
        "no line about rate limits is dropped",
    ),
    ("serf.member.*", "gossip"),
    ("serf.msgs.sent", "gossip"),
    ("serf.snapshot.*", "gossip"),
    ("state.config_entries", "mesh"),
    ("state.peerings", "peering"),
    ("xds.*", "mesh"),
];

/// What a row waits for; `None` when it is fed.
pub(super) fn later(name: &str) -> Option<&'static str> {
    let listed = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    // A `*` of a name itself stands for what is known only at run time, and is no reason to match more.
    let found = LATER.iter().find(|(pattern, _)| listed(pattern));
    found.map(|(_, reason)| *reason)
}
