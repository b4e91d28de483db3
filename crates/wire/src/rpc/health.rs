//! `Health`: checks, and instances with their checks.

use std::sync::Arc;

use dialect::{Dict, List, record};
use model::{HealthCheck, Node, NodeService};

use super::{QueryMeta, QueryOptions, QuerySource};

record! {
    /// Asks for the checks in a state.
    pub struct ChecksInStateRequest {
        datacenter: String = "Datacenter",
        node_meta_filters: Dict<String> = "NodeMetaFilters",
        /// `passing warning critical any`.
        state: String = "State",
        source: QuerySource = "Source",
        peer_name: String = "PeerName",
        #flatten options: QueryOptions,
    }
}

record! {
    /// Checks.
    pub struct IndexedHealthChecks {
        health_checks: List<Arc<HealthCheck>> = "HealthChecks",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// An instance with its node and the checks of both, as it travels. The rows are shared with whoever holds them.
    pub struct CheckServiceNode {
        node: Option<Arc<Node>> = "Node",
        service: Option<Arc<NodeService>> = "Service",
        checks: List<Arc<HealthCheck>> = "Checks",
    }
}

impl From<&model::CheckServiceNode> for CheckServiceNode {
    fn from(row: &model::CheckServiceNode) -> Self {
        CheckServiceNode {
            node: Some(Arc::clone(&row.node)),
            service: Some(Arc::clone(&row.service)),
            checks: row.checks.iter().cloned().collect(),
        }
    }
}

impl From<CheckServiceNode> for model::CheckServiceNode {
    /// What a sender left out becomes empty.
    fn from(row: CheckServiceNode) -> Self {
        model::CheckServiceNode {
            node: row.node.unwrap_or_default(),
            service: row.service.unwrap_or_default(),
            checks: row.checks.into_vec(),
        }
    }
}

record! {
    /// Instances with their checks.
    pub struct IndexedCheckServiceNodes {
        nodes: List<CheckServiceNode> = "Nodes",
        #flatten meta: QueryMeta,
    }
}
