//! What values become: defaults, derived values, the development overlay, the banner, what `/v1/agent/self` shows.

use crate::host::{BASE, accept, flags, load_on, load_text, machine, text};
use config::banner::{Facts, banner};
use config::{Config, FlagValue, Flags, Listen, TlsVersion, log_level, policy_error};
use serde_json::json;
use std::time::Duration;

fn dev(given: Flags) -> Config {
    config::load(&Flags { dev: true, ..given }, &machine())
        .expect("valid")
        .config
}

#[test]
fn defaults() {
    let c = accept(json!({}));
    assert_eq!(
        (
            c.node.datacenter.as_str(),
            c.node.primary_datacenter.as_str()
        ),
        ("dc1", "dc1")
    );
    assert_eq!(
        (c.ports.http, c.ports.https, c.ports.grpc, c.ports.grpc_tls),
        (8500, -1, -1, -1)
    );
    assert!(c.join.leave_on_terminate && !c.join.skip_leave_on_interrupt);
    assert_eq!(c.dns.max_stale, Duration::from_secs(87600 * 3600));
    assert_eq!(c.logging.rotate_duration, Duration::from_secs(86400));
    assert_eq!(
        c.net.http,
        [Listen::Tcp("127.0.0.1:8500".parse().expect("address"))]
    );
    assert!(c.net.grpc.is_empty() && c.net.https.is_empty());
    assert_eq!(c.tls.https.min_version, TlsVersion::V1_2);
    assert_eq!(c.telemetry.blocked_prefixes, ["consul.rpc.server.call"]);
    let s = accept(json!({"server": true}));
    assert!(
        !s.join.leave_on_terminate && s.join.skip_leave_on_interrupt && s.node.rpc_enable_streaming
    );
    assert_eq!(s.ports.grpc_tls, 8503);
    let named = load_on(
        machine(),
        &[("/x.json", r#"{"data_dir": "/d", "bind_addr": "::1"}"#)],
        &Flags::default(),
    )
    .expect("valid");
    assert_eq!(named.config.node.name, "machine");
}

#[test]
fn development_mode() {
    let c = dev(Flags::default());
    assert!(
        c.node.server && c.node.dev && !c.node.bootstrap && c.ui.enabled && c.http.enable_debug
    );
    assert_eq!(c.net.bind.to_string(), "127.0.0.1");
    assert_eq!(
        (c.ports.grpc, c.ports.grpc_tls, c.raft.multiplier),
        (8502, 8503, 1)
    );
    assert_eq!(c.gossip.wan.probe_timeout, Duration::from_millis(100));
    assert_eq!(
        (c.logging.level.as_str(), c.node.data_dir.as_ref()),
        ("DEBUG", None)
    );
    let c = dev(flags(&[
        ("log-level", text("warn")),
        ("client", text("0.0.0.0")),
    ]));
    assert_eq!(
        (
            c.logging.level.as_str(),
            c.net.client[0].to_string().as_str()
        ),
        ("warn", "0.0.0.0")
    );
    assert_eq!(c.net.bind.to_string(), "127.0.0.1");
}

#[test]
fn derived_values() {
    let c = accept(
        json!({"acl_replication_token": "t", "acl_datacenter": "DC2", "verify_incoming": true, "start_join": ["a"], "retry_join": ["b"]}),
    );
    assert!(
        c.acl.enabled
            && c.acl.enable_token_replication
            && c.tls.https.verify_incoming
            && !c.tls.grpc.verify_incoming
    );
    assert_eq!(
        (
            c.node.primary_datacenter.as_str(),
            c.acl.tokens.replication.as_str()
        ),
        ("dc2", "t")
    );
    assert_eq!(c.join.lan, ["b", "a"]);
    let c = accept(
        json!({"tls": {"defaults": {"ca_file": "a", "cert_file": "c", "tls_cipher_suites": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
        "https": {"ca_file": "b", "tls_min_version": "TLSv1_3"}, "internal_rpc": {"verify_server_hostname": true}}}),
    );
    assert_eq!(
        (
            c.tls.https.ca_file.as_str(),
            c.tls.grpc.ca_file.as_str(),
            c.tls.https.cert_file.as_str()
        ),
        ("b", "a", "c")
    );
    assert!(c.tls.internal_rpc.verify_outgoing && c.tls.https.cipher_suites.is_empty());
    assert_eq!(
        c.tls.grpc.cipher_suites,
        ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]
    );
    let c = accept(
        json!({"addresses": {"http": "unix:///h.sock 127.0.0.2"}, "ports": {"dns": -1}, "enable_script_checks": true}),
    );
    assert_eq!(
        c.net.http,
        [
            Listen::Unix("/h.sock".into()),
            Listen::Tcp("127.0.0.2:8500".parse().expect("address"))
        ]
    );
    assert!(c.net.dns.is_empty() && c.checks.enable_local_script);
    let c = accept(
        json!({"ui_config": {"content_path": "x/y", "metrics_provider": "prometheus"}, "recursors": ["8.8.8.8", "9.9.9.9:5353", "8.8.8.8"]}),
    );
    assert_eq!(c.ui.content_path, "/x/y/");
    assert_eq!(
        c.ui.metrics_proxy_path_allowlist,
        ["/api/v1/query", "/api/v1/query_range"]
    );
    assert_eq!(c.dns.recursors, ["8.8.8.8", "9.9.9.9:5353"]);
    let c = accept(
        json!({"auto_config": {"enabled": true, "intro_token": "t", "server_addresses": ["s", "{{ GetPrivateIP }}"]},
        "tls": {"internal_rpc": {"ca_file": "x"}}, "connect": {"enabled": false}}),
    );
    assert!(
        c.connect.enabled,
        "automatic configuration needs the mesh's certificates"
    );
    assert_eq!(c.auto_config.server_addresses, ["s", "10.0.0.7"]);
}

#[test]
fn environment() {
    let mut m = machine();
    m.env.insert("CONSUL_INTRO_TOKEN".into(), "from-env".into());
    m.env.insert("HCP_API_ADDRESS".into(), "https://api".into());
    let loaded = load_on(
        m,
        &[
            ("/base.json", BASE),
            (
                "/c.json",
                r#"{"auto_config": {"intro_token": "file"}, "cloud": {"hostname": "file"}}"#,
            ),
        ],
        &Flags::default(),
    )
    .expect("valid");
    assert_eq!(loaded.config.auto_config.intro_token, "from-env");
    assert_eq!(loaded.config.cloud.hostname, "api");
    assert_eq!(
        loaded.warnings,
        [
            "Both auto_config.intro_token and the CONSUL_INTRO_TOKEN environment variable are set. Using the value from the environment variable"
        ]
    );
}

#[test]
fn refused_at_the_start_of_an_agent_only() {
    assert!(log_level("err").is_ok() && log_level("TrAcE").is_ok());
    assert_eq!(
        log_level("nope"),
        Err(
            "Invalid log level: nope. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]"
                .into()
        )
    );
    let policy = |acl| policy_error(&accept(json!({"acl": acl})));
    assert_eq!(
        policy(json!({"enabled": true, "default_policy": "maybe"})).as_deref(),
        Some("Unsupported default ACL policy: maybe")
    );
    assert_eq!(
        policy(json!({"enabled": true, "down_policy": "x"})).as_deref(),
        Some("Unsupported down ACL policy: x")
    );
    assert_eq!(policy(json!({"enabled": true})), None);
    assert_eq!(
        config::meta::check_uuid("not-a-uuid"),
        Err("uuid string is wrong length".to_string())
    );
    assert_eq!(
        config::meta::check_uuid("11111111-0000-0000-0000-000000000001"),
        Ok(())
    );
}

#[test]
fn the_banner() {
    let c =
        accept(json!({"server": true, "bootstrap": true, "ports": {"grpc": 8502, "grpc_tls": -1}}));
    let facts = Facts {
        version: "1.21.4",
        revision: None,
        build_date: "2025-08-13 15:25:21 +0000 UTC",
        node_id: "id",
        encrypted: false,
    };
    assert_eq!(
        banner(&c, &facts),
        "==> Starting Consul agent...
               Version: '1.21.4'
            Build Date: '2025-08-13 15:25:21 +0000 UTC'
               Node ID: 'id'
             Node name: 'n1'
            Datacenter: 'dc1' (Segment: '<all>')
                Server: true (Bootstrap: true)
           Client Addr: [127.0.0.1] (HTTP: 8500, HTTPS: -1, gRPC: 8502, gRPC-TLS: -1, DNS: 8600)
          Cluster Addr: 127.0.0.1 (LAN: 8301, WAN: 8302)
     Gossip Encryption: false
      Auto-Encrypt-TLS: false
           ACL Enabled: false
     Reporting Enabled: false
    ACL Default Policy: allow
             HTTPS TLS: Verify Incoming: false, Verify Outgoing: false, Min Version: TLSv1_2
              gRPC TLS: Verify Incoming: false, Min Version: TLSv1_2
      Internal RPC TLS: Verify Incoming: false, Verify Outgoing: false (Verify Hostname: false), Min Version: TLSv1_2

==> Log data will now stream in as it occurs:

"
    );
    let client = banner(&accept(json!({})), &facts);
    assert!(client.contains("Datacenter: 'dc1' (Segment: '')") && !client.contains("Reporting"));
}

#[test]
fn what_the_agent_shows_of_itself() {
    let c = accept(
        json!({"encrypt": "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=", "acl": {"tokens": {"agent": "hunter2"}}, "cloud": {"client_secret": "hunter2"},
        "dns_config": {"node_ttl": "5s", "service_ttl": {"a": "1m"}}, "ports": {"dns": -1}, "connect": {"ca_config": {"token": "hunter2"}}}),
    );
    let d = c.debug_config("1.21.4", "");
    for (key, want) in [
        ("EncryptKey", json!("hidden")),
        ("DNSNodeTTL", json!("5s")),
        ("DNSServiceTTL", json!({"a": "1m0s"})),
        ("DNSPort", json!(-1)),
        ("CheckUpdateInterval", json!("5m0s")),
        ("HTTPAddrs", json!(["tcp://127.0.0.1:8500"])),
        ("ClientAddrs", json!(["127.0.0.1"])),
        ("HTTPMaxConnsPerClient", json!(200)),
        ("KVMaxValueSize", json!(524288)),
        ("DisableRemoteExec", json!(true)),
        ("DataDir", json!("/nowhere/data")),
    ] {
        assert_eq!(d[key], want, "{key}");
    }
    assert!(!d.to_string().contains("hunter2"), "secrets are hidden");
    assert_eq!(
        dev(Flags::default()).debug_config("", "")["UIConfig"]["Enabled"],
        json!(true)
    );
}

#[test]
fn flags_reach_their_keys() {
    let f = flags(&[
        ("server", FlagValue::Bool(true)),
        ("http-port", FlagValue::Int(1)),
        ("grpc-tls-port", FlagValue::Int(-1)),
        ("datacenter", text("X")),
        ("ui", FlagValue::Bool(true)),
        (
            "allow-write-http-from",
            FlagValue::Texts(vec!["10.0.0.0/8".into()]),
        ),
        ("recursor", FlagValue::Texts(vec!["8.8.8.8".into()])),
        ("non-voting-server", FlagValue::Bool(true)),
    ]);
    let loaded = load_on(machine(), &[("/base.json", BASE)], &f).expect("valid");
    let c = loaded.config;
    assert!(c.node.server && c.ui.enabled && c.node.read_replica);
    assert_eq!(
        (c.ports.http, c.ports.grpc_tls, c.node.datacenter.as_str()),
        (1, -1, "x")
    );
    assert_eq!(
        (c.http.allow_write_from.len(), c.dns.recursors.len()),
        (1, 1)
    );
    assert!(load_text("/x.json", "{}").is_ok());
}
