//! Addresses of the configuration: expansion of templates, and the refusals of each key (agent-config.md §5).

use crate::error::ConfigError;
use crate::host::Host;
use crate::template::{expand, is_private_v4, is_public_v6};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
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
        .into_iter()
        .map(|word| {
            if let Some(path) = word.strip_prefix("unix://") {
                return Ok(Place::Unix(PathBuf::from(path)));
            }
            ip_of(&word)
                .map(Place::Ip)
                .ok_or_else(|| format!("{key}: invalid ip address: {word}"))
        })
        .collect()
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
    let mut all = places(host, "bind_addr", text).map_err(ConfigError::Rule)?;
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

/// The address to advertise when only the bind address is known.
pub(crate) fn detect_advertise(host: &dyn Host, bind: IpAddr) -> Result<IpAddr, ConfigError> {
    if !bind.is_unspecified() {
        return Ok(bind);
    }
    let (what, wanted): (&str, fn(IpAddr) -> bool) = if bind.is_ipv4() {
        ("private IPv4", is_private_v4)
    } else {
        ("public IPv6", is_public_v6)
    };
    let found: Vec<IpAddr> = host
        .interfaces()
        .into_iter()
        .filter(|i| i.up && !i.loopback && wanted(i.ip))
        .map(|i| i.ip)
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(ConfigError::Rule(format!("No {what} address found"))),
        _ => Err(ConfigError::Rule(format!(
            "Multiple {what} addresses found. Please configure one with 'bind' and/or 'advertise'."
        ))),
    }
}
