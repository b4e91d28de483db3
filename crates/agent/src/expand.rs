//! From a definition to rows: defaults, validation, checks inside services, sidecars
//! (spec/agent-config.md §14, spec/http-api.md §9.2, spec/mesh.md §6).

use dialect::Dict;
use model::{
    CheckType, ConnectProxyConfig, HealthCheck, NodeService, ServiceAddress, ServiceConnect,
    ServiceDefinition, Weights,
};
use serde_json::Value;
use std::collections::HashSet;
use std::net::IpAddr;

/// Most pairs of metadata.
const META_PAIRS_MAX: usize = 64;
/// Longest key of metadata, in bytes.
const META_KEY_MAX: usize = 128;
/// Longest value of metadata, in bytes.
const META_VALUE_MAX: usize = 512;
/// Largest DNS weight.
const WEIGHT_MAX: i64 = 65535;
/// How often a sidecar's default check looks whether it listens, in nanoseconds.
const SIDECAR_CHECK_INTERVAL: i64 = 10_000_000_000;

/// Kinds that are proxies or gateways.
const GATEWAYS: &[&str] = &[
    "mesh-gateway",
    "terminating-gateway",
    "ingress-gateway",
    "api-gateway",
];

/// The row of a service, with the agent's defaults and automatic tagged addresses.
pub(crate) fn service_row(definition: &ServiceDefinition) -> NodeService {
    let connect = definition.connect.as_deref();
    let mut row = NodeService {
        kind: definition.kind.clone(),
        id: if definition.id.is_empty() {
            definition.name.clone()
        } else {
            definition.id.clone()
        },
        service: definition.name.clone(),
        tags: definition.tags.clone(),
        address: definition.address.clone(),
        tagged_addresses: definition.tagged_addresses.clone(),
        meta: definition.meta.clone(),
        port: definition.port,
        socket_path: definition.socket_path.clone(),
        weights: Some(definition.weights.clone().unwrap_or_else(|| {
            Box::new(Weights {
                passing: 1,
                warning: 1,
            })
        })),
        enable_tag_override: definition.enable_tag_override,
        locality: definition.locality.clone(),
        proxy: proxy(definition),
        connect: ServiceConnect {
            native: connect.is_some_and(|connect| connect.native),
            ..ServiceConnect::default()
        },
        ..NodeService::default()
    };
    tag_addresses(&mut row);
    row
}

fn proxy(definition: &ServiceDefinition) -> ConnectProxyConfig {
    let mut proxy = definition.proxy.as_deref().cloned().unwrap_or_default();
    if !proxy.upstreams.is_empty() {
        for upstream in proxy.upstreams.make_mut() {
            if upstream.destination_type.is_empty() {
                "service".clone_into(&mut upstream.destination_type);
            }
        }
    }
    proxy
}

/// An IP literal as Go reads it: IPv4 in IPv6 form (`::ffff:10.0.0.1`) is IPv4.
fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// An address that is an IP literal is also the service's tagged LAN and WAN address of its family.
fn tag_addresses(row: &mut NodeService) {
    let names = match ip(&row.address) {
        Some(IpAddr::V4(_)) => ["lan_ipv4", "wan_ipv4"],
        Some(IpAddr::V6(_)) => ["lan_ipv6", "wan_ipv6"],
        None => return,
    };
    let own = ServiceAddress {
        address: row.address.clone(),
        port: row.port,
    };
    let addresses = row.tagged_addresses.make_mut();
    for name in names {
        addresses
            .entry(name.to_owned())
            .or_insert_with(|| own.clone());
    }
}

/// A definition as Go prints it, by its members that are set. Values of headers may be secrets.
pub(crate) fn dump(definition: &CheckType) -> String {
    let json = dialect::json::to_vec(definition);
    let members: serde_json::Map<_, _> = serde_json::from_slice(&json).unwrap_or_default();
    let shown = members.iter().filter_map(|(name, value)| match value {
        Value::String(text) if !text.is_empty() => Some(format!("{name}:{text}")),
        Value::Number(number) if number.as_i64() != Some(0) => Some(format!("{name}:{number}")),
        Value::Bool(true) => Some(format!("{name}:true")),
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Some(format!("{name}:[{}]", items.join(" ")))
        }
        _ => None,
    });
    format!("&{{{}}}", shown.collect::<Vec<_>>().join(" "))
}

/// All checks of a definition, `check` first unless it is empty. An empty one in `checks` is a check like any other, which
/// validation refuses.
pub(crate) fn checks_of(definition: &ServiceDefinition) -> Vec<CheckType> {
    let single = (definition.check != CheckType::default()).then_some(&definition.check);
    single
        .into_iter()
        .chain(definition.checks.iter())
        .cloned()
        .collect()
}

/// The rows of the checks inside a service: IDs and names default to the service's (spec/agent-config.md §14.1).
pub(crate) fn service_checks(
    service: &NodeService,
    checks: &[CheckType],
) -> Vec<(HealthCheck, CheckType)> {
    let rows = checks.iter().enumerate().map(|(at, check)| {
        let default_id = || {
            if checks.len() == 1 {
                format!("service:{}", service.id)
            } else {
                format!("service:{}:{}", service.id, at + 1)
            }
        };
        let id = if check.check_id.is_empty() {
            default_id()
        } else {
            check.check_id.clone()
        };
        let name = if check.name.is_empty() {
            format!("Service '{}' check", service.service)
        } else {
            check.name.clone()
        };
        let mut row = check_row(id, name, &service.id, check);
        let shown = |nanos: i64| {
            if nanos == 0 {
                String::new()
            } else {
                dialect::duration::format(nanos)
            }
        };
        row.interval = shown(check.interval.0);
        row.timeout = shown(check.timeout.0);
        row.check_type = check.reported().to_owned();
        (row, check.clone())
    });
    rows.collect()
}

/// The row of a check registered alone.
pub(crate) fn check_row(id: String, name: String, service: &str, check: &CheckType) -> HealthCheck {
    HealthCheck {
        check_id: id,
        name,
        status: check.status.clone(),
        notes: check.notes.clone(),
        service_id: service.to_owned(),
        interval: dialect::duration::format(check.interval.0),
        timeout: dialect::duration::format(check.timeout.0),
        ..HealthCheck::default()
    }
}

/// The definition of the sidecar that a service asks for (spec/agent-config.md §14.2), without port and default checks.
pub(crate) fn sidecar(parent: &ServiceDefinition, row: &NodeService) -> Option<ServiceDefinition> {
    let connect = parent.connect.as_deref()?;
    let mut made = connect.sidecar_service.as_deref()?.clone();
    made.id = sidecar_id(&row.id);
    if made.name.is_empty() {
        made.name = format!("{}-sidecar-proxy", parent.name);
    }
    if made.kind.is_empty() {
        "connect-proxy".clone_into(&mut made.kind);
    }
    if made.tags.is_empty() {
        made.tags = parent.tags.clone();
    }
    if made.meta.is_empty() {
        made.meta = parent.meta.clone();
    }
    if made.locality.is_none() {
        made.locality = parent.locality.clone();
    }
    if made.address.is_empty() {
        made.address.clone_from(&parent.address);
    }
    if made.token.is_empty() {
        made.token.clone_from(&parent.token);
    }
    let proxy = made.proxy.get_or_insert_default();
    if proxy.destination_service_name.is_empty() {
        proxy.destination_service_name.clone_from(&parent.name);
    }
    if proxy.destination_service_id.is_empty() {
        proxy.destination_service_id.clone_from(&row.id);
    }
    if proxy.local_service_socket_path.is_empty()
        && (proxy.local_service_address.is_empty() || proxy.local_service_port < 1)
    {
        if parent.socket_path.is_empty() {
            if proxy.local_service_address.is_empty() {
                "127.0.0.1".clone_into(&mut proxy.local_service_address);
            }
            if proxy.local_service_port < 1 {
                proxy.local_service_port = parent.port;
            }
        } else {
            proxy
                .local_service_socket_path
                .clone_from(&parent.socket_path);
        }
    }
    Some(made)
}

/// The ID of a service's sidecar.
pub(crate) fn sidecar_id(parent: &str) -> String {
    format!("{parent}-sidecar-proxy")
}

/// Gives a sidecar that has none a port from `range` (0 switches that off), and its checks; `taken` are the ports of other
/// services, `present` the port that this sidecar has already.
///
/// # Errors
/// No port is free, or automatic ports are switched off.
pub(crate) fn settle_sidecar(
    made: &mut ServiceDefinition,
    parent: &str,
    range: (u16, u16),
    taken: &HashSet<i64>,
    present: Option<i64>,
) -> Result<(), String> {
    if made.port == 0 && made.socket_path.is_empty() {
        made.port = sidecar_port(range, taken, present)?;
    }
    if !checks_of(made).is_empty() {
        return Ok(());
    }
    let local = made
        .proxy
        .as_deref()
        .map(|p| p.local_service_address.as_str());
    let host = if made.address.is_empty() {
        local.unwrap_or_default()
    } else {
        &made.address
    };
    let listening = CheckType {
        name: "Connect Sidecar Listening".into(),
        tcp: format!("{host}:{}", made.port),
        interval: dialect::Nanos(SIDECAR_CHECK_INTERVAL),
        ..CheckType::default()
    };
    let aliasing = CheckType {
        name: format!("Connect Sidecar Aliasing {parent}"),
        alias_service: parent.to_owned(),
        ..CheckType::default()
    };
    made.checks = vec![listening, aliasing].into();
    Ok(())
}

fn sidecar_port(
    range: (u16, u16),
    taken: &HashSet<i64>,
    present: Option<i64>,
) -> Result<i64, String> {
    let (min, max) = (i64::from(range.0), i64::from(range.1));
    if min == 0 || max == 0 {
        return Err(
            "no port provided for sidecar_service and auto-assignment disabled in config".into(),
        );
    }
    if let Some(port) = present.filter(|port| (min..=max).contains(port)) {
        return Ok(port);
    }
    (min..=max)
        .find(|port| !taken.contains(port))
        .ok_or_else(|| format!("no port provided for sidecar_service and none left in the configured range [{min}, {max}]"))
}

/// The rules of a service's metadata (spec/http-api.md §7).
///
/// # Errors
/// The reference's text of the first rule broken.
pub(crate) fn validate_meta(meta: &Dict<String>, mesh_gateway: bool) -> Result<(), String> {
    if meta.len() > META_PAIRS_MAX {
        return Err(format!(
            "Node metadata cannot contain more than {META_PAIRS_MAX} key/value pairs"
        ));
    }
    for (key, value) in meta.iter() {
        let why = if key.is_empty() {
            "Key cannot be blank".to_owned()
        } else if !key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        {
            "Key contains invalid characters".to_owned()
        } else if key.len() > META_KEY_MAX {
            format!("Key is too long (limit: {META_KEY_MAX} characters)")
        } else if key.starts_with("consul-") && !(mesh_gateway && key == "consul-wan-federation") {
            "Key prefix 'consul-' is reserved for internal use".to_owned()
        } else if value.len() > META_VALUE_MAX {
            format!("Value is too long (limit: {META_VALUE_MAX} characters)")
        } else {
            continue;
        };
        return Err(format!(
            "Couldn't load metadata pair ('{key}', '{value}'): {why}"
        ));
    }
    Ok(())
}

/// The rules of DNS weights.
///
/// # Errors
/// The reference's text.
pub(crate) fn validate_weights(weights: &Weights) -> Result<(), &'static str> {
    if weights.passing < 1 {
        Err("Passing must be greater than 0")
    } else if weights.warning < 0 {
        Err("Warning must be greater or equal than 0")
    } else if weights.passing > WEIGHT_MAX || weights.warning > WEIGHT_MAX {
        Err("DNS Weight must be between 0 and 65535")
    } else {
        Ok(())
    }
}

/// The rules of the definition as a whole; every one that is broken, in order.
pub(crate) fn validate_service(definition: &ServiceDefinition) -> Vec<String> {
    validate(definition, true)
}

/// As [`validate_service`], of a sidecar that may not have its port yet.
pub(crate) fn validate_made(sidecar: &ServiceDefinition) -> Vec<String> {
    validate(sidecar, false)
}

fn validate(definition: &ServiceDefinition, needs_port: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let proxy = definition.proxy.as_deref().cloned().unwrap_or_default();
    let connect = definition.connect.as_deref();
    let native = connect.is_some_and(|connect| connect.native);
    let sidecar = connect.and_then(|connect| connect.sidecar_service.as_deref());
    let unreachable = definition.port == 0 && definition.socket_path.is_empty();
    if definition.kind == "connect-proxy" {
        if unreachable && needs_port {
            wrong.push("Port or SocketPath must be set for a connect-proxy".into());
        }
        let destination = proxy.destination_service_name.trim();
        if destination.is_empty() {
            wrong.push(
                "Proxy.DestinationServiceName must be non-empty for Connect proxy services".into(),
            );
        }
        if destination == "*" {
            wrong.push(
                "Proxy.DestinationServiceName must not be a wildcard for Connect proxy services"
                    .into(),
            );
        }
        if native {
            wrong.push("A Proxy cannot also be Connect Native, only typical services".into());
        }
        wrong.extend(proxy.config_fault());
        crate::upstreams::validate(&proxy.upstreams, &mut wrong);
        crate::upstreams::validate_exposed(&proxy.expose.paths, &mut wrong);
    }
    let kind = definition.kind.as_str();
    if GATEWAYS.contains(&kind) {
        if definition.port == 0 && !matches!(kind, "ingress-gateway" | "api-gateway") {
            wrong.push(format!("Port must be non-zero for a {kind}"));
        }
        if sidecar.is_some() {
            wrong.push(format!("A {kind} cannot have a sidecar service defined"));
        }
        for (set, field) in [
            (
                !proxy.destination_service_name.is_empty(),
                "DestinationServiceName",
            ),
            (
                !proxy.destination_service_id.is_empty(),
                "DestinationServiceID",
            ),
            (
                !proxy.local_service_address.is_empty(),
                "LocalServiceAddress",
            ),
            (proxy.local_service_port != 0, "LocalServicePort"),
            (
                !proxy.local_service_socket_path.is_empty(),
                "LocalServiceSocketPath",
            ),
            (!proxy.upstreams.is_empty(), "Upstreams"),
        ] {
            if set {
                wrong.push(format!(
                    "The Proxy.{field} configuration is invalid for a {kind}"
                ));
            }
        }
    }
    if native && unreachable {
        wrong.push("Port or SocketPath must be set for a Connect native service.".into());
    }
    if let Some(sidecar) = sidecar {
        if !sidecar.id.is_empty() {
            wrong.push(
                "A SidecarService cannot specify an ID as this is managed by the agent".into(),
            );
        }
        if sidecar
            .connect
            .as_deref()
            .is_some_and(|inner| inner.sidecar_service.is_some())
        {
            wrong.push("A SidecarService cannot have a nested SidecarService".into());
        }
    }
    if definition
        .locality
        .as_deref()
        .is_some_and(|at| at.region.is_empty() && !at.zone.is_empty())
    {
        wrong.push("zone cannot be set without region".into());
    }
    wrong
}

/// How the reference prints several errors at once.
pub(crate) fn several(errors: &[String]) -> String {
    let head = if errors.len() == 1 {
        "1 error occurred:".to_owned()
    } else {
        format!("{} errors occurred:", errors.len())
    };
    let lines: String = errors
        .iter()
        .map(|error| format!("\n\t* {error}"))
        .collect();
    format!("{head}{lines}\n\n")
}

/// Tagged addresses that name a family must be of it.
///
/// # Errors
/// The reference's text.
pub(crate) fn validate_addresses(addresses: &Dict<ServiceAddress>) -> Result<(), String> {
    for (name, address) in addresses.iter() {
        let (family, right) = match name.as_str() {
            "lan_ipv4" | "wan_ipv4" => {
                ("ipv4", ip(&address.address).is_some_and(|ip| ip.is_ipv4()))
            }
            // The reference does not look at `wan_ipv6`.
            "lan_ipv6" => ("ipv6", ip(&address.address).is_some_and(|ip| ip.is_ipv6())),
            _ => continue,
        };
        if !right {
            return Err(format!(
                "Service tagged address {name:?} must be a valid {family} address"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_in_ipv6_form_is_tagged_as_ipv4() {
        let tags = |address: &str| {
            let mut row = NodeService {
                address: address.to_owned(),
                ..NodeService::default()
            };
            tag_addresses(&mut row);
            let names: Vec<String> = row
                .tagged_addresses
                .iter()
                .map(|(k, _)| k.clone())
                .collect();
            names.join(" ")
        };
        assert_eq!(tags("::ffff:10.0.0.1"), "lan_ipv4 wan_ipv4");
        assert_eq!(tags("2001:db8::1"), "lan_ipv6 wan_ipv6");
        assert_eq!(tags("web.test"), "");
        let valid = |name: &str, address: &str| {
            let mut addresses = Dict::empty();
            let address = ServiceAddress {
                address: address.to_owned(),
                port: 0,
            };
            addresses.insert(name, address);
            validate_addresses(&addresses).is_ok()
        };
        assert!(valid("lan_ipv4", "::ffff:10.0.0.1"));
        assert!(!valid("lan_ipv6", "::ffff:10.0.0.1"));
    }
}
