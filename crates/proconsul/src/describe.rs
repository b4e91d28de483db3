//! How the process describes itself: `/v1/agent/self`, and its place in the pools (spec/http-api.md §10.1, §10.7).

use crate::settings::Settings;
use cli::BuildInfo;
use config::Loaded;
use ports::{MEMBER_ALIVE, Member};
use serde_json::{Value, json};
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
    /// A server as the only member of the pool of all datacenters.
    pub(crate) fn wan_member(&self) -> Option<Member> {
        let c = self.config;
        let tags = crate::lan::own(self).wan_tags()?;
        let address = match c.net.advertise_wan {
            IpAddr::V4(four) => four.to_ipv6_mapped(),
            IpAddr::V6(six) => six,
        };
        Some(Member {
            name: format!("{}.{}", c.node.name, c.node.datacenter),
            address: address.octets().to_vec(),
            port: u16::try_from(c.ports.serf_wan).unwrap_or(0),
            tags,
            status: MEMBER_ALIVE,
            protocol_min: 1,
            protocol_max: 5,
            protocol_cur: 2,
            delegate_min: 2,
            delegate_max: 5,
            delegate_cur: 4,
        })
    }
}
