//! Reads of checks.

use crate::key::{Key, Path, fold};
use crate::tables::catalog_reads::{MetaFilter, has_meta, peer_prefix};
use crate::{ReadResult, Root, WatchKey, WatchSet};
use model::{HealthCheck, status};
use std::{collections::BTreeSet, sync::Arc};

impl Root {
    fn checks_index(&self, peer: &str) -> u64 {
        self.peer_index_or_0(peer, &["checks"])
    }

    /// Checks of a node, by ID.
    pub fn node_checks(&self, peer: &str, node: &str) -> ReadResult<Vec<Arc<HealthCheck>>> {
        ReadResult::new(
            self.checks_index(peer),
            self.catalog.checks_of(peer, node),
            [WatchKey::node_checks(node)],
        )
    }

    /// Checks of all instances of a service, by node and ID.
    pub fn service_checks(
        &self,
        peer: &str,
        name: &str,
        meta: MetaFilter<'_>,
    ) -> ReadResult<Vec<Arc<HealthCheck>>> {
        let prefix = Path::under(&[fold(peer).as_bytes(), fold(name).as_bytes()]);
        let rows = self
            .catalog
            .checks_by_name
            .prefix(&prefix)
            .map(|(_, check)| check.clone())
            .collect();
        let watch = WatchSet::from_iter([WatchKey::service_checks(name)]);
        if meta.is_empty() {
            return ReadResult::new(self.checks_index(peer), rows, watch);
        }
        let found = self.catalog.has_service(peer, name);
        self.on_nodes(
            peer,
            rows,
            meta,
            self.service_index(peer, name, found, true),
            watch,
        )
    }

    /// Checks with a status, by node and ID; `any` for all.
    pub fn checks_in_state(
        &self,
        peer: &str,
        state: &str,
        meta: MetaFilter<'_>,
    ) -> ReadResult<Vec<Arc<HealthCheck>>> {
        let (rows, key) = if state == status::ANY {
            let prefix = peer_prefix(peer);
            let rows: Vec<_> = self
                .catalog
                .checks
                .prefix(&prefix)
                .map(|(_, check)| check.clone())
                .collect();
            (rows, WatchKey::AllChecks)
        } else {
            let prefix = Path::under(&[fold(peer).as_bytes(), fold(state).as_bytes()]);
            let rows = self
                .catalog
                .checks_by_status
                .prefix(&prefix)
                .map(|(_, check)| check.clone())
                .collect();
            (rows, WatchKey::ChecksInState(Key::from(&*fold(state))))
        };
        let index = self.checks_index(peer);
        if meta.is_empty() {
            return ReadResult::new(index, rows, [key]);
        }
        self.on_nodes(peer, rows, meta, index, WatchSet::from_iter([key]))
    }

    /// Keeps the checks whose node has the metadata; the nodes that decide it are watched too.
    fn on_nodes(
        &self,
        peer: &str,
        mut rows: Vec<Arc<HealthCheck>>,
        meta: MetaFilter<'_>,
        index: u64,
        mut watch: WatchSet,
    ) -> ReadResult<Vec<Arc<HealthCheck>>> {
        let nodes: BTreeSet<Key> = rows
            .iter()
            .map(|check| Key::from(&*fold(&check.node)))
            .collect();
        watch.extend(nodes.into_iter().map(WatchKey::Node));
        rows.retain(|check| {
            self.catalog
                .node(peer, &check.node)
                .is_some_and(|node| has_meta(node, meta))
        });
        ReadResult::new(index, rows, watch)
    }
}
