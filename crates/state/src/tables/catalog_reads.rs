//! Reads of nodes and services.

use crate::key::{Path, fold};
use crate::tables::catalog::{Placed, kind_name};
use crate::{ReadResult, Root, WatchKey, WatchSet};
use model::{Node, NodeDump, NodeService};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// `node-meta` conditions: a node must have every pair.
pub type MetaFilter<'a> = &'a [(String, String)];

/// A service instance with its node.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The node.
    pub node: Arc<Node>,
    /// The instance.
    pub service: Arc<NodeService>,
}

/// A node with its instances.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeInstances {
    /// The node.
    pub node: Arc<Node>,
    /// Its instances by ID.
    pub services: Vec<Arc<NodeService>>,
}

/// Shortest ID prefix that finds a node.
const MIN_ID_PREFIX: usize = 2;

pub(crate) fn has_meta(node: &Node, filter: MetaFilter<'_>) -> bool {
    filter
        .iter()
        .all(|(key, value)| node.meta.get(key) == Some(value))
}

/// Whether an instance has every tag, compared without regard to case.
pub(crate) fn has_tags(service: &NodeService, tags: &[String]) -> bool {
    tags.iter()
        .all(|wanted| service.tags.iter().any(|tag| model::same_name(tag, wanted)))
}

/// The address that clients connect to: the instance's own, else its node's.
pub fn effective_address<'a>(node: &'a Node, service: &'a NodeService) -> &'a str {
    if service.address.is_empty() {
        &node.address
    } else {
        &service.address
    }
}

/// The peer part of keys as a scan prefix.
pub(crate) fn peer_prefix(peer: &str) -> Path {
    Path::under(&[fold(peer).as_bytes()])
}

/// The digits of a prefix of an ID. The last character is dropped when their number is odd; what remains is compared by
/// whole bytes, so its digits must be even in number.
fn id_digits(text: &str) -> Option<String> {
    let even = text.get(..text.len() & !1)?;
    let digits: String = even.chars().filter(|c| *c != '-').collect();
    let whole = digits.len().is_multiple_of(2) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    (whole && !digits.is_empty()).then_some(digits)
}

/// Nodes that a read by metadata watches one by one; with more of them it watches all services.
const NODES_WATCHED_MAX: usize = 64;

impl Root {
    pub(crate) fn peer_index_or_0(&self, peer: &str, parts: &[&str]) -> u64 {
        self.peer_index(peer, parts).unwrap_or(0)
    }

    fn node_of(&self, peer: &str, placed: &Placed) -> Option<&Arc<Node>> {
        self.catalog
            .nodes
            .get(&Path::of(&[fold(peer).as_bytes(), &placed.node]))
    }

    /// All nodes by folded name.
    pub fn nodes(&self, peer: &str, meta: MetaFilter<'_>) -> ReadResult<Vec<Arc<Node>>> {
        let prefix = peer_prefix(peer);
        let rows = self.catalog.nodes.prefix(&prefix).map(|(_, node)| node);
        let rows = rows.filter(|node| has_meta(node, meta)).cloned().collect();
        ReadResult::new(
            self.peer_index_or_0(peer, &["nodes"]),
            rows,
            [WatchKey::AllNodes],
        )
    }

    /// One node by name; the index is the node's entry.
    pub fn node(&self, peer: &str, name: &str) -> ReadResult<Option<Arc<Node>>> {
        let row = self.catalog.node(peer, name).cloned();
        ReadResult::new(
            self.node_index(peer, name, row.is_some()),
            row,
            [WatchKey::node(name)],
        )
    }

    /// Service names in byte order of the folded name, each with the union of the tags of its instances.
    pub fn services(
        &self,
        peer: &str,
        meta: MetaFilter<'_>,
    ) -> ReadResult<BTreeMap<String, BTreeSet<String>>> {
        let prefix = peer_prefix(peer);
        let mut rows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (_, placed) in self.catalog.by_name.prefix(&prefix) {
            if !meta.is_empty()
                && !self
                    .node_of(peer, placed)
                    .is_some_and(|node| has_meta(node, meta))
            {
                continue;
            }
            let tags = match rows.get_mut(&placed.service.service) {
                Some(tags) => tags,
                None => rows.entry(placed.service.service.clone()).or_default(),
            };
            for tag in &placed.service.tags {
                if !tags.contains(tag) {
                    tags.insert(tag.clone());
                }
            }
        }
        let services = self.peer_index_or_0(peer, &["services"]);
        let Some((key, value)) = meta.first() else {
            return ReadResult::new(services, rows, [WatchKey::AllServices]);
        };
        let nodes = self.peer_index_or_0(peer, &["nodes"]);
        let mut watch = vec![WatchKey::node_meta(key, value)];
        watch.extend(self.services_on_nodes(peer, meta));
        ReadResult::new(services.max(nodes), rows, watch)
    }

    /// What is touched when instances change on nodes with metadata.
    fn services_on_nodes(&self, peer: &str, meta: MetaFilter<'_>) -> Vec<WatchKey> {
        let prefix = peer_prefix(peer);
        let nodes = self.catalog.nodes.prefix(&prefix).map(|(_, node)| node);
        let mut keys: Vec<_> = nodes
            .filter(|node| has_meta(node, meta))
            .map(|node| WatchKey::node_services(&node.node))
            .take(NODES_WATCHED_MAX + 1)
            .collect();
        if keys.len() > NODES_WATCHED_MAX {
            keys = vec![WatchKey::AllServices];
        }
        keys
    }

    /// All service names in the spelling of their first instance, by folded name.
    pub fn service_names(&self, peer: &str) -> ReadResult<Vec<String>> {
        let prefix = peer_prefix(peer);
        let mut rows: Vec<String> = Vec::new();
        for (_, placed) in self.catalog.by_name.prefix(&prefix) {
            if rows
                .last()
                .is_none_or(|last| !model::same_name(last, &placed.service.service))
            {
                rows.push(placed.service.service.clone());
            }
        }
        ReadResult::new(
            self.peer_index_or_0(peer, &["services"]),
            rows,
            [WatchKey::AllServices],
        )
    }

    /// The index of a read of one service's instances (spec/server.md §4.2). `found` is whether any instance exists,
    /// tags aside.
    pub(crate) fn service_index(&self, peer: &str, name: &str, found: bool, health: bool) -> u64 {
        if found && let Some(index) = self.peer_index(peer, &["service.", &fold(name)]) {
            return index;
        }
        if !found && let Some(index) = self.peer_index(peer, &["service_last_extinction"]) {
            return index;
        }
        let tables: &[&str] = if health {
            &["services", "nodes", "checks"]
        } else {
            &["services", "nodes"]
        };
        tables
            .iter()
            .map(|table| self.peer_index_or_0(peer, &[table]))
            .max()
            .unwrap_or(0)
    }

    /// Instances of a service, or with `connect` the mesh-capable instances for that name, by node and ID.
    pub fn service_nodes(
        &self,
        peer: &str,
        name: &str,
        tags: &[String],
        meta: MetaFilter<'_>,
        connect: bool,
    ) -> ReadResult<Vec<Instance>> {
        let prefix = Path::under(&[fold(peer).as_bytes(), fold(name).as_bytes()]);
        let table = if connect {
            &self.catalog.by_connect
        } else {
            &self.catalog.by_name
        };
        let mut found = false;
        let mut rows = Vec::new();
        for (_, placed) in table.prefix(&prefix) {
            found = true;
            if let Some(node) = self.node_of(peer, placed)
                && has_tags(&placed.service, tags)
                && has_meta(node, meta)
            {
                rows.push(Instance {
                    node: node.clone(),
                    service: placed.service.clone(),
                });
            }
        }
        let key = if connect {
            WatchKey::connect(name)
        } else {
            WatchKey::service(name)
        };
        ReadResult::new(self.service_index(peer, name, found, false), rows, [key])
    }

    fn node_index(&self, peer: &str, name: &str, found: bool) -> u64 {
        if found {
            self.peer_index_or_0(peer, &["node.", &fold(name)])
        } else {
            self.peer_index_or_0(peer, &["node_last_extinction"])
        }
    }

    /// A node with its instances, found by name or by a unique prefix of its ID (spec/server.md §4.2).
    pub fn node_services(&self, peer: &str, name_or_id: &str) -> ReadResult<Option<NodeInstances>> {
        if let Some(node) = self.catalog.node(peer, name_or_id) {
            return self.instances_of(peer, node);
        }
        let watch = [WatchKey::node_services(name_or_id)];
        if name_or_id.len() < MIN_ID_PREFIX {
            return ReadResult::new(0, None, watch);
        }
        let Some(digits) = id_digits(name_or_id) else {
            return ReadResult::new(self.node_index(peer, name_or_id, false), None, watch);
        };
        let prefix = hyphenated(&digits);
        match self.catalog.nodes_by_id_prefix(peer, &prefix, 2)[..] {
            [node] => self.instances_of(peer, node),
            _ => ReadResult::new(
                0,
                None,
                [WatchKey::node_services(name_or_id), WatchKey::AllNodes],
            ),
        }
    }

    fn instances_of(&self, peer: &str, node: &Arc<Node>) -> ReadResult<Option<NodeInstances>> {
        let services = self.catalog.services_of(peer, &node.node);
        let index = self.node_index(peer, &node.node, true);
        let watch = [WatchKey::node_services(&node.node)];
        ReadResult::new(
            index,
            Some(NodeInstances {
                node: node.clone(),
                services,
            }),
            watch,
        )
    }

    /// One node or all nodes with everything on them.
    pub fn node_dump(&self, peer: &str, node: Option<&str>) -> ReadResult<Vec<NodeDump>> {
        let dump = |node: &Arc<Node>| NodeDump {
            node: node.clone(),
            services: self.catalog.services_of(peer, &node.node),
            checks: self.catalog.checks_of(peer, &node.node),
        };
        let index = self.catalog_index(peer);
        match node {
            Some(name) => {
                let rows = self
                    .catalog
                    .node(peer, name)
                    .map(dump)
                    .into_iter()
                    .collect();
                ReadResult::new(
                    index,
                    rows,
                    [WatchKey::node_services(name), WatchKey::node_checks(name)],
                )
            }
            None => {
                let prefix = peer_prefix(peer);
                let rows = self
                    .catalog
                    .nodes
                    .prefix(&prefix)
                    .map(|(_, node)| dump(node))
                    .collect();
                ReadResult::new(index, rows, whole_catalog())
            }
        }
    }

    /// The index of reads over the whole catalog.
    pub(crate) fn catalog_index(&self, peer: &str) -> u64 {
        ["checks", "services", "nodes"]
            .iter()
            .map(|table| self.peer_index_or_0(peer, &[table]))
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn kind_index(&self, peer: &str, kind: &str) -> u64 {
        self.peer_index_or_0(peer, &["service_kind.", kind_name(kind)])
    }
}

pub(crate) fn whole_catalog() -> WatchSet {
    WatchSet::from_iter([
        WatchKey::AllNodes,
        WatchKey::AllServices,
        WatchKey::AllChecks,
    ])
}

/// Hex digits with the hyphens of a UUID at their places.
fn hyphenated(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + 4);
    for (i, c) in digits.chars().enumerate() {
        if matches!(i, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
