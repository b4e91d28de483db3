//! Rules between values, in the order in which the reference reports them, and the warnings (agent-config.md §8).

use super::definitions;
use super::reader::Reader;
use crate::error::ConfigError;
use crate::host::{FileKind, go_error};
use crate::meta::{check_pairs, decode_base64};
use crate::model::{Config, Node};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// File descriptors the agent needs beside those of one client.
const OWN_FILES: u64 = 20;
const DEPLOYMENTS: &str =
    "https://developer.hashicorp.com/docs/internals/consensus.html#deployment-table";

fn refuse<T>(text: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Rule(text.into()))
}

/// Federation through mesh gateways.
pub(super) fn federation(r: &Reader<'_>, node: &Node) -> Result<(), ConfigError> {
    if !r.bool("connect.enable_mesh_gateway_wan_federation") {
        return Ok(());
    }
    const KEY: &str = "connect.enable_mesh_gateway_wan_federation";
    if !r.bool("connect.enabled") {
        return refuse(format!("'{KEY}=true' requires 'connect.enabled=true'"));
    }
    if !node.server {
        return refuse(format!("'{KEY} = true' requires 'server = true'"));
    }
    if node.name.contains('/') {
        return refuse(format!(
            "'{KEY} = true' requires that 'node_name' not contain '/' characters"
        ));
    }
    if !r.texts("retry_join_wan").is_empty() {
        return refuse(format!(
            "'retry_join_wan' is incompatible with '{KEY} = true'"
        ));
    }
    Ok(())
}

/// Everything that can only be said about the whole.
pub(super) fn check(r: &Reader<'_>, c: &Config) -> Result<(), ConfigError> {
    numbers(r)?;
    datacenters(c)?;
    data_dir(r, c)?;
    ui(r, c)?;
    names(r, c)?;
    dns(r, c)?;
    bootstrap(r, c)?;
    amounts(r, c)?;
    if let Err(e) = check_pairs(&c.node.meta, false) {
        return refuse(format!("node_meta invalid: {e}"));
    }
    if let Some(key) = &c.gossip.encrypt
        && let Err(e) = decode_base64(key)
    {
        return refuse(format!("encrypt has invalid key: {e}"));
    }
    gateways(c)?;
    old_data(r, c)?;
    logstore(c)?;
    clashes(c)?;
    definitions::rules(r).map_err(ConfigError::Rule)?;
    enrolment(r, c)?;
    if !r.text("segment").is_empty() || !r.list("segments").is_empty() {
        return refuse("Network segments are not supported in this version of Consul");
    }
    scripts(r, c);
    Ok(())
}

fn numbers(r: &Reader<'_>) -> Result<(), ConfigError> {
    let burst = r.int("cache.entry_fetch_max_burst");
    if burst <= 0 {
        return refuse(format!(
            "cache.entry_fetch_max_burst must be strictly positive, was: {burst}"
        ));
    }
    // A negative rate means no limit.
    if let Some(rate) = r.opt_float("cache.entry_fetch_rate")
        && rate == 0.0
    {
        return refuse(format!(
            "cache.entry_fetch_rate must be strictly positive, was: {}",
            crate::tree::go_float(rate)
        ));
    }
    let raft = r.int("raft_protocol");
    if raft != 3 {
        return refuse(format!(
            "raft_protocol version {raft} is not supported by this version of Consul"
        ));
    }
    Ok(())
}

fn is_datacenter(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

fn datacenters(c: &Config) -> Result<(), ConfigError> {
    let what = "can only contain lowercase alphanumeric, - or _ characters. received:";
    if c.node.datacenter.is_empty() {
        return refuse("datacenter cannot be empty");
    }
    for (key, value) in [
        ("datacenter", &c.node.datacenter),
        ("primary_datacenter", &c.node.primary_datacenter),
    ] {
        if !is_datacenter(value) {
            return refuse(format!("{key} {what} {value:?}"));
        }
    }
    Ok(())
}

fn data_dir(r: &Reader<'_>, c: &Config) -> Result<(), ConfigError> {
    if c.node.dev {
        return Ok(());
    }
    let Some(dir) = c.node.data_dir.as_ref().and_then(|d| d.to_str()) else {
        return refuse("data_dir cannot be empty");
    };
    match r.host.kind(dir) {
        Ok(FileKind::Directory) => Ok(()),
        Ok(_) => refuse(format!("data_dir {dir:?} is not a directory")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => refuse(format!(
            "Error getting info on data_dir: {}",
            go_error("stat", dir, &e)
        )),
    }
}

fn is_web_url(text: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|s| text.strip_prefix(s).is_some_and(|rest| !rest.is_empty()))
}

fn ui(r: &Reader<'_>, c: &Config) -> Result<(), ConfigError> {
    let ui = &c.ui;
    let path = r.text("ui_config.content_path");
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/');
    if !path.bytes().all(ok) {
        return refuse(format!(
            "ui-content-path can only contain alphanumeric, -, _, or /. received: {path:?}"
        ));
    }
    let bytes = path.as_bytes();
    if bytes
        .windows(2)
        .any(|w| matches!(w, [b'v', d] if d.is_ascii_digit()))
    {
        return refuse(format!(
            "ui-content-path cannot have 'v[0-9]'. received: {path:?}"
        ));
    }
    let what = "can only contain lowercase alphanumeric, - or _ characters. received:";
    if !is_datacenter(&ui.metrics_provider) {
        return refuse(format!(
            "ui_config.metrics_provider {what} {:?}",
            ui.metrics_provider
        ));
    }
    let options = &ui.metrics_provider_options_json;
    if !options.is_empty() && !matches!(serde_json::from_str(options), Ok(Json::Object(_))) {
        return refuse(format!(
            "ui_config.metrics_provider_options_json must be empty or a string containing a valid JSON object. received: {options:?}"
        ));
    }
    let base = &ui.metrics_proxy_base_url;
    if !base.is_empty() && !is_web_url(base) {
        return refuse(format!(
            "ui_config.metrics_proxy.base_url must be a valid http or https URL. received: {base:?}"
        ));
    }
    for path in &ui.metrics_proxy_path_allowlist {
        if !path.starts_with('/') {
            return refuse(format!(
                "ui_config.metrics_proxy.path_allowlist: path {path:?} is not an absolute path"
            ));
        }
    }
    for (name, url) in &ui.dashboard_url_templates {
        if !is_datacenter(name) {
            return refuse(format!(
                "ui_config.dashboard_url_templates key names {what} {name:?}"
            ));
        }
        if !is_web_url(url) {
            // The reference names the wrong value here.
            return refuse(format!(
                "ui_config.dashboard_url_templates values must be a valid http or https URL. received: {base:?}"
            ));
        }
    }
    if ui.enabled && !ui.dir.is_empty() && !c.node.dev {
        return refuse(
            "Both the ui_config.enabled and ui_config.dir (or -ui and -ui-dir) were specified, please provide only one.\nTo serve your own files use ui_config.dir or -ui-dir alone.\nTo serve the built-in interface use ui_config.enabled or -ui alone.",
        );
    }
    Ok(())
}

fn names(r: &Reader<'_>, c: &Config) -> Result<(), ConfigError> {
    let name = &c.node.name;
    if name.is_empty() {
        return refuse("node_name cannot be empty");
    }
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !plain(name) {
        r.warn(format!(
            "Node name {name:?} will not be discoverable via DNS due to invalid characters. Valid characters include all alpha-numerics and dashes."
        ));
    } else if name.len() > 63 {
        r.warn(format!(
            "Node name {name:?} will not be discoverable via DNS due to it being too long. Valid lengths are between 1 and 63 bytes."
        ));
    }
    if !plain(&c.node.datacenter) {
        r.warn(format!(
            "Datacenter : {:?} will not be PKI X.509 compatible due to invalid characters. Valid characters include lowercase alphanumeric characters with dashes in between.",
            c.node.datacenter
        ));
    }
    if let Some(locality) = &c.node.locality
        && locality.region.is_empty()
        && !locality.zone.is_empty()
    {
        return refuse("locality is invalid: zone cannot be set without region");
    }
    Ok(())
}

fn dns(r: &Reader<'_>, c: &Config) -> Result<(), ConfigError> {
    let alt = c.dns.alt_domain.to_lowercase();
    if !alt.is_empty() {
        let first = alt.split('.').next().unwrap_or_default();
        let taken = ["service", "connect", "node", "query", "addr"];
        if taken.contains(&first) || first == c.node.datacenter {
            return refuse(format!(
                "alt_domain cannot start with {{{},{}}}",
                taken.join(","),
                c.node.datacenter
            ));
        }
    }
    for key in ["udp_answer_limit", "a_record_limit"] {
        let n = r.int(&format!("dns_config.{key}"));
        if n < 0 {
            return refuse(format!(
                "dns_config.{key} cannot be {n}. Must be greater than or equal to zero"
            ));
        }
    }
    let size = r.int("dns_config.max_udp_size");
    if !(512..=65_467).contains(&size) {
        return refuse(format!(
            "dns_config.max_udp_size cannot be {size}. Must be between 512 and 65467"
        ));
    }
    let rate = r.int("dns_config.response_rate_limit");
    if !(0..=1_000_000).contains(&rate) {
        return refuse(format!(
            "dns_config.response_rate_limit cannot be {rate}. Must be between 0 (no limit) and 1000000"
        ));
    }
    Ok(())
}

fn bootstrap(r: &Reader<'_>, c: &Config) -> Result<(), ConfigError> {
    let n = r.int("bootstrap_expect");
    // An expectation of one has become `bootstrap` already.
    let expect = if n == 1 { 0 } else { n };
    if c.node.bootstrap && !c.node.server {
        return refuse("'bootstrap = true' requires 'server = true'");
    }
    if expect < 0 {
        return refuse(format!(
            "bootstrap_expect cannot be {expect}. Must be greater than or equal to zero"
        ));
    }
    if expect > 0 {
        if !c.node.server {
            return refuse("'bootstrap_expect > 0' requires 'server = true'");
        }
        if c.node.dev {
            return refuse("'bootstrap_expect > 0' not allowed in dev mode");
        }
        if c.node.bootstrap {
            return refuse("'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive");
        }
    }
    if c.node.bootstrap {
        r.warn("bootstrap = true: do not enable unless necessary");
    }
    if expect == 2 {
        r.warn(format!(
            "bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. See {DEPLOYMENTS}"
        ));
    } else if expect > 0 && expect % 2 == 0 {
        r.warn(format!(
            "bootstrap_expect is even number: A cluster with an even number of servers does not achieve optimum fault tolerance. See {DEPLOYMENTS}"
        ));
    }
    if expect > 0 {
        r.warn(format!("bootstrap_expect > 0: expecting {expect} servers"));
    }
    Ok(())
}

fn amounts(r: &Reader<'_>, c: &Config) -> Result<(), ConfigError> {
    if c.checks.output_max_size < 1 {
        return refuse(
            "check_output_max_size must be positive, to discard check output use the discard_check_output flag",
        );
    }
    let logs = r.int("autopilot.max_trailing_logs");
    if logs < 0 {
        return refuse(format!(
            "autopilot.max_trailing_logs cannot be {logs}. Must be greater than or equal to zero"
        ));
    }
    Ok(())
}

fn gateways(c: &Config) -> Result<(), ConfigError> {
    if c.join.primary_gateways.is_empty() {
        return Ok(());
    }
    if !c.node.server {
        return refuse("'primary_gateways' requires 'server = true'");
    }
    if c.node.primary_datacenter == c.node.datacenter {
        return refuse("'primary_gateways' should only be configured in a secondary datacenter");
    }
    Ok(())
}

fn old_data(r: &Reader<'_>, c: &Config) -> Result<(), ConfigError> {
    let Some(dir) = c.node.data_dir.as_ref().and_then(|d| d.to_str()) else {
        return Ok(());
    };
    if !c.node.server || c.node.dev {
        return Ok(());
    }
    let old = format!("{dir}/mdb");
    match r.host.kind(&old) {
        Ok(_) => refuse(format!(
            "CRITICAL: Deprecated data folder found at {old:?}!\nConsul will refuse to boot with this directory present.\nSee https://www.consul.io/docs/upgrade-specific.html for more information."
        )),
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => refuse(format!(
            "CRITICAL: Permission denied for data folder at {old:?}!\nConsul will refuse to boot without access to this directory.\nPlease correct permissions and try starting again."
        )),
        Err(_) => Ok(()),
    }
}

fn logstore(c: &Config) -> Result<(), ConfigError> {
    if !c.node.server {
        return Ok(());
    }
    if !matches!(
        c.raft.logstore_backend.as_str(),
        "" | "default" | "boltdb" | "wal"
    ) {
        return refuse("raft_logstore.backend must be one of 'boltdb' or 'wal'");
    }
    match c.raft.logstore_wal_segment_size_mb {
        n if n < 1 => refuse("raft_logstore.wal.segment_size_mb cannot be less than 1MB"),
        n if n > 1024 => {
            refuse("raft_logstore.wal.segment_size_mb cannot be greater than 1024 (1GiB)")
        }
        _ => Ok(()),
    }
}

fn clashes(c: &Config) -> Result<(), ConfigError> {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    let mut claim = |name: &'static str, address: String| match taken.get(&address) {
        Some(other) => refuse(format!(
            "{name} address {address} already configured for {other}"
        )),
        None => {
            taken.insert(address, name);
            Ok(())
        }
    };
    for a in &c.net.dns {
        claim("DNS", a.to_string())?;
    }
    for a in &c.net.http {
        claim("HTTP", a.to_string())?;
    }
    for a in &c.net.https {
        claim("HTTPS", a.to_string())?;
    }
    // Clients too: the reference makes no difference here, though they open fewer ports.
    claim("RPC Advertise", c.net.rpc_advertise.to_string())?;
    claim("Serf Advertise LAN", c.net.serf_lan_advertise.to_string())?;
    if let Some(wan) = c.net.serf_wan_advertise {
        claim("Serf Advertise WAN", wan.to_string())?;
    }
    Ok(())
}

/// Automatic certificates and configuration, and what depends on the machine.
fn enrolment(r: &Reader<'_>, c: &Config) -> Result<(), ConfigError> {
    let server = c.node.server;
    if c.auto_encrypt.tls && server {
        return refuse("auto_encrypt.tls can only be used on a client.");
    }
    if c.auto_encrypt.allow_tls && !server {
        return refuse("auto_encrypt.allow_tls can only be used on a server.");
    }
    if server && !c.join.advertise_reconnect_timeout.is_zero() {
        return refuse("advertise_reconnect_timeout can only be used on a client");
    }
    let most = u64::try_from(c.limits.http_max_conns_per_client).unwrap_or(0);
    if let Some(files) = r.host.open_files_max()
        && files < most.saturating_add(OWN_FILES)
    {
        return refuse(format!(
            "system allows a max of {files} file descriptors, but limits.http_max_conns_per_client: {most} needs at least {}",
            most.saturating_add(OWN_FILES)
        ));
    }
    auto_config(c)?;
    if c.auto_encrypt.allow_tls && !c.tls.internal_rpc.verify_incoming {
        r.warn(
            "if auto_encrypt.allow_tls is turned on, tls.internal_rpc.verify_incoming should be enabled (either explicitly or via tls.defaults.verify_incoming). It is necessary to turn it off during a migration to TLS, but it should definitely be turned on afterwards.",
        );
    }
    if server && c.node.use_streaming_backend && !c.node.rpc_enable_streaming {
        r.warn(
            "use_streaming_backend = true requires rpc.enable_streaming on servers to work properly",
        );
    }
    if !server && r.bool("rpc.enable_streaming") {
        r.warn("rpc.enable_streaming = true has no effect when not running in server mode");
    }
    Ok(())
}

fn auto_config(c: &Config) -> Result<(), ConfigError> {
    let a = &c.auto_config;
    let rpc = &c.tls.internal_rpc;
    if a.enabled {
        if c.auto_encrypt.tls {
            return refuse("both auto_encrypt.tls and auto_config.enabled cannot be set to true.");
        }
        if c.node.server {
            return refuse("auto_config.enabled cannot be set to true for server agents.");
        }
        if !rpc.verify_outgoing && rpc.ca_file.is_empty() && rpc.ca_path.is_empty() {
            return refuse(
                "auto_config.enabled cannot be set without configuring TLS for server communications",
            );
        }
        if a.intro_token.is_empty() && a.intro_token_file.is_empty() {
            return refuse(
                "One of auto_config.intro_token, auto_config.intro_token_file or the CONSUL_INTRO_TOKEN environment variable must be set to enable auto_config",
            );
        }
        if a.server_addresses.is_empty() {
            return refuse("auto_config.enabled is set without providing a list of addresses");
        }
    }
    if a.authorization_enabled {
        if !c.node.server {
            return refuse(
                "auto_config.authorization.enabled cannot be set to true for client agents",
            );
        }
        if rpc.cert_file.is_empty() {
            return refuse(
                "auto_config.authorization.enabled cannot be set without providing a TLS certificate for the server",
            );
        }
        let secondary = c.node.primary_datacenter != c.node.datacenter;
        if secondary && c.acl.enabled && !c.acl.enable_token_replication {
            return refuse(
                "Enabling auto-config authorization (auto_config.authorization.enabled) in non primary datacenters with ACLs enabled (acl.enabled) requires also enabling ACL token replication (acl.enable_token_replication)",
            );
        }
    }
    Ok(())
}

fn scripts(r: &Reader<'_>, c: &Config) {
    if c.checks.enable_script && !c.acl.enabled && c.http.allow_write_from.is_empty() {
        r.warn(
            "using enable-script-checks without ACLs and without allow_write_http_from is DANGEROUS, use enable-local-script-checks instead, see https://www.hashicorp.com/blog/protecting-consul-from-rce-risk-in-specific-configurations/",
        );
    }
}
