//! Service and check definitions in files: what is refused before anyone tries to register them (agent-config.md §14).
//!
//! Definitions stay trees: the agent decodes them. Here are only the rules that `validate` knows.

use super::reader::Reader;
use crate::error::errors_occurred;
use crate::meta::check_pairs;
use crate::model::{Definitions, TextMap};
use crate::schema::{CHECK, Field, Kind};
use crate::tree::{Map, Tree};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Highest DNS weight.
const WEIGHT_MAX: i64 = 65_535;

pub(super) fn definitions(r: &Reader<'_>) -> Definitions {
    for check in maps(r.list("checks")) {
        check_durations(r, check);
    }
    for service in maps(r.list("services")) {
        service_values(r, service, false);
    }
    let json = |key: &str| r.list(key).iter().map(Tree::to_json).collect::<Vec<Json>>();
    Definitions {
        services: json("services"),
        checks: json("checks"),
        watches: r
            .list("watches")
            .iter()
            .filter_map(|w| match w.to_json() {
                Json::Object(m) => Some(m),
                _ => None,
            })
            .collect(),
        config_entries: json("config_entries.bootstrap"),
    }
}

fn maps(list: &[Tree]) -> impl Iterator<Item = &Map> {
    list.iter().filter_map(|t| match t {
        Tree::Map(m) => Some(m),
        _ => None,
    })
}

fn text<'a>(map: &'a Map, key: &str) -> &'a str {
    match map.get(key) {
        Some(Tree::Text(s)) => s,
        _ => "",
    }
}

fn int(map: &Map, key: &str) -> Option<i64> {
    match map.get(key) {
        Some(Tree::Int(n)) => Some(*n),
        _ => None,
    }
}

fn flag(map: &Map, key: &str) -> bool {
    matches!(map.get(key), Some(Tree::Bool(true)))
}

fn inner<'a>(map: &'a Map, key: &str) -> Option<&'a Map> {
    match map.get(key) {
        Some(Tree::Map(m)) => Some(m),
        _ => None,
    }
}

fn list<'a>(map: &'a Map, key: &str) -> &'a [Tree] {
    match map.get(key) {
        Some(Tree::List { items, .. }) => items,
        _ => &[],
    }
}

/// The single check of a service and its list of checks.
fn checks_of(service: &Map) -> impl Iterator<Item = &Map> {
    maps(list(service, "checks")).chain(inner(service, "check"))
}

fn check_durations(r: &Reader<'_>, check: &Map) {
    let is_duration = |f: &&Field| matches!(f.kind, Kind::Duration);
    for field in CHECK.iter().filter(is_duration) {
        if let Some(Tree::Text(value)) = check.get(field.name) {
            r.nanos_of(
                &format!("check[{}].{}", text(check, "id"), field.name),
                value,
            );
        }
    }
}

/// Rules about single values; collected with all others.
fn service_values(r: &Reader<'_>, service: &Map, sidecar: bool) {
    let name = text(service, "name");
    for check in checks_of(service) {
        check_durations(r, check);
    }
    let meta: TextMap = inner(service, "meta")
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| match v {
            Tree::Text(v) => Some((k.clone(), v.clone())),
            _ => None,
        })
        .collect();
    if let Err(e) = check_pairs(&meta, true) {
        r.error(format!("invalid meta for service {name}: {e}"));
    }
    if let Some(weights) = inner(service, "weights") {
        let passing = int(weights, "passing").unwrap_or(1);
        let warning = int(weights, "warning").unwrap_or(1);
        let why = if passing < 1 {
            "Passing must be greater than 0"
        } else if warning < 0 {
            "Warning must be greater or equal than 0"
        } else if passing > WEIGHT_MAX || warning > WEIGHT_MAX {
            "DNS Weight must be between 0 and 65535"
        } else {
            ""
        };
        if !why.is_empty() {
            r.error(format!(
                "Invalid weight definition for service {name}: {why}"
            ));
        }
    }
    let socket = text(service, "socket_path");
    let has_place = !text(service, "address").is_empty() || int(service, "port").unwrap_or(0) != 0;
    if !socket.is_empty() && has_place {
        r.error(format!(
            "service {name} cannot have both socket path {socket} and address/port"
        ));
    }
    for upstream in inner(service, "proxy")
        .into_iter()
        .flat_map(|p| maps(list(p, "upstreams")))
    {
        let mode = text(upstream, "local_bind_socket_mode");
        if !mode.is_empty() && u32::from_str_radix(mode, 8).is_err() {
            r.error(format!("local_bind_socket_mode: invalid mode: {mode}"));
        }
    }
    let Some(inner_sidecar) = inner(service, "connect").and_then(|c| inner(c, "sidecar_service"))
    else {
        return;
    };
    if sidecar {
        r.error("sidecar_service can't have a nested sidecar_service".to_string());
        return;
    }
    if !text(inner_sidecar, "id").is_empty() {
        r.error("sidecar_service can't specify an ID".to_string());
    }
    service_values(r, inner_sidecar, true);
}

/// Rules between values; the first broken one is reported.
pub(super) fn rules(r: &Reader<'_>) -> Result<(), String> {
    for check in maps(r.list("checks")) {
        check_rules(check).map_err(|e| format!("check {:?}: {e}", text(check, "name")))?;
    }
    for service in maps(r.list("services")) {
        let name = text(service, "name");
        let faults = service_faults(service);
        if !faults.is_empty() {
            return Err(format!("service {name:?}: {}", errors_occurred(&faults)));
        }
        for check in checks_of(service) {
            check_rules(check)
                .map_err(|e| format!("service {name:?}: check {:?}: {e}", text(check, "name")))?;
        }
    }
    Ok(())
}

fn nanos(check: &Map, key: &str) -> i64 {
    dialect::duration::parse(text(check, key)).unwrap_or(0)
}

/// Rules of one check.
fn check_rules(check: &Map) -> Result<(), &'static str> {
    let set = |key: &str| !text(check, key).is_empty();
    let alias = set("alias_node") || set("alias_service");
    let probes = !list(check, "args").is_empty()
        || [
            "http",
            "tcp",
            "udp",
            "grpc",
            "docker_container_id",
            "h2ping",
            "os_service",
        ]
        .into_iter()
        .any(set);
    let (interval, ttl) = (nanos(check, "interval"), nanos(check, "ttl"));
    let critical = int(check, "failures_before_critical").unwrap_or(0);
    let warning = int(check, "failures_before_warning").unwrap_or(critical);
    if interval > 0 && ttl > 0 {
        Err("Interval and TTL cannot both be specified")
    } else if probes && interval <= 0 {
        Err("Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks")
    } else if probes && alias {
        Err("Interval cannot be set for Alias checks")
    } else if alias && ttl > 0 {
        Err("TTL must be not be set for Alias checks")
    } else if !probes && !alias && ttl <= 0 {
        Err("TTL must be > 0 for TTL checks")
    } else if int(check, "output_max_size").unwrap_or(0) < 0 {
        Err("MaxOutputMaxSize must be positive")
    } else if warning > critical {
        Err("FailuresBeforeWarning can't be higher than FailuresBeforeCritical")
    } else {
        Ok(())
    }
}

/// What is wrong with a service as a whole (mesh.md §6.1).
fn service_faults(service: &Map) -> Vec<String> {
    let mut faults = Vec::new();
    let kind = text(service, "kind");
    let connect = inner(service, "connect");
    let native = connect.is_some_and(|c| flag(c, "native"));
    let sidecar = connect.is_some_and(|c| inner(c, "sidecar_service").is_some());
    let port = int(service, "port").unwrap_or(0);
    let placeless = port == 0 && text(service, "socket_path").is_empty();
    let empty = Map::new();
    let proxy = inner(service, "proxy").unwrap_or(&empty);
    match kind {
        "connect-proxy" => {
            if placeless {
                faults.push("Port or SocketPath must be set for a connect-proxy".to_string());
            }
            match text(proxy, "destination_service_name") {
                "" => faults.push(
                    "Proxy.DestinationServiceName must be non-empty for Connect proxy services"
                        .to_string(),
                ),
                "*" => faults.push(
                    "Proxy.DestinationServiceName must not be a wildcard for Connect proxy services"
                        .to_string(),
                ),
                _ => {}
            }
            if native {
                faults.push(
                    "A Proxy cannot also be Connect Native, only typical services".to_string(),
                );
            }
            upstream_faults(proxy, &mut faults);
            expose_faults(proxy, &mut faults);
        }
        "mesh-gateway" | "terminating-gateway" | "ingress-gateway" | "api-gateway" => {
            gateway_faults(kind, port, sidecar, proxy, &mut faults);
        }
        _ => {}
    }
    if native && placeless {
        faults.push("Port or SocketPath must be set for a Connect native service.".to_string());
    }
    if let Some(locality) = inner(service, "locality")
        && text(locality, "region").is_empty()
        && !text(locality, "zone").is_empty()
    {
        faults.push("zone cannot be set without region".to_string());
    }
    faults
}

fn gateway_faults(kind: &str, port: i64, sidecar: bool, proxy: &Map, faults: &mut Vec<String>) {
    if port == 0 && matches!(kind, "mesh-gateway" | "terminating-gateway") {
        faults.push(format!("Port must be non-zero for a {kind}"));
    }
    if sidecar {
        faults.push(format!("A {kind} cannot have a sidecar service defined"));
    }
    for (key, name) in [
        ("destination_service_name", "DestinationServiceName"),
        ("destination_service_id", "DestinationServiceID"),
        ("local_service_address", "LocalServiceAddress"),
        ("local_service_port", "LocalServicePort"),
        ("local_service_socket_path", "LocalServiceSocketPath"),
        ("upstreams", "Upstreams"),
    ] {
        let set = match proxy.get(key) {
            Some(Tree::Text(s)) => !s.is_empty(),
            Some(Tree::Int(n)) => *n != 0,
            Some(Tree::List { items, .. }) => !items.is_empty(),
            _ => false,
        };
        if set {
            faults.push(format!(
                "The Proxy.{name} configuration is invalid for a {kind}"
            ));
        }
    }
}

fn upstream_faults(proxy: &Map, faults: &mut Vec<String>) {
    let (mut keys, mut places) = (BTreeSet::new(), BTreeSet::new());
    for u in maps(list(proxy, "upstreams")) {
        let kind = text(u, "destination_type");
        if !matches!(kind, "" | "service" | "prepared_query") {
            faults.push(format!("unknown upstream destination type: {kind:?}"));
            continue;
        }
        let name = text(u, "destination_name");
        let peer = text(u, "destination_peer");
        let dc = text(u, "datacenter");
        let port = int(u, "local_bind_port").unwrap_or(0);
        let path = text(u, "local_bind_socket_path");
        let fault = if name.is_empty() {
            "upstream destination name cannot be empty"
        } else if name == "*" {
            "upstream destination name cannot be a wildcard"
        } else if !peer.is_empty() && !dc.is_empty() {
            "upstream cannot specify both destination peer and datacenter"
        } else if port == 0 && path.is_empty() {
            "upstream local bind port or local socket path must be defined and nonzero"
        } else if port != 0 && !path.is_empty() {
            "only one of upstream local bind port or local socket path can be defined and nonzero"
        } else {
            ""
        };
        if !fault.is_empty() {
            faults.push(fault.to_string());
            continue;
        }
        let place = if path.is_empty() {
            let address = match text(u, "local_bind_address") {
                "" => "127.0.0.1",
                other => other,
            };
            format!("{address}:{port}")
        } else {
            path.to_string()
        };
        if !places.insert(place.clone()) {
            faults.push(format!(
                "upstreams cannot contain duplicates by local bind address and port or unix path; {place:?} is specified twice"
            ));
        }
        let kind = if kind.is_empty() { "service" } else { kind };
        let key = format!(
            "type={kind:?}, name={name:?}, partition={:?}, namespace={:?}, peer={peer:?}, datacenter={dc:?}",
            text(u, "destination_partition"),
            text(u, "destination_namespace"),
        );
        if !keys.insert(key.clone()) {
            faults.push(format!("upstreams cannot contain duplicates of [{key}]"));
        }
    }
}

fn expose_faults(proxy: &Map, faults: &mut Vec<String>) {
    let mut ports = BTreeSet::new();
    for path in inner(proxy, "expose")
        .into_iter()
        .flat_map(|e| maps(list(e, "paths")))
    {
        let at = text(path, "path");
        if at.is_empty() {
            faults.push("expose.paths: empty path exposed".to_string());
        }
        let port = int(path, "listener_port").unwrap_or(0);
        if !ports.insert(port) {
            faults.push("expose.paths: duplicate listener ports exposed".to_string());
        }
        if !(1..=65_535).contains(&port) {
            faults.push(format!("expose.paths: invalid listener port: {port}"));
        }
        let protocol = text(path, "protocol");
        if !matches!(protocol, "" | "http" | "http2") {
            faults.push(format!(
                "protocol '{protocol}' not supported for path: {at}, must be in: [http http2]"
            ));
        }
    }
}
