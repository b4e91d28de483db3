//! Keys of the agent's configuration (agent-config.md §4, §7, §9, §22), with defaults (§4) and the development overlay (§6).

use super::definitions::{CHECK, SERVICE};
use super::{Field, Kind::*, key};

/// Every key of a configuration file.
pub static ROOT: &[Field] = &[
    // Node, mode, addresses (§4.1)
    key("node_name", Text).flag("node"),
    key("node_id", Text).flag("node-id"),
    key("node_meta", TextMap).flag("node-meta").reloads(),
    key("datacenter", Text).or("\"dc1\"").flag("datacenter"),
    key("primary_datacenter", Text),
    key("data_dir", Text).flag("data-dir"),
    key("server", Bool).or("false").dev("true").flag("server"),
    key("server_name", Text),
    key("bootstrap", Bool).or("false").flag("bootstrap"),
    key("bootstrap_expect", Int)
        .or("0")
        .flag("bootstrap-expect"),
    key("bind_addr", Text)
        .or("\"0.0.0.0\"")
        .dev("\"127.0.0.1\"")
        .flag("bind"),
    key("advertise_addr", Text).flag("advertise"),
    key("advertise_addr_ipv4", Text),
    key("advertise_addr_ipv6", Text),
    key("advertise_addr_wan", Text).flag("advertise-wan"),
    key("advertise_addr_wan_ipv4", Text),
    key("advertise_addr_wan_ipv6", Text),
    key("client_addr", Text).or("\"127.0.0.1\"").flag("client"),
    key("addresses", Block(ADDRESSES)),
    key("ports", Block(PORTS)),
    key("serf_lan", Text).flag("serf-lan-bind"),
    key("serf_wan", Text).flag("serf-wan-bind"),
    key("serf_lan_allowed_cidrs", Texts).flag("serf-lan-allowed-cidrs"),
    key("serf_wan_allowed_cidrs", Texts).flag("serf-wan-allowed-cidrs"),
    key("tagged_addresses", TextMap),
    key("translate_wan_addrs", Bool).or("false"),
    key("advertise_reconnect_timeout", Duration),
    key("reconnect_timeout", Duration).or("\"0s\""),
    key("reconnect_timeout_wan", Duration).or("\"0s\""),
    key("leave_on_terminate", Bool),
    key("skip_leave_on_interrupt", Bool),
    key("rejoin_after_leave", Bool).or("false").flag("rejoin"),
    key("retry_join", Texts).flag("retry-join"),
    key("retry_join_wan", Texts).flag("retry-join-wan"),
    key("retry_interval", Duration)
        .or("\"30s\"")
        .flag("retry-interval"),
    key("retry_interval_wan", Duration)
        .or("\"30s\"")
        .flag("retry-interval-wan"),
    key("retry_max", Int).or("0").flag("retry-max"),
    key("retry_max_wan", Int).or("0").flag("retry-max-wan"),
    key("primary_gateways", Texts).flag("primary-gateway"),
    key("primary_gateways_interval", Duration).or("\"30s\""),
    key("server_rejoin_age_max", Duration).or("\"168h\""),
    key("disable_host_node_id", Bool)
        .or("true")
        .flag("disable-host-node-id"),
    key("protocol", Int).or("2").flag("protocol"),
    key("raft_protocol", Int).or("3").flag("raft-protocol"),
    key("locality", Block(LOCALITY)),
    key("disable_coordinates", Bool).or("false"),
    key("disable_update_check", Bool).or("false"),
    key("disable_anonymous_signature", Bool)
        .or("false")
        .dev("true"),
    key("experiments", Texts),
    // Values that the reference sets itself, after everything a user can say (§1): taken, and without effect. The official
    // client's test agents write down which version they believe to start.
    key("version", Text),
    key("version_prerelease", Text),
    key("version_metadata", Text),
    key("revision", Text),
    key("build_date", Text),
    key("ae_interval", Duration),
    key("check_deregister_interval_min", Duration),
    key("check_reap_interval", Duration),
    key("segment_name_limit", Int),
    key("sync_coordinate_interval_min", Duration),
    key("sync_coordinate_rate_target", Float),
    key("consul", Block(INTERNALS)),
    // DNS (§4.3)
    key("domain", Text).or("\"consul.\"").flag("domain"),
    key("alt_domain", Text).or("\"\"").flag("alt-domain"),
    key("recursors", Texts).flag("recursor").reloads(),
    key("dns_config", Block(DNS)),
    // HTTP, UI, limits (§4.4)
    key("http_config", Block(HTTP)),
    key("default_query_time", Duration)
        .or("\"300s\"")
        .flag("default-query-time"),
    key("max_query_time", Duration)
        .or("\"600s\"")
        .flag("max-query-time"),
    key("discovery_max_stale", Duration).or("\"0s\""),
    key("session_ttl_min", Duration).or("\"0s\""),
    key("enable_debug", Bool).or("false").dev("true").reloads(),
    key("disable_http_unprintable_char_filter", Bool).or("false"),
    key("unix_sockets", Block(UNIX_SOCKETS)),
    key("ui_config", Block(UI)),
    key("limits", Block(LIMITS)),
    key("cache", Block(CACHE)),
    // Gossip, raft, performance (§4.5)
    key("encrypt", Text).flag("encrypt"),
    key("encrypt_verify_incoming", Bool).or("true"),
    key("encrypt_verify_outgoing", Bool).or("true"),
    key("disable_keyring_file", Bool)
        .or("false")
        .dev("true")
        .flag("disable-keyring-file"),
    key("gossip_lan", Block(GOSSIP_LAN)),
    key("gossip_wan", Block(GOSSIP_WAN)),
    key("performance", Block(PERFORMANCE)),
    key("raft_snapshot_threshold", Int).or("16384").reloads(),
    key("raft_snapshot_interval", Duration)
        .or("\"30s\"")
        .reloads(),
    key("raft_trailing_logs", Int).or("10240").reloads(),
    key("raft_prevote_disabled", Bool).or("false"),
    key("raft_logstore", Block(RAFT_LOGSTORE)),
    key("autopilot", Block(AUTOPILOT)),
    key("rpc", Block(&[key("enable_streaming", Bool)])),
    key("use_streaming_backend", Bool).or("true"),
    key(
        "xds",
        Block(&[key("update_max_per_second", Float).or("250").reloads()]),
    ),
    key(
        "peering",
        Block(&[key("enabled", Bool).or("true").dev("true")]),
    ),
    // ACL (§4.6)
    key("acl", Block(ACL)),
    key("default_intention_policy", Text),
    // Checks and services (§4.7)
    key("check", Block(CHECK)).reloads(),
    key("checks", Blocks(CHECK)).reloads(),
    key("service", Block(SERVICE)).reloads(),
    key("services", Blocks(SERVICE)).reloads(),
    key("enable_script_checks", Bool)
        .or("false")
        .flag("enable-script-checks"),
    key("enable_local_script_checks", Bool).flag("enable-local-script-checks"),
    key("check_update_interval", Duration).or("\"5m\""),
    key("check_output_max_size", Int)
        .or("4096")
        .flag("check_output_max_size"),
    key("discard_check_output", Bool).or("false").reloads(),
    key("enable_agent_tls_for_checks", Bool).or("false"),
    key("enable_central_service_config", Bool).or("true"),
    // Mesh, automatic configuration (§4.8–§4.10)
    key("connect", Block(CONNECT)),
    key(
        "config_entries",
        Block(&[key("bootstrap", Entries).reloads()]),
    ),
    key("auto_encrypt", Block(AUTO_ENCRYPT)),
    key("auto_config", Block(AUTO_CONFIG)),
    // Logging, telemetry (§4.11, §4.12)
    key("log_level", Text)
        .or("\"INFO\"")
        .dev("\"DEBUG\"")
        .flag("log-level")
        .reloads(),
    key("log_json", Bool).or("false").flag("log-json"),
    key("log_file", Text).flag("log-file"),
    key("log_rotate_duration", Duration).flag("log-rotate-duration"),
    key("log_rotate_bytes", Int)
        .or("0")
        .flag("log-rotate-bytes"),
    key("log_rotate_max_files", Int)
        .or("0")
        .flag("log-rotate-max-files"),
    key("enable_syslog", Bool).or("false").flag("syslog"),
    key("syslog_facility", Text).or("\"LOCAL0\""),
    key("pid_file", Text).flag("pid-file"),
    key("telemetry", Block(TELEMETRY)),
    // Watches, remote execution, the rest (§4.13, §4.15)
    key("watches", Opaques).reloads(),
    key("disable_remote_exec", Bool).or("true"),
    key("auto_reload_config", Bool)
        .or("false")
        .flag("auto-reload-config"),
    key("snapshot_agent", Opaque),
    key("segment_limit", Int).or("64"),
    key("cloud", Block(CLOUD)),
    // TLS (§7)
    key("tls", Block(TLS)),
    // Enterprise (§22)
    key("read_replica", Bool)
        .also(&["non_voting_server"])
        .flag("read-replica"),
    key("segment", Text).flag("segment"),
    key("segments", Blocks(SEGMENT)),
    key("partition", Text),
    key("audit", Block(AUDIT)),
    key("license_path", Text),
    key("license_poll_base_time", Duration),
    key("license_poll_max_time", Duration),
    key("license_update_base_time", Duration),
    key("license_update_max_time", Duration),
    key("reporting", Block(REPORTING)),
    // Deprecated (§9); translated before merging
    key("acl_agent_master_token", Text),
    key("acl_agent_token", Text),
    key("acl_token", Text),
    key("acl_master_token", Text),
    key("acl_replication_token", Text),
    key("enable_acl_replication", Bool),
    key("acl_datacenter", Text),
    key("acl_default_policy", Text),
    key("acl_down_policy", Text),
    key("acl_ttl", Duration),
    key("acl_enable_key_list_policy", Bool),
    key("ca_file", Text),
    key("ca_path", Text),
    key("cert_file", Text),
    key("key_file", Text),
    key("tls_cipher_suites", Text),
    key("tls_min_version", Text),
    key("tls_prefer_server_cipher_suites", Bool),
    key("verify_incoming", Bool),
    key("verify_incoming_https", Bool),
    key("verify_incoming_rpc", Bool),
    key("verify_outgoing", Bool),
    key("verify_server_hostname", Bool),
    key("start_join", Texts),
    key("start_join_wan", Texts),
    key("raft_boltdb", Block(&[key("NoFreelistSync", Bool)])),
    key("ui", Bool),
    key("ui_dir", Text),
    key("ui_content_path", Text),
];

const ADDRESSES: &[Field] = &[
    key("dns", Text),
    key("http", Text),
    key("https", Text),
    key("grpc", Text),
    key("grpc_tls", Text),
];

const PORTS: &[Field] = &[
    key("dns", Int).or("8600").flag("dns-port"),
    key("http", Int).or("8500").flag("http-port"),
    key("https", Int).or("-1").flag("https-port"),
    key("grpc", Int).or("-1").dev("8502").flag("grpc-port"),
    key("grpc_tls", Int).flag("grpc-tls-port"),
    key("serf_lan", Int).or("8301").flag("serf-lan-port"),
    key("serf_wan", Int).or("8302").flag("serf-wan-port"),
    key("server", Int).or("8300").flag("server-port"),
    key("proxy_min_port", Int).or("20000"),
    key("proxy_max_port", Int).or("20255"),
    key("sidecar_min_port", Int).or("21000"),
    key("sidecar_max_port", Int).or("21255"),
    key("expose_min_port", Int).or("21500"),
    key("expose_max_port", Int).or("21755"),
];

const LOCALITY: &[Field] = &[key("region", Text), key("zone", Text)];

const DNS: &[Field] = &[
    key("allow_stale", Bool).or("true").reloads(),
    key("a_record_limit", Int).or("0").reloads(),
    key("disable_compression", Bool).or("false").reloads(),
    key("enable_truncate", Bool).or("false").reloads(),
    key("max_stale", Duration).or("\"87600h\"").reloads(),
    key("node_ttl", Duration).or("\"0s\"").reloads(),
    key("only_passing", Bool).or("false").reloads(),
    key("recursor_strategy", Text)
        .or("\"sequential\"")
        .reloads(),
    key("recursor_timeout", Duration).or("\"2s\"").reloads(),
    key("service_ttl", TextMap).reloads(),
    key("udp_answer_limit", Int).or("3").reloads(),
    key("max_udp_size", Int).or("65467").reloads(),
    key("response_rate_limit", Int).or("0").reloads(),
    key("enable_additional_node_meta_txt", Bool)
        .or("true")
        .reloads(),
    key("soa", Block(SOA)),
    key("use_cache", Bool).or("false").reloads(),
    key("cache_max_age", Duration).or("\"0s\"").reloads(),
    key("prefer_namespace", Bool),
];

const SOA: &[Field] = &[
    key("refresh", Uint).or("3600").reloads(),
    key("retry", Uint).or("600").reloads(),
    key("expire", Uint).or("86400").reloads(),
    key("min_ttl", Uint).or("0").reloads(),
];

const HTTP: &[Field] = &[
    key("block_endpoints", Texts),
    key("allow_write_http_from", Texts).flag("allow-write-http-from"),
    key("response_headers", TextMap),
    key("allowed_origins", Texts),
    key("use_cache", Bool).or("true"),
    key("max_header_bytes", Int).or("0"),
];

const UNIX_SOCKETS: &[Field] = &[key("user", Text), key("group", Text), key("mode", Text)];

const UI: &[Field] = &[
    key("enabled", Bool).dev("true").flag("ui"),
    key("dir", Text).flag("ui-dir").reloads(),
    key("content_path", Text).flag("ui-content-path"),
    key("metrics_provider", Text).reloads(),
    key("metrics_provider_files", Texts).reloads(),
    key("metrics_provider_options_json", Text).reloads(),
    key("metrics_proxy", Block(METRICS_PROXY)),
    key("dashboard_url_templates", TextMap).reloads(),
];

const METRICS_PROXY: &[Field] = &[
    key("base_url", Text).reloads(),
    key(
        "add_headers",
        Blocks(&[key("name", Text), key("value", Text)]),
    )
    .reloads(),
    key("path_allowlist", Texts).reloads(),
];

const LIMITS: &[Field] = &[
    key("http_max_conns_per_client", Int).or("200").reloads(),
    key("https_handshake_timeout", Duration).or("\"5s\""),
    key("request_limits", Block(REQUEST_LIMITS)),
    key("rpc_client_timeout", Duration).or("\"60s\"").reloads(),
    key("rpc_handshake_timeout", Duration).or("\"5s\""),
    key("rpc_max_burst", Int).or("1000").reloads(),
    key("rpc_max_conns_per_client", Int).or("100").reloads(),
    key("rpc_rate", Float).or("-1").reloads(),
    key("kv_max_value_size", Uint).or("524288"),
    key("txn_max_req_len", Uint).or("524288"),
];

const REQUEST_LIMITS: &[Field] = &[
    key("mode", Text).or("\"disabled\"").reloads(),
    key("read_rate", Float).or("-1").reloads(),
    key("write_rate", Float).or("-1").reloads(),
];

const CACHE: &[Field] = &[
    key("entry_fetch_rate", Float).reloads(),
    key("entry_fetch_max_burst", Int).or("2").reloads(),
];

const INTERNALS: &[Field] = &[
    key(
        "coordinate",
        Block(&[
            key("update_batch_size", Int),
            key("update_max_batches", Int),
            key("update_period", Duration),
        ]),
    ),
    key(
        "raft",
        Block(&[
            key("election_timeout", Duration),
            key("heartbeat_timeout", Duration),
            key("leader_lease_timeout", Duration),
        ]),
    ),
    key("server", Block(&[key("health_interval", Duration)])),
];

const GOSSIP_LAN: &[Field] = &[
    key("gossip_nodes", Int).or("3"),
    key("gossip_interval", Duration)
        .or("\"200ms\"")
        .dev("\"100ms\""),
    key("probe_interval", Duration)
        .or("\"1s\"")
        .dev("\"100ms\""),
    key("probe_timeout", Duration)
        .or("\"500ms\"")
        .dev("\"100ms\""),
    key("suspicion_mult", Int).or("4").dev("3"),
    key("retransmit_mult", Int).or("4"),
];

const GOSSIP_WAN: &[Field] = &[
    key("gossip_nodes", Int).or("3"),
    key("gossip_interval", Duration)
        .or("\"500ms\"")
        .dev("\"100ms\""),
    key("probe_interval", Duration)
        .or("\"5s\"")
        .dev("\"100ms\""),
    key("probe_timeout", Duration).or("\"3s\"").dev("\"100ms\""),
    key("suspicion_mult", Int).or("6").dev("3"),
    key("retransmit_mult", Int).or("4"),
];

const PERFORMANCE: &[Field] = &[
    key("leave_drain_time", Duration).or("\"5s\""),
    key("raft_multiplier", Int).or("5").dev("1").reloads(),
    key("rpc_hold_timeout", Duration).or("\"7s\""),
    key("grpc_keepalive_interval", Duration).or("\"30s\""),
    key("grpc_keepalive_timeout", Duration).or("\"20s\""),
    key("enable_xds_load_balancing", Bool).or("true"),
];

const RAFT_LOGSTORE: &[Field] = &[
    key("backend", Text).or("\"default\""),
    key("disable_log_cache", Bool).or("false"),
    key(
        "verification",
        Block(&[key("enabled", Bool).or("false"), key("interval", Duration)]),
    ),
    key(
        "boltdb",
        Block(&[key("no_freelist_sync", Bool).or("false")]),
    ),
    key("wal", Block(&[key("segment_size_mb", Int).or("64")])),
];

const AUTOPILOT: &[Field] = &[
    key("cleanup_dead_servers", Bool).or("true"),
    key("last_contact_threshold", Duration).or("\"200ms\""),
    key("max_trailing_logs", Int).or("250"),
    key("min_quorum", Uint).or("0"),
    key("server_stabilization_time", Duration).or("\"10s\""),
    key("redundancy_zone_tag", Text),
    key("disable_upgrade_migration", Bool),
    key("upgrade_version_tag", Text),
];

const ACL: &[Field] = &[
    key("enabled", Bool).or("false"),
    key("default_policy", Text).or("\"allow\""),
    key("down_policy", Text).or("\"extend-cache\""),
    key("token_ttl", Duration).or("\"30s\""),
    key("policy_ttl", Duration).or("\"30s\""),
    key("role_ttl", Duration).or("\"0s\""),
    key("enable_key_list_policy", Bool).or("false"),
    key("enable_token_replication", Bool).or("false"),
    key("enable_token_persistence", Bool).or("false"),
    key("tokens", Block(TOKENS)),
    key("msp_disable_bootstrap", Bool),
];

const TOKENS: &[Field] = &[
    key("initial_management", Text).reloads(),
    key("replication", Text).reloads(),
    key("agent_recovery", Text).reloads(),
    key("default", Text).reloads(),
    key("agent", Text).reloads(),
    key("config_file_service_registration", Text).reloads(),
    key("dns", Text).reloads(),
    key(
        "managed_service_provider",
        Blocks(&[key("accessor_id", Text), key("secret_id", Text)]),
    ),
    // Deprecated spellings of agent_recovery and initial_management.
    key("agent_master", Text),
    key("master", Text),
];

const CONNECT: &[Field] = &[
    key("enabled", Bool).or("true").dev("true"),
    key("ca_provider", Text),
    key("ca_config", Opaque),
    key("enable_mesh_gateway_wan_federation", Bool).or("false"),
];

const AUTO_ENCRYPT: &[Field] = &[
    key("tls", Bool).or("false"),
    key("dns_san", Texts),
    key("ip_san", Texts),
    key("allow_tls", Bool).or("false"),
];

const AUTO_CONFIG: &[Field] = &[
    key("enabled", Bool).or("false"),
    key("intro_token", Text),
    key("intro_token_file", Text),
    key("server_addresses", Texts),
    key("dns_sans", Texts),
    key("ip_sans", Texts),
    key(
        "authorization",
        Block(&[
            key("enabled", Bool).or("false"),
            key("static", Block(AUTHORIZER)),
        ]),
    ),
];

const AUTHORIZER: &[Field] = &[
    key("jwt_supported_algs", Texts),
    key("bound_audiences", Texts),
    key("claim_assertions", Texts),
    key("claim_mappings", TextMap),
    key("list_claim_mappings", TextMap),
    key("oidc_discovery_url", Text),
    key("oidc_discovery_ca_cert", Text),
    key("jwks_url", Text),
    key("jwks_ca_cert", Text),
    key("jwt_validation_pub_keys", Texts),
    key("bound_issuer", Text),
    key("expiration_leeway", Duration),
    key("not_before_leeway", Duration),
    key("clock_skew_leeway", Duration),
    key("allow_reuse", Bool),
];

const TELEMETRY: &[Field] = &[
    key("metrics_prefix", Text).or("\"consul\""),
    key("filter_default", Bool).or("true"),
    key("prefix_filter", Texts).reloads(),
    key("disable_hostname", Bool).or("false"),
    key("disable_per_tenancy_usage_metrics", Bool).or("false"),
    key("enable_host_metrics", Bool).or("false"),
    key("retry_failed_connection", Bool).or("true"),
    key("statsd_address", Text),
    key("statsite_address", Text),
    key("dogstatsd_addr", Text),
    key("dogstatsd_tags", Texts),
    key("prometheus_retention_time", Duration).or("\"0s\""),
    key("circonus_api_token", Text),
    key("circonus_api_app", Text),
    key("circonus_api_url", Text),
    key("circonus_submission_interval", Text),
    key("circonus_submission_url", Text),
    key("circonus_check_id", Text),
    key("circonus_check_force_metric_activation", Text),
    key("circonus_check_instance_id", Text),
    key("circonus_check_search_tag", Text),
    key("circonus_check_display_name", Text),
    key("circonus_check_tags", Text),
    key("circonus_broker_id", Text),
    key("circonus_broker_select_tag", Text),
];

const CLOUD: &[Field] = &[
    key("resource_id", Text),
    key("client_id", Text),
    key("client_secret", Text),
    key("hostname", Text),
    key("auth_url", Text),
    key("scada_address", Text),
];

const TLS: &[Field] = &[
    key("defaults", Block(TLS_STANZA)),
    key("internal_rpc", Block(TLS_STANZA)),
    key("https", Block(TLS_STANZA)),
    key("grpc", Block(TLS_STANZA)),
];

const TLS_STANZA: &[Field] = &[
    key("ca_file", Text).reloads(),
    key("ca_path", Text).reloads(),
    key("cert_file", Text).reloads(),
    key("key_file", Text).reloads(),
    key("tls_min_version", Text).reloads(),
    key("tls_cipher_suites", Text).reloads(),
    key("verify_incoming", Bool).reloads(),
    key("verify_outgoing", Bool).reloads(),
    key("verify_server_hostname", Bool).reloads(),
    key("use_auto_cert", Bool).reloads(),
];

const SEGMENT: &[Field] = &[
    key("advertise", Text),
    key("bind", Text),
    key("name", Text),
    key("port", Int),
    key("rpc_listener", Bool),
];

const AUDIT: &[Field] = &[
    key("enabled", Bool),
    key("rpc_enabled", Bool),
    key("sink", BlockMap(AUDIT_SINK)),
];

const AUDIT_SINK: &[Field] = &[
    key("type", Text),
    key("format", Text),
    key("path", Text),
    key("delivery_guarantee", Text),
    key("mode", Text),
    key("rotate_bytes", Int),
    key("rotate_duration", Duration),
    key("rotate_max_files", Int),
];

const REPORTING: &[Field] = &[key("license", Block(&[key("enabled", Bool)]))];
