//! What a run of a query leaves: its answer with where it was read, and the query's filter as it was compiled.

use model::{CheckServiceNode, HealthCheck, Node, NodeDump, NodeService, ServiceNode};
use ports::filter::{self, Filter};
use ports::{Answer, RpcError};
use std::sync::Arc;

/// A run's result as a group keeps it.
#[derive(Clone)]
pub(crate) struct Ran {
    pub(crate) answer: Arc<Answer>,
    /// Publication it was read from.
    pub(crate) seq: u64,
    /// Restores before that publication.
    pub(crate) epoch: u64,
    /// The one thing asked for does not exist.
    pub(crate) missing: bool,
}

/// A query's filter, compiled once for all its runs.
pub(crate) enum Compiled {
    None,
    Node(Filter<Node>),
    ServiceNode(Filter<ServiceNode>),
    NodeService(Filter<NodeService>),
    Check(Filter<HealthCheck>),
    Health(Filter<CheckServiceNode>),
    Dump(Filter<NodeDump>),
}

impl Compiled {
    /// Memory that the filter takes, estimated.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Node(filter) => filter.bytes(),
            Self::ServiceNode(filter) => filter.bytes(),
            Self::NodeService(filter) => filter.bytes(),
            Self::Check(filter) => filter.bytes(),
            Self::Health(filter) => filter.bytes(),
            Self::Dump(filter) => filter.bytes(),
        }
    }

    /// The filter over rows of one kind.
    pub(crate) fn over<T>(
        text: &str,
        schema: &'static filter::Schema<T>,
        wrap: fn(Filter<T>) -> Self,
    ) -> Result<Self, RpcError> {
        let compiled = filter::compile(text, schema).map_err(RpcError::Refused)?;
        Ok(compiled.map_or(Self::None, wrap))
    }
}
