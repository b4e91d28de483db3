//! Every refusal and warning by its exact text (agent-config.md §1, §2, §5, §7, §8, §9, §22).

use crate::host::{BASE, flags, load_on, load_text, machine, text};
use config::{FlagValue, Flags};

/// What `BASE` with this text in `/case.json` (`/case.hcl` if it does not begin with a brace) is refused with.
fn refusal(case: &str) -> String {
    let json = case.is_empty() || case.starts_with(['{', '[', '"']);
    let name = if json { "/case.json" } else { "/case.hcl" };
    match load_text(name, case) {
        Ok(_) => panic!("accepted: {case}"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn syntax_and_types() {
    let parse = |why: &str| format!("failed to parse /case.json: {why}");
    let decoding = |why: &str| parse(&format!("1 error(s) decoding:\n\n* {why}"));
    for (case, want) in [
        ("{", parse("unexpected end of JSON input")),
        (
            "[]",
            parse("json: cannot unmarshal array into Go value of type map[string]interface {}"),
        ),
        (
            "\"x\"",
            parse("json: cannot unmarshal string into Go value of type map[string]interface {}"),
        ),
        (
            r#"{"a": }"#,
            parse("invalid character '}' looking for beginning of value"),
        ),
        (
            r#"{"bogus": 1}"#,
            parse("1 error occurred:\n\t* invalid config key bogus\n\n"),
        ),
        (
            r#"{"bogus": 1, "ports": {"nope": 2}}"#,
            parse(
                "2 errors occurred:\n\t* invalid config key ports.nope\n\t* invalid config key bogus\n\n",
            ),
        ),
        (
            r#"{"services": [{"name": "x", "connect": {"sidecar_service": {"nope": 1}}}]}"#,
            parse(
                "1 error occurred:\n\t* invalid config key services[0].connect.sidecar_service.nope\n\n",
            ),
        ),
        (
            r#"{"server": "yes"}"#,
            decoding(
                "'server' expected type 'bool', got unconvertible type 'string', value: 'yes'",
            ),
        ),
        (
            r#"{"datacenter": 5}"#,
            decoding(
                "'datacenter' expected type 'string', got unconvertible type 'float64', value: '5'",
            ),
        ),
        (
            r#"{"ports": {"http": "80"}}"#,
            decoding(
                "'ports.http' expected type 'int', got unconvertible type 'string', value: '80'",
            ),
        ),
        (
            r#"{"ports": 1}"#,
            decoding("'ports' expected a map, got 'float64'"),
        ),
        (
            r#"{"node_meta": {"a": 5}}"#,
            decoding(
                "'node_meta[a]' expected type 'string', got unconvertible type 'float64', value: '5'",
            ),
        ),
        (
            r#"{"retry_join": "x"}"#,
            decoding("'retry_join': source data must be an array or slice, got string"),
        ),
        (
            r#"{"services": {"name": "x"}}"#,
            decoding("'services': source data must be an array or slice, got map"),
        ),
        (
            r#"{"service": [{"name": "a"}, {"name": "b"}]}"#,
            decoding("'service' expected a map, got 'slice'"),
        ),
        (
            r#"{"limits": {"kv_max_value_size": -1}}"#,
            decoding("cannot parse 'limits.kv_max_value_size', -1.000000 overflows uint"),
        ),
        (
            r#"{"server": 1, "datacenter": true}"#,
            parse(
                "2 error(s) decoding:\n\n* 'datacenter' expected type 'string', got unconvertible type 'bool', value: 'true'\n* 'server' expected type 'bool', got unconvertible type 'float64', value: '1'",
            ),
        ),
    ] {
        assert_eq!(refusal(case), want, "{case}");
    }
}

#[test]
fn hcl_types() {
    let decoding =
        |why: &str| format!("failed to parse /case.hcl: 1 error(s) decoding:\n\n* {why}");
    for (case, want) in [
        (
            "ports { http = 1 }\nports { dns = 2 }",
            decoding("'ports' expected a map, got 'slice'"),
        ),
        (
            "service { name = \"x\" port = \"1\" }",
            decoding(
                "'service.port' expected type 'int', got unconvertible type 'string', value: '1'",
            ),
        ),
        (
            "datacenter = 5",
            decoding(
                "'datacenter' expected type 'string', got unconvertible type 'int', value: '5'",
            ),
        ),
        (
            "bogus = 1",
            "failed to parse /case.hcl: 1 error occurred:\n\t* invalid config key bogus\n\n"
                .to_string(),
        ),
    ] {
        assert_eq!(refusal(case), want, "{case}");
    }
}

#[test]
fn values_that_mean_nothing_are_told_together() {
    for (case, want) in [
        (
            r#"{"ports": {"http": 70000}}"#,
            "ports.http: invalid port: 70000",
        ),
        (
            r#"{"client_addr": "not-an-ip"}"#,
            "client_addr: invalid ip address: not-an-ip",
        ),
        (
            r#"{"client_addr": "unix:///x"}"#,
            "client_addr cannot be a unix socket",
        ),
        (
            r#"{"dns_config": {"recursor_strategy": "x"}}"#,
            "dns_config.recursor_strategy: invalid strategy: \"x\"",
        ),
        (
            r#"{"dns_config": {"node_ttl": "x"}}"#,
            "dns_config.node_ttl: invalid duration: \"x\": time: invalid duration \"x\"",
        ),
        (
            r#"{"dns_config": {"service_ttl": {"a": "1"}}}"#,
            "dns_config.service_ttl[\"a\"]: invalid duration: \"1\": time: missing unit in duration \"1\"",
        ),
        (
            r#"{"limits": {"request_limits": {"mode": "x"}}}"#,
            "limits.request_limits.mode: invalid mode: \"x\"",
        ),
        (
            r#"{"http_config": {"allow_write_http_from": ["x"]}}"#,
            "allow_write_http_from: invalid cidr: x",
        ),
        (
            r#"{"check": {"name": "c", "ttl": "x"}}"#,
            "check[].ttl: invalid duration: \"x\": time: invalid duration \"x\"",
        ),
        (
            r#"{"server_rejoin_age_max": "1h"}"#,
            "server_rejoin_age_max: duration '1h' cannot be less than: 6h0m0s",
        ),
        (
            r#"{"performance": {"grpc_keepalive_timeout": "1ms"}}"#,
            "performance.grpc_keepalive_timeout: duration '1ms' cannot be less than: 1s",
        ),
        (
            r#"{"connect": {"ca_provider": "x"}}"#,
            "x is not a valid CA provider",
        ),
        (
            r#"{"tls": {"https": {"tls_min_version": "x"}}}"#,
            "tls.https.tls_min_version: invalid TLS version: no matching TLS version found for x, please specify one of [TLS_AUTO, TLSv1_0, TLSv1_1, TLSv1_2, TLSv1_3]",
        ),
        (
            r#"{"tls": {"https": {"tls_min_version": "TLSv1_3", "tls_cipher_suites": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}}}"#,
            "tls.https.tls_cipher_suites: TLS 1.3 cipher suites are not configurable",
        ),
        (
            r#"{"service": {"name": "s", "meta": {"": "x"}}}"#,
            "invalid meta for service s: Couldn't load metadata pair ('', 'x'): Key cannot be blank",
        ),
        (
            r#"{"service": {"name": "s", "weights": {"passing": 0}}}"#,
            "Invalid weight definition for service s: Passing must be greater than 0",
        ),
        (
            r#"{"service": {"name": "s", "weights": {"warning": -1}}}"#,
            "Invalid weight definition for service s: Warning must be greater or equal than 0",
        ),
        (
            r#"{"service": {"name": "s", "weights": {"passing": 65536}}}"#,
            "Invalid weight definition for service s: DNS Weight must be between 0 and 65535",
        ),
        (
            r#"{"service": {"name": "s", "socket_path": "/x", "port": 1}}"#,
            "service s cannot have both socket path /x and address/port",
        ),
        (
            r#"{"service": {"name": "s", "connect": {"sidecar_service": {"id": "x"}}}}"#,
            "sidecar_service can't specify an ID",
        ),
        (
            r#"{"service": {"name": "s", "connect": {"sidecar_service": {"connect": {"sidecar_service": {}}}}}}"#,
            "sidecar_service can't have a nested sidecar_service",
        ),
        (
            r#"{"service": {"name": "s", "proxy": {"upstreams": [{"local_bind_socket_mode": "9"}]}}}"#,
            "local_bind_socket_mode: invalid mode: 9",
        ),
    ] {
        assert_eq!(
            refusal(case),
            format!("1 error occurred:\n\t* {want}\n\n"),
            "{case}"
        );
    }
    assert_eq!(
        refusal(r#"{"ports": {"http": 70000, "dns": 70001}}"#),
        "2 errors occurred:\n\t* ports.dns: invalid port: 70001\n\t* ports.http: invalid port: 70000\n\n"
    );
}

#[test]
fn rules() {
    for (case, want) in [
        (
            r#"{"ports": {"server": -1}}"#,
            "server-port must be greater than zero",
        ),
        (
            r#"{"ports": {"serf_lan": 0}}"#,
            "serf-lan-port must be greater than zero",
        ),
        (
            r#"{"ports": {"sidecar_min_port": 5, "sidecar_max_port": 4}}"#,
            "sidecar_min_port must be less than sidecar_max_port. To disable, set both to zero.",
        ),
        (r#"{"bind_addr": ""}"#, "bind_addr cannot be empty"),
        (
            r#"{"bind_addr": "127.0.0.1 127.0.0.2"}"#,
            "bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.",
        ),
        (
            r#"{"bind_addr": "unix:///x"}"#,
            "bind_addr cannot be a unix socket",
        ),
        (r#"{"bind_addr": "x"}"#, "bind_addr cannot be empty"),
        (
            r#"{"bind_addr": "127.0.0.1 x"}"#,
            "bind_addr cannot be empty",
        ),
        (
            r#"{"bind_addr": "GetAllInterfaces | attr \"address\""}"#,
            "bind_addr cannot be empty",
        ),
        (
            r#"{"advertise_addr": "0.0.0.0"}"#,
            "Advertise address cannot be 0.0.0.0, :: or [::]",
        ),
        (
            r#"{"advertise_addr_wan": "::"}"#,
            "Advertise WAN address cannot be 0.0.0.0, :: or [::]",
        ),
        (
            r#"{"advertise_addr": "10.0.0.1 10.0.0.2"}"#,
            "advertise_addr: multiple addresses found: 10.0.0.1 10.0.0.2",
        ),
        (
            r#"{"advertise_addr": "unix:///x"}"#,
            "advertise_addr cannot be a unix socket",
        ),
        (
            r#"{"advertise_addr_ipv4": "::1"}"#,
            "advertise_addr_ipv4 must be an ipv4 address",
        ),
        (
            r#"{"advertise_addr_wan_ipv6": "1.2.3.4"}"#,
            "advertise_addr_wan_ipv6 must be an ipv6 address",
        ),
        (
            r#"{"addresses": {"dns": "unix:///x"}}"#,
            "DNS address cannot be a unix socket",
        ),
        (
            r#"{"ports": {"http": 9999, "dns": 9999}}"#,
            "HTTP address 127.0.0.1:9999 already configured for DNS",
        ),
        (
            r#"{"ports": {"server": 8301}}"#,
            "Serf Advertise LAN address 127.0.0.1:8301 already configured for RPC Advertise",
        ),
        (
            r#"{"ports": {"serf_lan": 8302}}"#,
            "Serf Advertise WAN address 127.0.0.1:8302 already configured for Serf Advertise LAN",
        ),
        (
            r#"{"ports": {"dns": 8300}}"#,
            "RPC Advertise address 127.0.0.1:8300 already configured for DNS",
        ),
        (
            r#"{"ports": {"https": 8301}}"#,
            "Serf Advertise LAN address 127.0.0.1:8301 already configured for HTTPS",
        ),
        (
            r#"{"serf_lan_allowed_cidrs": ["x"]}"#,
            "serf_lan_allowed_cidrs: 1 error occurred:\n\t* invalid cidr: x\n\n",
        ),
        (
            r#"{"recursors": ["0.0.0.0"]}"#,
            "DNS recursor address cannot be 0.0.0.0, :: or [::]",
        ),
        (
            r#"{"recursors": ["unix:///x"]}"#,
            "DNS Recursors cannot be unix sockets: unix:///x",
        ),
        (
            r#"{"performance": {"raft_multiplier": 11}}"#,
            "performance.raft_multiplier cannot be 11. Must be between 1 and 10",
        ),
        (
            r#"{"performance": {"raft_multiplier": 0}}"#,
            "performance.raft_multiplier cannot be 0. Must be between 1 and 10",
        ),
        (
            r#"{"raft_protocol": 2}"#,
            "raft_protocol version 2 is not supported by this version of Consul",
        ),
        (
            r#"{"cache": {"entry_fetch_max_burst": -1}}"#,
            "cache.entry_fetch_max_burst must be strictly positive, was: -1",
        ),
        (
            r#"{"cache": {"entry_fetch_rate": 0}}"#,
            "cache.entry_fetch_rate must be strictly positive, was: 0",
        ),
        (r#"{"datacenter": ""}"#, "datacenter cannot be empty"),
        (
            r#"{"datacenter": "DC One"}"#,
            "datacenter can only contain lowercase alphanumeric, - or _ characters. received: \"dc one\"",
        ),
        (
            r#"{"primary_datacenter": "a b"}"#,
            "primary_datacenter can only contain lowercase alphanumeric, - or _ characters. received: \"a b\"",
        ),
        (r#"{"data_dir": ""}"#, "data_dir cannot be empty"),
        (
            r#"{"data_dir": "/base.json"}"#,
            "data_dir \"/base.json\" is not a directory",
        ),
        (
            r#"{"ui_config": {"content_path": "/a b/"}}"#,
            "ui-content-path can only contain alphanumeric, -, _, or /. received: \"/a b/\"",
        ),
        (
            r#"{"ui_config": {"content_path": "/v1/"}}"#,
            "ui-content-path cannot have 'v[0-9]'. received: \"/v1/\"",
        ),
        (
            r#"{"ui_config": {"metrics_provider": "A"}}"#,
            "ui_config.metrics_provider can only contain lowercase alphanumeric, - or _ characters. received: \"A\"",
        ),
        (
            r#"{"ui_config": {"metrics_provider_options_json": "[]"}}"#,
            "ui_config.metrics_provider_options_json must be empty or a string containing a valid JSON object. received: \"[]\"",
        ),
        (
            r#"{"ui_config": {"metrics_proxy": {"base_url": "ftp://x"}}}"#,
            "ui_config.metrics_proxy.base_url must be a valid http or https URL. received: \"ftp://x\"",
        ),
        (
            r#"{"ui_config": {"metrics_proxy": {"path_allowlist": ["x"]}}}"#,
            "ui_config.metrics_proxy.path_allowlist: path \"x\" is not an absolute path",
        ),
        (r#"{"node_name": " "}"#, "node_name cannot be empty"),
        (
            r#"{"locality": {"zone": "z"}}"#,
            "locality is invalid: zone cannot be set without region",
        ),
        (
            r#"{"alt_domain": "service.x."}"#,
            "alt_domain cannot start with {service,connect,node,query,addr,dc1}",
        ),
        (
            r#"{"dns_config": {"udp_answer_limit": -1}}"#,
            "dns_config.udp_answer_limit cannot be -1. Must be greater than or equal to zero",
        ),
        (
            r#"{"dns_config": {"a_record_limit": -1}}"#,
            "dns_config.a_record_limit cannot be -1. Must be greater than or equal to zero",
        ),
        (
            r#"{"dns_config": {"max_udp_size": 511}}"#,
            "dns_config.max_udp_size cannot be 511. Must be between 512 and 65467",
        ),
        (
            r#"{"dns_config": {"max_udp_size": 65468}}"#,
            "dns_config.max_udp_size cannot be 65468. Must be between 512 and 65467",
        ),
        (
            r#"{"dns_config": {"response_rate_limit": -1}}"#,
            "dns_config.response_rate_limit cannot be -1. Must be between 0 (no limit) and 1000000",
        ),
        (
            r#"{"bootstrap": true}"#,
            "'bootstrap = true' requires 'server = true'",
        ),
        (
            r#"{"bootstrap_expect": 1}"#,
            "'bootstrap = true' requires 'server = true'",
        ),
        (
            r#"{"bootstrap_expect": -1, "server": true}"#,
            "bootstrap_expect cannot be -1. Must be greater than or equal to zero",
        ),
        (
            r#"{"bootstrap_expect": 3}"#,
            "'bootstrap_expect > 0' requires 'server = true'",
        ),
        (
            r#"{"bootstrap_expect": 3, "bootstrap": true, "server": true}"#,
            "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive",
        ),
        (
            r#"{"check_output_max_size": 0}"#,
            "check_output_max_size must be positive, to discard check output use the discard_check_output flag",
        ),
        (
            r#"{"autopilot": {"max_trailing_logs": -1}}"#,
            "autopilot.max_trailing_logs cannot be -1. Must be greater than or equal to zero",
        ),
        (
            r#"{"node_meta": {"consul-x": "y"}}"#,
            "node_meta invalid: Couldn't load metadata pair ('consul-x', 'y'): Key prefix 'consul-' is reserved for internal use",
        ),
        (
            r#"{"encrypt": "zzz"}"#,
            "encrypt has invalid key: illegal base64 data at input byte 0",
        ),
        (
            r#"{"primary_gateways": ["x"]}"#,
            "'primary_gateways' requires 'server = true'",
        ),
        (
            r#"{"primary_gateways": ["x"], "server": true}"#,
            "'primary_gateways' should only be configured in a secondary datacenter",
        ),
        (
            r#"{"raft_logstore": {"backend": "x"}, "server": true}"#,
            "raft_logstore.backend must be one of 'boltdb' or 'wal'",
        ),
        (
            r#"{"raft_logstore": {"wal": {"segment_size_mb": 0}}, "server": true}"#,
            "raft_logstore.wal.segment_size_mb cannot be less than 1MB",
        ),
        (
            r#"{"raft_logstore": {"wal": {"segment_size_mb": 1025}}, "server": true}"#,
            "raft_logstore.wal.segment_size_mb cannot be greater than 1024 (1GiB)",
        ),
        (
            r#"{"auto_encrypt": {"tls": true}, "server": true}"#,
            "auto_encrypt.tls can only be used on a client.",
        ),
        (
            r#"{"auto_encrypt": {"allow_tls": true}}"#,
            "auto_encrypt.allow_tls can only be used on a server.",
        ),
        (
            r#"{"advertise_reconnect_timeout": "1m", "server": true}"#,
            "advertise_reconnect_timeout can only be used on a client",
        ),
        (
            r#"{"auto_config": {"enabled": true}, "server": true}"#,
            "auto_config.enabled cannot be set to true for server agents.",
        ),
        (
            r#"{"auto_config": {"enabled": true}}"#,
            "auto_config.enabled cannot be set without configuring TLS for server communications",
        ),
        (
            r#"{"auto_config": {"enabled": true}, "tls": {"internal_rpc": {"ca_file": "x"}}}"#,
            "One of auto_config.intro_token, auto_config.intro_token_file or the CONSUL_INTRO_TOKEN environment variable must be set to enable auto_config",
        ),
        (
            r#"{"auto_config": {"enabled": true, "intro_token": "t"}, "tls": {"internal_rpc": {"ca_file": "x"}}}"#,
            "auto_config.enabled is set without providing a list of addresses",
        ),
        (
            r#"{"auto_config": {"authorization": {"enabled": true}}}"#,
            "auto_config.authorization.enabled cannot be set to true for client agents",
        ),
        (
            r#"{"segment": "x"}"#,
            "Network segments are not supported in this version of Consul",
        ),
        (
            r#"{"tls": {"grpc": {"verify_outgoing": true}}}"#,
            "verify_outgoing is not valid in the tls.grpc stanza",
        ),
        (
            r#"{"tls": {"https": {"verify_server_hostname": true}}}"#,
            "verify_server_hostname is only valid in the tls.defaults and tls.internal_rpc stanzas",
        ),
        (
            r#"{"tls": {"defaults": {"use_auto_cert": true}}}"#,
            "use_auto_cert is only valid in the tls.grpc stanza",
        ),
        (
            r#"{"connect": {"enable_mesh_gateway_wan_federation": true}}"#,
            "'connect.enable_mesh_gateway_wan_federation = true' requires 'server = true'",
        ),
        (
            r#"{"connect": {"enabled": false, "enable_mesh_gateway_wan_federation": true}}"#,
            "'connect.enable_mesh_gateway_wan_federation=true' requires 'connect.enabled=true'",
        ),
        (
            r#"{"check": {"name": "c"}}"#,
            "check \"c\": TTL must be > 0 for TTL checks",
        ),
        (
            r#"{"check": {"name": "c", "ttl": "1h", "interval": "1s"}}"#,
            "check \"c\": Interval and TTL cannot both be specified",
        ),
        (
            r#"{"check": {"name": "c", "alias_service": "x", "http": "http://x", "interval": "1s"}}"#,
            "check \"c\": Interval cannot be set for Alias checks",
        ),
        (
            r#"{"check": {"name": "c", "alias_service": "x", "ttl": "1s"}}"#,
            "check \"c\": TTL must be not be set for Alias checks",
        ),
        (
            r#"{"check": {"name": "c", "ttl": "1h", "output_max_size": -1}}"#,
            "check \"c\": MaxOutputMaxSize must be positive",
        ),
        (
            r#"{"service": {"name": "s", "checks": [{"ttl": "1h"}, {"http": "http://x"}]}}"#,
            "service \"s\": check \"\": Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks",
        ),
        (
            r#"{"service": {"name": "s", "kind": "connect-proxy"}}"#,
            "service \"s\": 2 errors occurred:\n\t* Port or SocketPath must be set for a connect-proxy\n\t* Proxy.DestinationServiceName must be non-empty for Connect proxy services\n\n",
        ),
        (
            r#"{"service": {"name": "s", "kind": "mesh-gateway", "proxy": {"local_service_port": 1}}}"#,
            "service \"s\": 2 errors occurred:\n\t* Port must be non-zero for a mesh-gateway\n\t* The Proxy.LocalServicePort configuration is invalid for a mesh-gateway\n\n",
        ),
    ] {
        assert_eq!(refusal(case), want, "{case}");
    }
}

#[test]
fn files_and_flags() {
    let case = |paths: &[&str], f: Flags| {
        let mut m = machine();
        m.files.insert("/base.json".into(), BASE.into());
        m.files.insert("/d/x.txt".into(), "not read".into());
        let f = Flags {
            paths: paths.iter().map(|p| p.to_string()).collect(),
            ..f
        };
        config::load(&f, &m)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    let none = Flags::default();
    assert_eq!(case(&[], none.clone()), "data_dir cannot be empty");
    assert_eq!(
        case(&["/no.json"], none.clone()),
        "config: Open failed on /no.json. open /no.json: no such file or directory"
    );
    assert_eq!(
        case(&["/d/x.txt"], none.clone()),
        "file /d/x.txt has unknown extension; must be .hcl or .json, or config format must be set"
    );
    let format = |f: &str| Flags {
        config_format: Some(f.into()),
        ..none.clone()
    };
    assert_eq!(
        case(&[], format("xml")),
        "config: -config-format must be either 'hcl' or 'json'"
    );
    assert!(
        case(&["/d/x.txt"], format("json"))
            .starts_with("failed to parse /d/x.txt: invalid character 'o' in literal null")
    );
    assert_eq!(
        case(
            &["/base.json"],
            flags(&[("node-meta", FlagValue::Texts(vec!["consul-x:1".into()]))])
        ),
        "node_meta invalid: Couldn't load metadata pair ('consul-x', '1'): Key prefix 'consul-' is reserved for internal use"
    );
    let dev = Flags {
        dev: true,
        ..flags(&[("bootstrap-expect", FlagValue::Int(3))])
    };
    assert_eq!(
        case(&[], dev),
        "'bootstrap_expect > 0' not allowed in dev mode"
    );
    assert_eq!(
        case(&["/base.json"], flags(&[("retry-interval", text("soon"))])),
        "1 error occurred:\n\t* retry_interval: invalid duration: \"soon\": time: invalid duration \"soon\"\n\n"
    );
}

#[test]
fn the_machine_sets_limits() {
    let mut m = machine();
    m.open_files = Some(219);
    let got = load_on(m.clone(), &[("/base.json", BASE)], &Flags::default());
    assert_eq!(
        got.map(|_| ()).map_err(|e| e.to_string()),
        Err("system allows a max of 219 file descriptors, but limits.http_max_conns_per_client: 200 needs at least 220".to_string())
    );
    m.open_files = Some(220);
    assert!(load_on(m, &[("/base.json", BASE)], &Flags::default()).is_ok());
    let mut m = machine();
    m.files
        .insert("/nowhere/data/mdb/data.mdb".into(), String::new());
    let got = load_on(
        m,
        &[("/base.json", BASE)],
        &flags(&[("server", FlagValue::Bool(true))]),
    );
    assert!(got.is_err_and(|e| {
        e.to_string()
            .starts_with("CRITICAL: Deprecated data folder found at \"/nowhere/data/mdb\"!\n")
    }));
}

#[test]
fn warnings() {
    let deployment =
        "See https://developer.hashicorp.com/docs/internals/consensus.html#deployment-table";
    let renamed = |old: &str, new: &str| {
        format!("The '{old}' field is deprecated. Use the '{new}' field instead.")
    };
    let enterprise = |key: &str| {
        format!("\"{key}\" is a Consul Enterprise configuration and will have no effect")
    };
    for (case, want) in [
        (r#"{}"#, vec![]),
        (r#"{"bootstrap_expect": 1, "server": true}"#, vec![
            "BootstrapExpect is set to 1; this is the same as Bootstrap mode.".to_string(),
            "bootstrap = true: do not enable unless necessary".to_string(),
        ]),
        (r#"{"bootstrap_expect": 2, "server": true}"#, vec![
            format!("bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. {deployment}"),
            "bootstrap_expect > 0: expecting 2 servers".to_string(),
        ]),
        (r#"{"bootstrap_expect": 4, "server": true}"#, vec![
            format!("bootstrap_expect is even number: A cluster with an even number of servers does not achieve optimum fault tolerance. {deployment}"),
            "bootstrap_expect > 0: expecting 4 servers".to_string(),
        ]),
        (r#"{"node_name": "a_b"}"#, vec!["Node name \"a_b\" will not be discoverable via DNS due to invalid characters. Valid characters include all alpha-numerics and dashes.".to_string()]),
        (r#"{"client_addr": ""}"#, vec!["client_addr is empty, client services (DNS, HTTP, HTTPS, GRPC) will not be listening for connections".to_string()]),
        (r#"{"start_join": ["x"]}"#, vec![renamed("start_join", "retry_join")]),
        (r#"{"ui": true}"#, vec![renamed("ui", "ui_config.enabled")]),
        (r#"{"acl": {"tokens": {"master": "x"}}}"#, vec![renamed("acl.tokens.master", "acl.tokens.initial_management")]),
        (r#"{"verify_incoming_rpc": true}"#, vec![renamed("verify_incoming_rpc", "tls.internal_rpc.verify_incoming")]),
        (r#"{"tls_min_version": "tls12"}"#, vec![
            renamed("tls_min_version", "tls.defaults.tls_min_version"),
            "'tls_min_version' value 'tls12' is deprecated, please specify 'TLSv1_2' instead".to_string(),
        ]),
        (r#"{"tls_prefer_server_cipher_suites": true}"#, vec!["The 'tls_prefer_server_cipher_suites' field is deprecated and will be ignored.".to_string()]),
        (r#"{"acl_enforce_version_8": true}"#, vec!["config key \"acl_enforce_version_8\" is deprecated and should be removed".to_string()]),
        (r#"{"audit": {"enabled": true, "sink": {"a": {"name": "x", "type": "file"}}}}"#, vec![
            "config key audit.sink[].name is deprecated and should be removed".to_string(),
            enterprise("audit"),
        ]),
        (r#"{"non_voting_server": true}"#, vec![enterprise("read_replica (or the deprecated non_voting_server)")]),
        (r#"{"partition": "x"}"#, vec![enterprise("partition")]),
        (r#"{"license_poll_max_time": "1m", "snapshot_agent": {"x": 1}}"#, vec![]),
        (r#"{"enable_script_checks": true, "http_config": {"allow_write_http_from": ["127.0.0.0/8"]}}"#, vec![]),
        (r#"{"telemetry": {"prefix_filter": ["", "x", "+a", "-b"]}}"#, vec![
            "Cannot have empty filter rule in prefix_filter".to_string(),
            "Filter rule must begin with either '+' or '-': \"x\"".to_string(),
        ]),
        (r#"{"auto_encrypt": {"ip_san": ["x"]}}"#, vec!["Cannot parse ip \"x\" from AutoEncrypt.IPSAN".to_string()]),
        (r#"{"rpc": {"enable_streaming": true}}"#, vec!["rpc.enable_streaming = true has no effect when not running in server mode".to_string()]),
    ] {
        let got = load_text("/case.json", case).map(|l| l.warnings).map_err(|e| e.to_string());
        assert_eq!(got, Ok(want), "{case}");
    }
}
