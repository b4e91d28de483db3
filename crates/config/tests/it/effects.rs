//! Keys without effect, and promises that cannot be kept.

use crate::host::{BASE, accept, flags, load_on, load_text, machine, text};
use config::{Flags, unmet};
use serde_json::json;

/// The keys without effect that a configuration names.
fn idle(given: serde_json::Value) -> Vec<String> {
    let loaded = load_text("/case.json", &given.to_string()).expect("valid");
    loaded.idle.into_iter().map(|idle| idle.key).collect()
}

#[test]
fn given_keys_without_effect_are_named_once() {
    assert_eq!(idle(json!({"server": true})), Vec::<String>::new());
    // What holds anyway promises nothing new, and a key that works is no news.
    assert_eq!(
        idle(json!({"disable_remote_exec": true, "retry_max": 0, "log_level": "warn"})),
        Vec::<String>::new()
    );
    assert_eq!(
        idle(
            json!({"disable_remote_exec": false, "encrypt": "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=", "experiments": ["x"],
            "gossip_wan": {"probe_interval": "3s"}, "ae_interval": "3s", "tls": {"internal_rpc": {"ca_file": "x"}}})
        ),
        [
            "experiments",
            "ae_interval",
            "gossip_wan.probe_interval",
            "disable_remote_exec",
            "tls.internal_rpc.ca_file",
        ]
    );
    // The reference's own warning is enough.
    assert_eq!(idle(json!({"read_replica": true})), Vec::<String>::new());
    let twice = load_on(
        machine(),
        &[
            ("/a.json", BASE),
            ("/b.json", r#"{"retry_max": 3}"#),
            ("/c.json", r#"{"retry_max": 4}"#),
        ],
        &flags(&[("retry-max", text("5"))]),
    );
    let named = twice.expect("valid").idle;
    assert_eq!(named.len(), 1);
    assert_eq!(
        (named[0].key.as_str(), named[0].reason.as_str()),
        ("retry_max", "waits for client mode")
    );
}

#[test]
fn development_mode_is_no_ones_wish() {
    let dev = Flags {
        dev: true,
        ..Flags::default()
    };
    let loaded = config::load(&dev, &machine()).expect("valid");
    assert_eq!(loaded.idle, []);
    assert_eq!(unmet(&loaded.config), None);
}

#[test]
fn promises_that_cannot_be_kept() {
    let refusal = |given: serde_json::Value| unmet(&accept(given)).unwrap_or_default();
    for (given, keys) in [
        (
            json!({}),
            "server = false promises more than this version can keep: client agents do not exist yet",
        ),
        (
            json!({"server": true, "acl": {"enabled": true}}),
            "acl.enabled = true promises more than this version can keep: ACLs are not enforced yet",
        ),
        (
            json!({"server": true, "acl_datacenter": "dc1"}),
            "acl.enabled = true promises more than this version can keep",
        ),
        (
            json!({"server": true, "bootstrap_expect": 3}),
            "bootstrap_expect > 1 promises more than this version can keep",
        ),
        (
            json!({"server": true, "retry_join": ["10.0.0.1"]}),
            "retry_join (another agent) promises more than this version can keep",
        ),
        (
            json!({"server": true, "start_join": ["provider=aws tag_key=a"]}),
            "retry_join (another agent) promises more than this version can keep",
        ),
        (
            json!({"server": true, "retry_join": ["127.0.0.1:9999"]}),
            "retry_join (another agent) promises more than this version can keep",
        ),
        (
            json!({"server": true, "retry_join_wan": ["elsewhere"]}),
            "retry_join_wan (another agent) promises more than this version can keep",
        ),
        (
            json!({"server": true, "primary_datacenter": "dc0", "primary_gateways": ["gw:1"]}),
            "primary_gateways promises more than this version can keep",
        ),
    ] {
        let found = refusal(given.clone());
        assert!(found.starts_with(keys), "{given}: {found}");
    }
    for kept in [
        json!({"server": true}),
        json!({"server": true, "bootstrap_expect": 1}),
        json!({"server": true, "acl": {"default_policy": "deny", "tokens": {"agent": "x"}}}),
        // One list for all machines names oneself too.
        json!({"server": true, "node_name": "me", "retry_join": ["127.0.0.1", "127.0.0.1:8301", "[::1]", "[::1]:8301", "localhost", "me"]}),
    ] {
        assert_eq!(refusal(kept.clone()), "", "{kept}");
    }
}

#[test]
fn an_empty_name_is_the_machines() {
    for given in [json!({"node_name": ""}), json!({})] {
        let given = given.to_string();
        let loaded = load_on(
            machine(),
            &[
                ("/x.json", r#"{"data_dir": "/d", "bind_addr": "::1"}"#),
                ("/y.json", &given),
            ],
            &flags(&[("node", text(""))]),
        );
        assert_eq!(loaded.expect("valid").config.node.name, "machine");
    }
}

#[test]
fn a_negative_fetch_rate_is_no_limit() {
    let rate = accept(json!({"cache": {"entry_fetch_rate": -1}}))
        .cache
        .entry_fetch_rate;
    assert!(rate.is_infinite());
    assert_eq!(
        accept(json!({"cache": {"entry_fetch_rate": 2}}))
            .cache
            .entry_fetch_rate,
        2.0
    );
}
