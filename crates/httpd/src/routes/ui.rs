//! `/v1/internal/ui/*`: what the web UI asks beyond the public API (spec/http-api.md §23).

use crate::encode::{list, node_info};
use crate::read::{Ask, MetaOn, reading};
use crate::reply::Reply;
use crate::request::{Handled, Request, attempt};
use dialect::json::Writer;
use model::{CheckServiceNode, HealthCheck, NodeDump, status};
use ports::{Data, Read};
use std::collections::{BTreeMap, BTreeSet};

/// All nodes with everything on them.
pub(crate) fn nodes(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let ask = Ask::new(req, reading, Read::NodeDump { node: None }, MetaOn::Always);
    ask.send(crate::encode::data)
}

/// One node with everything on it.
pub(crate) fn node(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let node = attempt!(req.rest_or("Missing node name"));
    let ask = Ask::new(
        req,
        reading,
        Read::NodeDump { node: Some(node) },
        MetaOn::Always,
    )
    .peer();
    ask.then(|view, answered| {
        let reply = match &answered.answer.data {
            Data::NodeDump(rows) if !rows.is_empty() => view
                .shape
                .json(|w| rows.iter().take(1).for_each(|row| node_info(w, row))),
            _ => Reply::status(404),
        };
        Ok(reply.with_meta(view, &answered))
    })
}

/// A summary of every service.
pub(crate) fn services(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let own = req.settings.config.datacenter.clone();
    let ask = Ask::new(
        req,
        reading,
        Read::ServiceDump { kind: None },
        MetaOn::Always,
    )
    .peer();
    ask.then(move |view, answered| {
        let rows = match &answered.answer.data {
            Data::CheckServiceNodes(rows) => rows.as_slice(),
            _ => &[],
        };
        let summaries = summarize(rows);
        let reply = view.shape.json(|w| {
            list(w, &summaries, |w, ((name, _), summary)| {
                summary.write(w, name, &own)
            })
        });
        Ok(reply.with_meta(view, &answered))
    })
}

/// Health of all nodes together, of each service and of each check, by name.
pub(crate) fn catalog_overview(req: Request) -> Handled {
    let mut reading = attempt!(reading(&req));
    // Never blocks.
    reading.options.min_index = 0;
    let ask = Ask::new(req, reading, Read::NodeDump { node: None }, MetaOn::Success);
    ask.then(|view, answered| {
        let Data::NodeDump(rows) = &answered.answer.data else {
            return Ok(Reply::status(404));
        };
        let overview = Overview::of(rows);
        Ok(view.shape.json(|w| overview.write(w)))
    })
}

/// How many there are, by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    total: u64,
    passing: u64,
    warning: u64,
    critical: u64,
}

impl Tally {
    fn count(&mut self, worst: &str) {
        self.total += 1;
        match worst {
            status::CRITICAL => self.critical += 1,
            status::WARNING => self.warning += 1,
            _ => self.passing += 1,
        }
    }

    fn write(&self, w: &mut Writer<'_>, name: &str) {
        w.begin_object();
        if !name.is_empty() {
            w.member("Name", name);
        }
        w.member("Total", &self.total);
        w.member("Passing", &self.passing);
        w.member("Warning", &self.warning);
        w.member("Critical", &self.critical);
        w.end_object();
    }
}

/// The worst status among checks.
fn worst<'a>(checks: impl Iterator<Item = &'a HealthCheck>) -> &'a str {
    let rank = |status: &str| match status {
        status::CRITICAL => 2,
        status::WARNING => 1,
        _ => 0,
    };
    checks
        .map(|check| check.status.as_str())
        .max_by_key(|status| rank(status))
        .unwrap_or(status::PASSING)
}

#[derive(Default)]
struct Overview<'a> {
    nodes: Tally,
    services: BTreeMap<&'a str, Tally>,
    checks: BTreeMap<&'a str, Tally>,
}

impl<'a> Overview<'a> {
    fn of(rows: &'a [NodeDump]) -> Self {
        let mut all = Self::default();
        for row in rows {
            let checks = || row.checks.iter().map(AsRef::as_ref);
            let own = |check: &&HealthCheck| check.service_id.is_empty();
            all.nodes.count(worst(checks().filter(own)));
            for service in &row.services {
                let counts = |check: &&HealthCheck| own(check) || check.service_id == service.id;
                let tally = all.services.entry(&service.service).or_default();
                tally.count(worst(checks().filter(counts)));
            }
            for check in checks() {
                all.checks
                    .entry(&check.name)
                    .or_default()
                    .count(&check.status);
            }
        }
        all
    }

    fn write(&self, w: &mut Writer<'_>) {
        let by_name = |w: &mut Writer<'_>, rows: &BTreeMap<&str, Tally>| match rows.is_empty() {
            true => w.null(),
            false => list(w, rows, |w, (name, tally)| tally.write(w, name)),
        };
        w.begin_object();
        w.key("Nodes");
        match self.nodes.total {
            0 => w.null(),
            _ => list(w, [&self.nodes], |w, tally| tally.write(w, "")),
        }
        w.key("Services");
        by_name(w, &self.services);
        w.key("Checks");
        by_name(w, &self.checks);
        w.end_object();
    }
}

/// What the UI shows of a service.
#[derive(Default)]
struct Summary {
    kind: String,
    peer: String,
    datacenter: String,
    tags: BTreeSet<String>,
    nodes: BTreeSet<String>,
    sources: BTreeSet<String>,
    instances: u64,
    passing: u64,
    warning: u64,
    critical: u64,
    transparent: bool,
    native: bool,
    with_proxy: bool,
    with_gateway: bool,
}

impl Summary {
    fn count(&mut self, check: &HealthCheck) {
        match check.status.as_str() {
            status::PASSING => self.passing += 1,
            status::WARNING => self.warning += 1,
            status::CRITICAL => self.critical += 1,
            _ => {}
        }
    }

    fn add(&mut self, row: &CheckServiceNode) {
        let service = &row.service;
        self.kind.clone_from(&service.kind);
        self.peer.clone_from(&service.peer_name);
        self.datacenter.clone_from(&row.node.datacenter);
        self.instances += 1;
        self.nodes.insert(row.node.node.clone());
        self.tags.extend(service.tags.iter().cloned());
        if let Some(source) = service
            .meta
            .get("external-source")
            .filter(|source| !source.is_empty())
        {
            self.sources.insert(source.clone());
        }
        self.transparent |= service.proxy.mode == "transparent";
        self.native |= service.connect.native;
        row.checks.iter().for_each(|check| self.count(check));
    }

    fn write(&self, w: &mut Writer<'_>, name: &str, own: &str) {
        let set = |w: &mut Writer<'_>, items: &BTreeSet<String>| match items.is_empty() {
            true => w.null(),
            false => list(w, items, |w, item| w.str(item)),
        };
        w.begin_object();
        if !self.kind.is_empty() {
            w.member("Kind", &self.kind);
        }
        w.member("Name", name);
        w.member(
            "Datacenter",
            if self.datacenter.is_empty() {
                own
            } else {
                &self.datacenter
            },
        );
        w.key("Tags");
        set(w, &self.tags);
        w.key("Nodes");
        set(w, &self.nodes);
        w.key("ExternalSources");
        set(w, &self.sources);
        w.member("InstanceCount", &self.instances);
        w.member("ChecksPassing", &self.passing);
        w.member("ChecksWarning", &self.warning);
        w.member("ChecksCritical", &self.critical);
        w.key("GatewayConfig");
        w.begin_object();
        w.end_object();
        w.member("TransparentProxy", &self.transparent);
        w.member("ConnectNative", &self.native);
        if !self.peer.is_empty() {
            w.member("PeerName", &self.peer);
        }
        w.member("ConnectedWithProxy", &self.with_proxy);
        w.member("ConnectedWithGateway", &self.with_gateway);
        w.end_object();
    }
}

/// By name and peer. Checks of a sidecar count for the service it stands before, too.
fn summarize(rows: &[CheckServiceNode]) -> BTreeMap<(String, String), Summary> {
    let mut all: BTreeMap<(String, String), Summary> = BTreeMap::new();
    for row in rows {
        let key = (row.service.service.clone(), row.service.peer_name.clone());
        all.entry(key).or_default().add(row);
    }
    for row in rows
        .iter()
        .filter(|row| row.service.kind == "connect-proxy")
    {
        let service = &row.service;
        let key = (
            service.proxy.destination_service_name.clone(),
            service.peer_name.clone(),
        );
        let Some(summary) = all.get_mut(&key) else {
            continue;
        };
        summary.with_proxy = true;
        summary.transparent |= service.proxy.mode == "transparent";
        // Checks of the node were counted with the service's own instance.
        row.checks
            .iter()
            .filter(|check| !check.service_id.is_empty())
            .for_each(|check| summary.count(check));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Node, NodeService};
    use std::sync::Arc;

    fn check(name: &str, service: &str, status: &str) -> Arc<HealthCheck> {
        Arc::new(HealthCheck {
            name: name.into(),
            service_id: service.into(),
            status: status.into(),
            ..HealthCheck::default()
        })
    }

    #[test]
    fn overviews_count_the_worst() {
        let service = |id: &str, name: &str| {
            Arc::new(NodeService {
                id: id.into(),
                service: name.into(),
                ..NodeService::default()
            })
        };
        let row = |services, checks| NodeDump {
            node: Arc::new(Node::default()),
            services,
            checks,
        };
        let rows = [
            row(
                vec![
                    service("w1", "web"),
                    service("w2", "web"),
                    service("d", "db"),
                ],
                vec![
                    check("serf", "", "passing"),
                    check("ping", "w1", "warning"),
                    check("ping", "w1", "critical"),
                ],
            ),
            row(
                vec![service("w3", "web")],
                vec![check("serf", "", "warning")],
            ),
            row(vec![], vec![]),
        ];
        let mut out = Vec::new();
        let write = |rows: &[NodeDump], out: &mut Vec<u8>| {
            let mut w = Writer::new(out, dialect::json::Style::Compact);
            Overview::of(rows).write(&mut w);
        };
        write(&rows, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"Nodes":[{"Total":3,"Passing":2,"Warning":1,"Critical":0}],"#,
                r#""Services":[{"Name":"db","Total":1,"Passing":1,"Warning":0,"Critical":0},"#,
                r#"{"Name":"web","Total":3,"Passing":1,"Warning":1,"Critical":1}],"#,
                r#""Checks":[{"Name":"ping","Total":2,"Passing":0,"Warning":1,"Critical":1},"#,
                r#"{"Name":"serf","Total":2,"Passing":1,"Warning":1,"Critical":0}]}"#
            )
        );
        let mut out = Vec::new();
        write(&[], &mut out);
        assert_eq!(out, br#"{"Nodes":null,"Services":null,"Checks":null}"#);
    }
}
