//! JSON shapes that only the agent's own endpoints have (spec/http-api.md §7 AgentService, §10.7, §10.11).

use crate::encode::list;
use dialect::json::{ToJson, Writer};
use model::{ConnectProxyConfig, HealthCheck, NodeService, Upstream};
use ports::Member;

/// A service as its agent shows it.
pub(crate) fn service(
    w: &mut Writer<'_>,
    service: &NodeService,
    datacenter: &str,
    hash: Option<&str>,
) {
    w.begin_object();
    hashed_members(w, service);
    if let Some(hash) = hash {
        w.member("ContentHash", hash);
    }
    mesh_members(w, service);
    w.member("Datacenter", datacenter);
    if let Some(locality) = &service.locality {
        w.member("Locality", locality.as_ref());
    }
    w.end_object();
}

fn hashed_members(w: &mut Writer<'_>, service: &NodeService) {
    text_member(w, "Kind", &service.kind);
    w.member("ID", &service.id);
    w.member("Service", &service.service);
    w.key("Tags");
    service.tags.write_json_nil_empty(w);
    w.key("Meta");
    service.meta.write_json_nil_empty(w);
    w.member("Port", &service.port);
    w.member("Address", &service.address);
    text_member(w, "SocketPath", &service.socket_path);
    if !service.tagged_addresses.is_empty() {
        w.member("TaggedAddresses", &service.tagged_addresses);
    }
    match &service.weights {
        Some(weights) => w.member("Weights", weights.as_ref()),
        None => w.member("Weights", &model::Weights::default()),
    }
    w.member("EnableTagOverride", &service.enable_tag_override);
}

fn mesh_members(w: &mut Writer<'_>, service: &NodeService) {
    if has_proxy(&service.kind) {
        w.key("Proxy");
        proxy(w, &service.proxy);
    }
    if service.connect.native {
        w.key("Connect");
        w.begin_object();
        w.member("Native", &true);
        w.end_object();
    }
}

pub(super) fn has_proxy(kind: &str) -> bool {
    matches!(
        kind,
        "connect-proxy"
            | "mesh-gateway"
            | "terminating-gateway"
            | "ingress-gateway"
            | "api-gateway"
    )
}

fn text_member(w: &mut Writer<'_>, name: &str, text: &str) {
    if !text.is_empty() {
        w.member(name, text);
    }
}

fn number_member(w: &mut Writer<'_>, name: &str, number: i64) {
    if number != 0 {
        w.member(name, &number);
    }
}

fn full_member<T: ToJson>(w: &mut Writer<'_>, name: &str, value: &T) {
    if !value.is_empty_json() {
        w.member(name, value);
    }
}

/// Empty members are left out, but for the gateway and what is exposed.
fn proxy(w: &mut Writer<'_>, proxy: &ConnectProxyConfig) {
    w.begin_object();
    full_member(w, "TransparentProxy", &proxy.transparent_proxy);
    full_member(w, "AccessLogs", &proxy.access_logs);
    full_member(w, "EnvoyExtensions", &proxy.envoy_extensions);
    text_member(w, "DestinationServiceName", &proxy.destination_service_name);
    text_member(w, "DestinationServiceID", &proxy.destination_service_id);
    text_member(w, "LocalServiceAddress", &proxy.local_service_address);
    number_member(w, "LocalServicePort", proxy.local_service_port);
    text_member(
        w,
        "LocalServiceSocketPath",
        &proxy.local_service_socket_path,
    );
    text_member(w, "Mode", &proxy.mode);
    full_member(w, "Config", &proxy.config);
    if !proxy.upstreams.is_empty() {
        w.key("Upstreams");
        list(w, proxy.upstreams.iter(), upstream);
    }
    w.member("MeshGateway", &proxy.mesh_gateway);
    w.key("Expose");
    w.begin_object();
    if proxy.expose.checks {
        w.member("Checks", &true);
    }
    if !proxy.expose.paths.is_empty() {
        w.key("Paths");
        list(w, proxy.expose.paths.iter(), |w, path| {
            w.begin_object();
            number_member(w, "ListenerPort", path.listener_port);
            text_member(w, "Path", &path.path);
            number_member(w, "LocalPathPort", path.local_path_port);
            text_member(w, "Protocol", &path.protocol);
            w.member("ParsedFromCheck", &path.parsed_from_check);
            w.end_object();
        });
    }
    w.end_object();
    w.end_object();
}

fn upstream(w: &mut Writer<'_>, upstream: &Upstream) {
    w.begin_object();
    text_member(w, "DestinationType", &upstream.destination_type);
    text_member(w, "DestinationNamespace", &upstream.destination_namespace);
    text_member(w, "DestinationPartition", &upstream.destination_partition);
    text_member(w, "DestinationPeer", &upstream.destination_peer);
    w.member("DestinationName", &upstream.destination_name);
    text_member(w, "Datacenter", &upstream.datacenter);
    text_member(w, "LocalBindAddress", &upstream.local_bind_address);
    number_member(w, "LocalBindPort", upstream.local_bind_port);
    text_member(w, "LocalBindSocketPath", &upstream.local_bind_socket_path);
    text_member(w, "LocalBindSocketMode", &upstream.local_bind_socket_mode);
    full_member(w, "Config", &upstream.config);
    w.member("MeshGateway", &upstream.mesh_gateway);
    if upstream.centrally_configured {
        w.member("CentrallyConfigured", &true);
    }
    w.end_object();
}

/// A check as the health endpoints of the agent show it: without type and times, with an empty definition.
pub(crate) fn short_check(w: &mut Writer<'_>, check: &HealthCheck) {
    w.begin_object();
    w.member("Node", &check.node);
    w.member("CheckID", &check.check_id);
    w.member("Name", &check.name);
    w.member("Status", &check.status);
    w.member("Notes", &check.notes);
    w.member("Output", &check.output);
    w.member("ServiceID", &check.service_id);
    w.member("ServiceName", &check.service_name);
    w.member("ServiceTags", &check.service_tags);
    w.member("Type", "");
    w.member("ExposedPort", &0i64);
    w.key("Definition");
    w.begin_object();
    for name in ["Interval", "Timeout", "DeregisterCriticalServiceAfter"] {
        w.member(name, "0s");
    }
    w.member("HTTP", "");
    w.key("Header");
    w.null();
    for name in ["Method", "Body", "TLSServerName"] {
        w.member(name, "");
    }
    w.member("TLSSkipVerify", &false);
    w.member("TCP", "");
    w.member("TCPUseTLS", &false);
    for name in ["UDP", "GRPC", "OSService"] {
        w.member(name, "");
    }
    w.member("GRPCUseTLS", &false);
    w.end_object();
    w.member("CreateIndex", &0i64);
    w.member("ModifyIndex", &0i64);
    w.end_object();
}

/// A member of a pool.
pub(crate) fn member(w: &mut Writer<'_>, member: &Member) {
    w.begin_object();
    w.member("Name", &member.name);
    w.member("Addr", &address(&member.address));
    w.member("Port", &i64::from(member.port));
    w.key("Tags");
    w.begin_object();
    for (name, value) in &member.tags {
        w.key_escaped(name);
        w.str(value);
    }
    w.end_object();
    w.member("Status", &member.status);
    for (name, version) in [
        ("ProtocolMin", member.protocol_min),
        ("ProtocolMax", member.protocol_max),
        ("ProtocolCur", member.protocol_cur),
        ("DelegateMin", member.delegate_min),
        ("DelegateMax", member.delegate_max),
        ("DelegateCur", member.delegate_cur),
    ] {
        w.member(name, &i64::from(version));
    }
    w.end_object();
}

/// The text of an address of 4 or 16 bytes; IPv4 inside IPv6 is shown as IPv4.
fn address(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        std::net::Ipv4Addr::from(four).to_string()
    } else if let Ok(all) = <[u8; 16]>::try_from(bytes) {
        std::net::IpAddr::from(all).to_canonical().to_string()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::agent_hash::hash;

    fn text(write: impl FnOnce(&mut Writer<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out, dialect::json::Style::Compact));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_plain_service() {
        let row = NodeService {
            id: "a".into(),
            service: "a".into(),
            ..NodeService::default()
        };
        assert_eq!(
            text(|w| service(w, &row, "dc1", Some("h"))),
            r#"{"ID":"a","Service":"a","Tags":[],"Meta":{},"Port":0,"Address":"","Weights":{"Passing":0,"Warning":0},"EnableTagOverride":false,"ContentHash":"h","Datacenter":"dc1"}"#
        );
    }

    #[test]
    fn the_hash_follows_the_content() {
        let mut row = NodeService {
            id: "a".into(),
            ..NodeService::default()
        };
        let first = hash(&row);
        row.locality = Some(Box::default());
        assert_eq!(hash(&row), first);
        row.port = 1;
        assert_ne!(hash(&row), first);
    }

    #[test]
    fn addresses() {
        assert_eq!(address(&[127, 0, 0, 1]), "127.0.0.1");
        let mapped = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets();
        assert_eq!(address(&mapped), "127.0.0.1");
        assert_eq!(address(&std::net::Ipv6Addr::LOCALHOST.octets()), "::1");
        assert_eq!(address(&[1]), "");
    }
}
