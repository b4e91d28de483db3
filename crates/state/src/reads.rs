//! The table of reads: where each parks and which index it tells (spec/server.md §4.2, §5.3).
//!
//! The one place to look when a reader wakes too often or not at all; `docs/watch-table.md` is printed from it.

/// What holds for one read.
#[derive(Clone, Copy, Debug)]
pub struct ReadRule {
    /// The method of [`crate::Root`].
    pub read: &'static str,
    /// The watch keys it parks on.
    pub parks_on: &'static str,
    /// The index it tells; `P(x)` is the entry of `x` for the peer.
    pub index: &'static str,
}

const fn rule(read: &'static str, parks_on: &'static str, index: &'static str) -> ReadRule {
    ReadRule {
        read,
        parks_on,
        index,
    }
}

const FALLBACK: &str = "P(service.<name>); without an instance P(service_last_extinction), else the newest of the tables";

/// All reads.
pub const READS: &[ReadRule] = &[
    rule("nodes", "AllNodes", "P(nodes)"),
    rule(
        "node",
        "Node",
        "P(node.<name>); missing: P(node_last_extinction)",
    ),
    rule("services", "AllServices", "P(services)"),
    rule(
        "services, by node metadata",
        "NodeMeta of the first pair, NodeServices of each node; with over 64 nodes AllServices",
        "max(P(services), P(nodes))",
    ),
    rule("service_names", "AllServices", "P(services)"),
    rule("service_nodes", "Service", FALLBACK),
    rule("service_nodes, connect", "Connect", FALLBACK),
    rule(
        "node_services",
        "NodeServices",
        "P(node.<name>); missing: P(node_last_extinction)",
    ),
    rule(
        "node_services, by an ID prefix that finds none or several",
        "NodeServices, AllNodes",
        "0",
    ),
    rule("node_checks", "NodeChecks", "P(checks)"),
    rule("service_checks", "ServiceChecks", "P(checks)"),
    rule(
        "service_checks, by node metadata",
        "ServiceChecks, Node of each row",
        FALLBACK,
    ),
    rule(
        "checks_in_state",
        "ChecksInState; for `any` AllChecks",
        "P(checks)",
    ),
    rule(
        "checks_in_state, by node metadata",
        "as above, Node of each row",
        "P(checks)",
    ),
    rule("service_health", "ServiceHealth", FALLBACK),
    rule(
        "service_health, connect",
        "ConnectHealth",
        "max of P(service.<proxy>) over the rows; none: as service_health",
    ),
    rule("service_health, ingress", "IngressHealth", FALLBACK),
    rule(
        "node_dump",
        "AllNodes, AllServices, AllChecks",
        "max(P(checks), P(services), P(nodes))",
    ),
    rule(
        "node_dump, one node",
        "NodeServices, NodeChecks",
        "max(P(checks), P(services), P(nodes))",
    ),
    rule(
        "service_dump",
        "AllNodes, AllServices, AllChecks",
        "max(P(checks), P(services), P(nodes))",
    ),
    rule("service_dump, by kind", "Kind", "P(service_kind.<kind>)"),
    rule(
        "kv_get",
        "KvKey",
        "the row's ModifyIndex; missing: max(kvs, tombstones)",
    ),
    rule(
        "kv_list, kv_keys",
        "KvPrefix",
        "newest of rows and tombstones below the prefix; none or empty prefix: max(kvs, tombstones)",
    ),
    rule("session", "Session", "sessions"),
    rule("node_sessions", "NodeSessions", "sessions"),
    rule("sessions", "AllSessions", "sessions"),
    rule("coordinates", "AllCoordinates", "coordinates"),
    rule("node_coordinates", "Coordinates", "coordinates"),
    rule(
        "prepared_queries, resolve_query",
        "AllPreparedQueries",
        "prepared-queries",
    ),
    rule("prepared_query", "PreparedQuery", "prepared-queries"),
    rule("autopilot", "Autopilot", "the row's ModifyIndex"),
    rule("ca_roots", "CaRoots", "connect-ca-roots"),
    rule("ca_config", "CaConfig", "connect-ca-config"),
    rule("system_metadata", "SystemMetadata", "system-metadata"),
    rule(
        "usage",
        "AllNodes, AllServices",
        "max(nodes, services, kvs, tombstones)",
    ),
];

/// The table as a document.
pub fn watch_table() -> String {
    let mut out = String::from(
        "# Where reads park and which index they tell\n\nPrinted from `crates/state/src/reads.rs` by its test. Every read also \
         wakes when a restore replaces the state.\nA write touches the keys of the rows it changes; some index entries move \
         without waking anybody.\n\n| read | parks on | index |\n|---|---|---|\n",
    );
    for rule in READS {
        out.push_str(&format!(
            "| {} | {} | {} |\n",
            rule.read, rule.parks_on, rule.index
        ));
    }
    out
}
