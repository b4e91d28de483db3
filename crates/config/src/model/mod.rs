//! The configuration a program can use: no options left that have a default, every value checked.
//!
//! Durations are `std::time::Duration`; a negative one in a file counts as zero. Ports are `0` when disabled.

mod agent;
mod cluster;
mod limits;
mod network;
mod reports;
mod security;

pub use agent::{Checks, Definitions, Join, Locality, Node};
pub use cluster::{Autopilot, Gossip, GossipTiming, Performance, Raft};
pub use limits::{Cache, LimitMode, Limits, RequestLimits};
pub use network::{Dns, Http, Network, Ports, RecursorStrategy, Soa, Ui};
pub use reports::{Cloud, Logging, Telemetry};
pub use security::{Acl, AutoConfig, AutoEncrypt, Connect, Tls, TlsInterface, TlsVersion, Tokens};

use std::collections::BTreeMap;

/// Texts by name.
pub type TextMap = BTreeMap<String, String>;

/// A validated configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Who this agent is.
    pub node: Node,
    /// How it finds and leaves others.
    pub join: Join,
    /// Addresses and listeners.
    pub net: Network,
    /// Ports as configured (`-1` = disabled), for the banner and `/v1/agent/self`.
    pub ports: Ports,
    /// DNS answers.
    pub dns: Dns,
    /// HTTP interface.
    pub http: Http,
    /// Web interface.
    pub ui: Ui,
    /// Limits of clients and requests.
    pub limits: Limits,
    /// Agent cache.
    pub cache: Cache,
    /// Gossip between agents.
    pub gossip: Gossip,
    /// Consensus and its files.
    pub raft: Raft,
    /// Timing of RPC and leaving.
    pub performance: Performance,
    /// Initial autopilot settings.
    pub autopilot: Autopilot,
    /// Access control.
    pub acl: Acl,
    /// Checks: what may run and how much is kept.
    pub checks: Checks,
    /// Definitions from files; decoded by the agent.
    pub definitions: Definitions,
    /// Service mesh.
    pub connect: Connect,
    /// Certificates for clients from servers.
    pub auto_encrypt: AutoEncrypt,
    /// Configuration for clients from servers.
    pub auto_config: AutoConfig,
    /// Log output.
    pub logging: Logging,
    /// Metrics.
    pub telemetry: Telemetry,
    /// TLS of each interface.
    pub tls: Tls,
    /// Hosted service: accepted, unused.
    pub cloud: Cloud,
}

impl Config {
    /// Log file modes, rotation and so on are the logger's; this is whether any TLS listener needs a certificate.
    pub fn wants_https(&self) -> bool {
        !self.net.https.is_empty()
    }
}
