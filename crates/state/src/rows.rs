//! Row by row: which rows a batch wrote or removed, and pages of whole tables.
//!
//! For those who tell changes rather than answers. Rows imported from peers are left out. A key says which row was touched,
//! never what it holds: that stands in the root, so that a list of keys keeps no old values alive.

use crate::Root;
use crate::key::{Key, fold};
use crate::table::Table;
use crate::tables::catalog::Placed;
use crate::tables::catalog_reads::{Instance, peer_prefix};
use model::{HealthCheck, KvEntry, Node, NodeService};
use std::sync::Arc;

/// Most rows of one batch that are noted one by one; of a larger one only its size is known.
pub const BATCH_ROWS_MAX: usize = 65_536;

/// A row that was written or removed. Names of the catalog are folded, which is how they are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKey {
    /// A key.
    Kv(Key),
    /// A node.
    Node(Key),
    /// A service instance.
    Service {
        /// Its node.
        node: Key,
        /// Its ID.
        id: Key,
        /// The service it had at that write; one that took another name is noted under both.
        name: Key,
    },
    /// A check.
    Check {
        /// Its node.
        node: Key,
        /// Its ID.
        id: Key,
        /// The service it belonged to at that write, empty for a check of the node.
        service: Key,
    },
}

fn folded(name: &str) -> Key {
    Key::from(&*fold(name))
}

impl RowKey {
    /// Of an instance.
    pub fn service(node: &str, service: &NodeService) -> Self {
        Self::Service {
            node: folded(node),
            id: folded(&service.id),
            name: folded(&service.service),
        }
    }

    /// Of a check.
    pub fn check(check: &HealthCheck) -> Self {
        Self::Check {
            node: folded(&check.node),
            id: folded(&check.check_id),
            service: folded(&check.service_name),
        }
    }

    /// Of a node.
    pub fn node(name: &str) -> Self {
        Self::Node(folded(name))
    }
}

/// The rows of a batch as they are collected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted {
    pub(crate) rows: Vec<RowKey>,
    pub(crate) over: bool,
}

impl Noted {
    pub(crate) fn push(&mut self, row: RowKey) {
        if self.rows.len() < BATCH_ROWS_MAX {
            self.rows.push(row);
        } else {
            self.over = true;
        }
    }
}

/// Rows of a table that follow a key, with their own.
pub type Page<T> = Vec<(Key, T)>;

/// Where a page begins: behind `after`, else at the first row with the prefix.
fn page<'a, V: Clone, T>(
    table: &'a Table<V>,
    prefix: &'a [u8],
    after: Option<&'a [u8]>,
    limit: usize,
    row: impl Fn(&V) -> Option<T>,
) -> Page<T> {
    table
        .from(after.unwrap_or(prefix))
        .skip_while(|(key, _)| after.is_some_and(|after| key[..] == *after))
        .take_while(|(key, _)| key.starts_with(prefix))
        .take(limit)
        .filter_map(|(key, value)| Some((key.clone(), row(value)?)))
        .collect()
}

impl Root {
    /// Entries under a prefix that follow the key `after`, at most `limit`, in key order.
    pub fn kv_page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Page<Arc<KvEntry>> {
        page(&self.kv.entries, prefix, after, limit, |row| {
            Some(row.clone())
        })
    }

    /// Local nodes behind `after`, which is a key that an earlier page gave.
    pub fn node_page(&self, after: Option<&[u8]>, limit: usize) -> Page<Arc<Node>> {
        page(
            &self.catalog.nodes,
            &peer_prefix(""),
            after,
            limit,
            |node| Some(node.clone()),
        )
    }

    /// Local instances behind `after`, which is a key that an earlier page gave.
    pub fn instance_page(&self, after: Option<&[u8]>, limit: usize) -> Page<Instance> {
        page(
            &self.catalog.services,
            &peer_prefix(""),
            after,
            limit,
            |placed| self.placed(placed),
        )
    }

    /// Local checks behind `after`, which is a key that an earlier page gave.
    pub fn check_page(&self, after: Option<&[u8]>, limit: usize) -> Page<Arc<HealthCheck>> {
        page(
            &self.catalog.checks,
            &peer_prefix(""),
            after,
            limit,
            |check| Some(check.clone()),
        )
    }

    fn placed(&self, placed: &Placed) -> Option<Instance> {
        let node = String::from_utf8_lossy(&placed.node);
        Some(Instance {
            node: self.catalog.node("", &node)?.clone(),
            service: placed.service.clone(),
        })
    }

    /// A local instance with its node.
    pub fn instance(&self, node: &str, id: &str) -> Option<Instance> {
        Some(Instance {
            node: self.catalog.node("", node)?.clone(),
            service: self.catalog.service("", node, id)?.clone(),
        })
    }

    /// The local instances on a node, by ID.
    pub fn instances_on(&self, node: &str) -> Vec<Arc<NodeService>> {
        self.catalog.services_of("", node)
    }

    /// A local check.
    pub fn check(&self, node: &str, id: &str) -> Option<Arc<HealthCheck>> {
        self.catalog.check("", node, id).cloned()
    }
}
