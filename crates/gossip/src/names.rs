//! What to join: names and addresses as people write them, resolved anew each time (spec/wire.md §1.9, "Join").

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use thiserror::Error;

/// Where a node is to be found: `[node/]host[:port]`, an IPv6 address with a port in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The node's name, where it was given before a slash.
    pub node: Option<String>,
    /// Its address, or a name of it.
    pub host: Host,
    /// The port, if one was given.
    pub port: Option<u16>,
}

/// The middle of a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name with one or more addresses.
    Dns(String),
}

/// A text that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing, or nothing but a port.
    #[error("address {0}: missing host")]
    Host(String),
    /// No port.
    #[error("address {0}: invalid port")]
    Port(String),
}

impl Name {
    /// Reads a text.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (node, rest) = match text.split_once('/') {
            Some((node, rest)) => (Some(node.to_owned()).filter(|node| !node.is_empty()), rest),
            None => (None, text),
        };
        let (host, port) = split(rest);
        if host.is_empty() {
            return Err(NameError::Host(text.to_owned()));
        }
        let port = match port {
            Some(port) => Some(port.parse().map_err(|_| NameError::Port(text.to_owned()))?),
            None => None,
        };
        let host = match host.parse::<IpAddr>() {
            Ok(ip) => Host::Ip(ip.to_canonical()),
            Err(_) => Host::Dns(host.to_owned()),
        };
        Ok(Self { node, host, port })
    }

    /// Its addresses now. Each is there once; the order is the resolver's.
    ///
    /// # Errors
    /// The name has none, or could not be asked for: the text for the log.
    pub async fn resolve(
        &self,
        port: u16,
        resolver: &dyn Resolver,
    ) -> Result<Vec<SocketAddr>, String> {
        let port = self.port.unwrap_or(port);
        let name = match &self.host {
            Host::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, port)]),
            Host::Dns(name) => name,
        };
        let ips = match resolver.resolve(name).await {
            Ok(ips) if !ips.is_empty() => ips,
            Ok(_) => return Err(format!("lookup {name}: no such host")),
            Err(error) => return Err(format!("lookup {name}: {error}")),
        };
        let mut addresses: Vec<SocketAddr> = Vec::with_capacity(ips.len());
        for ip in ips {
            let address = SocketAddr::new(ip.to_canonical(), port);
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }
}

/// Host and port: `[v6]:port`, `[v6]`, `host:port`, or what has no port (also an IPv6 address without brackets).
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// Names to addresses.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a name, now.
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Resolver for System {
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await;
            // The system's text names its own function; Go's does not.
            let found =
                found.map_err(|_| io::Error::new(io::ErrorKind::NotFound, "no such host"))?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        let ip = |text: &str| Host::Ip(text.parse().unwrap());
        let dns = |text: &str| Host::Dns(text.to_owned());
        for (text, node, host, port) in [
            ("10.0.0.1", None, ip("10.0.0.1"), None),
            ("10.0.0.1:7", None, ip("10.0.0.1"), Some(7)),
            ("::1", None, ip("::1"), None),
            ("[::1]", None, ip("::1"), None),
            ("[fd00::2]:8301", None, ip("fd00::2"), Some(8301)),
            ("::ffff:10.0.0.1", None, ip("10.0.0.1"), None),
            ("consul.example", None, dns("consul.example"), None),
            (
                "consul.example:8302",
                None,
                dns("consul.example"),
                Some(8302),
            ),
            ("n1.dc2/10.0.0.1:9", Some("n1.dc2"), ip("10.0.0.1"), Some(9)),
        ] {
            let node = node.map(str::to_owned);
            assert_eq!(Name::parse(text), Ok(Name { node, host, port }), "{text}");
        }
        for text in ["", ":8301", "n1/", "[]:1"] {
            assert_eq!(Name::parse(text), Err(NameError::Host(text.to_owned())));
        }
        for text in ["a:", "a:b", "10.0.0.1:65536"] {
            assert_eq!(Name::parse(text), Err(NameError::Port(text.to_owned())));
        }
    }
}
