//! `PreparedQuery.Execute` and `PreparedQuery.Explain` (spec/server.md §14.2–14.4).

use super::template::Templates;
use crate::distance::Distances;
use crate::server::Server;
use crate::text;
use model::{CheckServiceNode, PreparedQuery, ServiceQuery, same_name, status};
use ports::{Authorized, Execute, Executed, Explained, RpcError};
use rand::seq::SliceRandom;
use state::{Provider, Resolved, Root};
use std::net::IpAddr;
use std::sync::atomic::Ordering;

/// The near node moves to the front when it is among this many first results.
const NEAR_FIRST: usize = 10;

fn resolve(templates: &Templates, root: &Root, name: &str) -> Result<PreparedQuery, RpcError> {
    match root.resolve_query(name).rows {
        Resolved::Query(query) => Ok((*query).clone()),
        Resolved::Template(query) => templates.render(&query, name).map_err(RpcError::Refused),
        Resolved::TemplateById => Err(RpcError::refused(text::TEMPLATE_BY_ID)),
        Resolved::None => Err(RpcError::refused(wire::errors::QUERY_NOT_FOUND)),
    }
}

impl Server {
    pub(crate) fn query_explain(
        &self,
        by: &Authorized,
        request: Execute,
    ) -> Result<Explained, RpcError> {
        let query = resolve(&self.templates, &self.board.view(by).root, &request.query)?;
        Ok(Explained {
            query,
            known_leader: self.known_leader.load(Ordering::Relaxed),
            last_contact: self.last_contact(),
        })
    }

    pub(crate) fn query_execute(
        &self,
        by: &Authorized,
        request: Execute,
    ) -> Result<Executed, RpcError> {
        let view = self.board.view(by);
        let root = &view.root;
        let query = resolve(&self.templates, root, &request.query)?;
        let service = &query.service;
        let connect = request.connect || service.connect;
        let mut rows = candidates(root, service, connect, &service.peer);
        rows.shuffle(&mut rand::rng());
        let near = if request.near.is_empty() {
            &service.near
        } else {
            &request.near
        };
        self.order_by_distance(root, near, &request, &mut rows);
        let mut executed = Executed {
            service: service.service.clone(),
            dns_ttl: query.dns.ttl.clone(),
            datacenter: self.config.datacenter.clone(),
            peer: service.peer.clone(),
            known_leader: self.known_leader.load(Ordering::Relaxed),
            last_contact: self.last_contact(),
            ..Executed::default()
        };
        if rows.is_empty() {
            self.fail_over(root, service, connect, &mut rows, &mut executed);
        }
        if request.limit > 0 {
            rows.truncate(request.limit);
        }
        executed.rows = rows;
        Ok(executed)
    }

    /// Tries the targets whose datacenter is known, in order, until one has instances.
    fn fail_over(
        &self,
        root: &Root,
        service: &ServiceQuery,
        connect: bool,
        rows: &mut Vec<CheckServiceNode>,
        executed: &mut Executed,
    ) {
        let listed = service
            .failover
            .datacenters
            .iter()
            .map(|datacenter| (&**datacenter, ""));
        let targets = service
            .failover
            .targets
            .iter()
            .map(|target| (&*target.datacenter, &*target.peer));
        for (datacenter, peer) in listed.chain(targets) {
            if peer.is_empty() && !datacenter.eq_ignore_ascii_case(&self.config.datacenter) {
                tracing::debug!(datacenter, "skipping unknown datacenter in prepared query");
                continue;
            }
            executed.failovers += 1;
            executed.datacenter = if peer.is_empty() {
                datacenter.to_owned()
            } else {
                String::new()
            };
            executed.peer = peer.to_owned();
            *rows = candidates(root, service, connect, peer);
            if !rows.is_empty() {
                rows.shuffle(&mut rand::rng());
                return;
            }
        }
    }

    fn order_by_distance(
        &self,
        root: &Root,
        near: &str,
        request: &Execute,
        rows: &mut Vec<CheckServiceNode>,
    ) {
        let node = match near {
            "" => return,
            "_agent" if request.agent.is_empty() => self.config.node.name.clone(),
            "_agent" => request.agent.clone(),
            "_ip" => match request.client.and_then(|client| node_at(root, client)) {
                Some(node) => node,
                None => return,
            },
            name => name.to_owned(),
        };
        if let Some(mut distances) = Distances::from(root, &node) {
            distances.sort(rows, |row| &row.node.node);
        }
        if let Some(at) = rows
            .iter()
            .take(NEAR_FIRST)
            .position(|row| same_name(&row.node.node, &node))
        {
            rows.swap(0, at);
        }
    }
}

fn node_at(root: &Root, client: IpAddr) -> Option<String> {
    let nodes = root.nodes("", &[]).rows;
    nodes
        .iter()
        .find(|node| node.address.parse() == Ok(client))
        .map(|node| node.node.clone())
}

/// Instances that the definition lets through, in table order.
fn candidates(
    root: &Root,
    service: &ServiceQuery,
    connect: bool,
    peer: &str,
) -> Vec<CheckServiceNode> {
    let via = if connect {
        Provider::Connect
    } else {
        Provider::Name
    };
    let mut rows = root
        .service_health(peer, &service.service, via, &[], &[])
        .rows;
    rows.retain(|row| healthy(row, service) && has_meta(row, service) && has_tags(row, service));
    rows
}

fn healthy(row: &CheckServiceNode, service: &ServiceQuery) -> bool {
    row.checks
        .iter()
        .filter(|check| !service.ignore_check_ids.contains(&check.check_id))
        .all(|check| {
            if service.only_passing {
                check.status == status::PASSING
            } else {
                check.status != status::CRITICAL
            }
        })
}

fn has_meta(row: &CheckServiceNode, service: &ServiceQuery) -> bool {
    service
        .node_meta
        .iter()
        .all(|(key, value)| row.node.meta.get(key) == Some(value))
        && service
            .service_meta
            .iter()
            .all(|(key, value)| row.service.meta.get(key) == Some(value))
}

fn has_tags(row: &CheckServiceNode, service: &ServiceQuery) -> bool {
    let has = |wanted: &str| {
        row.service
            .tags
            .iter()
            .any(|tag| tag.to_lowercase() == wanted.to_lowercase())
    };
    service.tags.iter().all(|tag| match tag.strip_prefix('!') {
        Some(unwanted) => !has(unwanted),
        None => has(tag),
    })
}
