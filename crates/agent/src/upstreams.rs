//! Rules of a proxy's upstreams and of what it exposes (spec/mesh.md §6.1).

use model::{ExposePath, Upstream};
use std::collections::HashSet;

/// Where an upstream listens when it does not say.
const DEFAULT_BIND: &str = "127.0.0.1";
/// Protocols of exposed paths.
const PROTOCOLS: &[&str] = &["http", "http2"];

/// Appends what is wrong with the upstreams.
pub(crate) fn validate(upstreams: &[Upstream], wrong: &mut Vec<String>) {
    let (mut names, mut places) = (HashSet::new(), HashSet::new());
    for upstream in upstreams {
        if let Some(text) = one(upstream) {
            wrong.push(text);
            continue;
        }
        let kind = match upstream.destination_type.as_str() {
            "" => "service",
            kind => kind,
        };
        let name = format!(
            "[type={kind:?}, name={:?}, partition={:?}, namespace={:?}, peer={:?}, datacenter={:?}]",
            upstream.destination_name,
            upstream.destination_partition,
            upstream.destination_namespace,
            upstream.destination_peer,
            upstream.datacenter
        );
        if !names.insert(name.clone()) {
            wrong.push(format!("upstreams cannot contain duplicates of {name}"));
        }
        let place = place(upstream);
        if !places.insert(place.clone()) {
            wrong.push(format!(
                "upstreams cannot contain duplicates by local bind address and port or unix path; {place:?} is specified twice"
            ));
        }
    }
}

fn place(upstream: &Upstream) -> String {
    if !upstream.local_bind_socket_path.is_empty() {
        return upstream.local_bind_socket_path.clone();
    }
    let address = match upstream.local_bind_address.as_str() {
        "" => DEFAULT_BIND,
        address => address,
    };
    let port = upstream.local_bind_port;
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

/// The first rule that an upstream breaks by itself.
fn one(upstream: &Upstream) -> Option<String> {
    let kind = upstream.destination_type.as_str();
    if !matches!(kind, "" | "service" | "prepared_query") {
        return Some(format!("unknown upstream destination type: {kind:?}"));
    }
    let (port, path) = (
        upstream.local_bind_port,
        upstream.local_bind_socket_path.as_str(),
    );
    let text = if upstream.destination_name.is_empty() {
        "upstream destination name cannot be empty"
    } else if upstream.destination_name == "*" {
        "upstream destination name cannot be a wildcard"
    } else if !upstream.destination_peer.is_empty() && !upstream.datacenter.is_empty() {
        "upstream cannot specify both destination peer and datacenter"
    } else if port == 0 && path.is_empty() {
        "upstream local bind port or local socket path must be defined and nonzero"
    } else if port != 0 && !path.is_empty() {
        "only one of upstream local bind port or local socket path can be defined and nonzero"
    } else {
        return None;
    };
    Some(text.to_owned())
}

/// Appends what is wrong with exposed paths.
pub(crate) fn validate_exposed(paths: &[ExposePath], wrong: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for path in paths {
        if path.path.is_empty() {
            wrong.push("expose.paths: empty path exposed".into());
        }
        if !seen.insert(path.listener_port) {
            wrong.push("expose.paths: duplicate listener ports exposed".into());
        }
        if !(1..=65535).contains(&path.listener_port) {
            wrong.push(format!(
                "expose.paths: invalid listener port: {}",
                path.listener_port
            ));
        }
        let protocol = path.protocol.to_ascii_lowercase();
        if !protocol.is_empty() && !PROTOCOLS.contains(&protocol.as_str()) {
            wrong.push(format!(
                "protocol '{}' not supported for path: {}, must be in: [{}]",
                path.protocol,
                path.path,
                PROTOCOLS.join(" ")
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(upstreams: &[Upstream]) -> Vec<String> {
        let mut wrong = Vec::new();
        validate(upstreams, &mut wrong);
        wrong
    }

    fn upstream(name: &str, port: i64) -> Upstream {
        Upstream {
            destination_name: name.into(),
            local_bind_port: port,
            ..Upstream::default()
        }
    }

    #[test]
    fn upstreams() {
        assert_eq!(texts(&[upstream("a", 1), upstream("b", 2)]), [""; 0]);
        assert_eq!(
            texts(&[upstream("a", 1), upstream("a", 1)]),
            [
                r#"upstreams cannot contain duplicates of [type="service", name="a", partition="", namespace="", peer="", datacenter=""]"#,
                r#"upstreams cannot contain duplicates by local bind address and port or unix path; "127.0.0.1:1" is specified twice"#,
            ]
        );
        assert_eq!(
            texts(&[upstream("", 0)]),
            ["upstream destination name cannot be empty"]
        );
    }

    #[test]
    fn exposed_paths() {
        let mut wrong = Vec::new();
        let path = ExposePath {
            path: "/m".into(),
            listener_port: 70000,
            protocol: "x".into(),
            ..ExposePath::default()
        };
        validate_exposed(&[path], &mut wrong);
        assert_eq!(
            wrong,
            [
                "expose.paths: invalid listener port: 70000",
                "protocol 'x' not supported for path: /m, must be in: [http http2]"
            ]
        );
    }
}
