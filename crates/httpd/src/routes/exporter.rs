//! What Prometheus' consul_exporter 0.13 tells of a cluster, under its names, labels and values, so that nobody needs that
//! process beside an agent: `/v1/agent/metrics?format=prometheus&exporter`. Its flags are parameters (docs/exporter.md).

use crate::door::Ports;
use crate::fault::Fault;
use crate::params::Params;
use ::telemetry::metrics::Exposition;
use ports::filter::regexp::{self, Regex};
use ports::{Answer, Caller, Consistency, Data, Member, Query, Read, ReadOptions};
use std::sync::Arc;

/// Statuses that each check has a series for. No check is ever in the last one (maintenance is a critical check of its own
/// name), but dashboards ask for it.
const STATUSES: [&str; 4] = ["passing", "warning", "critical", "maintenance"];

/// What is told beyond the catalog: the exporter's flags.
pub(super) struct Choice {
    /// `kv-prefix`: where to look for numbers; `/` is everywhere.
    prefix: Option<String>,
    /// `kv-filter`: keys among them.
    keys: Option<Regex>,
    /// `meta-filter`: keys of service metadata to tell; none without it.
    meta: Option<Regex>,
}

impl Choice {
    /// Reads the parameters; a pattern that is none is the caller's fault.
    pub(super) fn read(params: &Params) -> Result<Self, Fault> {
        let prefix = params.text("kv-prefix");
        Ok(Self {
            prefix: (!prefix.is_empty())
                .then(|| prefix.strip_prefix('/').unwrap_or(prefix).to_owned()),
            keys: pattern(params, "kv-filter")?,
            meta: pattern(params, "meta-filter")?,
        })
    }
}

fn pattern(params: &Params, name: &str) -> Result<Option<Regex>, Fault> {
    let text = params.text(name);
    if text.is_empty() {
        return Ok(None);
    }
    regexp::compile(text.as_bytes())
        .map(Some)
        .map_err(|why| Fault::bad(format!("Invalid regular expression for {name}: {why}")))
}

/// Writes everything that the caller may see.
pub(super) async fn expose(out: &mut Exposition, ports: &Ports, caller: &Caller, choice: &Choice) {
    pools(out, ports);
    let mut up = true;
    let catalog = Read::ServiceDump { kind: None };
    match read(ports, caller, Read::Nodes).await {
        Some(answer) => nodes(out, &answer.data),
        None => up = false,
    }
    match read(ports, caller, Read::Services).await {
        Some(answer) => services(out, &answer.data),
        None => up = false,
    }
    match read(ports, caller, catalog).await {
        Some(answer) => instances(out, &answer.data, choice.meta.as_ref()),
        None => up = false,
    }
    let every = Read::ChecksInState {
        state: "any".to_owned(),
    };
    match read(ports, caller, every).await {
        Some(answer) => checks(out, &answer.data),
        None => up = false,
    }
    if let Some(prefix) = &choice.prefix {
        let list = Read::KvList {
            prefix: prefix.clone().into(),
        };
        match read(ports, caller, list).await {
            Some(answer) => numbers(out, &answer.data, choice.keys.as_ref()),
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
    for member in ports.members.lan() {
        let name = ("member", member.name.as_str());
        let status = member.status as f64;
        let help = "Status of a member: 1 alive, 2 leaving, 3 left, 4 failed.";
        out.gauge("consul_serf_lan_member_status", help, &[name], status);
        let labels = [name, ("role", tag(&member, "role")), version(&member)];
        let help = "Status of a member, with its role and version.";
        out.gauge("consul_serf_lan_member_info", help, &labels, status);
    }
    for member in ports.members.wan().unwrap_or_default() {
        let (dc, name) = (("dc", tag(&member, "dc")), ("member", member.name.as_str()));
        let status = member.status as f64;
        let help = "Status of a server of any datacenter: 1 alive, 2 leaving, 3 left, 4 failed.";
        out.gauge("consul_serf_wan_member_status", help, &[dc, name], status);
        let labels = [dc, name, ("role", tag(&member, "role")), version(&member)];
        let help = "Status of a server of any datacenter, with its role and version.";
        out.gauge("consul_serf_wan_member_info", help, &labels, status);
    }
}

fn tag<'a>(member: &'a Member, name: &str) -> &'a str {
    member.tags.get(name).map_or("", String::as_str)
}

/// The build tag without its revision.
fn version(member: &Member) -> (&'static str, &str) {
    let build = tag(member, "build");
    let end = build.find(':').unwrap_or(build.len());
    ("version", build.get(..end).unwrap_or_default())
}

/// Nodes of the catalog, though the name speaks of members.
fn nodes(out: &mut Exposition, data: &Data) {
    if let Data::Nodes(nodes) = data {
        let help = "Nodes of the catalog.";
        out.gauge("consul_serf_lan_members", help, &[], nodes.len() as f64);
    }
}

fn services(out: &mut Exposition, data: &Data) {
    if let Data::Services(services) = data {
        let help = "Names of services in the cluster.";
        out.gauge("consul_catalog_services", help, &[], services.len() as f64);
    }
}

fn instances(out: &mut Exposition, data: &Data, meta: Option<&Regex>) {
    let Data::CheckServiceNodes(rows) = data else {
        return;
    };
    for row in rows {
        let (node, service) = (row.node.node.as_str(), row.service.as_ref());
        // Such names cannot be asked for by path; the exporter leaves them out.
        if service.service.starts_with('/') {
            continue;
        }
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
        let Some(wanted) = meta else {
            continue;
        };
        for (key, value) in service
            .meta
            .iter()
            .filter(|(key, _)| wanted.is_match(key.as_bytes()))
        {
            let labels = [
                ("key", key.as_str()),
                ("node", node),
                ("service_id", service.id.as_str()),
                ("value", value.as_str()),
            ];
            let help = "Metadata of the instance.";
            out.gauge("consul_service_meta_info", help, &labels, 1.0);
        }
    }
}

fn checks(out: &mut Exposition, data: &Data) {
    let Data::Checks(rows) = data else {
        return;
    };
    for check in rows {
        for name in STATUSES {
            let value = f64::from(u8::from(check.status == name));
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

/// Keys whose value is a number, as Go reads one: nothing around it, and not too large.
fn numbers(out: &mut Exposition, data: &Data, wanted: Option<&Regex>) {
    let Data::KvEntries(rows) = data else {
        return;
    };
    for row in rows {
        let key = row.key.to_string_lossy();
        if wanted.is_some_and(|pattern| !pattern.is_match(key.as_bytes())) {
            continue;
        }
        if let Some(number) = row.value.as_deref().and_then(number) {
            let labels = [("key", key.as_ref())];
            let help = "Numbers among the keys.";
            out.gauge("consul_catalog_kv", help, &labels, number);
        }
    }
}

fn number(value: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(value).ok()?;
    let number = text.parse::<f64>().ok()?;
    // Digits that overflow are an error there; the word is not.
    let spelt = !text.bytes().any(|byte| byte.is_ascii_digit());
    (number.is_finite() || spelt).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_those_of_go() {
        for (text, wanted) in [
            ("3.5", Some(3.5)),
            ("-1e3", Some(-1000.0)),
            (".5", Some(0.5)),
            ("+Inf", Some(f64::INFINITY)),
            (" 3", None),
            ("3\n", None),
            ("1e999", None),
            ("seven", None),
            ("", None),
        ] {
            assert_eq!(number(text.as_bytes()), wanted, "{text:?}");
        }
        assert_eq!(number(b"\xff"), None);
    }
}
