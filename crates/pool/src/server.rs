//! What a member's tags say that it is (spec/wire.md §2.7).

use crate::Build;
use serf::{Member, Status};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A member that is a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name in its datacenter: without the datacenter's in the WAN pool too.
    pub name: String,
    /// Its ID; empty when it does not tell.
    pub id: String,
    /// Its datacenter.
    pub datacenter: String,
    /// Where it takes calls.
    pub address: SocketAddr,
    /// Where it takes gRPC from outside, without and with TLS; 0 for nowhere.
    pub grpc_port: u16,
    /// See [`Server::grpc_port`].
    pub grpc_tls_port: u16,
    /// Where it is in the WAN pool; 0 for not at all.
    pub wan_join_port: u16,
    /// Whether it founds a cluster alone.
    pub bootstrap: bool,
    /// How many servers it waits for before they found a cluster; 0 for none.
    pub expect: u32,
    /// Consul's protocol version.
    pub version: u32,
    /// Raft's protocol version; 0 when it does not tell.
    pub raft_version: u32,
    /// Its version.
    pub build: Build,
    /// Whether it copies and does not vote.
    pub read_replica: bool,
    /// Whether it takes calls over TLS.
    pub use_tls: bool,
    /// Whether it enforces ACLs; `None` when it does not tell.
    pub acls: Option<bool>,
    /// Its features by name, without the prefix.
    pub features: BTreeMap<String, u32>,
    /// Where it stands.
    pub status: Status,
}

impl Server {
    /// The server that this member is; `None` for all others, silently.
    pub fn of(member: &Member) -> Option<Self> {
        let tags = &member.tags;
        let tag = |name: &str| tags.get(name).map(String::as_str);
        if tag("role") != Some("consul") {
            return None;
        }
        let datacenter = tag("dc").unwrap_or_default().to_owned();
        let optional = |name: &str| match tag(name) {
            Some(text) => number(text),
            None => Some(0),
        };
        let grpc = [optional("grpc_port")?, optional("grpc_tls_port")?];
        if (tag("grpc_port").is_some() || tag("grpc_tls_port").is_some()) && grpc == [0, 0] {
            return None;
        }
        let [grpc_port, grpc_tls_port] = grpc.map(|port| u16::try_from(port).unwrap_or_default());
        let mut features = BTreeMap::new();
        for (name, value) in tags {
            if let Some(feature) = name.strip_prefix("ft_") {
                features.insert(feature.to_owned(), number(value)?);
            } else if name.starts_with("sl_") {
                value.parse::<SocketAddr>().ok()?;
            }
        }
        let port = u16::try_from(number(tag("port")?)?).ok()?;
        Some(Self {
            name: wan_short_name(&member.name, &datacenter).to_owned(),
            id: tag("id").unwrap_or_default().to_lowercase(),
            address: SocketAddr::new(member.addr.ip(), port),
            grpc_port,
            grpc_tls_port,
            wan_join_port: u16::try_from(optional("wan_join_port")?).ok()?,
            bootstrap: tag("bootstrap").is_some(),
            expect: optional("expect")?,
            version: number(tag("vsn")?)?,
            raft_version: optional("raft_vsn")?,
            build: Build::parse(tag("build")?)?,
            read_replica: tag("read_replica").or(tag("nonvoter")).is_some(),
            use_tls: tag("use_tls").is_some(),
            acls: match tag("acls") {
                Some("1") => Some(true),
                Some("0") => Some(false),
                _ => None,
            },
            features,
            status: member.status,
            datacenter,
        })
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// Whether this member is a client agent.
pub fn is_client(member: &Member) -> bool {
    member.tags.get("role").is_some_and(|role| role == "node")
}

/// The name of a server in its datacenter, from the one it has in the WAN pool, `name.datacenter`.
pub fn wan_short_name<'a>(name: &'a str, datacenter: &str) -> &'a str {
    let short = name
        .strip_suffix(datacenter)
        .and_then(|name| name.strip_suffix('.'));
    short.filter(|_| !datacenter.is_empty()).unwrap_or(name)
}
