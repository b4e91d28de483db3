//! Groups of keys that need no more than reading: DNS, HTTP, limits, gossip, consensus, logs, metrics.

use super::reader::{Reader, positive};
use crate::address::words;
use crate::error::ConfigError;
use crate::model::{
    Autopilot, Cache, Checks, Dns, Gossip, GossipTiming, Http, LimitMode, Limits, Logging,
    Performance, Raft, RecursorStrategy, RequestLimits, Soa, Telemetry, TextMap, Ui,
};
use crate::tree::Tree;
use std::collections::BTreeMap;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

fn small(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn count(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

pub(super) fn dns(r: &Reader<'_>) -> Result<Dns, ConfigError> {
    let strategy = match r.text("dns_config.recursor_strategy").as_str() {
        "" | "sequential" => RecursorStrategy::Sequential,
        "random" => RecursorStrategy::Random,
        other => {
            r.error(format!(
                "dns_config.recursor_strategy: invalid strategy: {other:?}"
            ));
            RecursorStrategy::Sequential
        }
    };
    let service_ttl: BTreeMap<_, _> = r
        .text_map("dns_config.service_ttl")
        .into_iter()
        .map(|(name, text)| {
            let nanos = r.nanos_of(&format!("dns_config.service_ttl[{name:?}]"), &text);
            (name, positive(nanos))
        })
        .collect();
    Ok(Dns {
        domain: r.text("domain"),
        alt_domain: r.text("alt_domain"),
        recursors: recursors(r)?,
        recursor_strategy: strategy,
        recursor_timeout: r.duration("dns_config.recursor_timeout"),
        allow_stale: r.bool("dns_config.allow_stale"),
        max_stale: r.duration("dns_config.max_stale"),
        node_ttl: r.duration("dns_config.node_ttl"),
        service_ttl,
        enable_truncate: r.bool("dns_config.enable_truncate"),
        only_passing: r.bool("dns_config.only_passing"),
        disable_compression: r.bool("dns_config.disable_compression"),
        udp_answer_limit: count(r.int("dns_config.udp_answer_limit")),
        max_udp_size: count(r.int("dns_config.max_udp_size")),
        response_rate_limit: small(
            r.int("dns_config.response_rate_limit")
                .max(0)
                .unsigned_abs(),
        ),
        a_record_limit: count(r.int("dns_config.a_record_limit")),
        node_meta_txt: r.bool("dns_config.enable_additional_node_meta_txt"),
        soa: Soa {
            refresh: small(r.uint("dns_config.soa.refresh")),
            retry: small(r.uint("dns_config.soa.retry")),
            expire: small(r.uint("dns_config.soa.expire")),
            min_ttl: small(r.uint("dns_config.soa.min_ttl")),
        },
        use_cache: r.bool("dns_config.use_cache"),
        cache_max_age: r.duration("dns_config.cache_max_age"),
    })
}

fn recursors(r: &Reader<'_>) -> Result<Vec<String>, ConfigError> {
    let mut out: Vec<String> = Vec::new();
    for entry in r.texts("recursors") {
        let list = words(r.host, "recursors", &entry).map_err(|e| {
            ConfigError::Rule(format!("Invalid DNS recursor template {entry:?}: {e}"))
        })?;
        for word in list {
            if word.starts_with("unix://") {
                return Err(ConfigError::Rule(format!(
                    "DNS Recursors cannot be unix sockets: {word}"
                )));
            }
            if matches!(word.as_str(), "0.0.0.0" | "::" | "[::]") {
                return Err(ConfigError::rule(
                    "DNS recursor address cannot be 0.0.0.0, :: or [::]",
                ));
            }
            if !out.contains(&word) {
                out.push(word);
            }
        }
    }
    Ok(out)
}

pub(super) fn http(r: &Reader<'_>) -> Http {
    let mut allow_write_from = Vec::new();
    for text in r.texts("http_config.allow_write_http_from") {
        match text.parse() {
            Ok(net) => allow_write_from.push(net),
            Err(()) => r.error(format!("allow_write_http_from: invalid cidr: {text}")),
        }
    }
    Http {
        block_endpoints: r.texts("http_config.block_endpoints"),
        allow_write_from,
        allowed_origins: r.texts("http_config.allowed_origins"),
        response_headers: r.text_map("http_config.response_headers"),
        use_cache: r.bool("http_config.use_cache"),
        max_header_bytes: r.int("http_config.max_header_bytes"),
        default_query_time: r.duration("default_query_time"),
        max_query_time: r.duration("max_query_time"),
        discovery_max_stale: r.duration("discovery_max_stale"),
        enable_debug: r.bool("enable_debug"),
        disable_unprintable_char_filter: r.bool("disable_http_unprintable_char_filter"),
    }
}

pub(super) fn ui(r: &Reader<'_>) -> Ui {
    let provider = r.text("ui_config.metrics_provider");
    let mut allowlist = r.texts("ui_config.metrics_proxy.path_allowlist");
    if provider == "prometheus" && allowlist.is_empty() {
        allowlist = vec!["/api/v1/query".into(), "/api/v1/query_range".into()];
    }
    let headers = r
        .list("ui_config.metrics_proxy.add_headers")
        .iter()
        .filter_map(|h| match h {
            Tree::Map(m) => {
                let part = |k: &str| match m.get(k) {
                    Some(Tree::Text(s)) => s.clone(),
                    _ => String::new(),
                };
                Some((part("name"), part("value")))
            }
            _ => None,
        })
        .collect();
    Ui {
        enabled: r.bool("ui_config.enabled"),
        dir: r.text("ui_config.dir"),
        content_path: content_path(&r.text("ui_config.content_path")),
        metrics_provider: provider,
        metrics_provider_files: r.texts("ui_config.metrics_provider_files"),
        metrics_provider_options_json: r.text("ui_config.metrics_provider_options_json"),
        metrics_proxy_base_url: r.text("ui_config.metrics_proxy.base_url"),
        metrics_proxy_add_headers: headers,
        metrics_proxy_path_allowlist: allowlist,
        dashboard_url_templates: r.text_map("ui_config.dashboard_url_templates"),
    }
}

fn content_path(text: &str) -> String {
    match text.trim_matches('/') {
        "" if text.is_empty() => "/ui/".to_string(),
        "" => "/".to_string(),
        inner => format!("/{inner}/"),
    }
}

pub(super) fn limits(r: &Reader<'_>) -> Limits {
    let mode = match r.text("limits.request_limits.mode").as_str() {
        "" | "disabled" => LimitMode::Disabled,
        "permissive" => LimitMode::Permissive,
        "enforcing" => LimitMode::Enforcing,
        other => {
            r.error(format!(
                "limits.request_limits.mode: invalid mode: {other:?}"
            ));
            LimitMode::Disabled
        }
    };
    Limits {
        http_max_conns_per_client: r.int("limits.http_max_conns_per_client"),
        https_handshake_timeout: r.duration("limits.https_handshake_timeout"),
        rpc_handshake_timeout: r.duration("limits.rpc_handshake_timeout"),
        rpc_client_timeout: r.duration("limits.rpc_client_timeout"),
        rpc_rate: r.float("limits.rpc_rate"),
        rpc_max_burst: r.int("limits.rpc_max_burst"),
        rpc_max_conns_per_client: r.int("limits.rpc_max_conns_per_client"),
        kv_max_value_size: r.uint("limits.kv_max_value_size"),
        txn_max_req_len: r.uint("limits.txn_max_req_len"),
        requests: RequestLimits {
            mode,
            read_rate: r.float("limits.request_limits.read_rate"),
            write_rate: r.float("limits.request_limits.write_rate"),
        },
        session_ttl_min: r.duration("session_ttl_min"),
    }
}

pub(super) fn cache(r: &Reader<'_>) -> Cache {
    Cache {
        entry_fetch_rate: r
            .opt_float("cache.entry_fetch_rate")
            .filter(|rate| *rate >= 0.0)
            .unwrap_or(f64::INFINITY),
        entry_fetch_max_burst: r.int("cache.entry_fetch_max_burst"),
    }
}

pub(super) fn gossip(r: &Reader<'_>) -> Gossip {
    let timing = |pool: &str| GossipTiming {
        gossip_nodes: r.int(&format!("{pool}.gossip_nodes")),
        gossip_interval: r.duration(&format!("{pool}.gossip_interval")),
        probe_interval: r.duration(&format!("{pool}.probe_interval")),
        probe_timeout: r.duration(&format!("{pool}.probe_timeout")),
        suspicion_mult: r.int(&format!("{pool}.suspicion_mult")),
        retransmit_mult: r.int(&format!("{pool}.retransmit_mult")),
    };
    Gossip {
        encrypt: r.opt_text("encrypt").filter(|k| !k.is_empty()),
        verify_incoming: r.bool("encrypt_verify_incoming"),
        verify_outgoing: r.bool("encrypt_verify_outgoing"),
        disable_keyring_file: r.bool("disable_keyring_file"),
        lan: timing("gossip_lan"),
        wan: timing("gossip_wan"),
    }
}

pub(super) fn raft(r: &Reader<'_>) -> Result<Raft, ConfigError> {
    let multiplier = r.int("performance.raft_multiplier");
    if !(1..=10).contains(&multiplier) {
        return Err(ConfigError::Rule(format!(
            "performance.raft_multiplier cannot be {multiplier}. Must be between 1 and 10"
        )));
    }
    Ok(Raft {
        multiplier: multiplier as u32,
        snapshot_threshold: r.int("raft_snapshot_threshold"),
        snapshot_interval: r.duration("raft_snapshot_interval"),
        trailing_logs: r.int("raft_trailing_logs"),
        prevote_disabled: r.bool("raft_prevote_disabled"),
        logstore_backend: r.text("raft_logstore.backend"),
        logstore_disable_log_cache: r.bool("raft_logstore.disable_log_cache"),
        logstore_verification: (
            r.bool("raft_logstore.verification.enabled"),
            r.duration("raft_logstore.verification.interval"),
        ),
        logstore_no_freelist_sync: r.bool("raft_logstore.boltdb.no_freelist_sync"),
        logstore_wal_segment_size_mb: r.int("raft_logstore.wal.segment_size_mb"),
    })
}

pub(super) fn performance(r: &Reader<'_>) -> Performance {
    Performance {
        leave_drain_time: r.duration("performance.leave_drain_time"),
        rpc_hold_timeout: r.duration("performance.rpc_hold_timeout"),
        grpc_keepalive_interval: r.duration_from("performance.grpc_keepalive_interval", SECOND),
        grpc_keepalive_timeout: r.duration_from("performance.grpc_keepalive_timeout", SECOND),
        enable_xds_load_balancing: r.bool("performance.enable_xds_load_balancing"),
    }
}

pub(super) fn autopilot(r: &Reader<'_>) -> Autopilot {
    Autopilot {
        cleanup_dead_servers: r.bool("autopilot.cleanup_dead_servers"),
        last_contact_threshold: r.duration("autopilot.last_contact_threshold"),
        max_trailing_logs: r.uint("autopilot.max_trailing_logs"),
        min_quorum: r.uint("autopilot.min_quorum"),
        server_stabilization_time: r.duration("autopilot.server_stabilization_time"),
        redundancy_zone_tag: r.text("autopilot.redundancy_zone_tag"),
        disable_upgrade_migration: r.bool("autopilot.disable_upgrade_migration"),
        upgrade_version_tag: r.text("autopilot.upgrade_version_tag"),
    }
}

pub(super) fn checks(r: &Reader<'_>) -> Checks {
    let enable_script = r.bool("enable_script_checks");
    Checks {
        enable_script,
        enable_local_script: r
            .opt_bool("enable_local_script_checks")
            .unwrap_or(enable_script),
        update_interval: r.duration("check_update_interval"),
        output_max_size: count(r.int("check_output_max_size")),
        discard_output: r.bool("discard_check_output"),
        agent_tls: r.bool("enable_agent_tls_for_checks"),
        central_service_config: r.bool("enable_central_service_config"),
    }
}

pub(super) fn logging(r: &Reader<'_>) -> Logging {
    let rotate = r.nanos("log_rotate_duration");
    Logging {
        level: r.text("log_level"),
        json: r.bool("log_json"),
        file: r.text("log_file"),
        rotate_duration: positive(if rotate == 0 { DAY } else { rotate }),
        rotate_bytes: r.int("log_rotate_bytes"),
        rotate_max_files: r.int("log_rotate_max_files"),
        syslog: r.bool("enable_syslog"),
        syslog_facility: r.text("syslog_facility"),
        pid_file: r.text("pid_file"),
    }
}

/// A metric nobody needs unless a filter names it (agent-config.md §21.1).
const QUIET_METRIC: &str = "consul.rpc.server.call";

pub(super) fn telemetry(r: &Reader<'_>) -> Telemetry {
    let (mut allowed, mut blocked) = (Vec::new(), Vec::new());
    for rule in r.texts("telemetry.prefix_filter") {
        if rule.is_empty() {
            r.warn("Cannot have empty filter rule in prefix_filter");
        } else if let Some(prefix) = rule.strip_prefix('+') {
            allowed.push(prefix.to_string());
        } else if let Some(prefix) = rule.strip_prefix('-') {
            blocked.push(prefix.to_string());
        } else {
            r.warn(format!(
                "Filter rule must begin with either '+' or '-': {rule:?}"
            ));
        }
    }
    let prefix = r.text("telemetry.metrics_prefix");
    let quiet = match prefix.as_str() {
        "consul" => QUIET_METRIC.to_string(),
        other => QUIET_METRIC.replacen("consul", other, 1),
    };
    if !allowed.iter().chain(&blocked).any(|p| *p == quiet) {
        blocked.push(quiet);
    }
    let circonus: TextMap = crate::schema::circonus_keys()
        .filter_map(|key| Some((key.to_string(), r.opt_text(&format!("telemetry.{key}"))?)))
        .collect();
    Telemetry {
        metrics_prefix: prefix,
        filter_default: r.bool("telemetry.filter_default"),
        allowed_prefixes: allowed,
        blocked_prefixes: blocked,
        disable_hostname: r.bool("telemetry.disable_hostname"),
        disable_per_tenancy_usage_metrics: r.bool("telemetry.disable_per_tenancy_usage_metrics"),
        enable_host_metrics: r.bool("telemetry.enable_host_metrics"),
        retry_failed_connection: r.bool("telemetry.retry_failed_connection"),
        statsd_address: r.text("telemetry.statsd_address"),
        statsite_address: r.text("telemetry.statsite_address"),
        dogstatsd_addr: r.text("telemetry.dogstatsd_addr"),
        dogstatsd_tags: r.texts("telemetry.dogstatsd_tags"),
        prometheus_retention: r.duration("telemetry.prometheus_retention_time"),
        circonus,
    }
}
