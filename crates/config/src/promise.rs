//! Configuration that promises protection or membership of a cluster, while the part that would keep the promise does not
//! exist: the start is refused. Every other key without effect is only warned about (`effect`).
//!
//! What gains its part leaves this list. `validate` accepts all of it, as recorded.

use crate::model::Config;
use std::net::IpAddr;

/// A promise: the keys, whether this configuration makes it, what an operator should know and do.
pub struct Promise {
    /// The keys, as the list in the documentation names them.
    pub keys: &'static str,
    /// Why it cannot be kept, and what to do.
    pub why: &'static str,
    made: fn(&Config) -> bool,
}

/// All promises that cannot be kept yet.
pub const PROMISES: &[Promise] = &[
    Promise {
        keys: "acl.enabled = true",
        why: "ACLs are not enforced yet, so every request would be allowed; remove acl.enabled, and keep the ports away from whom you do not trust",
        made: |c| c.acl.enabled,
    },
    Promise {
        keys: "server = false",
        why: "client agents do not exist yet, so it would found a server of its own instead of joining one; set server = true and bootstrap_expect = 1 for a single server, or use -dev",
        made: |c| !c.node.server,
    },
    Promise {
        keys: "bootstrap_expect > 1",
        why: "several servers do not exist yet, so each would found a cluster of its own; set bootstrap_expect = 1 on a single server",
        made: |c| c.node.bootstrap_expect > 1,
    },
    Promise {
        keys: "retry_join (another agent)",
        why: "joining a cluster does not exist yet, so the agent would stay alone; remove retry_join and -retry-join",
        made: |c| c.join.lan.iter().any(|entry| !is_own(c, entry)),
    },
    Promise {
        keys: "retry_join_wan (another agent)",
        why: "joining other datacenters does not exist yet, so the server would stay alone; remove retry_join_wan and -retry-join-wan",
        made: |c| c.join.wan.iter().any(|entry| !is_own(c, entry)),
    },
    Promise {
        keys: "primary_gateways",
        why: "joining other datacenters does not exist yet, so the server would stay alone; remove primary_gateways",
        made: |c| !c.join.primary_gateways.is_empty(),
    },
];

/// Why this configuration cannot be started, for people: the first promise that it makes and nobody keeps.
pub fn unmet(config: &Config) -> Option<String> {
    let broken = PROMISES.iter().find(|promise| (promise.made)(config))?;
    Some(format!(
        "{} promises more than this version can keep: {}",
        broken.keys, broken.why
    ))
}

/// Whether an entry of a join list names this agent itself, which is no promise: one list often serves all machines.
fn is_own(config: &Config, entry: &str) -> bool {
    let host = match entry.rsplit_once(':') {
        // An IPv6 address has colons of its own.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            if port.parse() != Ok(config.ports.serf_lan) {
                return false;
            }
            host
        }
        _ => entry,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip == config.net.bind || ip == config.net.advertise_lan,
        Err(_) => host == "localhost" || host == config.node.name,
    }
}
