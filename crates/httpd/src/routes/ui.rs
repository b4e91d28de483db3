//! `/v1/internal/ui/*`: what the web UI asks beyond the public API (spec/http-api.md §23).

use crate::encode::{list, node_info};
use crate::read::{Ask, MetaOn, reading};
use crate::reply::Reply;
use crate::request::{Handled, Request, attempt};
use dialect::json::Writer;
use model::{CheckServiceNode, HealthCheck, status};
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
