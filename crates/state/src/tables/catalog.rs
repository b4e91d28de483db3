//! Nodes, service instances and checks, with every way to find them.

use crate::key::{Key, Path, fold, node_path, path3, path4};
use crate::table::Table;
use model::{HealthCheck, Node, NodeService};
use std::sync::Arc;

/// A service instance beside the folded name of its node.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) node: Key,
    pub(crate) service: Arc<NodeService>,
}

/// The three tables of the catalog. The first part of every key is the peer.
#[derive(Clone, Default)]
pub(crate) struct Catalog {
    /// peer, node.
    pub(crate) nodes: Table<Arc<Node>>,
    /// peer, folded ID → key of `nodes`.
    node_ids: Table<Key>,
    /// peer, node, service ID.
    pub(crate) services: Table<Placed>,
    /// peer, service name, node, service ID.
    pub(crate) by_name: Table<Placed>,
    /// peer, name it connects for, node, service ID.
    pub(crate) by_connect: Table<Placed>,
    /// peer, kind, node, service ID.
    pub(crate) by_kind: Table<Placed>,
    /// peer, node, check ID.
    pub(crate) checks: Table<Arc<HealthCheck>>,
    /// peer, node, service ID ("" for the node's own), check ID.
    pub(crate) checks_by_instance: Table<Arc<HealthCheck>>,
    /// peer, service name, node, check ID.
    pub(crate) checks_by_name: Table<Arc<HealthCheck>>,
    /// peer, status as written, node, check ID.
    pub(crate) checks_by_status: Table<Arc<HealthCheck>>,
}

/// The kind as index entries and watch keys spell it.
pub(crate) fn kind_name(kind: &str) -> &str {
    if kind.is_empty() { "typical" } else { kind }
}

/// The service name for which this instance offers mesh connections, if it does.
pub(crate) fn connect_name(service: &NodeService) -> Option<&str> {
    if service.kind == "connect-proxy" {
        Some(&service.proxy.destination_service_name)
    } else if service.connect.native {
        Some(&service.service)
    } else {
        None
    }
}

fn status_path(check: &HealthCheck) -> Path {
    Path::of(&[
        fold(&check.peer_name).as_bytes(),
        fold(&check.status).as_bytes(),
        fold(&check.node).as_bytes(),
        fold(&check.check_id).as_bytes(),
    ])
}

fn id_path(peer: &str, id: &str) -> Path {
    node_path(peer, id)
}

impl Catalog {
    pub(crate) fn node(&self, peer: &str, name: &str) -> Option<&Arc<Node>> {
        self.nodes.get(&node_path(peer, name))
    }

    pub(crate) fn node_by_id(&self, peer: &str, id: &str) -> Option<&Arc<Node>> {
        self.nodes.get(self.node_ids.get(&id_path(peer, id))?)
    }

    /// The nodes whose ID begins with `prefix`, at most `limit`.
    pub(crate) fn nodes_by_id_prefix(
        &self,
        peer: &str,
        prefix: &str,
        limit: usize,
    ) -> Vec<&Arc<Node>> {
        let start = id_path(peer, prefix);
        self.node_ids
            .prefix(&start)
            .take(limit)
            .filter_map(|(_, key)| self.nodes.get(key))
            .collect()
    }

    pub(crate) fn put_node(&mut self, node: Arc<Node>) {
        let key = node_path(&node.peer_name, &node.node).key();
        let (peer, id) = (node.peer_name.clone(), node.id.clone());
        if let Some(old) = self.nodes.insert(key.clone(), node)
            && !old.id.is_empty()
            && !old.id.eq_ignore_ascii_case(&id)
        {
            self.node_ids.remove(&id_path(&peer, &old.id));
        }
        if !id.is_empty() {
            self.node_ids.insert(id_path(&peer, &id).key(), key);
        }
    }

    pub(crate) fn remove_node(&mut self, peer: &str, name: &str) -> Option<Arc<Node>> {
        let key = node_path(peer, name);
        let old = self.nodes.remove(&key)?;
        // The ID may have moved on to the node's new name already.
        let id = id_path(peer, &old.id);
        if self
            .node_ids
            .get(&id)
            .is_some_and(|owner| owner[..] == key[..])
        {
            self.node_ids.remove(&id);
        }
        Some(old)
    }

    pub(crate) fn service(&self, peer: &str, node: &str, id: &str) -> Option<&Arc<NodeService>> {
        self.services
            .get(&path3(peer, node, id))
            .map(|placed| &placed.service)
    }

    /// The instances on a node, by ID.
    pub(crate) fn services_of(&self, peer: &str, node: &str) -> Vec<Arc<NodeService>> {
        let prefix = Path::under(&[fold(peer).as_bytes(), fold(node).as_bytes()]);
        self.services
            .prefix(&prefix)
            .map(|(_, placed)| placed.service.clone())
            .collect()
    }

    /// Whether any instance has this name.
    pub(crate) fn has_service(&self, peer: &str, name: &str) -> bool {
        self.by_name.has_prefix(&Path::under(&[
            fold(peer).as_bytes(),
            fold(name).as_bytes(),
        ]))
    }

    pub(crate) fn put_service(
        &mut self,
        node: &str,
        service: Arc<NodeService>,
    ) -> Option<Arc<NodeService>> {
        let old = self.remove_service(&service.peer_name, node, &service.id);
        let placed = Placed {
            node: Key::from(&*fold(node)),
            service,
        };
        let service = &placed.service;
        let (peer, id) = (&*service.peer_name, &*service.id);
        self.by_name.insert(
            path4(peer, &service.service, node, id).key(),
            placed.clone(),
        );
        self.by_kind.insert(
            path4(peer, kind_name(&service.kind), node, id).key(),
            placed.clone(),
        );
        if let Some(name) = connect_name(service) {
            self.by_connect
                .insert(path4(peer, name, node, id).key(), placed.clone());
        }
        self.services
            .insert(path3(peer, node, id).key(), placed.clone());
        old
    }

    pub(crate) fn remove_service(
        &mut self,
        peer: &str,
        node: &str,
        id: &str,
    ) -> Option<Arc<NodeService>> {
        let old = self.services.remove(&path3(peer, node, id))?.service;
        self.by_name.remove(&path4(peer, &old.service, node, id));
        self.by_kind
            .remove(&path4(peer, kind_name(&old.kind), node, id));
        if let Some(name) = connect_name(&old) {
            self.by_connect.remove(&path4(peer, name, node, id));
        }
        Some(old)
    }

    pub(crate) fn check(&self, peer: &str, node: &str, id: &str) -> Option<&Arc<HealthCheck>> {
        self.checks.get(&path3(peer, node, id))
    }

    /// All checks on a node, by ID.
    pub(crate) fn checks_of(&self, peer: &str, node: &str) -> Vec<Arc<HealthCheck>> {
        let prefix = Path::under(&[fold(peer).as_bytes(), fold(node).as_bytes()]);
        self.checks
            .prefix(&prefix)
            .map(|(_, check)| check.clone())
            .collect()
    }

    /// The checks of one instance, or with an empty ID those of the node itself, by ID.
    pub(crate) fn checks_of_instance(
        &self,
        peer: &str,
        node: &[u8],
        id: &str,
    ) -> impl Iterator<Item = Arc<HealthCheck>> {
        let prefix = Path::under(&[fold(peer).as_bytes(), node, fold(id).as_bytes()]);
        // Collected, for the prefix lives here; a handful at most.
        let rows: smallvec::SmallVec<[Arc<HealthCheck>; 4]> = self
            .checks_by_instance
            .prefix(&prefix)
            .map(|(_, check)| check.clone())
            .collect();
        rows.into_iter()
    }

    pub(crate) fn put_check(&mut self, check: Arc<HealthCheck>) -> Option<Arc<HealthCheck>> {
        let old = self.remove_check(&check.peer_name, &check.node, &check.check_id);
        let (peer, node, id) = (&*check.peer_name, &*check.node, &*check.check_id);
        self.checks_by_instance.insert(
            path4(peer, node, &check.service_id, id).key(),
            check.clone(),
        );
        if !check.service_name.is_empty() {
            self.checks_by_name.insert(
                path4(peer, &check.service_name, node, id).key(),
                check.clone(),
            );
        }
        self.checks_by_status
            .insert(status_path(&check).key(), check.clone());
        self.checks
            .insert(path3(peer, node, id).key(), check.clone());
        old
    }

    pub(crate) fn remove_check(
        &mut self,
        peer: &str,
        node: &str,
        id: &str,
    ) -> Option<Arc<HealthCheck>> {
        let old = self.checks.remove(&path3(peer, node, id))?;
        self.checks_by_instance
            .remove(&path4(peer, node, &old.service_id, id));
        self.checks_by_name
            .remove(&path4(peer, &old.service_name, node, id));
        self.checks_by_status.remove(&status_path(&old));
        Some(old)
    }
}
