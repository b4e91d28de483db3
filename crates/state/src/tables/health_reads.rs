//! Reads that join instances with their nodes and checks. The hot path of discovery: rows are shared, never copied.

use crate::key::{Key, Path, fold};
use crate::table::Table;
use crate::tables::catalog::{Placed, kind_name};
use crate::tables::catalog_reads::{MetaFilter, has_meta, has_tags, peer_prefix, whole_catalog};
use crate::{ReadResult, Root, WatchKey};
use model::{CheckServiceNode, HealthCheck, Node};
use smallvec::SmallVec;
use std::sync::Arc;

/// Which instances provide the service asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Instances of that name.
    Name,
    /// Sidecars of it and its mesh-native instances.
    Connect,
    /// Ingress gateways that expose it. There are none before gateways are configured.
    Ingress,
}

impl Root {
    /// Instances of a service with their checks, by node and ID; node checks first.
    pub fn service_health(
        &self,
        peer: &str,
        name: &str,
        via: Provider,
        tags: &[String],
        meta: MetaFilter<'_>,
    ) -> ReadResult<Vec<CheckServiceNode>> {
        match via {
            Provider::Name => {
                let (rows, found) = self.join(&self.catalog.by_name, peer, &fold(name), tags, meta);
                let index = self.service_index(peer, name, found, true);
                ReadResult::new(index, rows, [WatchKey::service_health(name)])
            }
            Provider::Connect => {
                let (rows, found) =
                    self.join(&self.catalog.by_connect, peer, &fold(name), tags, meta);
                // The entries that count are those of the instances found, which are the proxies' own names.
                let index = if found {
                    let prefix = Path::under(&[fold(peer).as_bytes(), fold(name).as_bytes()]);
                    let mut names: SmallVec<[&str; 4]> = self
                        .catalog
                        .by_connect
                        .prefix(&prefix)
                        .map(|(_, placed)| &*placed.service.service)
                        .collect();
                    names.sort_unstable();
                    names.dedup();
                    names
                        .iter()
                        .map(|name| self.service_index(peer, name, true, true))
                        .max()
                        .unwrap_or(0)
                } else {
                    self.service_index(peer, name, false, true)
                };
                ReadResult::new(index, rows, [WatchKey::connect_health(name)])
            }
            Provider::Ingress => ReadResult::new(
                self.service_index(peer, name, false, true),
                Vec::new(),
                [WatchKey::ingress_health(name)],
            ),
        }
    }

    /// Every instance with its checks; or those of one kind, "" being the typical one.
    pub fn service_dump(
        &self,
        peer: &str,
        kind: Option<&str>,
    ) -> ReadResult<Vec<CheckServiceNode>> {
        match kind {
            Some(kind) => {
                let (rows, _) = self.join(&self.catalog.by_kind, peer, kind_name(kind), &[], &[]);
                ReadResult::new(
                    self.kind_index(peer, kind),
                    rows,
                    [WatchKey::kind(kind_name(kind))],
                )
            }
            None => {
                let prefix = peer_prefix(peer);
                let rows = self
                    .catalog
                    .services
                    .prefix(&prefix)
                    .map(|(_, placed)| placed);
                let mut join = Join::new(self, peer);
                let rows = rows.filter_map(|placed| join.row(placed, &[])).collect();
                ReadResult::new(self.catalog_index(peer), rows, whole_catalog())
            }
        }
    }

    fn join(
        &self,
        table: &Table<Placed>,
        peer: &str,
        part: &str,
        tags: &[String],
        meta: MetaFilter<'_>,
    ) -> (Vec<CheckServiceNode>, bool) {
        let prefix = Path::under(&[fold(peer).as_bytes(), part.as_bytes()]);
        let mut join = Join::new(self, peer);
        let mut found = false;
        let mut rows = Vec::new();
        for (_, placed) in table.prefix(&prefix) {
            found = true;
            if has_tags(&placed.service, tags) {
                rows.extend(join.row(placed, meta));
            }
        }
        (rows, found)
    }
}

/// The checks of a node itself; rarely more than `serfHealth`.
type NodeChecks = SmallVec<[Arc<HealthCheck>; 4]>;

/// Joins rows that come by node: node and node checks are looked up once per run of instances.
struct Join<'a> {
    root: &'a Root,
    peer: &'a str,
    last: Option<(Key, Arc<Node>, NodeChecks)>,
}

impl<'a> Join<'a> {
    fn new(root: &'a Root, peer: &'a str) -> Self {
        Self {
            root,
            peer,
            last: None,
        }
    }

    fn row(&mut self, placed: &Placed, meta: MetaFilter<'_>) -> Option<CheckServiceNode> {
        let catalog = &self.root.catalog;
        if self
            .last
            .as_ref()
            .is_none_or(|(key, ..)| *key != placed.node)
        {
            let node = catalog
                .nodes
                .get(&Path::of(&[fold(self.peer).as_bytes(), &placed.node]))?;
            let checks = catalog
                .checks_of_instance(self.peer, &placed.node, "")
                .collect();
            self.last = Some((placed.node.clone(), node.clone(), checks));
        }
        let (_, node, node_checks) = self.last.as_ref()?;
        if !has_meta(node, meta) {
            return None;
        }
        let own = catalog.checks_of_instance(self.peer, &placed.node, &placed.service.id);
        let mut checks = Vec::with_capacity(node_checks.len() + own.size_hint().0);
        checks.extend(node_checks.iter().cloned());
        checks.extend(own);
        Some(CheckServiceNode {
            node: node.clone(),
            service: placed.service.clone(),
            checks,
        })
    }
}
