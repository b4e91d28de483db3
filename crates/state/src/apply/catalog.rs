//! Registration, deregistration, checks (spec/server.md §3.1–§3.3, §3.12).

use super::{Applied, Change};
use crate::RowKey;
use crate::key::fold;
use model::{HealthCheck, Node, NodeService, RaftIndex, same_name, status};
use std::sync::Arc;
use wire::{
    command::{DeregisterRequest, RegisterRequest},
    errors::{MISSING_NODE, MISSING_SERVICE, state as text},
};

/// Whether a registration may change its node's row.
fn changes_node(request: &RegisterRequest, node: &Node) -> bool {
    node.id != request.id
        || node.node != request.node
        || node.address != request.address
        || node.datacenter != request.datacenter
        || node.tagged_addresses != request.tagged_addresses
        || node.meta != request.node_meta
        || node.locality != request.locality
}

impl Change<'_> {
    pub(crate) fn register(&mut self, request: &RegisterRequest) -> Applied<()> {
        let peer = &*request.peer_name;
        let one_peer = request
            .service
            .as_ref()
            .is_none_or(|service| service.peer_name == peer)
            && request
                .check
                .as_deref()
                .into_iter()
                .chain(&request.checks)
                .all(|check| check.peer_name == peer);
        if !one_peer {
            return Err(text::MIXED_PEERS.into());
        }
        let stored = self.root.catalog.node(peer, &request.node);
        if stored.is_none_or(|node| !request.skip_node_update && changes_node(request, node)) {
            self.node_write(node_of(request))
                .map_err(|why| text::inserting("node", &why.0))?;
        }
        if let Some(service) = &request.service {
            self.service_write(&request.node, service)
                .map_err(|why| text::inserting("service", &why.0))?;
        }
        for check in request.check.as_deref().into_iter().chain(&request.checks) {
            let written = if same_name(&check.node, &request.node) {
                self.check_write(check.clone())
            } else {
                Err(text::check_node_mismatch(&check.node, &request.node).into())
            };
            written.map_err(|why| text::inserting_check(&check.node, &why.0))?;
        }
        Ok(())
    }

    pub(crate) fn deregister(&mut self, request: &DeregisterRequest) -> Applied<()> {
        let peer = &*request.peer_name;
        if !request.service_id.is_empty() {
            self.service_delete(peer, &request.node, &request.service_id);
        } else if !request.check_id.is_empty() {
            self.check_delete(peer, &request.node, &request.check_id);
        } else {
            self.node_delete(peer, &request.node);
        }
        Ok(())
    }

    /// Writes a check of a node or of an instance on it. A critical one ends the sessions that depend on it, changed or not.
    pub(super) fn check_write(&mut self, mut check: HealthCheck) -> Applied<()> {
        if check.node.is_empty() || check.check_id.is_empty() {
            return Err(text::CHECK_LOOKUP.into());
        }
        let peer = check.peer_name.clone();
        if check.status.is_empty() {
            status::CRITICAL.clone_into(&mut check.status);
        }
        if self.root.catalog.node(&peer, &check.node).is_none() {
            return Err(MISSING_NODE.into());
        }
        let service = if check.service_id.is_empty() {
            None
        } else {
            let service = self
                .root
                .catalog
                .service(&peer, &check.node, &check.service_id)
                .cloned();
            let service = service.ok_or(MISSING_SERVICE)?;
            check.service_name.clone_from(&service.service);
            check.service_tags = service.tags.clone();
            Some(service)
        };
        let old = self
            .root
            .catalog
            .check(&peer, &check.node, &check.check_id)
            .cloned();
        check.indexes = old
            .as_ref()
            .map_or(RaftIndex::default(), |old| old.indexes.clone());
        let changed = old.as_deref() != Some(&check);
        if check.status == status::CRITICAL && peer.is_empty() {
            self.sessions_of_check_end(&check.node, &check.check_id);
        }
        if !changed {
            return Ok(());
        }
        check.indexes = RaftIndex {
            create_index: old
                .as_ref()
                .map_or(self.index, |old| old.indexes.create_index),
            modify_index: self.index,
        };
        self.check_decides(&peer, &check.node, service.as_deref());
        self.root.bump_both(&peer, "checks", self.index);
        self.checks_touched(&check.node, &check.service_name, &check.status);
        if let Some(old) = &old {
            self.check_left(&check, old);
        }
        self.check_noted(old.as_deref());
        self.check_noted(Some(&check));
        self.root.catalog.put_check(Arc::new(check));
        Ok(())
    }

    /// Notes the row for those who tell rows.
    fn check_noted(&mut self, row: Option<&HealthCheck>) {
        if let Some(row) = row.filter(|row| row.peer_name.is_empty()) {
            self.touched.row(|| RowKey::check(row));
        }
    }

    /// Where a check was before it moved to another status or instance.
    fn check_left(&mut self, check: &HealthCheck, old: &HealthCheck) {
        if old.status != check.status || !same_name(&old.service_name, &check.service_name) {
            self.checks_touched(&old.node, &old.service_name, &old.status);
        }
        if !same_name(&old.service_id, &check.service_id) {
            let service = self
                .root
                .catalog
                .service(&old.peer_name, &old.node, &old.service_id)
                .cloned();
            if service.is_some() || old.service_id.is_empty() {
                self.check_decides(&old.peer_name, &old.node, service.as_deref());
            }
        }
    }

    /// Raises the entries of the instances that a check decides over: one, or with `None` all on the node.
    fn check_decides(&mut self, peer: &str, node: &str, service: Option<&NodeService>) {
        match service {
            Some(service) => {
                self.service_moved(service);
                self.instance_health_touched(service);
            }
            None => {
                for service in self.root.catalog.services_of(peer, node) {
                    self.service_moved(&service);
                    self.instance_health_touched(&service);
                }
            }
        }
    }

    /// Removes a check and ends the sessions that depend on it; an unknown one is no error.
    pub(super) fn check_delete(&mut self, peer: &str, node: &str, id: &str) {
        let Some(check) = self.root.catalog.remove_check(peer, node, id) else {
            return;
        };
        self.check_noted(Some(&check));
        if check.service_id.is_empty() {
            self.check_decides(peer, node, None);
            self.root.bump_both(peer, "services", self.index);
        } else if let Some(service) = self
            .root
            .catalog
            .service(peer, node, &check.service_id)
            .cloned()
        {
            self.check_decides(peer, node, Some(&service));
        } else {
            self.root
                .bump_peer(peer, &["service.", &fold(&check.service_name)], self.index);
        }
        self.root.bump_both(peer, "checks", self.index);
        self.checks_touched(node, &check.service_name, &check.status);
        if peer.is_empty() {
            self.sessions_of_check_end(node, id);
        }
    }
}

fn node_of(request: &RegisterRequest) -> Node {
    Node {
        id: request.id.clone(),
        node: request.node.clone(),
        address: request.address.clone(),
        datacenter: request.datacenter.clone(),
        partition: String::new(),
        peer_name: request.peer_name.clone(),
        tagged_addresses: request.tagged_addresses.clone(),
        meta: request.node_meta.clone(),
        locality: request.locality.clone(),
        indexes: RaftIndex::default(),
    }
}
