//! Which source wins, and what a source may look like (agent-config.md §1, §2).

use crate::host::{BASE, Machine, accept, flags, load_on, load_text, machine, text};
use config::{FlagValue, Flags};
use proptest::prelude::*;
use serde_json::json;

fn meta(machine: Machine, f: Flags, key: &str) -> Option<String> {
    config::load(&f, &machine)
        .expect("a valid configuration")
        .config
        .node
        .meta
        .get(key)
        .cloned()
}

#[test]
fn the_later_source_wins() {
    let mut m = machine();
    for (path, content) in [
        ("/base.json", BASE),
        (
            "/d/10-a.json",
            r#"{"node_meta": {"over": "a", "both": "a", "one": "a"}, "retry_join": ["file-a"]}"#,
        ),
        (
            "/d/20-b.hcl",
            "node_meta { both = \"b\" }\nretry_join = [\"file-b\"]",
        ),
        ("/d/9-last.json", r#"{"node_meta": {"both": "9"}}"#),
        ("/d/30.JSON", "not read"),
        ("/d/empty.json", ""),
        ("/d/sub/deep.json", r#"{"node_meta": {"deep": "1"}}"#),
    ] {
        m.files.insert(path.into(), content.into());
    }
    let f = Flags {
        paths: vec!["/base.json".into(), "/d".into()],
        hcl: vec!["node_meta { over = \"fragment\" }".into()],
        ..flags(&[
            (
                "node-meta",
                FlagValue::Texts(vec![
                    "flag:f:with:colons".into(),
                    "bare".into(),
                    "over:flag".into(),
                ]),
            ),
            ("retry-join", FlagValue::Texts(vec!["from-flag".into()])),
            ("node", text("from-flag")),
        ])
    };
    for (key, want) in [
        ("over", Some("fragment")),
        ("both", Some("9")),
        ("one", Some("a")),
        ("flag", Some("f:with:colons")),
        ("bare", Some("")),
        ("deep", None),
    ] {
        assert_eq!(meta(m.clone(), f.clone(), key).as_deref(), want, "{key}");
    }
    let loaded = config::load(&f, &m).expect("valid");
    assert_eq!(loaded.config.join.lan, ["from-flag", "file-a", "file-b"]);
    assert_eq!(loaded.config.node.name, "from-flag");
    assert_eq!(
        loaded.warnings,
        ["skipping file /d/30.JSON, extension must be .hcl or .json, or config format must be set"]
    );
}

#[test]
fn deprecated_flags_join_as_well() {
    let f = flags(&[
        ("join", FlagValue::Texts(vec!["a".into()])),
        ("retry-join", FlagValue::Texts(vec!["b".into()])),
    ]);
    let loaded = load_on(machine(), &[("/base.json", BASE)], &f).expect("valid");
    assert_eq!(loaded.config.join.lan, ["a", "b"]);
    assert_eq!(
        loaded.warnings,
        ["The flag '-join' is deprecated. Use the '-retry-join' flag instead."]
    );
}

#[test]
fn spelling_of_keys() {
    assert_eq!(accept(json!({"Node_Name": "mixed"})).node.name, "mixed");
    let check = accept(
        json!({"check": {"name": "c", "serviceid": "old", "service_id": "new", "ttl": "1h"}}),
    );
    assert_eq!(check.definitions.checks[0]["service_id"], "new");
    assert!(
        accept(json!({"server": [true]})).node.server,
        "a list of one stands for its element"
    );
    assert_eq!(accept(json!({"datacenter": null})).node.datacenter, "dc1");
    assert_eq!(
        accept(json!({"raft_trailing_logs": 1.9}))
            .raft
            .trailing_logs,
        1
    );
}

#[test]
fn lists_of_one_in_maps() {
    let c = accept(json!({
        "watches": [{"type": "key", "key": "k", "args": ["true"]}],
        "config_entries": {"bootstrap": [{"kind": "service-intentions", "name": "x", "sources": [{"name": "y"}]}]},
    }));
    assert_eq!(c.definitions.watches[0]["args"], "true");
    assert_eq!(
        c.definitions.config_entries[0]["sources"],
        json!([{"name": "y"}])
    );
}

#[test]
fn both_syntaxes_say_the_same() {
    let hcl = r#"
# kinds of notation
node_meta { from = "hcl" }
service {
  name = "web" // a comment
  port = 80
  tags = ["a", "b",]
  tagged_addresses { lan { address = "10.1.1.1" port = 81 } }
  weights = { passing = 3, warning = 1 }
  check { id = "w" name = "w" ttl = "1h" }
}
services { name = "one" check = { ttl = "1h" } }
services = [ { name = "two" checks = [{ ttl = "1h" }] } ]
watches = [{ type = "key" key = "k" args = ["a", "b"] }]
connect { ca_config { leaf_cert_ttl = "72h" } }
"#;
    let json = json!({
        "node_meta": {"from": "hcl"},
        "service": {"name": "web", "port": 80, "tags": ["a", "b"], "tagged_addresses": {"lan": {"address": "10.1.1.1", "port": 81}},
            "weights": {"passing": 3, "warning": 1}, "check": {"id": "w", "name": "w", "ttl": "1h"}},
        "services": [{"name": "one", "check": {"ttl": "1h"}}, {"name": "two", "checks": [{"ttl": "1h"}]}],
        "watches": [{"type": "key", "key": "k", "args": ["a", "b"]}],
        "connect": {"ca_config": {"leaf_cert_ttl": "72h"}},
    });
    let from_hcl = load_text("/case.hcl", hcl).expect("valid HCL").config;
    assert_eq!(from_hcl, accept(json));
    assert_eq!(from_hcl.definitions.services.len(), 3);
    assert_eq!(
        from_hcl.definitions.services[2]["name"], "web",
        "the single one comes last"
    );
    assert_eq!(from_hcl.connect.ca_config["LeafCertTTL"], "72h");
}

#[test]
fn changes_between_two_loads() {
    let load = |j: &str| load_text("/case.json", j).expect("valid").keys;
    let changes: Vec<(String, bool)> = load(r#"{"log_level": "warn", "datacenter": "a"}"#)
        .diff(&load(
            r#"{"log_level": "debug", "datacenter": "b", "limits": {"rpc_rate": 5}}"#,
        ))
        .into_iter()
        .map(|c| (c.key, c.reloads))
        .collect();
    assert_eq!(
        changes,
        [
            ("datacenter".to_string(), false),
            ("limits.rpc_rate".to_string(), true),
            ("log_level".to_string(), true)
        ]
    );
    let secret = load(r#"{"acl": {"tokens": {"agent": "hunter2"}}}"#);
    assert!(
        !format!("{secret:?}").contains("hunter2"),
        "secrets do not get into logs"
    );
}

#[test]
fn what_does_not_reload_stays_in_force() {
    let started = load_text(
        "/case.json",
        r#"{"datacenter": "a", "dns_config": {"node_ttl": "1s"}, "ports": {"dns": 5}, "services": [{"name": "x"}]}"#,
    )
    .expect("valid");
    let again = load_text(
        "/case.json",
        r#"{"datacenter": "b", "node_name": "other", "domain": "d", "dns_config": {"node_ttl": "2s"}, "ports": {"dns": 6},
            "services": [{"name": "y"}], "check_output_max_size": 7, "enable_script_checks": true}"#,
    )
    .expect("valid");
    let kept = again
        .in_force(&started.keys, &Flags::default(), &machine())
        .expect("valid");
    let mut want = started.config.clone();
    want.dns.node_ttl = again.config.dns.node_ttl;
    want.definitions = again.config.definitions.clone();
    assert_eq!(kept, want);
    let same = started.in_force(&started.keys, &Flags::default(), &machine());
    assert_eq!(same.expect("valid"), started.config);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let name = prop_oneof![
        Just("service".to_string()),
        Just("services".into()),
        Just("check".into()),
        Just("checks".into()),
        Just("name".into()),
        Just("ports".into()),
        Just("http".into()),
        Just("proxy".into()),
        Just("upstreams".into()),
        Just("connect".into()),
        Just("sidecar_service".into()),
        Just("bind_addr".into()),
        Just("client_addr".into()),
        Just("tls".into()),
        Just("defaults".into()),
        Just("tls_min_version".into()),
        Just("node_meta".into()),
        Just("watches".into()),
        Just("limits".into()),
        Just("ttl".into()),
        "[a-zA-Z_.]{0,6}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,8}|\\{\\{[ a-zA-Z|\"]{0,12}\\}\\}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map(name.clone(), inner, 0..5)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_document_breaks_the_reader(value in any_json()) {
        let _ = load_text("/case.json", &value.to_string());
        let f = Flags { dev: true, hcl: vec![value.to_string()], ..Flags::default() };
        let _ = config::load(&f, &machine());
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[-a-z_={}\\[\\]\",0-9 \n#/<]{0,60}") {
        let _ = load_text("/case.json", &text);
        let _ = load_text("/case.hcl", &text);
    }
}

/// However deep a file nests, reading, decoding and dropping it stays within a small stack.
#[test]
fn depth_is_bounded() {
    const LEVELS: usize = 1_000_000;
    let check = || {
        for (name, open, close) in [
            ("/a.json", "{\"watches\": [{\"x\": ", "}]}"),
            ("/a.json", "[", "]"),
            ("/a.hcl", "watches { x ", "}"),
            ("/a.hcl", "a \"b\" {", "}"),
        ] {
            let deep = format!("{}{}", open.repeat(LEVELS), close.repeat(LEVELS));
            assert!(load_text(name, &deep).is_err(), "{name} {open}");
            // As deep as readers go: it may be taken or refused, by a rule of its own.
            for levels in [60, 120, 170, 500] {
                let inner = format!("{{\"x\": {}1{}}}", "[".repeat(levels), "]".repeat(levels));
                let _ = load_text("/b.json", &format!("{{\"watches\": [{inner}]}}"));
                let _ = load_text(
                    "/b.hcl",
                    &format!(
                        "watches = [{{ x = {}1{} }}]",
                        "[".repeat(levels),
                        "]".repeat(levels)
                    ),
                );
            }
        }
    };
    let small = std::thread::Builder::new().stack_size(1 << 20);
    small
        .spawn(check)
        .expect("a thread")
        .join()
        .expect("no overflow");
}
