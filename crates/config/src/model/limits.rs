//! What clients may take.

use std::time::Duration;

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
