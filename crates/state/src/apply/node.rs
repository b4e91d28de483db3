//! Writes of nodes (spec/server.md §3.1).

use super::{Applied, Change};
use crate::key::{Key, fold};
use crate::tables::coordinates::coordinate_path;
use crate::{RowKey, WatchKey};
use model::{Node, RaftIndex, SERF_HEALTH, same_name, status};
use std::sync::Arc;
use wire::errors::state as text;

/// Whether two rows say the same; Locality does not count.
fn same_node(a: &Node, b: &Node) -> bool {
    a.id == b.id
        && same_name(&a.node, &b.node)
        && a.address == b.address
        && a.datacenter == b.datacenter
        && a.partition == b.partition
        && a.peer_name == b.peer_name
        && a.tagged_addresses == b.tagged_addresses
        && a.meta == b.meta
}

impl Change<'_> {
    /// Writes a node under the rules of names and IDs.
    pub(super) fn node_write(&mut self, mut node: Node) -> Applied<()> {
        let peer = node.peer_name.clone();
        let mut old = None;
        if !node.id.is_empty() {
            match self.root.catalog.node_by_id(&peer, &node.id).cloned() {
                Some(known) if !same_name(&known.node, &node.node) => {
                    self.name_is_free(&node, false)
                        .map_err(|why| text::rename(&node.id, Some(&node.address), &why))?;
                    self.node_delete(&peer, &known.node);
                    old = Some(known);
                }
                Some(known) => old = Some(known),
                None => {
                    self.name_is_free(&node, true)
                        .map_err(|why| text::rename(&node.id, None, &why))?;
                }
            }
        }
        let old = old.or_else(|| self.root.catalog.node(&peer, &node.node).cloned());
        if let Some(old) = &old
            && same_node(old, &node)
        {
            return Ok(());
        }
        if let Some(old) = &old {
            self.meta_touched(old);
        }
        node.indexes = RaftIndex {
            create_index: old.map_or(self.index, |old| old.indexes.create_index),
            modify_index: self.index,
        };
        let node = Arc::new(node);
        if self.root.catalog.node(&peer, &node.node).is_none() && peer.is_empty() {
            self.root.usage.nodes += 1;
        }
        self.root.catalog.put_node(node.clone());
        self.node_touched(&node);
        for service in self.root.catalog.services_of(&peer, &node.node) {
            self.service_moved(&service);
            self.instance_touched(&service);
        }
        Ok(())
    }

    fn node_touched(&mut self, node: &Node) {
        if node.peer_name.is_empty() {
            self.touched.row(|| RowKey::node(&node.node));
        }
        self.root.bump_both(&node.peer_name, "nodes", self.index);
        self.root
            .bump_peer(&node.peer_name, &["node.", &fold(&node.node)], self.index);
        self.touch(WatchKey::node(&node.node));
        self.touch(WatchKey::node_services(&node.node));
        self.touch(WatchKey::AllNodes);
        self.meta_touched(node);
    }

    fn meta_touched(&mut self, node: &Node) {
        for (key, value) in node.meta.iter() {
            self.touch(WatchKey::node_meta(key, value));
        }
    }

    /// Whether a name may be taken: nobody has it, or its owner is dead, or (if allowed) has no ID.
    fn name_is_free(&self, node: &Node, from_nameless: bool) -> Result<(), String> {
        let Some(owner) = self.root.catalog.node(&node.peer_name, &node.node) else {
            return Ok(());
        };
        if owner.id.eq_ignore_ascii_case(&node.id) || (from_nameless && owner.id.is_empty()) {
            return Ok(());
        }
        match self
            .root
            .catalog
            .check(&node.peer_name, &owner.node, SERF_HEALTH)
        {
            Some(check) if check.status != status::CRITICAL => Err(text::name_reserved(
                &node.node,
                &owner.id,
                &owner.node,
                &owner.address,
            )),
            _ => Ok(()),
        }
    }

    /// Removes a node with everything on it; an unknown one is no error.
    pub(super) fn node_delete(&mut self, peer: &str, name: &str) {
        let Some(node) = self.root.catalog.node(peer, name).cloned() else {
            return;
        };
        for service in self.root.catalog.services_of(peer, name) {
            self.service_delete(peer, name, &service.id);
        }
        for check in self.root.catalog.checks_of(peer, name) {
            self.check_delete(peer, name, &check.check_id);
        }
        if peer.is_empty() {
            for coordinate in self.root.coordinates_of(name) {
                self.root
                    .coordinates
                    .remove(&coordinate_path(name, &coordinate.segment));
                self.coordinates_touched(name);
            }
            self.root.usage.nodes = self.root.usage.nodes.saturating_sub(1);
        }
        self.root.catalog.remove_node(peer, name);
        self.node_touched(&node);
        self.root.drop_peer(peer, &["node.", &fold(name)]);
        self.root
            .bump_peer(peer, &["node_last_extinction"], self.index);
        if peer.is_empty() {
            self.sessions_of_node_end(name);
        }
    }

    /// A check changed: wakes those who read checks.
    pub(super) fn checks_touched(&mut self, node: &str, service_name: &str, status: &str) {
        self.touch(WatchKey::node_checks(node));
        if !service_name.is_empty() {
            self.touch(WatchKey::service_checks(service_name));
        }
        self.touch(WatchKey::ChecksInState(Key::from(&*fold(status))));
        self.touch(WatchKey::AllChecks);
    }
}
