//! `Catalog.*` (spec/server.md §3.2, §3.12, §4.2).

mod register;

use super::{Found, ReadMethod, Standing};
use crate::ran::Compiled;
use model::{Node, ServiceNode};
use ports::{Data, Query, RpcError, filter};
use state::{ReadResult, Root};
use std::collections::BTreeMap;
use std::sync::Arc;
use telemetry::metrics::Metric;
use telemetry::{Metrics, names};

/// `Catalog.ListNodes`
pub(super) struct ListNodes;

impl ReadMethod for ListNodes {
    fn run(&self, root: &Root, query: &Query, filter: &Compiled) -> Result<Found, RpcError> {
        let wanted = |mut rows: Vec<Arc<Node>>| {
            if let Compiled::Node(filter) = filter {
                rows.retain(|row| filter.matches(row));
            }
            Data::Nodes(rows)
        };
        Ok(root.nodes(&query.peer, &query.node_meta).map(wanted).into())
    }

    fn filter(&self, text: &str) -> Result<Compiled, RpcError> {
        Compiled::over(text, &filter::NODE, Compiled::Node)
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.index("peer.~:nodes")
    }
}

/// `Catalog.ListServices`
pub(super) struct ListServices;

impl ReadMethod for ListServices {
    fn run(&self, root: &Root, query: &Query, filter: &Compiled) -> Result<Found, RpcError> {
        Ok(services(root, query, filter).into())
    }

    fn filter(&self, text: &str) -> Result<Compiled, RpcError> {
        Compiled::over(text, &filter::SERVICE_NODE, Compiled::ServiceNode)
    }

    /// A filter sees nodes too, whose changes touch no list of services.
    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        !standing.filtered && standing.index("peer.~:services")
    }
}

/// The list of services; a filter decides by instance, and the names and tags of those that stay remain.
fn services(root: &Root, query: &Query, compiled: &Compiled) -> ReadResult<Data> {
    let result = root.services(&query.peer, &query.node_meta);
    let Compiled::ServiceNode(filter) = compiled else {
        return result.map(|rows| {
            Data::Services(
                rows.into_iter()
                    .map(|(name, tags)| (name, tags.into_iter().collect()))
                    .collect(),
            )
        });
    };
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in result.rows.keys() {
        for row in root
            .service_nodes(&query.peer, name, &[], &query.node_meta, false)
            .rows
        {
            if filter.matches(&ServiceNode::join(&row.node, &row.service)) {
                let tags = rows.entry(row.service.service.clone()).or_default();
                tags.extend(row.service.tags.iter().cloned());
            }
        }
    }
    for tags in rows.values_mut() {
        tags.sort_unstable();
        tags.dedup();
    }
    result.map(|_| Data::Services(rows))
}

/// `Catalog.ServiceList`
pub(super) struct ServiceList;

impl ReadMethod for ServiceList {
    fn run(&self, root: &Root, query: &Query, _: &Compiled) -> Result<Found, RpcError> {
        Ok(root
            .service_names(&query.peer)
            .map(Data::ServiceNames)
            .into())
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.index("peer.~:services")
    }
}

/// `Catalog.ServiceNodes`
pub(super) struct ServiceNodes<'a> {
    pub(super) name: &'a str,
    pub(super) tags: &'a [String],
    pub(super) connect: bool,
    pub(super) address: &'a str,
}

impl ReadMethod for ServiceNodes<'_> {
    fn run(&self, root: &Root, query: &Query, filter: &Compiled) -> Result<Found, RpcError> {
        let (peer, meta) = (&query.peer, &query.node_meta);
        let wanted = |row: &state::Instance| {
            (self.address.is_empty()
                || state::effective_address(&row.node, &row.service) == self.address)
                && match filter {
                    Compiled::ServiceNode(filter) => {
                        filter.matches(&ServiceNode::join(&row.node, &row.service))
                    }
                    _ => true,
                }
        };
        let result = root.service_nodes(peer, self.name, self.tags, meta, self.connect);
        let shown = |rows: Vec<state::Instance>| {
            let rows = rows.into_iter().filter(wanted);
            Data::ServiceNodes(rows.map(|row| (row.node, row.service)).collect())
        };
        Ok(result.map(shown).into())
    }

    fn filter(&self, text: &str) -> Result<Compiled, RpcError> {
        Compiled::over(text, &filter::SERVICE_NODE, Compiled::ServiceNode)
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        !self.connect && standing.entry("peer.~:service.", self.name)
    }

    fn count(&self, metrics: &Metrics) {
        let [plain, with_tag, with_tags] = if self.connect {
            [
                names::CATALOG_CONNECT_QUERY,
                names::CATALOG_CONNECT_QUERY_TAG,
                names::CATALOG_CONNECT_QUERY_TAGS,
            ]
        } else {
            [
                names::CATALOG_SERVICE_QUERY,
                names::CATALOG_SERVICE_QUERY_TAG,
                names::CATALOG_SERVICE_QUERY_TAGS,
            ]
        };
        metrics.incr_with(plain, &[self.name]);
        match self.tags {
            [] => {}
            [tag] => metrics.incr_with(with_tag, &[self.name, tag]),
            tags => metrics.incr_with(with_tags, &[self.name, &tags.join(",")]),
        }
    }

    fn misses(&self) -> Option<(Metric, &str)> {
        let metric = if self.connect {
            names::CATALOG_CONNECT_NOT_FOUND
        } else {
            names::CATALOG_SERVICE_NOT_FOUND
        };
        Some((metric, self.name))
    }
}

/// `Catalog.NodeServices`
pub(super) struct NodeServices<'a> {
    pub(super) node: &'a str,
}

impl ReadMethod for NodeServices<'_> {
    fn run(&self, root: &Root, query: &Query, filter: &Compiled) -> Result<Found, RpcError> {
        let result = root.node_services(&query.peer, self.node).map(|found| {
            Data::NodeServices(found.map(|mut found| {
                if let Compiled::NodeService(filter) = filter {
                    found.services.retain(|row| filter.matches(row));
                }
                (found.node, found.services)
            }))
        });
        Ok(result.into())
    }

    fn filter(&self, text: &str) -> Result<Compiled, RpcError> {
        Compiled::over(text, &filter::NODE_SERVICE, Compiled::NodeService)
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.entry("peer.~:node.", self.node)
    }
}
