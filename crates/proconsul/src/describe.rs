//! How the process describes itself: `/v1/agent/self`, and its place in the pools (spec/http-api.md §10.1, §10.7).

use crate::settings::Settings;
use cli::BuildInfo;
use config::Loaded;
use ports::{MEMBER_ALIVE, Member};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Envoy versions that the reference of this version supports (spec/mesh.md §12).
const ENVOY_VERSIONS: &[&str] = &["1.34.1", "1.33.2", "1.32.5", "1.31.8"];

/// Configuration and build, as the door shows them.
pub(crate) fn description(loaded: &Loaded, node_id: &str, build: &BuildInfo) -> Value {
    let c = &loaded.config;
    let primary = match c.node.primary_datacenter.as_str() {
        "" => &c.node.datacenter,
        primary => primary,
    };
    let version = if build.metadata.is_empty() {
        build.version.clone()
    } else {
        format!("{}+{}", build.version, build.metadata)
    };
    let mut out = json!({
        "Config": {
            "Datacenter": c.node.datacenter,
            "PrimaryDatacenter": primary,
            "NodeName": c.node.name,
            "NodeID": node_id,
            "Revision": build.revision,
            "Server": c.node.server,
            "Version": version,
            "BuildDate": build.build_date,
        },
        "DebugConfig": c.debug_config(&build.version, &build.revision),
    });
    let (plain, tls) = (c.ports.grpc, c.ports.grpc_tls);
    if let Some(members) = out.as_object_mut().filter(|_| plain > 0 || tls > 0) {
        members.insert(
            "xDS".into(),
            json!({
                "SupportedProxies": { "envoy": ENVOY_VERSIONS },
                "Port": if tls > 0 { tls } else { plain },
                "Ports": { "Plaintext": plain, "TLS": tls },
            }),
        );
    }
    out
}

impl Settings<'_> {
    /// This agent as the only member of its pools.
    pub(crate) fn alone(&self) -> agent::Alone {
        let c = self.config;
        let member = |name: String, address: IpAddr, port: i32, tags: BTreeMap<String, String>| {
            let address = match address {
                IpAddr::V4(four) => four.to_ipv6_mapped(),
                IpAddr::V6(six) => six,
            };
            Member {
                name,
                address: address.octets().to_vec(),
                port: u16::try_from(port).unwrap_or(0),
                tags,
                status: MEMBER_ALIVE,
                protocol_min: 1,
                protocol_max: 5,
                protocol_cur: 2,
                delegate_min: 2,
                delegate_max: 5,
                delegate_cur: 4,
            }
        };
        let mut tags = self.member_tags();
        let wan = c.node.server.then(|| {
            let name = format!("{}.{}", c.node.name, c.node.datacenter);
            member(name, c.net.advertise_wan, c.ports.serf_wan, tags.clone())
        });
        if c.node.server && c.ports.serf_wan > 0 {
            tags.insert("wan_join_port".into(), c.ports.serf_wan.to_string());
        }
        let lan = member(
            c.node.name.clone(),
            c.net.advertise_lan,
            c.ports.serf_lan,
            tags,
        );
        agent::Alone::new(lan, wan)
    }

    fn member_tags(&self) -> BTreeMap<String, String> {
        let c = self.config;
        let mut tags = vec![
            (
                "role",
                if c.node.server { "consul" } else { "node" }.to_owned(),
            ),
            ("dc", c.node.datacenter.clone()),
            ("segment", String::new()),
            ("id", self.node_id.to_owned()),
            ("vsn", "2".to_owned()),
            ("vsn_min", "2".to_owned()),
            ("vsn_max", "3".to_owned()),
            ("build", format!("{}:", crate::VERSION)),
        ];
        if c.node.server {
            let acls = if c.acl.enabled { "1" } else { "0" };
            tags.push(("acls", acls.to_owned()));
            tags.push(("raft_vsn", c.node.raft_protocol.to_string()));
            tags.push(("port", c.net.rpc_advertise.port().to_string()));
            tags.push(("ft_fs", "1".to_owned()));
            tags.push(("ft_si", "1".to_owned()));
            if c.ports.grpc > 0 {
                tags.push(("grpc_port", c.ports.grpc.to_string()));
            }
            if c.node.bootstrap {
                tags.push(("bootstrap", "1".to_owned()));
            }
            if c.node.bootstrap_expect > 0 {
                tags.push(("expect", c.node.bootstrap_expect.to_string()));
            }
        }
        tags.into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}
