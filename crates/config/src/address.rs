//! Addresses of the configuration: expansion of templates, and the refusals of each key (agent-config.md §5).

use crate::error::ConfigError;
use crate::host::{Host, Interface};
use crate::template::{expand, is_public_v6};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listen {
    /// An address and port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(a) => write!(f, "{a}"),
            Self::Unix(p) => write!(f, "{}", p.display()),
        }
    }
}

/// An address without port: an IP, or a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Ip(IpAddr),
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Unix(p) => write!(f, "{}", p.display()),
        }
    }
}

/// Expands the value of an address key to words.
pub(crate) fn words(host: &dyn Host, key: &str, text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let expanded = expand(host, text).map_err(|e| format!("{key}: error parsing {text:?}: {e}"))?;
    Ok(expanded.split_whitespace().map(String::from).collect())
}

/// Expands to addresses; each must be an IP or `unix://…`.
pub(crate) fn places(host: &dyn Host, key: &str, text: &str) -> Result<Vec<Place>, String> {
    words(host, key, text)?
        .iter()
        .map(|word| place(key, word))
        .collect()
}

fn place(key: &str, word: &str) -> Result<Place, String> {
    match word.strip_prefix("unix://") {
        Some(path) => Ok(Place::Unix(PathBuf::from(path))),
        None => ip_of(word)
            .map(Place::Ip)
            .ok_or_else(|| format!("{key}: invalid ip address: {word}")),
    }
}

/// Expands to IPs only.
pub(crate) fn ips(host: &dyn Host, key: &str, text: &str) -> Result<Vec<IpAddr>, String> {
    places(host, key, text)?
        .into_iter()
        .map(|p| match p {
            Place::Ip(ip) => Ok(ip),
            Place::Unix(_) => Err(format!("{key} cannot be a unix socket")),
        })
        .collect()
}

/// Expands to at most one address.
pub(crate) fn first(host: &dyn Host, key: &str, text: &str) -> Result<Option<Place>, String> {
    let mut all = places(host, key, text)?;
    if all.len() > 1 {
        let list: Vec<String> = all.iter().map(ToString::to_string).collect();
        return Err(format!(
            "{key}: multiple addresses found: {}",
            list.join(" ")
        ));
    }
    Ok(all.pop())
}

/// Expands to at most one IP.
pub(crate) fn first_ip(host: &dyn Host, key: &str, text: &str) -> Result<Option<IpAddr>, String> {
    match first(host, key, text)? {
        Some(Place::Unix(_)) => Err(format!("{key} cannot be a unix socket")),
        Some(Place::Ip(ip)) => Ok(Some(ip)),
        None => Ok(None),
    }
}

fn ip_of(word: &str) -> Option<IpAddr> {
    let bare = word
        .strip_prefix('[')
        .and_then(|w| w.strip_suffix(']'))
        .unwrap_or(word);
    bare.parse().ok()
}

/// The value of `bind_addr`.
pub(crate) fn bind(host: &dyn Host, text: &str) -> Result<IpAddr, ConfigError> {
    // A word that is no address counts as none, and then there is none: the reference's words for it. A template that
    // fails tells why.
    let words = words(host, "bind_addr", text).map_err(ConfigError::Rule)?;
    let mut all = words
        .iter()
        .map(|word| place("bind_addr", word))
        .collect::<Result<Vec<Place>, String>>()
        .unwrap_or_default();
    if all.len() > 1 {
        return Err(ConfigError::rule(
            "bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.",
        ));
    }
    match all.pop() {
        None => Err(ConfigError::rule("bind_addr cannot be empty")),
        Some(Place::Unix(_)) => Err(ConfigError::rule("bind_addr cannot be a unix socket")),
        Some(Place::Ip(ip)) => Ok(ip),
    }
}

/// Networks whose addresses count as private when one is looked for to advertise: RFC 1918, RFC 6598, link-local. Others that
/// are not routed (loopback, test networks, benchmarks, reserved) are nobody's address in a cluster.
const PRIVATE: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

fn is_private(ip: IpAddr) -> bool {
    is_in(ip, PRIVATE)
}

fn is_in(ip: IpAddr, networks: &[(Ipv4Addr, u32)]) -> bool {
    let IpAddr::V4(ip) = ip else {
        return false;
    };
    networks
        .iter()
        .any(|(net, bits)| (u32::from(ip) ^ u32::from(*net)) >> (32 - bits) == 0)
}

/// Networks that are no one's on the internet and no cluster's either: test networks (RFC 5737), benchmarks (RFC 2544),
/// protocol assignments, multicast and reserved.
const NOBODYS: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

fn is_public_v4(ip: IpAddr) -> bool {
    ip.is_ipv4() && !is_in(ip, PRIVATE) && !is_in(ip, NOBODYS)
}

/// The address to advertise when only the bind address is known.
pub(crate) fn detect_advertise(host: &dyn Host, bind: IpAddr) -> Result<IpAddr, ConfigError> {
    if !bind.is_unspecified() {
        return Ok(bind);
    }
    let (what, wanted): (&str, fn(IpAddr) -> bool) = if bind.is_ipv4() {
        ("private IPv4", is_private)
    } else {
        ("public IPv6", is_public_v6)
    };
    let up: Vec<Interface> = host.interfaces().into_iter().filter(|i| i.up).collect();
    let outside = || up.iter().filter(|i| !i.loopback).map(|i| i.ip);
    let found: Vec<IpAddr> = outside().filter(|ip| wanted(*ip)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        // A machine without a network, or with a test network only, still works for itself.
        [] if bind.is_ipv4() && !up.is_empty() && !outside().any(is_public_v4) => {
            Ok(Ipv4Addr::LOCALHOST.into())
        }
        [] => Err(ConfigError::Rule(format!("No {what} address found"))),
        _ => Err(ConfigError::Rule(format!(
            "Multiple {what} addresses found. Please configure one with 'bind' and/or 'advertise'."
        ))),
    }
}
