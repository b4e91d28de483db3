//! `Internal.*`: what the UI asks for (spec/http-api.md §23).

use super::health::instances;
use super::{Found, ReadMethod};
use crate::ran::Compiled;
use ports::{Data, HealthFilter, Query, RpcError, filter};
use state::Root;

/// `Internal.NodeDump`, and with a name `Internal.NodeInfo`
pub(super) struct NodeDump<'a> {
    pub(super) node: Option<&'a str>,
}

impl ReadMethod for NodeDump<'_> {
    fn run(&self, root: &Root, query: &Query, filter: &Compiled) -> Result<Found, RpcError> {
        let wanted = |mut rows: Vec<_>| {
            if let Compiled::Dump(filter) = filter {
                rows.retain(|row| filter.matches(row));
            }
            Data::NodeDump(rows)
        };
        Ok(root.node_dump(&query.peer, self.node).map(wanted).into())
    }

    fn filter(&self, text: &str) -> Result<Compiled, RpcError> {
        Compiled::over(text, &filter::NODE_DUMP, Compiled::Dump)
    }
}

/// `Internal.ServiceDump`
pub(super) struct ServiceDump<'a> {
    pub(super) kind: Option<&'a str>,
}

impl ReadMethod for ServiceDump<'_> {
    fn run(&self, root: &Root, query: &Query, filter: &Compiled) -> Result<Found, RpcError> {
        let result = root.service_dump(&query.peer, self.kind);
        Ok(instances(result, HealthFilter::All, filter))
    }

    fn filter(&self, text: &str) -> Result<Compiled, RpcError> {
        Compiled::over(text, &filter::CHECK_SERVICE_NODE, Compiled::Health)
    }
}
