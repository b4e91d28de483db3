//! Who this agent is, how it finds others and what it runs for them.

use super::TextMap;
use serde_json::Map as JsonMap;
use serde_json::Value as Json;
use std::path::PathBuf;
use std::time::Duration;

/// Identity and mode.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name in the catalog and in gossip.
    pub name: String,
    /// Configured id, lower case; `None` = from the data directory or random.
    pub id: Option<String>,
    /// Metadata, checked.
    pub meta: TextMap,
    /// Datacenter, lower case.
    pub datacenter: String,
    /// Primary datacenter, lower case.
    pub primary_datacenter: String,
    /// Data directory; `None` in development mode without one.
    pub data_dir: Option<PathBuf>,
    /// Development mode: nothing is stored, a server elects itself.
    pub dev: bool,
    /// Server (or client).
    pub server: bool,
    /// TLS server name override.
    pub server_name: String,
    /// Elects itself when alone.
    pub bootstrap: bool,
    /// Number of servers to wait for; 0 = off.
    pub bootstrap_expect: u32,
    /// Region and zone.
    pub locality: Option<Locality>,
    /// Additional tagged addresses of the node.
    pub tagged_addresses: TextMap,
    /// Answers for other datacenters give WAN addresses.
    pub translate_wan_addrs: bool,
    /// Draw a random id instead of one derived from the machine.
    pub disable_host_node_id: bool,
    /// Gossip protocol version.
    pub protocol: u8,
    /// Raft protocol version.
    pub raft_protocol: u8,
    /// No network coordinates.
    pub disable_coordinates: bool,
    /// No question for newer versions.
    pub disable_update_check: bool,
    /// No anonymous id in that question.
    pub disable_anonymous_signature: bool,
    /// Experiments switched on.
    pub experiments: Vec<String>,
    /// `consul exec` is refused.
    pub disable_remote_exec: bool,
    /// Files are watched and reloaded.
    pub auto_reload_config: bool,
    /// A server away for longer refuses to rejoin.
    pub server_rejoin_age_max: Duration,
    /// Enterprise: non-voting server. No effect.
    pub read_replica: bool,
    /// Enterprise: number of segments. No effect.
    pub segment_limit: i64,
    /// Enterprise: partition. No effect.
    pub partition: String,
    /// Experimental internal: gRPC streaming served.
    pub rpc_enable_streaming: bool,
    /// Health queries of clients use streaming.
    pub use_streaming_backend: bool,
    /// xDS updates per second; negative = unlimited.
    pub xds_update_max_per_second: f64,
    /// Cluster peering.
    pub peering_enabled: bool,
}

/// Region and zone of a node or service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locality {
    /// Region.
    pub region: String,
    /// Zone; needs a region.
    pub zone: String,
}

/// Joining and leaving.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// Members of the local pool to contact.
    pub lan: Vec<String>,
    /// Members of the wide-area pool to contact.
    pub wan: Vec<String>,
    /// Pause between attempts.
    pub interval_lan: Duration,
    /// Pause between attempts.
    pub interval_wan: Duration,
    /// Attempts after the first; 0 = no end.
    pub max_lan: i64,
    /// Attempts after the first; 0 = no end.
    pub max_wan: i64,
    /// Rejoin after a leave.
    pub rejoin_after_leave: bool,
    /// SIGTERM leaves.
    pub leave_on_terminate: bool,
    /// SIGINT does not leave.
    pub skip_leave_on_interrupt: bool,
    /// Mesh gateways of the primary datacenter.
    pub primary_gateways: Vec<String>,
    /// Pause between attempts to reach them.
    pub primary_gateways_interval: Duration,
    /// How long this client may be away before others forget it.
    pub advertise_reconnect_timeout: Duration,
    /// How long others may be away (0 = library default).
    pub reconnect_timeout_lan: Duration,
    /// How long others may be away (0 = library default).
    pub reconnect_timeout_wan: Duration,
}

/// Checks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Checks {
    /// Scripts from everywhere.
    pub enable_script: bool,
    /// Scripts from files.
    pub enable_local_script: bool,
    /// Changed output alone is told after this time.
    pub update_interval: Duration,
    /// Most bytes of output.
    pub output_max_size: usize,
    /// No output is kept.
    pub discard_output: bool,
    /// Checks use the agent's certificate.
    pub agent_tls: bool,
    /// Proxies get central defaults.
    pub central_service_config: bool,
}

/// Definitions from files, checked, keys in snake_case, durations as texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definitions {
    /// Services.
    pub services: Vec<Json>,
    /// Checks.
    pub checks: Vec<Json>,
    /// Watches, as written.
    pub watches: Vec<JsonMap<String, Json>>,
    /// Config entries for bootstrap, as written.
    pub config_entries: Vec<Json>,
}
