//! `Health.*` (spec/server.md §4.2).

use super::{Found, ReadMethod, Standing};
use crate::ran::Compiled;
use model::{CheckServiceNode, HealthCheck, status};
use ports::{Data, HealthFilter, Query, RpcError, Via, filter};
use state::{Provider, ReadResult, Root};
use std::sync::Arc;

fn checks(result: ReadResult<Vec<Arc<HealthCheck>>>, filter: &Compiled) -> Found {
    let wanted = |mut rows: Vec<Arc<HealthCheck>>| {
        if let Compiled::Check(filter) = filter {
            rows.retain(|row| filter.matches(row));
        }
        Data::Checks(rows)
    };
    result.map(wanted).into()
}

/// Checks of one node or service or state: the same rows, filtered alike.
macro_rules! of_checks {
    ($method:ty) => {
        impl ReadMethod for $method {
            fn run(&self, root: &Root, query: &Query, by: &Compiled) -> Result<Found, RpcError> {
                Ok(checks(self.rows(root, query), by))
            }

            fn filter(&self, text: &str) -> Result<Compiled, RpcError> {
                Compiled::over(text, &filter::HEALTH_CHECK, Compiled::Check)
            }

            fn unmoved(&self, standing: &Standing<'_>) -> bool {
                standing.index("peer.~:checks")
            }
        }
    };
}

/// `Health.NodeChecks`
pub(super) struct NodeChecks<'a> {
    pub(super) node: &'a str,
}

impl NodeChecks<'_> {
    fn rows(&self, root: &Root, query: &Query) -> ReadResult<Vec<Arc<HealthCheck>>> {
        root.node_checks(&query.peer, self.node)
    }
}
of_checks!(NodeChecks<'_>);

/// `Health.ServiceChecks`
pub(super) struct ServiceChecks<'a> {
    pub(super) name: &'a str,
}

impl ServiceChecks<'_> {
    fn rows(&self, root: &Root, query: &Query) -> ReadResult<Vec<Arc<HealthCheck>>> {
        root.service_checks(&query.peer, self.name, &query.node_meta)
    }
}
of_checks!(ServiceChecks<'_>);

/// `Health.ChecksInState`
pub(super) struct ChecksInState<'a> {
    pub(super) state: &'a str,
}

impl ChecksInState<'_> {
    fn rows(&self, root: &Root, query: &Query) -> ReadResult<Vec<Arc<HealthCheck>>> {
        root.checks_in_state(&query.peer, self.state, &query.node_meta)
    }
}
of_checks!(ChecksInState<'_>);

/// `Health.ServiceNodes`
pub(super) struct ServiceNodes<'a> {
    pub(super) name: &'a str,
    pub(super) tags: &'a [String],
    pub(super) passing: HealthFilter,
    pub(super) via: Via,
}

impl ReadMethod for ServiceNodes<'_> {
    fn run(&self, root: &Root, query: &Query, filter: &Compiled) -> Result<Found, RpcError> {
        let via = match self.via {
            Via::Name => Provider::Name,
            Via::Connect => Provider::Connect,
            Via::Ingress => Provider::Ingress,
        };
        let result = root.service_health(&query.peer, self.name, via, self.tags, &query.node_meta);
        Ok(instances(result, self.passing, filter))
    }

    fn filter(&self, text: &str) -> Result<Compiled, RpcError> {
        Compiled::over(text, &filter::CHECK_SERVICE_NODE, Compiled::Health)
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        self.via == Via::Name && standing.entry("peer.~:service.", self.name)
    }
}

/// Instances with their checks, those that the health and the filter let through.
pub(super) fn instances(
    result: ReadResult<Vec<CheckServiceNode>>,
    passing: HealthFilter,
    filter: &Compiled,
) -> Found {
    let wanted = |mut rows: Vec<CheckServiceNode>| {
        let every = |row: &CheckServiceNode, fits: fn(&str) -> bool| {
            row.checks.iter().all(|check| fits(&check.status))
        };
        match passing {
            HealthFilter::All => {}
            HealthFilter::NotCritical => {
                rows.retain(|row| every(row, |is| is != status::CRITICAL));
            }
            HealthFilter::Passing => rows.retain(|row| every(row, |is| is == status::PASSING)),
        }
        if let Compiled::Health(filter) = filter {
            rows.retain(|row| filter.matches(row));
        }
        Data::CheckServiceNodes(rows)
    };
    result.map(wanted).into()
}
