//! Who may do what, and what proves it.

use serde_json::Map as JsonMap;
use serde_json::Value as Json;
use std::net::IpAddr;
use std::time::Duration;

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
