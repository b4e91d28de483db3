//! The list of keys as a whole: it stands in a committed file, and every key is set once and must change something.

use crate::host::accept;
use config::schema::{Field, Kind, find, walk};
use expect_test::expect_file;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Int => "int",
        Kind::Uint => "uint",
        Kind::Float => "float",
        Kind::Text => "text",
        Kind::Duration => "duration",
        Kind::Texts => "texts",
        Kind::TextMap => "map of texts",
        Kind::TextsMap => "map of lists",
        Kind::Block(_) => "definition",
        Kind::Blocks(_) => "list of blocks",
        Kind::BlockMap(_) => "map of blocks",
        Kind::Opaque => "map",
        Kind::Opaques | Kind::Entries => "list of maps",
    }
}

#[test]
fn the_list() {
    let mut out = String::from("# key | type | default | -dev | flag | reload\n");
    walk(&mut |path, f| {
        let _ = writeln!(
            out,
            "{path} | {} | {} | {} | {} | {}",
            kind_name(f.kind),
            f.default,
            f.dev,
            f.flag,
            if f.reloads { "yes" } else { "no" }
        );
    });
    let tidy: String = out
        .lines()
        .map(|l| l.replace("|  |", "| |").replace("|  |", "| |") + "\n")
        .collect();
    expect_file!["../../keys.txt"].assert_eq(&tidy);
}

/// Values for keys whose type alone does not say what is valid.
fn special(path: &str) -> Option<Value> {
    Some(match path {
        "node_id" => json!("11111111-2222-3333-4444-555555555555"),
        "bootstrap_expect" => json!(3),
        "bind_addr" | "serf_lan" | "serf_wan" | "client_addr" | "advertise_addr"
        | "advertise_addr_wan" => json!("10.9.9.9"),
        "advertise_addr_ipv4" | "advertise_addr_wan_ipv4" => json!("10.9.9.9"),
        "advertise_addr_ipv6" | "advertise_addr_wan_ipv6" => json!("2600::9"),
        p if p.starts_with("addresses.") => json!("10.9.9.9"),
        "serf_lan_allowed_cidrs"
        | "serf_wan_allowed_cidrs"
        | "http_config.allow_write_http_from" => json!(["10.0.0.0/8"]),
        "server_rejoin_age_max" => json!("7h"),
        "raft_protocol" => return None,
        "recursors" => json!(["8.8.8.8"]),
        "dns_config.max_udp_size" => json!(1232),
        "dns_config.recursor_strategy" => json!("random"),
        "ui_config.metrics_provider_options_json" => json!("{}"),
        "ui_config.metrics_proxy.base_url" => json!("http://x"),
        "ui_config.metrics_proxy.path_allowlist" => json!(["/x"]),
        "ui_config.dashboard_url_templates" => json!({"x": "http://x"}),
        "limits.request_limits.mode" => json!("enforcing"),
        "encrypt" => json!("pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="),
        "connect.ca_provider" => json!("vault"),
        "auto_encrypt.ip_san" | "auto_config.ip_sans" => json!(["1.2.3.4"]),
        p if p.ends_with("tls_min_version") => json!(if p.starts_with("tls.") {
            "TLSv1_3"
        } else {
            "tls13"
        }),
        p if p.ends_with("tls_cipher_suites") => json!("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        "service" => json!({"name": "s"}),
        "services" => json!([{"name": "s"}]),
        "check" => json!({"name": "c", "ttl": "1m"}),
        "checks" => json!([{"name": "c", "ttl": "1m"}]),
        "telemetry.prefix_filter" => json!(["+a"]),
        "raft_logstore.backend" => json!("wal"),
        "primary_gateways" => json!(["gw"]),
        "ports.proxy_max_port" | "ports.sidecar_max_port" | "ports.expose_max_port" => json!(30000),
        "ports.https" | "ports.grpc" => json!(7),
        "ports.server" | "ports.serf_lan" | "ports.serf_wan" => json!(8399),
        _ => return None,
    })
}

fn sample(path: &str, field: &Field) -> Value {
    if let Some(value) = special(path) {
        return value;
    }
    match field.kind {
        Kind::Bool => json!(field.default != "true"),
        Kind::Int | Kind::Uint => json!(field.default.parse::<i64>().unwrap_or(6) + 1),
        Kind::Float => json!(17.5),
        Kind::Duration => json!("17s"),
        Kind::Texts => json!(["sample"]),
        Kind::TextMap => json!({"a": "17s"}),
        Kind::TextsMap => json!({"a": ["b"]}),
        Kind::Blocks(_) => json!([{}]),
        Kind::BlockMap(_) => json!({"a": {}}),
        Kind::Opaque => json!({"a": 1}),
        Kind::Opaques | Kind::Entries => json!([{"a": 1}]),
        Kind::Block(_) => json!({}),
        Kind::Text => json!("sample"),
    }
}

/// What else must be configured for the key to be acceptable, or to matter.
fn context(path: &str) -> Value {
    match path {
        "bootstrap"
        | "leave_on_terminate"
        | "bootstrap_expect"
        | "raft_logstore.backend"
        | "auto_encrypt.allow_tls" => {
            json!({"server": true})
        }
        "primary_gateways" | "connect.enable_mesh_gateway_wan_federation" => {
            json!({"server": true, "primary_datacenter": "dc0"})
        }
        p if p.starts_with("raft_logstore") => json!({"server": true}),
        "addresses.https" => json!({"ports": {"https": 1}}),
        "addresses.grpc" => json!({"ports": {"grpc": 1}}),
        "addresses.grpc_tls" => json!({"ports": {"grpc_tls": 1}}),
        "locality.zone" => json!({"locality": {"region": "r"}}),
        p if p.starts_with("auto_config.authorization") => {
            json!({"server": true, "tls": {"internal_rpc": {"cert_file": "c"}}})
        }
        "auto_config.enabled" => {
            json!({"tls": {"internal_rpc": {"ca_file": "c"}}, "auto_config": {"intro_token": "t", "server_addresses": ["s"]}})
        }
        _ => json!({}),
    }
}

fn lay(base: &mut Value, path: &str, value: Value) {
    let mut at = base;
    for part in path.split('.') {
        at = at
            .as_object_mut()
            .expect("contexts are objects")
            .entry(part)
            .or_insert_with(|| json!({}));
    }
    *at = value;
}

/// `key: reason` lines; the reasons are for the operator.
fn without_effect() -> BTreeMap<String, String> {
    include_str!("../../without-effect.txt")
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(|l| {
            let (key, reason) = l.split_once(": ").expect("key: reason");
            assert!(reason.len() > 10, "{key} needs a reason");
            (key.to_string(), reason.to_string())
        })
        .collect()
}

/// What a key waits for, by the first pattern that fits.
fn waits(key: &str) -> Option<&'static str> {
    patterns()
        .find(|(pattern, _)| match pattern.strip_suffix('*') {
            Some(beginning) => key.starts_with(beginning),
            None => key == *pattern,
        })
        .map(|(_, part)| part)
}

fn patterns() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../../waiting.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("pattern: part"))
}

#[test]
fn patterns_of_waiting_keys_name_keys() {
    for (pattern, _) in patterns() {
        let mut named = false;
        walk(&mut |key, _| {
            named |= match pattern.strip_suffix('*') {
                Some(beginning) => key.starts_with(beginning),
                None => key == pattern,
            };
        });
        assert!(named, "{pattern} names no key");
    }
}

#[test]
fn the_document() {
    let none = without_effect();
    let mut out = String::from(
        "# Configuration keys\n\nPrinted from the table in `crates/config` by a test; do not edit. A key with something in the \
         last column is accepted and checked, but changes nothing: for good, or until the part exists that it waits for.\n\n\
         | Key | Type | Default | Reloads | Without effect |\n|---|---|---|---|---|\n",
    );
    walk(&mut |key, f| {
        let effect = match (none.get(key), waits(key)) {
            (Some(reason), _) => reason.clone(),
            (None, Some(part)) => format!("waits for {part}"),
            (None, None) => String::new(),
        };
        let default = match f.default {
            "" => String::new(),
            text => format!("`{text}`"),
        };
        let (kind, reloads) = (kind_name(f.kind), if f.reloads { "yes" } else { "" });
        let _ = writeln!(
            out,
            "| `{key}` | {kind} | {default} | {reloads} | {effect} |"
        );
    });
    out.push_str(
        "\n## Refused at start\n\nConfiguration that promises protection or membership of a cluster while the part that keeps the \
         promise does not exist ends the start, after every other check and before anything is written; `validate` takes it. \
         All other keys without effect are named once at start, at level WARN.\n\n| Configuration | Why, and what to do |\n|---|---|\n",
    );
    for promise in config::PROMISES {
        let _ = writeln!(out, "| `{}` | {} |", promise.keys, promise.why);
    }
    expect_file!["../../../../docs/config-keys.md"].assert_eq(&out);
}

/// Keys that are refused whatever their value, or have one valid value only.
const REFUSED: &[&str] = &["segment", "segments", "raft_protocol"];
/// Keys that say nothing in the stanza where the table allows them: refused there (see `refusals.rs`).
fn refused_here(path: &str) -> bool {
    let stanza = |s: &str| path.starts_with(&format!("tls.{s}."));
    (path.ends_with(".verify_outgoing") && stanza("grpc"))
        || (path.ends_with(".verify_server_hostname") && (stanza("https") || stanza("grpc")))
        || (path.ends_with(".use_auto_cert") && !stanza("grpc"))
}

#[test]
fn every_key_changes_something() {
    let listed = without_effect();
    let mut idle = Vec::new();
    walk(&mut |path, field| {
        if REFUSED.contains(&path) || refused_here(path) {
            return;
        }
        let context = context(path);
        let mut with = context.clone();
        lay(&mut with, path, sample(path, field));
        if accept(with) == accept(context) && !listed.contains_key(path) {
            idle.push(path.to_string());
        }
    });
    assert_eq!(
        idle,
        Vec::<String>::new(),
        "keys without effect that are not listed"
    );
}

#[test]
fn the_list_of_keys_without_effect_names_keys() {
    for key in without_effect().keys() {
        assert!(find(key).is_some(), "{key} is no key");
    }
}
