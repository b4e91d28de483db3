//! What Prometheus' consul_exporter tells of a cluster, under its names and labels, so that nobody needs that process beside
//! an agent: `/v1/agent/metrics?format=prometheus&exporter`, and with `&kv-prefix=` the numbers among the keys.

use crate::door::Ports;
use ::telemetry::metrics::Exposition;
use model::HealthCheck;
use ports::{Answer, Caller, Consistency, Data, Query, Read, ReadOptions};
use std::sync::Arc;

/// Statuses that each check has a series for.
const STATUSES: [&str; 4] = ["passing", "warning", "critical", "maintenance"];
/// Checks that maintenance mode makes begin so.
const MAINTENANCE: [&str; 2] = ["_node_maintenance", "_service_maintenance:"];

/// Writes everything that the caller may see.
pub(super) async fn expose(
    out: &mut Exposition,
    ports: &Ports,
    caller: &Caller,
    kv: Option<String>,
) {
    pools(out, ports);
    let mut up = true;
    let catalog = Read::ServiceDump { kind: None };
    match read(ports, caller, Read::Services).await {
        Some(answer) => services(out, &answer.data),
        None => up = false,
    }
    match read(ports, caller, catalog).await {
        Some(answer) => instances(out, &answer.data),
        None => up = false,
    }
    let every = Read::ChecksInState {
        state: "any".to_owned(),
    };
    match read(ports, caller, every).await {
        Some(answer) => checks(out, &answer.data),
        None => up = false,
    }
    if let Some(prefix) = kv {
        let list = Read::KvList {
            prefix: prefix.into(),
        };
        match read(ports, caller, list).await {
            Some(answer) => numbers(out, &answer.data),
            None => up = false,
        }
    }
    let help = "Whether the last look at the catalog succeeded.";
    out.gauge("consul_up", help, &[], f64::from(u8::from(up)));
}

/// Any server's view will do: a scrape must work without a leader too.
async fn read(ports: &Ports, caller: &Caller, read: Read) -> Option<Arc<Answer>> {
    let options = ReadOptions {
        consistency: Consistency::Stale,
        ..ReadOptions::default()
    };
    let answered = ports.rpc.read(caller, Query::new(read), options).await;
    Some(answered.ok()?.answer)
}

fn pools(out: &mut Exposition, ports: &Ports) {
    let status = ports.rpc.status();
    let peers = status.peers.len() as f64;
    out.gauge(
        "consul_raft_peers",
        "Servers in the Raft cluster.",
        &[],
        peers,
    );
    let leader = f64::from(u8::from(!status.leader.is_empty()));
    let help = "Whether this agent knows a leader.";
    out.gauge("consul_raft_leader", help, &[], leader);
    let lan = ports.members.lan();
    let help = "Members of the LAN pool.";
    out.gauge("consul_serf_lan_members", help, &[], lan.len() as f64);
    let help = "Status of a member: 1 alive, 2 leaving, 3 left, 4 failed.";
    for member in &lan {
        let labels = [("member", member.name.as_str())];
        out.gauge(
            "consul_serf_lan_member_status",
            help,
            &labels,
            member.status as f64,
        );
    }
    for member in ports.members.wan().unwrap_or_default() {
        let dc = member.tags.get("dc").map_or("", String::as_str);
        let labels = [("dc", dc), ("member", member.name.as_str())];
        out.gauge(
            "consul_serf_wan_member_status",
            help,
            &labels,
            member.status as f64,
        );
    }
}

fn services(out: &mut Exposition, data: &Data) {
    if let Data::Services(services) = data {
        let help = "Names of services in the cluster.";
        out.gauge("consul_catalog_services", help, &[], services.len() as f64);
    }
}

fn instances(out: &mut Exposition, data: &Data) {
    let Data::CheckServiceNodes(rows) = data else {
        return;
    };
    for row in rows {
        let (node, service) = (row.node.node.as_str(), row.service.as_ref());
        let healthy = row.checks.iter().all(|check| check.status == "passing");
        out.gauge(
            "consul_catalog_service_node_healthy",
            "Whether all checks of the instance and its node pass.",
            &[
                ("node", node),
                ("service_id", &service.id),
                ("service_name", &service.service),
            ],
            f64::from(u8::from(healthy)),
        );
        let mut tags: Vec<&str> = service.tags.iter().map(String::as_str).collect();
        tags.sort_unstable();
        tags.dedup();
        for tag in tags {
            let labels = [("node", node), ("service_id", &service.id), ("tag", tag)];
            out.gauge("consul_service_tag", "Tags of the instance.", &labels, 1.0);
        }
    }
}

/// Maintenance is a critical check of a name of its own.
fn status(check: &HealthCheck) -> &str {
    if MAINTENANCE.iter().any(|id| check.check_id.starts_with(id)) {
        "maintenance"
    } else {
        &check.status
    }
}

fn checks(out: &mut Exposition, data: &Data) {
    let Data::Checks(rows) = data else {
        return;
    };
    for check in rows {
        for name in STATUSES {
            let value = f64::from(u8::from(status(check) == name));
            let id = ("check", check.check_id.as_str());
            let node = ("node", check.node.as_str());
            if check.service_id.is_empty() {
                let labels = [id, node, ("status", name)];
                let help = "Status of a node's check.";
                out.gauge("consul_health_node_status", help, &labels, value);
                continue;
            }
            let labels = [
                id,
                node,
                ("service_id", check.service_id.as_str()),
                ("service_name", check.service_name.as_str()),
                ("status", name),
            ];
            let help = "Status of a service's check.";
            out.gauge("consul_health_service_status", help, &labels, value);
        }
        if !check.service_id.is_empty() {
            let labels = [
                ("check_id", check.check_id.as_str()),
                ("check_name", check.name.as_str()),
                ("node", check.node.as_str()),
                ("service_id", check.service_id.as_str()),
                ("service_name", check.service_name.as_str()),
            ];
            out.gauge(
                "consul_service_checks",
                "Checks of a service.",
                &labels,
                1.0,
            );
        }
    }
}

/// Keys whose value is a number.
fn numbers(out: &mut Exposition, data: &Data) {
    let Data::KvEntries(rows) = data else {
        return;
    };
    for row in rows {
        let text = row
            .value
            .as_deref()
            .and_then(|value| std::str::from_utf8(value).ok());
        if let Some(number) = text.and_then(|text| text.trim().parse::<f64>().ok()) {
            let key = row.key.to_string_lossy();
            let labels = [("key", key.as_ref())];
            out.gauge(
                "consul_catalog_kv",
                "Numbers among the keys.",
                &labels,
                number,
            );
        }
    }
}
