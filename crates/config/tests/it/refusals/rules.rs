//! Rules between values, in the order in which the reference reports them.

use super::refusal;

/// Ports, addresses and what is listened to.
#[test]
fn addresses() {
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
    ] {
        assert_eq!(refusal(case), want, "{case}");
    }
}

/// The agent and its cluster.
#[test]
fn agent_and_cluster() {
    for (case, want) in [
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
    ] {
        assert_eq!(refusal(case), want, "{case}");
    }
}

/// Services and checks in files.
#[test]
fn definitions() {
    for (case, want) in [
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
