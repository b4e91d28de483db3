//! What the log tells of listeners and members, in the reference's words.

use config::Listen;
use ports::{Member, Members};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What listens, to be told at the start and at the end.
pub(crate) struct Listening {
    http: Vec<(String, &'static str, &'static str)>,
    dns: Vec<SocketAddr>,
}

impl Listening {
    pub(crate) fn new(net: &config::Network, dns: Vec<SocketAddr>) -> Self {
        let shown = |listen: &Listen, protocol| match listen {
            Listen::Tcp(address) => (address.to_string(), "tcp", protocol),
            Listen::Unix(path) => (path.display().to_string(), "unix", protocol),
        };
        let plain = net.http.iter().map(|listen| shown(listen, "http"));
        let secure = net.https.iter().map(|listen| shown(listen, "https"));
        Self {
            http: plain.chain(secure).collect(),
            dns,
        }
    }

    /// HTTP only: the DNS door tells of its own sockets when it has them.
    pub(crate) fn started(&self) {
        for (address, network, protocol) in &self.http {
            tracing::info!(target: "agent", address, network, protocol, "Starting server");
        }
    }

    pub(crate) fn stopping(&self) {
        for address in &self.dns {
            for network in ["tcp", "udp"] {
                tracing::info!(target: "agent.dns", protocol = "DNS", %address, network, "Stopping server");
            }
        }
        for (address, network, protocol) in &self.http {
            tracing::info!(target: "agent", address, network, protocol, "Stopping server");
        }
    }
}

/// Whom a server knows among all datacenters at the start.
pub(crate) fn wan_members(members: &dyn Members) {
    for member in members.wan().unwrap_or_default() {
        tracing::info!(target: "agent.server.serf.wan", "serf: EventMemberJoin: {} {}", member.name, ip(&member));
        tracing::info!(target: "agent.server", event = "member-join", server = member.name, area = "wan", "Handled event for server in area");
    }
}

fn ip(member: &Member) -> IpAddr {
    let bytes = <[u8; 16]>::try_from(&*member.address).unwrap_or_default();
    Ipv6Addr::from(bytes).to_canonical()
}
