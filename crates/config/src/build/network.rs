//! Ports, addresses, listeners (agent-config.md §4.2, §5).

use super::reader::Reader;
use crate::address::{Listen, Place, bind, detect_advertise, first_ip, ips, places};
use crate::error::{ConfigError, errors_occurred};
use crate::model::{Network, Ports, TextMap};
use crate::template::Net;
use std::net::{IpAddr, SocketAddr};

/// Highest port.
const PORT_MAX: i64 = 65_535;

pub(super) fn ports(r: &Reader<'_>) -> Result<Ports, ConfigError> {
    let port = |name: &str| -> i32 {
        let path = format!("ports.{name}");
        match r.opt_int(&path) {
            None => -1,
            Some(n) if n <= 0 => -1,
            Some(n) if n > PORT_MAX => {
                r.error(format!("{path}: invalid port: {n}"));
                -1
            }
            Some(n) => n as i32,
        }
    };
    let server_port = port("server");
    if r.int("ports.server") <= 0 {
        return Err(ConfigError::rule("server-port must be greater than zero"));
    }
    let serf_lan = port("serf_lan");
    if r.int("ports.serf_lan") <= 0 {
        return Err(ConfigError::rule("serf-lan-port must be greater than zero"));
    }
    let range = |name: &str| -> Result<(i32, i32), ConfigError> {
        let low = port(&format!("{name}_min_port"));
        let high = port(&format!("{name}_max_port"));
        if high < low {
            return Err(ConfigError::Rule(format!(
                "{name}_min_port must be less than {name}_max_port. To disable, set both to zero."
            )));
        }
        Ok((low, high))
    };
    let grpc_tls = match r.opt_int("ports.grpc_tls") {
        None if r.bool("server") => 8503,
        _ => port("grpc_tls"),
    };
    Ok(Ports {
        dns: port("dns"),
        http: port("http"),
        https: port("https"),
        grpc: port("grpc"),
        grpc_tls,
        serf_lan,
        serf_wan: port("serf_wan"),
        server: server_port,
        proxy: range("proxy")?,
        sidecar: range("sidecar")?,
        expose: range("expose")?,
    })
}

fn socket(ip: IpAddr, port: i32) -> SocketAddr {
    SocketAddr::new(ip, u16::try_from(port).unwrap_or(0))
}

fn listeners(places: Vec<Place>, port: i32) -> Vec<Listen> {
    if port <= 0 {
        return Vec::new();
    }
    places
        .into_iter()
        .map(|p| match p {
            Place::Ip(ip) => Listen::Tcp(socket(ip, port)),
            Place::Unix(path) => Listen::Unix(path),
        })
        .collect()
}

pub(super) fn network(r: &Reader<'_>, ports: &Ports) -> Result<Network, ConfigError> {
    let one = |key: &str| first_ip(r.host, key, &r.text(key)).map_err(ConfigError::Rule);
    let bind = bind(r.host, &r.text("bind_addr"))?;
    let client = r.keep(ips(r.host, "client_addr", &r.text("client_addr")));
    if r.text("client_addr").trim().is_empty() {
        r.warn(
            "client_addr is empty, client services (DNS, HTTP, HTTPS, GRPC) will not be listening for connections",
        );
    }
    let interface = |name: &str, port: i32| -> Vec<Listen> {
        let key = format!("addresses.{name}");
        let given = r.keep(places(r.host, &key, &r.text(&key)));
        let from = if given.is_empty() {
            client.iter().copied().map(Place::Ip).collect()
        } else {
            given
        };
        listeners(from, port)
    };
    let dns_text = r.text("addresses.dns");
    let dns_places = r.keep(places(r.host, "addresses.dns", &dns_text));
    if dns_places.iter().any(|p| matches!(p, Place::Unix(_))) {
        return Err(ConfigError::rule("DNS address cannot be a unix socket"));
    }
    let advertise = match one("advertise_addr")? {
        Some(ip) if ip.is_unspecified() => {
            return Err(ConfigError::rule(
                "Advertise address cannot be 0.0.0.0, :: or [::]",
            ));
        }
        Some(ip) => ip,
        None => detect_advertise(r.host, bind)?,
    };
    let advertise_wan = match one("advertise_addr_wan")? {
        Some(ip) if ip.is_unspecified() => {
            return Err(ConfigError::rule(
                "Advertise WAN address cannot be 0.0.0.0, :: or [::]",
            ));
        }
        Some(ip) => ip,
        None => advertise,
    };
    let tagged_addresses = tagged(r, advertise, advertise_wan)?;
    let serf_lan = one("serf_lan")?.unwrap_or(bind);
    let serf_wan = one("serf_wan")?.unwrap_or(bind);
    let wan = ports.serf_wan > 0;
    Ok(Network {
        bind,
        advertise_lan: advertise,
        advertise_wan,
        tagged_addresses,
        dns: interface("dns", ports.dns)
            .into_iter()
            .filter_map(|l| match l {
                Listen::Tcp(a) => Some(a),
                Listen::Unix(_) => None,
            })
            .collect(),
        http: interface("http", ports.http),
        https: interface("https", ports.https),
        grpc: interface("grpc", ports.grpc),
        grpc_tls: interface("grpc_tls", ports.grpc_tls),
        client,
        rpc_bind: socket(bind, ports.server),
        rpc_advertise: socket(advertise, ports.server),
        serf_lan_bind: socket(serf_lan, ports.serf_lan),
        serf_lan_advertise: socket(advertise, ports.serf_lan),
        serf_wan_bind: wan.then(|| socket(serf_wan, ports.serf_wan)),
        serf_wan_advertise: wan.then(|| socket(advertise_wan, ports.serf_wan)),
        serf_lan_allowed: cidrs(r, "serf_lan_allowed_cidrs")?,
        serf_wan_allowed: cidrs(r, "serf_wan_allowed_cidrs")?,
        unix_user: r.text("unix_sockets.user"),
        unix_group: r.text("unix_sockets.group"),
        unix_mode: r.text("unix_sockets.mode"),
    })
}

/// The node's tagged addresses: the user's, overwritten by `lan`, `wan` and their families.
fn tagged(r: &Reader<'_>, lan: IpAddr, wan: IpAddr) -> Result<TextMap, ConfigError> {
    let mut out = r.text_map("tagged_addresses");
    for (name, prefix, ip) in [
        ("lan", "advertise_addr", lan),
        ("wan", "advertise_addr_wan", wan),
    ] {
        out.insert(name.to_string(), ip.to_string());
        for (family, v4) in [("ipv4", true), ("ipv6", false)] {
            let key = format!("{prefix}_{family}");
            let given = first_ip(r.host, &key, &r.text(&key)).map_err(ConfigError::Rule)?;
            let ip = match given {
                Some(ip) if ip.is_ipv4() != v4 => {
                    let article = "an";
                    return Err(ConfigError::Rule(format!(
                        "{key} must be {article} {family} address"
                    )));
                }
                Some(ip) => ip,
                None if ip.is_ipv4() == v4 => ip,
                None => continue,
            };
            out.insert(format!("{name}_{family}"), ip.to_string());
        }
    }
    Ok(out)
}

fn cidrs(r: &Reader<'_>, key: &str) -> Result<Option<Vec<Net>>, ConfigError> {
    let texts = r.texts(key);
    if texts.is_empty() {
        return Ok(None);
    }
    let mut bad = Vec::new();
    let mut out = Vec::new();
    for text in &texts {
        match text.parse() {
            Ok(net) => out.push(net),
            Err(()) => bad.push(format!("invalid cidr: {text}")),
        }
    }
    if bad.is_empty() {
        Ok(Some(out))
    } else {
        Err(ConfigError::Rule(format!(
            "{key}: {}",
            errors_occurred(&bad)
        )))
    }
}
