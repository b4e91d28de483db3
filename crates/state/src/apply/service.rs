//! Writes of service instances (spec/server.md §3.2).

use super::{Applied, Change, meta::check_meta};
use crate::key::{Path, fold};
use crate::tables::catalog::{connect_name, kind_name};
use crate::{RowKey, WatchKey};
use model::{NodeService, RaftIndex, ServiceAddress, Weights, same_name};
use std::sync::Arc;
use wire::errors::{MISSING_NODE, state as text};

/// The flag of the cluster that turns virtual addresses on.
const VIRTUAL_IPS: &str = "virtual-ips";
/// The tagged address that tells a service's virtual address.
const VIRTUAL_TAG: &str = "consul-virtual";
/// Largest DNS weight.
const MAX_WEIGHT: i64 = 65535;

fn weights_are_valid(weights: &Weights) -> bool {
    (1..=MAX_WEIGHT).contains(&weights.passing) && (0..=MAX_WEIGHT).contains(&weights.warning)
}

/// Whether two rows say the same; the socket's path and the locality do not count.
fn same_service(old: &NodeService, new: &NodeService) -> bool {
    old == new
        || (old.socket_path != new.socket_path || old.locality != new.locality)
            && *old
                == NodeService {
                    socket_path: old.socket_path.clone(),
                    locality: old.locality.clone(),
                    ..new.clone()
                }
}

impl Change<'_> {
    /// Writes an instance on a node that must exist.
    pub(super) fn service_write(&mut self, node: &str, service: &NodeService) -> Applied<()> {
        check_meta(service).map_err(|why| text::service_meta(node, &service.id, &why.0))?;
        let peer = &*service.peer_name;
        if self.root.catalog.node(peer, node).is_none() {
            return Err(MISSING_NODE.into());
        }
        let old = self.root.catalog.service(peer, node, &service.id).cloned();
        let mut row = service.clone();
        if !row.weights.as_deref().is_some_and(weights_are_valid) {
            row.weights = Some(Box::new(Weights {
                passing: 1,
                warning: 1,
            }));
        }
        self.virtual_ip_given(&mut row)?;
        row.indexes = old
            .as_ref()
            .map_or(RaftIndex::default(), |old| old.indexes.clone());
        if old.as_deref().is_some_and(|old| same_service(old, &row)) {
            return Ok(());
        }
        row.indexes = RaftIndex {
            create_index: old
                .as_ref()
                .map_or(self.index, |old| old.indexes.create_index),
            modify_index: self.index,
        };
        let row = Arc::new(row);
        self.count_service(old.as_deref(), &row);
        self.root.catalog.put_service(node, row.clone());
        self.instance_noted(node, old.as_deref());
        self.instance_noted(node, Some(&row));
        if let Some(old) = &old {
            self.connect_name_left(old, &row);
            if !same_name(&old.service, &row.service) || old.kind != row.kind {
                self.instance_left(old);
            }
        }
        self.service_moved(&row);
        self.services_moved(peer, node);
        self.instance_touched(&row);
        self.touch(WatchKey::node_services(node));
        self.touch(WatchKey::AllServices);
        Ok(())
    }

    /// Notes the row for those who tell rows.
    fn instance_noted(&mut self, node: &str, row: Option<&NodeService>) {
        if let Some(row) = row.filter(|row| row.peer_name.is_empty()) {
            self.touched.row(|| RowKey::service(node, row));
        }
    }

    /// Keeps the counters; called before the row is stored.
    fn count_service(&mut self, old: Option<&NodeService>, new: &NodeService) {
        if !new.peer_name.is_empty() {
            return;
        }
        if !self.root.catalog.has_service("", &new.service) {
            self.root.usage.service_names += 1;
        }
        if let Some(old) = old {
            self.root.usage.service(old, false);
            if !same_name(&old.service, &new.service) && self.only_instance(old) {
                self.root.usage.service_names = self.root.usage.service_names.saturating_sub(1);
            }
        }
        self.root.usage.service(new, true);
    }

    /// Stores an instance as a snapshot brings it.
    pub(crate) fn load_service(&mut self, node: &str, row: Arc<NodeService>) {
        let old = self
            .root
            .catalog
            .service(&row.peer_name, node, &row.id)
            .cloned();
        self.count_service(old.as_deref(), &row);
        self.root.catalog.put_service(node, row);
    }

    /// Whether a stored local instance is the only one of its name.
    fn only_instance(&self, service: &NodeService) -> bool {
        let prefix = Path::under(&[b"", fold(&service.service).as_bytes()]);
        self.root.catalog.by_name.prefix(&prefix).nth(1).is_none()
    }

    /// An instance that no longer connects for a name: readers of that name see a row less.
    fn connect_name_left(&mut self, old: &NodeService, new: &NodeService) {
        if let Some(name) = connect_name(old)
            && connect_name(new).is_none_or(|new| !same_name(new, name))
        {
            self.touch(WatchKey::connect(name));
            self.touch(WatchKey::connect_health(name));
        }
    }

    /// Raises the entries of a service and its kind.
    pub(super) fn service_moved(&mut self, service: &NodeService) {
        let peer = &*service.peer_name;
        self.root
            .bump_peer(peer, &["service.", &fold(&service.service)], self.index);
        self.kind_moved(peer, &service.kind);
    }

    fn kind_moved(&mut self, peer: &str, kind: &str) {
        let entry = Path::text(&["service_kind.", kind_name(kind)]);
        self.root.bump(&String::from_utf8_lossy(&entry), self.index);
        self.root
            .bump_peer(peer, &["service_kind.", kind_name(kind)], self.index);
    }

    /// Raises the entries that every change of an instance moves.
    fn services_moved(&mut self, peer: &str, node: &str) {
        self.root.bump_both(peer, "services", self.index);
        self.root.bump_both(peer, "nodes", self.index);
        self.root
            .bump_peer(peer, &["node.", &fold(node)], self.index);
    }

    /// The row of an instance or of its node changed.
    pub(super) fn instance_touched(&mut self, service: &NodeService) {
        self.touch(WatchKey::service(&service.service));
        if let Some(name) = connect_name(service) {
            self.touch(WatchKey::connect(name));
        }
        self.instance_health_touched(service);
    }

    /// An instance took another name or kind. Who waits on the old one is not told, for no index of it moves, but what was
    /// read of it is out of date (spec/server.md §3.2).
    fn instance_left(&mut self, old: &NodeService) {
        self.touched.stale(WatchKey::service(&old.service));
        self.touched.stale(WatchKey::service_health(&old.service));
        self.touched.stale(WatchKey::kind(kind_name(&old.kind)));
    }

    /// Gives a service of the mesh its virtual address and tells it on the row (spec/server.md §3.10).
    fn virtual_ip_given(&mut self, row: &mut NodeService) -> Applied<()> {
        let Some(name) = connect_name(row).filter(|name| !name.is_empty()) else {
            return Ok(());
        };
        if self
            .root
            .metadata_flag(VIRTUAL_IPS)
            .is_none_or(str::is_empty)
        {
            return Ok(());
        }
        let peer = &*row.peer_name;
        let ip = match self.root.virtual_ip(peer, name) {
            Some(ip) => ip,
            None => {
                let ip = self.root.vips.assign(self.index, peer, name)?;
                self.virtual_ips_moved(peer);
                ip
            }
        };
        let address = ServiceAddress {
            address: ip.to_string(),
            port: row.port,
        };
        row.tagged_addresses.insert(VIRTUAL_TAG.to_owned(), address);
        Ok(())
    }

    fn virtual_ips_moved(&mut self, peer: &str) {
        self.root.bump("service-virtual-ips", self.index);
        if !peer.is_empty() {
            self.root.bump("service-virtual-ips.imported", self.index);
        }
    }

    /// A check that decides over an instance changed.
    pub(super) fn instance_health_touched(&mut self, service: &NodeService) {
        self.touch(WatchKey::service_health(&service.service));
        if let Some(name) = connect_name(service) {
            self.touch(WatchKey::connect_health(name));
        }
        self.touch(WatchKey::kind(kind_name(&service.kind)));
    }

    /// Removes an instance with its checks; an unknown one is no error.
    pub(super) fn service_delete(&mut self, peer: &str, node: &str, id: &str) {
        let Some(service) = self.root.catalog.service(peer, node, id).cloned() else {
            return;
        };
        let checks: Vec<_> = self
            .root
            .catalog
            .checks_of_instance(peer, fold(node).as_bytes(), id)
            .collect();
        for check in checks {
            self.check_delete(peer, node, &check.check_id);
        }
        self.root.bump_both(peer, "checks", self.index);
        self.root.catalog.remove_service(peer, node, id);
        self.instance_noted(node, Some(&service));
        self.kind_moved(peer, &service.kind);
        self.services_moved(peer, node);
        let name = fold(&service.service);
        let extinct = !self.root.catalog.has_service(peer, &name);
        if extinct {
            self.root.drop_peer(peer, &["service.", &name]);
            self.root
                .bump_peer(peer, &["service_last_extinction"], self.index);
            if self.root.vips.free(peer, &name) {
                self.virtual_ips_moved(peer);
            }
        } else {
            self.root.bump_peer(peer, &["service.", &name], self.index);
        }
        if peer.is_empty() {
            self.root.usage.service(&service, false);
            if extinct {
                self.root.usage.service_names = self.root.usage.service_names.saturating_sub(1);
            }
        }
        self.instance_touched(&service);
        self.touch(WatchKey::node_services(node));
        self.touch(WatchKey::AllServices);
    }
}
