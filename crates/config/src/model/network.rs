//! Addresses, and what is served at them.

use super::TextMap;
use crate::address::Listen;
use crate::template::Net;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

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
