//! What of the agent's configuration the door needs.

use crate::h1::{HEADER_SLACK, MAX_HEADER_BYTES};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING, VARY};
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// Settings of the door. All of them may change while it runs: [`crate::Door::reload`].
#[derive(Clone, Debug)]
pub struct Config {
    /// This agent's node name; `?near=_agent` and sessions without a node mean it.
    pub node_name: String,
    /// This agent's datacenter; requests that name it are local.
    pub datacenter: String,
    /// Whether bodies are always indented (`-dev`).
    pub dev_mode: bool,
    /// Whether ACLs are on.
    pub acls_enabled: bool,
    /// `acl.default_policy`, shown in a header even when ACLs are off.
    pub default_policy: String,
    /// The agent's own token, for requests that bring none; "" for none.
    pub default_token: String,
    /// `translate_wan_addrs`.
    pub translate_wan_addrs: bool,
    /// `http_config.response_headers`.
    pub response_headers: Vec<(String, String)>,
    /// `http_config.block_endpoints`: prefixes of decoded paths.
    pub block_endpoints: Vec<String>,
    /// `http_config.allowed_origins`: origins whose pages may write, beside this agent's own; `*` is all.
    pub allowed_origins: Vec<String>,
    /// `http_config.allow_write_http_from`; empty allows all.
    pub allow_write_from: Vec<Cidr>,
    /// `limits.http_max_conns_per_client`; 0 is no limit.
    pub max_connections_per_client: usize,
    /// `http_config.max_header_bytes`; 0 means 1 MiB.
    pub max_header_bytes: usize,
    /// `disable_http_unprintable_char_filter`.
    pub allow_unprintable: bool,
    /// `enable_debug`: what of `/debug/pprof/` this program has is served.
    pub enable_debug: bool,
    /// `limits.kv_max_value_size` in bytes.
    pub kv_max_value_size: u64,
    /// `limits.txn_max_req_len` in bytes; the larger of this and the KV limit counts.
    pub txn_max_req_len: u64,
    /// `http_config.use_cache`.
    pub use_cache: bool,
    /// `use_streaming_backend`.
    pub use_streaming: bool,
    /// `discovery_max_stale`; zero is off.
    pub discovery_max_stale: Duration,
    /// `disable_coordinates`.
    pub disable_coordinates: bool,
    /// The web UI, if enabled.
    pub ui: Option<Ui>,
}

/// Settings of the web UI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ui {
    /// Where it is served, with slashes at both ends.
    pub content_path: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node_name: String::new(),
            datacenter: "dc1".into(),
            dev_mode: false,
            acls_enabled: false,
            default_policy: "allow".into(),
            default_token: String::new(),
            translate_wan_addrs: false,
            response_headers: Vec::new(),
            block_endpoints: Vec::new(),
            allowed_origins: Vec::new(),
            allow_write_from: Vec::new(),
            max_connections_per_client: 200,
            max_header_bytes: 0,
            allow_unprintable: false,
            enable_debug: false,
            kv_max_value_size: 512 * 1024,
            txn_max_req_len: 512 * 1024,
            use_cache: true,
            use_streaming: true,
            discovery_max_stale: Duration::ZERO,
            disable_coordinates: false,
            ui: None,
        }
    }
}

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Whether `address` lies in the block. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        fn masked(value: u128, width: u32, bits: u8) -> u128 {
            let shift = width.saturating_sub(u32::from(bits));
            value.checked_shr(shift).unwrap_or(0)
        }
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                masked(u32::from(a).into(), 32, self.bits)
                    == masked(u32::from(b).into(), 32, self.bits)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                masked(a.into(), 128, self.bits) == masked(b.into(), 128, self.bits)
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = String;

    /// Reads `10.0.0.0/8`; the error names the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("invalid CIDR address: {text}");
        let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits: u8 = bits.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        if bits > width {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

/// Headers that say how an answer is framed: only the connection knows, so a configured one is left out.
const FRAMING: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// A [`Config`] with what every request needs of it worked out.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub config: Config,
    /// Headers of every answer, routed or not.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
    /// Headers of every routed answer.
    pub common: Vec<(HeaderName, HeaderValue)>,
    pub default_token: ports::Token,
}

impl Prepared {
    /// Most bytes of a request's head.
    pub fn header_limit(&self) -> usize {
        let limit = match self.config.max_header_bytes {
            0 => MAX_HEADER_BYTES,
            limit => limit,
        };
        limit.saturating_add(HEADER_SLACK)
    }

    /// Whether pages of `origin` may write: the key says so, or the configured CORS header.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins()
            .any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }

    /// Whether an allowed origin has this host, its port aside.
    pub fn allows_host(&self, authority: &str) -> bool {
        let (name, _) = crate::host::split(authority);
        self.origins().any(|allowed| {
            let of = allowed.split_once("://").map_or(allowed, |(_, rest)| rest);
            allowed == "*" || crate::host::split(of).0.eq_ignore_ascii_case(name)
        })
    }

    fn origins(&self) -> impl Iterator<Item = &str> {
        let headers = self.response_headers.iter();
        let shared = headers
            .filter(|(name, _)| *name == hyper::header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .filter_map(|(_, value)| value.to_str().ok());
        let keyed = self.config.allowed_origins.iter().map(String::as_str);
        keyed.chain(shared).map(str::trim)
    }

    /// Header names or values that HTTP does not allow are left out.
    pub fn new(config: Config) -> Self {
        let pair = |name: &str, value: &str| {
            Some((
                HeaderName::from_bytes(name.as_bytes()).ok()?,
                HeaderValue::from_bytes(value.as_bytes()).ok()?,
            ))
        };
        let response_headers: Vec<_> = config
            .response_headers
            .iter()
            .filter_map(|(n, v)| pair(n, v))
            .filter(|(name, _)| !FRAMING.contains(name))
            .collect();
        let mut common = Vec::new();
        common.extend(pair("x-consul-default-acl-policy", &config.default_policy));
        if config.translate_wan_addrs {
            common.extend(pair("x-consul-translate-addresses", "true"));
        }
        let taken = |name: &HeaderName| common.iter().any(|(n, _)| n == name);
        let own: Vec<_> = response_headers
            .iter()
            .filter(|(name, _)| !taken(name))
            .cloned()
            .collect();
        common.extend(own);
        // Beside what the operator says answers vary by.
        common.push((VARY, HeaderValue::from_static("Accept-Encoding")));
        let default_token = ports::Token::new(&config.default_token);
        Self {
            config,
            response_headers,
            common,
            default_token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_addresses() {
        let block: Cidr = "10.0.0.0/8".parse().unwrap();
        assert!(block.contains("10.255.0.1".parse().unwrap()));
        assert!(block.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!block.contains("11.0.0.1".parse().unwrap()));
        assert!(
            "0.0.0.0/0"
                .parse::<Cidr>()
                .unwrap()
                .contains("1.2.3.4".parse().unwrap())
        );
        assert!(
            "::/0"
                .parse::<Cidr>()
                .unwrap()
                .contains("::1".parse().unwrap())
        );
        assert!(
            !"::/0"
                .parse::<Cidr>()
                .unwrap()
                .contains("1.2.3.4".parse().unwrap())
        );
        for wrong in ["", "10.0.0.0", "10.0.0.0/33", "x/8", "::/129"] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
    }
}
