//! Rules that single writes and transactions share.

use crate::text;
use dialect::Nanos;
use model::{CheckType, HealthCheck, KvEntry, Locality, NodeService, Upstream};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// KV verbs that exist, with those of transactions.
const KV_OPS: [&str; 13] = [
    "set",
    "delete",
    "delete-cas",
    "delete-tree",
    "cas",
    "lock",
    "unlock",
    "get",
    "get-or-empty",
    "get-tree",
    "check-session",
    "check-index",
    "check-not-exists",
];

/// A KV operation: its key, then its verb.
pub(crate) fn kv_op(op: &str, entry: &KvEntry) -> Result<(), String> {
    if entry.key.is_empty() && op != "delete-tree" {
        return Err(text::MUST_PROVIDE_KEY.to_owned());
    }
    if KV_OPS.contains(&op) {
        Ok(())
    } else {
        Err(format!("unknown KV operation: {op}"))
    }
}

/// A node by name and ID.
pub(crate) fn node(name: &str, id: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(text::MUST_PROVIDE_NODE.to_owned());
    }
    if id.is_empty() {
        return Ok(());
    }
    uuid_form(id).map_err(|why| format!("Bad node ID: {why}"))
}

/// What is wrong with the form of a UUID.
fn uuid_form(id: &str) -> Result<(), String> {
    if id.len() != 36 {
        return Err("uuid string is wrong length".to_owned());
    }
    let bytes = id.as_bytes();
    if [8, 13, 18, 23]
        .iter()
        .any(|at| bytes.get(*at) != Some(&b'-'))
    {
        return Err("uuid is improperly formatted".to_owned());
    }
    let digits = bytes
        .iter()
        .enumerate()
        .filter(|(at, _)| ![8, 13, 18, 23].contains(at))
        .map(|(_, byte)| *byte);
    for byte in digits {
        if !byte.is_ascii_hexdigit() {
            let shown = char::from(byte);
            let code = format!("U+{:04X}", u32::from(byte));
            return Err(if byte.is_ascii_graphic() || byte > 0xa0 {
                format!("encoding/hex: invalid byte: {code} '{shown}'")
            } else {
                format!("encoding/hex: invalid byte: {code}")
            });
        }
    }
    Ok(())
}

/// Several faults as one text, as Go's multierror prints them.
fn together(faults: &[String]) -> Result<(), String> {
    if faults.is_empty() {
        return Ok(());
    }
    let errors = if faults.len() == 1 { "error" } else { "errors" };
    let lines: String = faults
        .iter()
        .map(|fault| format!("\t* {fault}\n"))
        .collect();
    Err(format!("{} {errors} occurred:\n{lines}\n", faults.len()))
}

/// The locality of a service; those of nodes are not looked at.
fn locality(locality: &Locality) -> Result<(), String> {
    if locality.region.is_empty() && !locality.zone.is_empty() {
        return Err("zone cannot be set without region".to_owned());
    }
    Ok(())
}

/// A service: names, address, what its kind demands (spec/mesh.md §6.1). Fills in the ID.
pub(crate) fn service(service: &mut NodeService) -> Result<(), String> {
    match (service.id.is_empty(), service.service.is_empty()) {
        (true, true) => return Err(text::NO_SERVICE_NAME.to_owned()),
        (false, true) => return Err(text::NO_SERVICE_NAME_BY_ID.to_owned()),
        (true, false) => service.id.clone_from(&service.service),
        (false, false) => {}
    }
    let bare = service
        .address
        .trim_start_matches('[')
        .trim_end_matches(']');
    if bare
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_unspecified())
    {
        return Err(text::INVALID_SERVICE_ADDRESS.to_owned());
    }
    let mut faults = Vec::new();
    kind(service, &mut faults);
    if let Some(place) = service.locality.as_deref()
        && let Err(fault) = locality(place)
    {
        faults.push(fault);
    }
    together(&faults)
}

fn kind(service: &NodeService, faults: &mut Vec<String>) {
    let mut fault = |text: String| faults.push(text);
    let nowhere = service.port == 0 && service.socket_path.is_empty();
    match &*service.kind {
        "connect-proxy" => {
            let destination = &*service.proxy.destination_service_name;
            if nowhere {
                fault("Port or SocketPath must be set for a connect-proxy".to_owned());
            }
            if destination.trim().is_empty() {
                fault(
                    "Proxy.DestinationServiceName must be non-empty for Connect proxy services"
                        .to_owned(),
                );
            }
            if destination == "*" {
                fault("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services".to_owned());
            }
            if service.connect.native {
                fault("A Proxy cannot also be Connect Native, only typical services".to_owned());
            }
            service
                .proxy
                .config_fault()
                .into_iter()
                .for_each(&mut fault);
            upstreams(&service.proxy.upstreams, &mut fault);
        }
        gateway @ ("mesh-gateway" | "terminating-gateway" | "ingress-gateway" | "api-gateway") => {
            if service.port == 0 && matches!(gateway, "mesh-gateway" | "terminating-gateway") {
                fault(format!("Port must be non-zero for a {gateway}"));
            }
            if service.connect.sidecar_service.is_some() {
                fault(format!("A {gateway} cannot have a sidecar service defined"));
            }
            let proxy = &service.proxy;
            let given = [
                (
                    "DestinationServiceName",
                    !proxy.destination_service_name.is_empty(),
                ),
                (
                    "DestinationServiceID",
                    !proxy.destination_service_id.is_empty(),
                ),
                (
                    "LocalServiceAddress",
                    !proxy.local_service_address.is_empty(),
                ),
                ("LocalServicePort", proxy.local_service_port != 0),
                (
                    "LocalServiceSocketPath",
                    !proxy.local_service_socket_path.is_empty(),
                ),
                ("Upstreams", !proxy.upstreams.is_empty()),
            ];
            for (name, _) in given.iter().filter(|(_, given)| *given) {
                fault(format!(
                    "The Proxy.{name} configuration is invalid for a {gateway}"
                ));
            }
        }
        _ if service.connect.native && nowhere => {
            fault("Port or SocketPath must be set for a Connect native service.".to_owned());
        }
        _ => {}
    }
    exposed(service, &mut fault);
}

fn upstreams(upstreams: &[Upstream], fault: &mut impl FnMut(String)) {
    let mut names = BTreeSet::new();
    let mut places = BTreeSet::new();
    for upstream in upstreams {
        if let Err(text) = one_upstream(upstream) {
            fault(text);
            continue;
        }
        let place = if upstream.local_bind_socket_path.is_empty() {
            let address = if upstream.local_bind_address.is_empty() {
                "127.0.0.1"
            } else {
                &upstream.local_bind_address
            };
            format!("{address}:{}", upstream.local_bind_port)
        } else {
            upstream.local_bind_socket_path.clone()
        };
        if !places.insert(place.clone()) {
            fault(format!(
                "upstreams cannot contain duplicates by local bind address and port or unix path; \"{place}\" is specified twice"
            ));
        }
        let kind = if upstream.destination_type.is_empty() {
            "service"
        } else {
            &upstream.destination_type
        };
        let name = format!(
            "[type=\"{kind}\", name=\"{}\", partition=\"{}\", namespace=\"{}\", peer=\"{}\", datacenter=\"{}\"]",
            upstream.destination_name,
            upstream.destination_partition,
            upstream.destination_namespace,
            upstream.destination_peer,
            upstream.datacenter
        );
        if !names.insert(name.clone()) {
            fault(format!("upstreams cannot contain duplicates of {name}"));
        }
    }
}

fn one_upstream(upstream: &Upstream) -> Result<(), String> {
    if !matches!(
        &*upstream.destination_type,
        "" | "service" | "prepared_query"
    ) {
        return Err(format!(
            "unknown upstream destination type: \"{}\"",
            upstream.destination_type
        ));
    }
    if upstream.destination_name.is_empty() {
        return Err("upstream destination name cannot be empty".to_owned());
    }
    if upstream.destination_name == "*" {
        return Err("upstream destination name cannot be a wildcard".to_owned());
    }
    if !upstream.destination_peer.is_empty() && !upstream.datacenter.is_empty() {
        return Err("upstream cannot specify both destination peer and datacenter".to_owned());
    }
    let (port, path) = (
        upstream.local_bind_port != 0,
        !upstream.local_bind_socket_path.is_empty(),
    );
    if !port && !path && !upstream.centrally_configured {
        return Err(
            "upstream local bind port or local socket path must be defined and nonzero".to_owned(),
        );
    }
    if port && path {
        return Err(
            "only one of upstream local bind port or local socket path can be defined and nonzero"
                .to_owned(),
        );
    }
    Ok(())
}

fn exposed(service: &NodeService, fault: &mut impl FnMut(String)) {
    let mut ports = BTreeSet::new();
    for path in service.proxy.expose.paths.iter() {
        if path.path.is_empty() {
            fault("expose.paths: empty path exposed".to_owned());
        }
        if path.listener_port != 0 && !ports.insert(path.listener_port) {
            fault("expose.paths: duplicate listener ports exposed".to_owned());
        }
        if path.listener_port <= 0 || path.listener_port > 65_535 {
            fault(format!(
                "expose.paths: invalid listener port: {}",
                path.listener_port
            ));
        }
        if !matches!(&*path.protocol.to_lowercase(), "" | "http" | "http2") {
            fault(format!(
                "protocol '{}' not supported for path: {}, must be in: [http http2]",
                path.protocol, path.path
            ));
        }
    }
}

/// Fills in a check's ID.
pub(crate) fn check(check: &mut HealthCheck) {
    if check.check_id.is_empty() {
        check.check_id.clone_from(&check.name);
    }
}

/// Fills in a check's type from what it does; transactions leave it as it is.
pub(crate) fn check_type(check: &mut HealthCheck) {
    if check.check_type.is_empty() {
        let definition = &check.definition;
        let kind = CheckType {
            interval: Nanos(definition.interval.0),
            ttl: definition.ttl,
            http: definition.http.clone(),
            tcp: definition.tcp.clone(),
            udp: definition.udp.clone(),
            grpc: definition.grpc.clone(),
            h2ping: definition.h2ping.clone(),
            os_service: definition.os_service.clone(),
            script_args: definition.script_args.clone(),
            docker_container_id: definition.docker_container_id.clone(),
            alias_node: definition.alias_node.clone(),
            alias_service: definition.alias_service.clone(),
            ..CheckType::default()
        };
        check.check_type = kind.reported().to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_id_is_a_uuid() {
        let why = |id| node("n", id).unwrap_err();
        assert_eq!(why("short"), "Bad node ID: uuid string is wrong length");
        assert_eq!(
            why("zzzzzzzz-0000-0000-0000-000000000001"),
            "Bad node ID: encoding/hex: invalid byte: U+007A 'z'"
        );
        assert_eq!(
            why("22222222000000000000000000000000wxyz"),
            "Bad node ID: uuid is improperly formatted"
        );
        assert_eq!(node("n", "0b6fd7a9-8f1a-4bfb-b31c-2f9f29bb6a30"), Ok(()));
        assert_eq!(node("", ""), Err("Must provide node".to_owned()));
    }

    #[test]
    fn services_name_themselves_and_their_faults_are_told_together() {
        let mut named = NodeService {
            service: "web".to_owned(),
            ..NodeService::default()
        };
        service(&mut named).unwrap();
        assert_eq!(named.id, "web");
        let mut proxy = NodeService {
            service: "x".to_owned(),
            kind: "connect-proxy".to_owned(),
            ..NodeService::default()
        };
        assert_eq!(
            service(&mut proxy).unwrap_err(),
            "2 errors occurred:\n\t* Port or SocketPath must be set for a connect-proxy\n\t* Proxy.DestinationServiceName must be \
             non-empty for Connect proxy services\n\n"
        );
        for address in ["0.0.0.0", "::", "[::]"] {
            let mut any = NodeService {
                service: "x".to_owned(),
                address: address.to_owned(),
                ..NodeService::default()
            };
            assert_eq!(service(&mut any).unwrap_err(), "Invalid service address");
        }
    }
}
