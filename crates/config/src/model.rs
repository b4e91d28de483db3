//! The configuration a program can use: no options left that have a default, every value checked.
//!
//! Durations are `std::time::Duration`; a negative one in a file counts as zero. Ports are `0` when disabled.

use crate::address::Listen;
use crate::template::Net;
use serde_json::{Map as JsonMap, Value as Json};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

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

/// Addresses and listeners.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Bind address of the cluster ports.
    pub bind: IpAddr,
    /// Addresses of the client interfaces.
    pub client: Vec<IpAddr>,
    /// Address told to the own datacenter.
    pub advertise_lan: IpAddr,
    /// Address told to others.
    pub advertise_wan: IpAddr,
    /// `lan`, `lan_ipv4`, `wan`, … of the node.
    pub tagged_addresses: TextMap,
    /// DNS, UDP and TCP each; empty = off.
    pub dns: Vec<SocketAddr>,
    /// HTTP; empty = off.
    pub http: Vec<Listen>,
    /// HTTPS; empty = off.
    pub https: Vec<Listen>,
    /// gRPC without TLS; empty = off.
    pub grpc: Vec<Listen>,
    /// gRPC with TLS; empty = off.
    pub grpc_tls: Vec<Listen>,
    /// Server port, bound.
    pub rpc_bind: SocketAddr,
    /// Server port, told to others.
    pub rpc_advertise: SocketAddr,
    /// LAN gossip, bound.
    pub serf_lan_bind: SocketAddr,
    /// LAN gossip, told to others.
    pub serf_lan_advertise: SocketAddr,
    /// WAN gossip, bound; `None` = off.
    pub serf_wan_bind: Option<SocketAddr>,
    /// WAN gossip, told to others.
    pub serf_wan_advertise: Option<SocketAddr>,
    /// Who may join by gossip; `None` = all.
    pub serf_lan_allowed: Option<Vec<Net>>,
    /// Who may join by gossip; `None` = all.
    pub serf_wan_allowed: Option<Vec<Net>>,
    /// Owner of unix sockets, as configured.
    pub unix_user: String,
    /// Group of unix sockets, as configured.
    pub unix_group: String,
    /// Mode of unix sockets, octal, as configured.
    pub unix_mode: String,
}

/// Ports as configured; -1 = disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// DNS.
    pub dns: i32,
    /// HTTP.
    pub http: i32,
    /// HTTPS.
    pub https: i32,
    /// gRPC.
    pub grpc: i32,
    /// gRPC with TLS.
    pub grpc_tls: i32,
    /// LAN gossip.
    pub serf_lan: i32,
    /// WAN gossip.
    pub serf_wan: i32,
    /// Server port.
    pub server: i32,
    /// Automatic ports of sidecars, both inclusive.
    pub sidecar: (i32, i32),
    /// Automatic ports of exposed checks.
    pub expose: (i32, i32),
    /// Unused, only checked.
    pub proxy: (i32, i32),
}

/// DNS (dns.md).
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// Domain with its final dot, as configured.
    pub domain: String,
    /// Second domain, may be empty.
    pub alt_domain: String,
    /// Recursors, templates expanded, order kept, without duplicates.
    pub recursors: Vec<String>,
    /// Order in which recursors are asked.
    pub recursor_strategy: RecursorStrategy,
    /// Patience with a recursor.
    pub recursor_timeout: Duration,
    /// Any server may answer.
    pub allow_stale: bool,
    /// Oldest stale answer.
    pub max_stale: Duration,
    /// TTL of node answers.
    pub node_ttl: Duration,
    /// TTL of service answers, by name or `prefix*`.
    pub service_ttl: BTreeMap<String, Duration>,
    /// Set the truncation flag.
    pub enable_truncate: bool,
    /// Leave out instances with warnings.
    pub only_passing: bool,
    /// No name compression.
    pub disable_compression: bool,
    /// Most records of a UDP answer.
    pub udp_answer_limit: usize,
    /// Largest UDP answer, bytes: 512 to 65,467. Ours; the default is what the reference always does.
    pub max_udp_size: usize,
    /// UDP answers much larger than their question that one source prefix gets a second; 0 = all. Ours.
    pub response_rate_limit: u32,
    /// Most address records; 0 = all.
    pub a_record_limit: usize,
    /// Node metadata as TXT in additional sections.
    pub node_meta_txt: bool,
    /// SOA record.
    pub soa: Soa,
    /// Answer from the agent's cache.
    pub use_cache: bool,
    /// Oldest cached answer.
    pub cache_max_age: Duration,
}

/// Order of recursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecursorStrategy {
    /// As configured.
    Sequential,
    /// Shuffled for each question.
    Random,
}

/// SOA values in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// Refresh.
    pub refresh: u32,
    /// Retry.
    pub retry: u32,
    /// Expire.
    pub expire: u32,
    /// Negative TTL.
    pub min_ttl: u32,
}

/// HTTP interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Path prefixes that are refused.
    pub block_endpoints: Vec<String>,
    /// Where writes may come from; empty = anywhere.
    pub allow_write_from: Vec<Net>,
    /// Origins whose pages may write, beside the agent's own. A key of ours.
    pub allowed_origins: Vec<String>,
    /// Headers of every answer.
    pub response_headers: TextMap,
    /// `?cached` uses the cache.
    pub use_cache: bool,
    /// Most bytes of request headers; 0 = 1 MiB.
    pub max_header_bytes: i64,
    /// Blocking queries without `wait`.
    pub default_query_time: Duration,
    /// Longest blocking query.
    pub max_query_time: Duration,
    /// Oldest answer of discovery endpoints by any server; 0 = off.
    pub discovery_max_stale: Duration,
    /// Profiling endpoints.
    pub enable_debug: bool,
    /// Allow control characters in paths.
    pub disable_unprintable_char_filter: bool,
}

/// Web interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Ui {
    /// Served.
    pub enabled: bool,
    /// Own files instead of the built-in ones.
    pub dir: String,
    /// Path with slashes at both ends.
    pub content_path: String,
    /// Metrics provider.
    pub metrics_provider: String,
    /// Its files.
    pub metrics_provider_files: Vec<String>,
    /// Its options, a JSON object or empty.
    pub metrics_provider_options_json: String,
    /// Metrics backend behind `/v1/internal/ui/metrics-proxy/`.
    pub metrics_proxy_base_url: String,
    /// Headers added to those requests.
    pub metrics_proxy_add_headers: Vec<(String, String)>,
    /// Paths that may be asked.
    pub metrics_proxy_path_allowlist: Vec<String>,
    /// Links to dashboards.
    pub dashboard_url_templates: TextMap,
}

/// Limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections of one address to the HTTP interfaces; 0 or less = no limit.
    pub http_max_conns_per_client: i64,
    /// Patience with a TLS handshake.
    pub https_handshake_timeout: Duration,
    /// Patience with a handshake on the server port.
    pub rpc_handshake_timeout: Duration,
    /// Longest non-blocking RPC.
    pub rpc_client_timeout: Duration,
    /// RPCs a client sends per second; negative = unlimited.
    pub rpc_rate: f64,
    /// Burst of these.
    pub rpc_max_burst: i64,
    /// Connections of one address to the server port.
    pub rpc_max_conns_per_client: i64,
    /// Longest value of a key, bytes.
    pub kv_max_value_size: u64,
    /// Longest transaction body, bytes.
    pub txn_max_req_len: u64,
    /// Rate limits of servers.
    pub requests: RequestLimits,
    /// Shortest TTL of a session.
    pub session_ttl_min: Duration,
}

/// Rate limits of a server, in requests per second; negative = unlimited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestLimits {
    /// What exceeding a limit leads to.
    pub mode: LimitMode,
    /// Reads.
    pub read_rate: f64,
    /// Writes.
    pub write_rate: f64,
}

/// What exceeding a rate limit leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitMode {
    /// Nothing.
    Disabled,
    /// A log line.
    Permissive,
    /// A refusal.
    Enforcing,
}

/// Agent cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cache {
    /// Fetches per second and entry; `f64::INFINITY` = unlimited.
    pub entry_fetch_rate: f64,
    /// Burst of these.
    pub entry_fetch_max_burst: i64,
}

/// Gossip.
#[derive(Clone, Debug, PartialEq)]
pub struct Gossip {
    /// Key as configured (base64), if any.
    pub encrypt: Option<String>,
    /// Refuse unencrypted packets.
    pub verify_incoming: bool,
    /// Encrypt what is sent.
    pub verify_outgoing: bool,
    /// Keys stay in memory.
    pub disable_keyring_file: bool,
    /// Local pool.
    pub lan: GossipTiming,
    /// Wide-area pool.
    pub wan: GossipTiming,
}

/// Timing of a pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GossipTiming {
    /// Members told per round.
    pub gossip_nodes: i64,
    /// Pause between rounds.
    pub gossip_interval: Duration,
    /// Pause between probes.
    pub probe_interval: Duration,
    /// Patience with a probe.
    pub probe_timeout: Duration,
    /// Factor of the suspicion time.
    pub suspicion_mult: i64,
    /// Factor of retransmissions.
    pub retransmit_mult: i64,
}

/// Consensus.
#[derive(Clone, Debug, PartialEq)]
pub struct Raft {
    /// Factor of all timeouts, 1 to 10.
    pub multiplier: u32,
    /// Entries between snapshots.
    pub snapshot_threshold: i64,
    /// Pause between looks whether a snapshot is due.
    pub snapshot_interval: Duration,
    /// Entries kept after a snapshot.
    pub trailing_logs: i64,
    /// No pre-vote.
    pub prevote_disabled: bool,
    /// Log store asked for: `default`, `boltdb` or `wal`.
    pub logstore_backend: String,
    /// Log store options, kept for `/v1/agent/self`.
    pub logstore_disable_log_cache: bool,
    /// Verification of log stores.
    pub logstore_verification: (bool, Duration),
    /// BoltDB option.
    pub logstore_no_freelist_sync: bool,
    /// Segment size in MiB.
    pub logstore_wal_segment_size_mb: i64,
}

/// Timing of RPC and leaving.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Performance {
    /// Answers go on for this long after a leave.
    pub leave_drain_time: Duration,
    /// How long a request waits for a leader.
    pub rpc_hold_timeout: Duration,
    /// Pause between keep-alives.
    pub grpc_keepalive_interval: Duration,
    /// Patience with them.
    pub grpc_keepalive_timeout: Duration,
    /// Spread xDS streams over servers.
    pub enable_xds_load_balancing: bool,
}

/// Initial autopilot settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Autopilot {
    /// Remove dead servers.
    pub cleanup_dead_servers: bool,
    /// Healthy servers have heard the leader within this time.
    pub last_contact_threshold: Duration,
    /// Healthy servers are behind by at most this.
    pub max_trailing_logs: u64,
    /// Never go below this number of servers.
    pub min_quorum: u64,
    /// Time a new server must be healthy.
    pub server_stabilization_time: Duration,
    /// Enterprise. No effect.
    pub redundancy_zone_tag: String,
    /// Enterprise. No effect.
    pub disable_upgrade_migration: bool,
    /// Enterprise. No effect.
    pub upgrade_version_tag: String,
}

/// Access control.
#[derive(Clone, Debug, PartialEq)]
pub struct Acl {
    /// Switched on.
    pub enabled: bool,
    /// `allow` or `deny`; checked when the server is made.
    pub default_policy: String,
    /// What holds while servers cannot be reached.
    pub down_policy: String,
    /// How long a resolved token is kept.
    pub token_ttl: Duration,
    /// How long a policy is kept.
    pub policy_ttl: Duration,
    /// How long a role is kept.
    pub role_ttl: Duration,
    /// Listing keys needs `list`.
    pub enable_key_list_policy: bool,
    /// Tokens are replicated into this datacenter.
    pub enable_token_replication: bool,
    /// Tokens set by the API are stored.
    pub enable_token_persistence: bool,
    /// Configured tokens.
    pub tokens: Tokens,
    /// `allow`, `deny` or empty (as `default_policy`).
    pub default_intention_policy: String,
}

/// Tokens of the agent; empty = none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Created at bootstrap.
    pub initial_management: String,
    /// For replication.
    pub replication: String,
    /// Works without servers.
    pub agent_recovery: String,
    /// For requests without token.
    pub default: String,
    /// For the agent's own work.
    pub agent: String,
    /// For definitions from files.
    pub config_file_service_registration: String,
    /// For DNS.
    pub dns: String,
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

/// Service mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct Connect {
    /// Switched on.
    pub enabled: bool,
    /// `consul`, `vault`, `aws-pca`, or empty.
    pub ca_provider: String,
    /// Its settings, keys in CamelCase.
    pub ca_config: JsonMap<String, Json>,
    /// Federation through mesh gateways.
    pub mesh_gateway_wan_federation: bool,
}

/// Certificates for clients from servers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AutoEncrypt {
    /// Client asks.
    pub tls: bool,
    /// Server answers.
    pub allow_tls: bool,
    /// Additional names.
    pub dns_san: Vec<String>,
    /// Additional addresses.
    pub ip_san: Vec<IpAddr>,
}

/// Configuration for clients from servers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AutoConfig {
    /// Client asks.
    pub enabled: bool,
    /// Its token.
    pub intro_token: String,
    /// File with its token.
    pub intro_token_file: String,
    /// Servers to ask.
    pub server_addresses: Vec<String>,
    /// Additional names.
    pub dns_sans: Vec<String>,
    /// Additional addresses.
    pub ip_sans: Vec<IpAddr>,
    /// Server answers.
    pub authorization_enabled: bool,
    /// How it checks tokens, as written.
    pub authorization_static: JsonMap<String, Json>,
}

/// Log output.
#[derive(Clone, Debug, PartialEq)]
pub struct Logging {
    /// Level as configured; see [`crate::log_level`].
    pub level: String,
    /// JSON lines.
    pub json: bool,
    /// File or directory (ending in `/`), may be empty.
    pub file: String,
    /// Age at which a file is rotated.
    pub rotate_duration: Duration,
    /// Size at which a file is rotated; 0 = never.
    pub rotate_bytes: i64,
    /// Rotated files to keep; 0 = all, negative = none.
    pub rotate_max_files: i64,
    /// To syslog as well.
    pub syslog: bool,
    /// Its facility.
    pub syslog_facility: String,
    /// File that holds the process id, may be empty.
    pub pid_file: String,
}

/// Metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// First part of every name.
    pub metrics_prefix: String,
    /// What holds for names no filter mentions.
    pub filter_default: bool,
    /// Prefixes to send.
    pub allowed_prefixes: Vec<String>,
    /// Prefixes to keep back.
    pub blocked_prefixes: Vec<String>,
    /// Gauges without host name.
    pub disable_hostname: bool,
    /// No tenancy labels.
    pub disable_per_tenancy_usage_metrics: bool,
    /// Metrics of the machine.
    pub enable_host_metrics: bool,
    /// Retry sinks that cannot be reached.
    pub retry_failed_connection: bool,
    /// Address of a statsd, may be empty.
    pub statsd_address: String,
    /// Address of a statsite, may be empty.
    pub statsite_address: String,
    /// Address of a dogstatsd, may be empty.
    pub dogstatsd_addr: String,
    /// Its tags.
    pub dogstatsd_tags: Vec<String>,
    /// How long Prometheus keeps dynamic metrics; 0 = no Prometheus.
    pub prometheus_retention: Duration,
    /// Circonus settings, as written.
    pub circonus: TextMap,
}

/// TLS of each interface, defaults already inherited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// Server port.
    pub internal_rpc: TlsInterface,
    /// HTTPS.
    pub https: TlsInterface,
    /// gRPC.
    pub grpc: TlsInterface,
}

/// TLS of one interface.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsInterface {
    /// PEM file of authorities, may be empty.
    pub ca_file: String,
    /// Directory of these, may be empty.
    pub ca_path: String,
    /// Certificate file, may be empty.
    pub cert_file: String,
    /// Key file, may be empty.
    pub key_file: String,
    /// Lowest version.
    pub min_version: TlsVersion,
    /// Suites by name; empty = default.
    pub cipher_suites: Vec<String>,
    /// Clients must show a certificate.
    pub verify_incoming: bool,
    /// Servers' certificates are verified.
    pub verify_outgoing: bool,
    /// …and their names (internal RPC only).
    pub verify_server_hostname: bool,
    /// gRPC serves the automatic certificate.
    pub use_auto_cert: bool,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// The library's choice.
    Auto,
    /// 1.0.
    V1_0,
    /// 1.1.
    V1_1,
    /// 1.2.
    #[default]
    V1_2,
    /// 1.3.
    V1_3,
}

impl TlsVersion {
    /// As in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "TLS_AUTO",
            Self::V1_0 => "TLSv1_0",
            Self::V1_1 => "TLSv1_1",
            Self::V1_2 => "TLSv1_2",
            Self::V1_3 => "TLSv1_3",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Auto, Self::V1_0, Self::V1_1, Self::V1_2, Self::V1_3]
            .into_iter()
            .find(|v| v.name() == name)
    }
}

/// Hosted service: accepted, unused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cloud {
    /// Resource id.
    pub resource_id: String,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// Host name of the service.
    pub hostname: String,
    /// Where to log in.
    pub auth_url: String,
    /// Where to connect.
    pub scada_address: String,
}

impl Config {
    /// Log file modes, rotation and so on are the logger's; this is whether any TLS listener needs a certificate.
    pub fn wants_https(&self) -> bool {
        !self.net.https.is_empty()
    }
}
