//! Texts of refused commands (spec/server.md §3, §14.1).

/// A configuration of the authority that was read before somebody else wrote one.
pub const CA_CONFIG_INDEX: &str = "ModifyIndex did not match existing";
/// Roots of which none or several are active.
pub const CA_ACTIVE: &str = "there must be exactly one active CA";
/// A session without an ID.
pub const MISSING_SESSION_ID: &str = "Missing session ID";
/// A lock operation without a session.
pub const MISSING_SESSION: &str = "missing session";
/// A prepared query without an ID.
pub const MISSING_QUERY_ID: &str = "Missing Query ID";
/// A check whose node name or ID is empty.
pub const CHECK_LOOKUP: &str =
    "failed health check lookup: index error: object is missing a value for this index";
/// A session that depends on a check without ID.
pub const SESSION_CHECK_LOOKUP: &str =
    "failed check lookup: index error: object is missing a value for this index";
/// More than one peer in one registration.
pub const MIXED_PEERS: &str =
    "Cannot register services and checks for multiple peer names in one registration request";
/// Two templates that match everything.
pub const EMPTY_TEMPLATE_EXISTS: &str = "a query template with an empty name already exists";
/// An operation of a transaction without any member.
pub const TXN_UNKNOWN_TYPE: &str = "unknown operation type";
/// No virtual address is left.
pub const NO_VIRTUAL_IPS: &str = "cannot allocate any more unique service virtual IPs";
/// A restore piece without a begin.
pub const NO_RESTORE: &str = "no restore is in progress";
/// A piece of another restore than the one in progress, or not its next.
pub const OTHER_RESTORE: &str = "another restore began meanwhile; nothing was changed by this one";
/// The removed ACL system's command.
pub const LEGACY_ACL: &str = "legacy ACL command has been removed with the legacy ACL system";

/// A session to lock with does not exist.
pub fn invalid_session(id: &str) -> String {
    format!("invalid session {}", quote(id))
}

/// A session with an unknown behavior.
pub fn invalid_behavior(behavior: &str) -> String {
    format!("Invalid session behavior: {behavior}")
}

/// A session depends on a check that does not exist.
pub fn missing_check(id: &str) -> String {
    format!("Missing check '{id}' registration")
}

/// A session depends on a check that fails.
pub fn critical_check(id: &str) -> String {
    format!("Check '{id}' is in critical state")
}

/// A node name belongs to another, living node.
pub fn name_reserved(name: &str, owner_id: &str, owner: &str, owner_address: &str) -> String {
    format!("Node name {name} is reserved by node {owner_id} with name {owner} ({owner_address})")
}

/// A registration would rename a node to a name that is taken; the address is told when the ID was known before.
pub fn rename(id: &str, address: Option<&str>, why: &str) -> String {
    match address {
        Some(address) => format!(
            "Error while renaming Node ID: {} ({address}): {why}",
            quote(id)
        ),
        None => format!("Error while renaming Node ID: {}: {why}", quote(id)),
    }
}

/// A check names another node than its registration.
pub fn check_node_mismatch(check_node: &str, node: &str) -> String {
    format!(
        "check node {} does not match node {}",
        quote(check_node),
        quote(node)
    )
}

/// A registration failed at its node, service or check.
pub fn inserting(what: &str, why: &str) -> String {
    format!("failed inserting {what}: {why}")
}

/// A registration failed at a check.
pub fn inserting_check(node: &str, why: &str) -> String {
    format!("failed inserting check on node {}: {why}", quote(node))
}

/// Service metadata breaks a rule.
pub fn service_meta(node: &str, id: &str, why: &str) -> String {
    format!("Invalid Service Meta for node {node} and serviceID {id}: {why}")
}

/// More metadata than allowed; the text says node for services as well.
pub fn too_much_meta(limit: usize) -> String {
    format!("Node metadata cannot contain more than {limit} key/value pairs")
}

/// A metadata pair breaks a rule.
pub fn meta_pair(key: &str, value: &str, why: &str) -> String {
    format!("Couldn't load metadata pair ('{key}', '{value}'): {why}")
}

/// A prepared query's name is another query's name.
pub fn query_name_taken(name: &str) -> String {
    format!("name '{name}' aliases an existing query name")
}

/// A prepared query's name is another query's ID.
pub fn query_name_is_id(name: &str) -> String {
    format!("name '{name}' aliases an existing query ID")
}

/// A transaction's compare-and-set lost. `verb` is `set` or `delete`, `what` names the row.
pub fn stale(verb: &str, what: &str) -> String {
    format!("failed to {verb} {what}, index is stale")
}

/// A transaction's row is missing.
pub fn missing(what: &str) -> String {
    format!("{what} doesn't exist")
}

/// How a transaction's errors name a KV row.
pub fn key_row(key: &str) -> String {
    format!("key {}", quote(key))
}

/// How a transaction's errors name a node.
pub fn node_row(name: &str) -> String {
    format!("node {}", quote(name))
}

/// How a transaction's errors name a service instance.
pub fn service_row(id: &str, node: &str) -> String {
    format!("service {} on node {}", quote(id), quote(node))
}

/// How a transaction's errors name a check.
pub fn check_row(id: &str, node: &str) -> String {
    format!("check {} on node {}", quote(id), quote(node))
}

/// A transaction's operation with an unknown verb. `what` is `KV`, `node`, `service`, `check` or `session`.
pub fn unknown_operation(what: &str, verb: &str) -> String {
    format!("unknown {what} operation: {verb}")
}

/// A command with an unknown operation. `what` names the request.
pub fn invalid_operation(what: &str, op: &str) -> String {
    format!("Invalid {what} operation '{op}'")
}

/// An archive holds a record that cannot be restored.
pub fn unknown_record(kind: u8) -> String {
    if kind >= 64 {
        format!("msg type <{kind}> is a Consul Enterprise log entry. Consul CE cannot restore it")
    } else {
        format!("Unrecognized msg type {kind}")
    }
}

/// A text in Go's quotes.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", c as u32))
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
