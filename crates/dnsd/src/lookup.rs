//! From what a question needs to reads of the port, and from answers to rows.

use crate::config::{Config, seconds};
use crate::reverse;
use dns::{Need, Provider, QueryRows, Rows};
use ports::{
    Answer, Answered, Consistency, Data, Execute, Executed, HealthFilter, Query, Read, ReadOptions,
    RpcError, Via,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// The service of the servers themselves.
const SERVER_SERVICE: &str = "consul";
/// The tagged address that holds a virtual address.
const VIRTUAL_TAG: &str = "consul-virtual";

/// What the port said.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing was asked.
    Nothing,
    /// Rows of one read.
    Answer(Arc<Answer>),
    /// The row that has the address of a reverse lookup.
    Holder(Arc<Answer>, usize),
    /// Result of a prepared query.
    Query(Option<Executed>),
    /// The datacenter is not known.
    NoPath,
    /// The read failed.
    Failed,
}

impl Found {
    pub(crate) fn of(result: Result<Answered, RpcError>) -> Self {
        match result {
            Ok(answered) => Self::Answer(answered.answer),
            Err(RpcError::NoPath) => Self::NoPath,
            Err(_) => Self::Failed,
        }
    }

    pub(crate) fn of_query(result: Result<Executed, RpcError>) -> Self {
        match result {
            Ok(executed) => Self::Query(Some(executed)),
            Err(RpcError::NoPath) => Self::NoPath,
            // "Query not found", possibly with the words of a server that forwarded it.
            Err(error) if error.to_string().contains("Query not found") => Self::Query(None),
            Err(_) => Self::Failed,
        }
    }

    /// The rows as the reply reads them.
    pub(crate) fn rows<'a>(&'a self, need: &Need<'_>, service: &'a str) -> Rows<'a> {
        match (need, self) {
            (Need::Nothing, _) | (_, Self::Nothing) => Rows::None,
            (_, Self::NoPath) => Rows::NoPath,
            (_, Self::Failed) => Rows::Failed,
            (_, Self::Query(None)) => Rows::Query(None),
            (_, Self::Query(Some(executed))) => Rows::Query(Some(query_rows(executed, service))),
            (_, Self::Holder(answer, at)) => Rows::Holder(reverse::holder(&answer.data, *at)),
            (_, Self::Answer(answer)) => answer_rows(need, &answer.data),
        }
    }
}

fn query_rows<'a>(executed: &'a Executed, service: &'a str) -> QueryRows<'a> {
    let ttl = (!executed.dns_ttl.is_empty())
        .then(|| go_seconds(&executed.dns_ttl))
        .flatten();
    QueryRows {
        rows: &executed.rows,
        service,
        ttl,
        datacenter: &executed.datacenter,
    }
}

/// Whole seconds of a Go duration text such as `1m30s`.
fn go_seconds(text: &str) -> Option<u32> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let number_bytes = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_bytes);
        let unit_bytes = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_bytes);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * seconds;
        rest = tail;
    }
    Duration::try_from_secs_f64(total).ok().map(seconds)
}

fn answer_rows<'a>(need: &Need<'_>, data: &'a Data) -> Rows<'a> {
    match (need, data) {
        (Need::Health { .. } | Need::Servers, Data::CheckServiceNodes(rows)) => {
            Rows::Instances(rows)
        }
        (Need::Node { name, .. }, Data::NodeDump(nodes)) => {
            let named = nodes
                .iter()
                .map(|dump| &*dump.node)
                .find(|node| model::same_name(&node.node, name));
            Rows::Node(named)
        }
        (Need::Virtual { .. }, Data::CheckServiceNodes(rows)) => {
            let tagged = rows
                .iter()
                .find_map(|row| row.service.tagged_addresses.get(VIRTUAL_TAG));
            Rows::Virtual(tagged.and_then(|tagged| tagged.address.parse::<Ipv4Addr>().ok()))
        }
        _ => Rows::Failed,
    }
}

/// The read that answers a need; `None` if it takes none, or is no read.
pub(crate) fn query(need: &Need<'_>, config: &Config) -> Option<Query> {
    let health = |name: &str, tag: Option<&str>, via: Via| Read::ServiceHealth {
        name: name.to_owned(),
        tags: tag.map(str::to_owned).into_iter().collect(),
        passing: if config.policy.only_passing {
            HealthFilter::Passing
        } else {
            HealthFilter::NotCritical
        },
        via,
    };
    Some(match need {
        Need::Health {
            name,
            tag,
            provider,
            datacenter,
            peer,
        } => {
            let via = match provider {
                Provider::Name => Via::Name,
                Provider::Connect => Via::Connect,
                Provider::Ingress => Via::Ingress,
            };
            located(health(name, *tag, via), datacenter, peer)
        }
        Need::Servers => Query::new(health(SERVER_SERVICE, None, Via::Name)),
        Need::Node {
            name,
            datacenter,
            peer,
        } => located(
            Read::NodeDump {
                node: Some((*name).to_owned()),
            },
            datacenter,
            peer,
        ),
        Need::Virtual { name, peer } => {
            let read = Read::ServiceHealth {
                name: (*name).to_owned(),
                tags: Vec::new(),
                passing: HealthFilter::All,
                via: Via::Connect,
            };
            located(read, "", peer)
        }
        Need::Nothing
        | Need::Query { .. }
        | Need::Reverse(_)
        | Need::ReverseUnknown
        | Need::Recurse => return None,
    })
}

fn located(read: Read, datacenter: &str, peer: &str) -> Query {
    let mut query = Query::new(read);
    query.datacenter.push_str(datacenter);
    query.peer.push_str(peer);
    query
}

/// The reads of a reverse lookup: the first whose answer has the address decides.
pub(crate) fn holders() -> [Query; 2] {
    [
        Query::new(Read::Nodes),
        Query::new(Read::ServiceDump { kind: None }),
    ]
}

pub(crate) fn options(config: &Config) -> ReadOptions {
    let consistency = if config.stale {
        Consistency::Stale
    } else {
        Consistency::Default
    };
    ReadOptions {
        consistency,
        max_stale: config.max_stale,
        ..ReadOptions::default()
    }
}

/// The run of a prepared query for this client.
pub(crate) fn execution(name: &str, datacenter: &str, client: Option<IpAddr>) -> Execute {
    Execute {
        query: name.to_owned(),
        datacenter: datacenter.to_owned(),
        client,
        ..Execute::default()
    }
}

#[cfg(test)]
mod tests {
    use super::go_seconds;

    #[test]
    fn go_durations() {
        assert_eq!(go_seconds("17s"), Some(17));
        assert_eq!(go_seconds("1m30s"), Some(90));
        assert_eq!(go_seconds("1.5h"), Some(5400));
        assert_eq!(go_seconds("999ms"), Some(0));
        assert_eq!(go_seconds("0s"), Some(0));
        assert_eq!(
            (go_seconds("x"), go_seconds("5"), go_seconds("5d")),
            (None, None, None)
        );
    }
}
