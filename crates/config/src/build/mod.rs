//! From a merged tree to a [`Config`]: texts become values, addresses are found, rules are checked.
//!
//! Order matters where two things are wrong at once: rules that stop at once come first (ports, addresses, …), then all
//! values that could not be understood together, then the rules between values (agent-config.md §8).

mod definitions;
mod network;
mod parts;
pub(crate) mod reader;
mod rules;
mod security;

use crate::error::ConfigError;
use crate::host::Host;
use crate::model::{Config, Join, Locality, Node};
use crate::tree::Map;
use reader::Reader;

/// Builds and validates. Warnings are appended in the reference's order.
pub(crate) fn build(
    host: &dyn Host,
    map: &Map,
    dev: bool,
    warnings: &mut Vec<String>,
) -> Result<Config, ConfigError> {
    let r = Reader::new(map, host, dev);
    let result = build_with(&r);
    warnings.extend(r.take_warnings());
    result
}

fn build_with(r: &Reader<'_>) -> Result<Config, ConfigError> {
    let ports = network::ports(r)?;
    let definitions = definitions::definitions(r);
    let net = network::network(r, &ports)?;
    let dns = parts::dns(r)?;
    let raft = parts::raft(r)?;
    let node = node(r);
    rules::federation(r, &node)?;
    let config = Config {
        join: join(r, &node),
        http: parts::http(r),
        ui: parts::ui(r),
        limits: parts::limits(r),
        cache: parts::cache(r),
        gossip: parts::gossip(r),
        performance: parts::performance(r),
        autopilot: parts::autopilot(r),
        acl: security::acl(r),
        checks: parts::checks(r),
        connect: security::connect(r),
        auto_encrypt: security::auto_encrypt(r),
        auto_config: security::auto_config(r),
        logging: parts::logging(r),
        telemetry: parts::telemetry(r),
        tls: security::tls(r)?,
        cloud: security::cloud(r),
        node,
        net,
        ports,
        dns,
        raft,
        definitions,
    };
    let errors = r.take_errors();
    if !errors.is_empty() {
        return Err(ConfigError::Values(errors));
    }
    rules::check(r, &config)?;
    Ok(config)
}

fn node(r: &Reader<'_>) -> Node {
    let datacenter = r.text("datacenter").to_lowercase();
    let primary = r.text("primary_datacenter").to_lowercase();
    let server = r.bool("server");
    let mut expect = r.int("bootstrap_expect");
    let mut bootstrap = r.bool("bootstrap");
    if expect == 1 {
        r.warn("BootstrapExpect is set to 1; this is the same as Bootstrap mode.");
        (expect, bootstrap) = (0, true);
    }
    let name = match r.opt_text("node_name") {
        Some(name) if !name.is_empty() => name,
        _ => r.host.hostname(),
    };
    let locality = r.has("locality").then(|| Locality {
        region: r.text("locality.region"),
        zone: r.text("locality.zone"),
    });
    Node {
        name: name.trim().to_string(),
        id: r
            .opt_text("node_id")
            .filter(|id| !id.is_empty())
            .map(|id| id.to_lowercase()),
        meta: r.text_map("node_meta"),
        primary_datacenter: if primary.is_empty() {
            datacenter.clone()
        } else {
            primary
        },
        datacenter,
        data_dir: r
            .opt_text("data_dir")
            .filter(|d| !d.is_empty())
            .map(Into::into),
        dev: r.dev,
        server,
        server_name: r.text("server_name"),
        bootstrap,
        bootstrap_expect: u32::try_from(expect).unwrap_or(0),
        locality,
        tagged_addresses: r.text_map("tagged_addresses"),
        translate_wan_addrs: r.bool("translate_wan_addrs"),
        disable_host_node_id: r.bool("disable_host_node_id"),
        protocol: u8::try_from(r.int("protocol")).unwrap_or(0),
        raft_protocol: u8::try_from(r.int("raft_protocol")).unwrap_or(0),
        disable_coordinates: r.bool("disable_coordinates"),
        disable_update_check: r.bool("disable_update_check"),
        disable_anonymous_signature: r.bool("disable_anonymous_signature"),
        experiments: r.texts("experiments"),
        disable_remote_exec: r.bool("disable_remote_exec"),
        auto_reload_config: r.bool("auto_reload_config"),
        server_rejoin_age_max: r.duration_from("server_rejoin_age_max", 6 * HOUR),
        read_replica: r.bool("read_replica"),
        segment_limit: r.int("segment_limit"),
        partition: r.text("partition"),
        rpc_enable_streaming: r.opt_bool("rpc.enable_streaming").unwrap_or(server),
        use_streaming_backend: r.bool("use_streaming_backend"),
        xds_update_max_per_second: r.float("xds.update_max_per_second"),
        peering_enabled: r.bool("peering.enabled"),
    }
}

const HOUR: i64 = 3_600_000_000_000;

fn join(r: &Reader<'_>, node: &Node) -> Join {
    let expand = |key: &str| {
        let mut out = Vec::new();
        for entry in r.texts(key) {
            if entry.contains("{{") {
                out.extend(r.keep(crate::address::words(r.host, key, &entry)));
            } else {
                out.push(entry);
            }
        }
        out
    };
    Join {
        lan: expand("retry_join"),
        wan: expand("retry_join_wan"),
        interval_lan: r.duration("retry_interval"),
        interval_wan: r.duration("retry_interval_wan"),
        max_lan: r.int("retry_max"),
        max_wan: r.int("retry_max_wan"),
        rejoin_after_leave: r.bool("rejoin_after_leave"),
        leave_on_terminate: r.opt_bool("leave_on_terminate").unwrap_or(!node.server),
        skip_leave_on_interrupt: r.opt_bool("skip_leave_on_interrupt").unwrap_or(node.server),
        primary_gateways: expand("primary_gateways"),
        primary_gateways_interval: r.duration("primary_gateways_interval"),
        advertise_reconnect_timeout: r.duration("advertise_reconnect_timeout"),
        reconnect_timeout_lan: r.duration("reconnect_timeout"),
        reconnect_timeout_wan: r.duration("reconnect_timeout_wan"),
    }
}
