//! Settings of the door: what the agent's configuration says, and what it becomes.

use crate::rate::ResponseRate;
use dns::{Name, Policy, ServiceTtls, Soa};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Port of a recursor that names none.
const DNS_PORT: u16 = 53;

/// In which order recursors are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// As configured.
    #[default]
    Sequential,
    /// Shuffled for each question.
    Random,
}

/// The door's settings as configured (spec/dns.md §17).
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Served domain, with or without its final dot.
    pub domain: String,
    /// Second domain; "" for none.
    pub alt_domain: String,
    /// The agent's datacenter.
    pub datacenter: String,
    /// The agent's node name: the label of metrics.
    pub node_name: String,
    /// `dns_config.allow_stale`.
    pub allow_stale: bool,
    /// `dns_config.max_stale`.
    pub max_stale: Duration,
    /// `dns_config.node_ttl`; parts of a second are dropped.
    pub node_ttl: Duration,
    /// `dns_config.service_ttl`.
    pub service_ttl: BTreeMap<String, Duration>,
    /// `dns_config.enable_truncate`.
    pub enable_truncate: bool,
    /// `dns_config.only_passing`.
    pub only_passing: bool,
    /// `dns_config.udp_answer_limit`.
    pub udp_answer_limit: usize,
    /// `dns_config.max_udp_size`, bytes.
    pub max_udp_size: usize,
    /// `dns_config.response_rate_limit`, large answers a second and source prefix; 0 is no limit.
    pub response_rate_limit: u32,
    /// `dns_config.a_record_limit`.
    pub a_record_limit: usize,
    /// `dns_config.disable_compression`.
    pub disable_compression: bool,
    /// `dns_config.enable_additional_node_meta_txt`.
    pub node_meta_txt: bool,
    /// `dns_config.soa`.
    pub soa: Soa,
    /// `translate_wan_addrs`.
    pub translate_wan: bool,
    /// `dns_config.use_cache`: any copy will do, so reads go to whichever server answers.
    pub use_cache: bool,
    /// `dns_config.cache_max_age`; zero is no bound.
    pub cache_max_age: Duration,
    /// Recursors: `ip`, `ip:port`, `[v6]:port`.
    pub recursors: Vec<String>,
    /// `dns_config.recursor_strategy`.
    pub recursor_strategy: Strategy,
    /// `dns_config.recursor_timeout`.
    pub recursor_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            domain: "consul.".to_owned(),
            alt_domain: String::new(),
            datacenter: "dc1".to_owned(),
            node_name: String::new(),
            allow_stale: true,
            max_stale: Duration::from_secs(87_600 * 3600),
            node_ttl: Duration::ZERO,
            service_ttl: BTreeMap::new(),
            enable_truncate: false,
            only_passing: false,
            udp_answer_limit: 3,
            max_udp_size: dns::UDP_BYTES_MAX,
            response_rate_limit: 0,
            a_record_limit: 0,
            disable_compression: false,
            node_meta_txt: true,
            soa: Soa::default(),
            translate_wan: false,
            use_cache: false,
            cache_max_age: Duration::ZERO,
            recursors: Vec::new(),
            recursor_strategy: Strategy::Sequential,
            recursor_timeout: Duration::from_secs(2),
        }
    }
}

/// Settings that cannot be used; the operator has to change them.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A domain that no name can lie in.
    #[error("Invalid domain: {0}")]
    Domain(String),
    /// A recursor that is no address.
    #[error("Invalid recursor address: {0}")]
    Recursor(String),
}

/// Settings in use. A reload makes another one.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) policy: Policy,
    pub(crate) node_name: String,
    /// Any server may answer.
    pub(crate) stale: bool,
    /// Oldest answer taken; zero is no bound.
    pub(crate) max_stale: Duration,
    pub(crate) recursors: Vec<SocketAddr>,
    pub(crate) strategy: Strategy,
    pub(crate) recursor_timeout: Duration,
    /// For answers much larger than their questions, if they are limited.
    pub(crate) rate: Option<Arc<ResponseRate>>,
}

impl Config {
    /// Checks settings.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let domain =
            |text: &str| Name::from_text(text).ok_or_else(|| ConfigError::Domain(text.to_owned()));
        let mut recursors = Vec::new();
        for text in &settings.recursors {
            let address = recursor(text).ok_or_else(|| ConfigError::Recursor(text.clone()))?;
            if !recursors.contains(&address) {
                recursors.push(address);
            }
        }
        let ttls = settings
            .service_ttl
            .iter()
            .map(|(name, ttl)| (name.clone(), seconds(*ttl)));
        let alt_domain = match settings.alt_domain.trim_end_matches('.') {
            "" => None,
            alt => Some(domain(alt)?.lower()),
        };
        let max_stale = match (settings.use_cache, settings.cache_max_age) {
            (true, age) if !age.is_zero() => settings.max_stale.min(age),
            _ => settings.max_stale,
        };
        Ok(Self {
            policy: Policy {
                domain: domain(&settings.domain)?.lower(),
                alt_domain,
                datacenter: settings.datacenter.to_lowercase(),
                node_ttl: seconds(settings.node_ttl),
                service_ttl: ServiceTtls::new(ttls),
                enable_truncate: settings.enable_truncate,
                only_passing: settings.only_passing,
                udp_answer_limit: settings.udp_answer_limit,
                udp_bytes_max: settings.max_udp_size,
                a_record_limit: settings.a_record_limit,
                compress: !settings.disable_compression,
                node_meta_txt: settings.node_meta_txt,
                soa: settings.soa,
                translate_wan: settings.translate_wan,
                recursion: !recursors.is_empty(),
            },
            node_name: settings.node_name.clone(),
            stale: settings.allow_stale || settings.use_cache,
            max_stale,
            recursors,
            strategy: settings.recursor_strategy,
            recursor_timeout: settings.recursor_timeout,
            rate: NonZeroU32::new(settings.response_rate_limit)
                .map(|per_second| Arc::new(ResponseRate::new(per_second))),
        })
    }
}

/// Whole seconds of a TTL.
pub(crate) fn seconds(ttl: Duration) -> u32 {
    u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX)
}

fn recursor(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let ip = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    Some(SocketAddr::new(ip.parse::<IpAddr>().ok()?, DNS_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recursors_are_addresses_without_duplicates() {
        let of = |texts: &[&str]| {
            let recursors = texts.iter().map(|text| (*text).to_owned()).collect();
            Config::new(&Settings {
                recursors,
                ..Settings::default()
            })
            .map(|config| config.recursors)
        };
        let expected =
            ["8.8.8.8:53", "[2001:db8::1]:53", "[::1]:8600"].map(|a| a.parse().expect("address"));
        assert_eq!(
            of(&[
                "8.8.8.8",
                "2001:db8::1",
                "[::1]:8600",
                "8.8.8.8:53",
                "[2001:db8::1]"
            ]),
            Ok(expected.to_vec())
        );
        assert_eq!(
            of(&["dns.example"]),
            Err(ConfigError::Recursor("dns.example".into()))
        );
    }

    #[test]
    fn seconds_are_whole() {
        let service_ttl = [
            ("half".to_owned(), Duration::from_millis(500)),
            ("*".to_owned(), Duration::from_secs(5)),
        ];
        let settings = Settings {
            service_ttl: service_ttl.into(),
            ..Settings::default()
        };
        let config = Config::new(&settings).expect("valid");
        assert_eq!(
            (
                config.policy.service_ttl.of("half"),
                config.policy.service_ttl.of("web")
            ),
            (0, 5)
        );
    }

    #[test]
    fn a_bad_domain_is_refused() {
        let settings = Settings {
            domain: "a..b".to_owned(),
            ..Settings::default()
        };
        assert!(matches!(
            Config::new(&settings),
            Err(ConfigError::Domain(_))
        ));
    }
}
