//! What an agent prints before its log (agent-config.md §12.3).

use crate::model::{Config, TlsInterface};
use std::fmt::Write;

/// First line of the standard output; after it come the facts.
pub const STARTING: &str = "==> Starting Consul agent...";
/// Line between the facts and the log; an empty line follows.
pub const LOG_FOLLOWS: &str = "==> Log data will now stream in as it occurs:";
/// Last line of a successful start, at INFO.
pub const RUNNING: &str = "Consul agent running!";

/// Facts the configuration does not hold.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Version with pre-release and metadata.
    pub version: &'a str,
    /// Revision; only development builds print it.
    pub revision: Option<&'a str>,
    /// Build time, `2025-08-13 15:25:21 +0000 UTC`.
    pub build_date: &'a str,
    /// Node id in use.
    pub node_id: &'a str,
    /// A gossip key is in use (configured or from the keyring file).
    pub encrypted: bool,
}

/// The whole banner, ending in an empty line. Not printed with `log_json`.
pub fn banner(c: &Config, facts: &Facts<'_>) -> String {
    let mut rows: Vec<(&str, String)> = vec![("Version", format!("'{}'", facts.version))];
    if let Some(revision) = facts.revision {
        rows.push(("Revision", format!("'{revision}'")));
    }
    let client: Vec<String> = c.net.client.iter().map(ToString::to_string).collect();
    let segment = if c.node.server { "<all>" } else { "" };
    rows.extend([
        ("Build Date", format!("'{}'", facts.build_date)),
        ("Node ID", format!("'{}'", facts.node_id)),
        ("Node name", format!("'{}'", c.node.name)),
        (
            "Datacenter",
            format!("'{}' (Segment: '{segment}')", c.node.datacenter),
        ),
        (
            "Server",
            format!("{} (Bootstrap: {})", c.node.server, c.node.bootstrap),
        ),
        (
            "Client Addr",
            format!(
                "[{}] (HTTP: {}, HTTPS: {}, gRPC: {}, gRPC-TLS: {}, DNS: {})",
                client.join(" "),
                c.ports.http,
                c.ports.https,
                c.ports.grpc,
                c.ports.grpc_tls,
                c.ports.dns
            ),
        ),
        (
            "Cluster Addr",
            format!(
                "{} (LAN: {}, WAN: {})",
                c.net.advertise_lan, c.ports.serf_lan, c.ports.serf_wan
            ),
        ),
        ("Gossip Encryption", facts.encrypted.to_string()),
        (
            "Auto-Encrypt-TLS",
            (c.auto_encrypt.tls || c.auto_encrypt.allow_tls).to_string(),
        ),
        ("ACL Enabled", c.acl.enabled.to_string()),
    ]);
    if c.node.server {
        rows.push(("Reporting Enabled", "false".to_string()));
    }
    rows.extend([
        ("ACL Default Policy", c.acl.default_policy.clone()),
        ("HTTPS TLS", tls(&c.tls.https, true, false)),
        ("gRPC TLS", tls(&c.tls.grpc, false, false)),
        ("Internal RPC TLS", tls(&c.tls.internal_rpc, true, true)),
    ]);
    let mut out = format!("{STARTING}\n");
    for (name, value) in rows {
        let _ = writeln!(out, "{name:>22}: {value}");
    }
    let _ = write!(out, "\n{LOG_FOLLOWS}\n\n");
    out
}

fn tls(t: &TlsInterface, outgoing: bool, hostname: bool) -> String {
    let mut out = format!("Verify Incoming: {}", t.verify_incoming);
    if outgoing {
        let _ = write!(out, ", Verify Outgoing: {}", t.verify_outgoing);
    }
    if hostname {
        let _ = write!(out, " (Verify Hostname: {})", t.verify_server_hostname);
    }
    let _ = write!(out, ", Min Version: {}", t.min_version.name());
    out
}
