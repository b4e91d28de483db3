//! One run of a query: root in, rows out; then the filter, then the order by distance (spec/server.md §5.2).

use crate::group::Group;
use crate::view::View;
use bytes::Bytes;
use model::{
    CheckServiceNode, Coordinate, HealthCheck, NetCoord, Node, NodeDump, NodeService, ServiceNode,
    status,
};
use ports::filter::{self, Filter};
use ports::{Answer, Data, HealthFilter, Query, Read, RpcError, Via};
use state::{Provider, ReadResult, Root, WatchSet};
use std::borrow::Cow;
use std::collections::BTreeMap;
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

    fn of(query: &Query) -> Result<Self, RpcError> {
        fn build<T>(
            text: &str,
            schema: &'static filter::Schema<T>,
            wrap: fn(Filter<T>) -> Compiled,
        ) -> Result<Compiled, RpcError> {
            let compiled = filter::compile(text, schema).map_err(RpcError::Refused)?;
            Ok(compiled.map_or(Compiled::None, wrap))
        }
        let text = &*query.filter;
        match &query.read {
            Read::Nodes => build(text, &filter::NODE, Self::Node),
            Read::Services | Read::ServiceNodes { .. } => {
                build(text, &filter::SERVICE_NODE, Self::ServiceNode)
            }
            Read::NodeServices { .. } => build(text, &filter::NODE_SERVICE, Self::NodeService),
            Read::NodeChecks { .. } | Read::ServiceChecks { .. } | Read::ChecksInState { .. } => {
                build(text, &filter::HEALTH_CHECK, Self::Check)
            }
            Read::ServiceHealth { .. } | Read::ServiceDump { .. } => {
                build(text, &filter::CHECK_SERVICE_NODE, Self::Health)
            }
            Read::NodeDump { .. } => build(text, &filter::NODE_DUMP, Self::Dump),
            _ => Ok(Self::None),
        }
    }
}

/// Runs a group's query on a view. Says as well on which keys the answer depends.
pub(crate) fn run(view: &View, group: &Group) -> Result<(Ran, WatchSet), RpcError> {
    let compiled = match group.compiled.get() {
        Some(compiled) => compiled,
        None => {
            let compiled = Box::new(Compiled::of(&group.query)?);
            group.compiled.get_or_init(|| compiled)
        }
    };
    let (result, missing) = read(&view.root, &group.query, compiled)?;
    let mut data = result.rows;
    if !group.query.near.is_empty() {
        sort_by_distance(&view.root, &group.query.near, &mut data);
    }
    let answer = Arc::new(Answer::new(result.index, data, false));
    Ok((
        Ran {
            answer,
            seq: view.seq,
            epoch: view.epoch,
            missing,
        },
        result.watch,
    ))
}

/// One key without any group around it.
pub(crate) fn kv_get(view: &View, key: &[u8]) -> Ran {
    let result = view.root.kv_get(key);
    let missing = result.rows.is_none();
    let answer = Arc::new(Answer::new(result.index, Data::KvEntry(result.rows), false));
    Ran {
        answer,
        seq: view.seq,
        epoch: view.epoch,
        missing,
    }
}

/// Whether an answer no row of which was touched would come out of a run on `view` as it is, index included: some indexes
/// move with rows that an answer does not show (spec/server.md §5.3). May be wrong in one direction only: a needless `false`.
pub(crate) fn still_current(view: &View, query: &Query, ran: &Ran) -> bool {
    if ran.epoch != view.epoch
        || !query.near.is_empty()
        || !query.node_meta.is_empty()
        || !query.peer.is_empty()
    {
        return false;
    }
    let index = |name: &str| view.root.index(name).max(1) == ran.answer.index;
    let folded = |before: &str, name: &str| {
        let entry = view.root.index(&format!("{before}{}", model::folded(name)));
        entry != 0 && entry == ran.answer.index
    };
    match &query.read {
        Read::KvGet { .. } => !ran.missing,
        // Only reaping moves these without touching a key; a result without rows may tell the index of the whole table.
        Read::KvList { .. } | Read::KvKeys { .. } => {
            let found = match &ran.answer.data {
                Data::KvEntries(rows) => !rows.is_empty(),
                Data::Keys(rows) => !rows.is_empty(),
                _ => false,
            };
            found && ran.seq >= view.reaped
        }
        Read::SessionGet { .. } | Read::SessionsOfNode { .. } | Read::Sessions => index("sessions"),
        Read::Nodes => index("peer.~:nodes"),
        // A filter sees nodes too, whose changes touch no list of services.
        Read::Services => query.filter.is_empty() && index("peer.~:services"),
        Read::ServiceNames => index("peer.~:services"),
        Read::ServiceNodes {
            name,
            connect: false,
            ..
        }
        | Read::ServiceHealth {
            name,
            via: Via::Name,
            ..
        } => folded("peer.~:service.", name),
        Read::NodeServices { node } => folded("peer.~:node.", node),
        Read::NodeChecks { .. } | Read::ServiceChecks { .. } | Read::ChecksInState { .. } => {
            index("peer.~:checks")
        }
        Read::Coordinates | Read::CoordinatesOfNode { .. } => index("coordinates"),
        Read::PreparedQueries | Read::PreparedQuery { .. } => index("prepared-queries"),
        // Every change of these touches the answer.
        Read::AutopilotConfig | Read::CaRoots => true,
        Read::ServiceNodes { .. }
        | Read::ServiceHealth { .. }
        | Read::NodeDump { .. }
        | Read::ServiceDump { .. }
        | Read::Usage => false,
    }
}

/// A session's ID as it is stored: UUIDs are looked up whatever their case.
pub(crate) fn session_id(id: &str) -> Cow<'_, str> {
    if state::is_uuid(id) {
        model::folded(id)
    } else {
        Cow::Borrowed(id)
    }
}

type Rows = Result<(ReadResult<Data>, bool), RpcError>;

fn found(result: ReadResult<Data>) -> Rows {
    Ok((result, false))
}

fn read(root: &Root, query: &Query, compiled: &Compiled) -> Rows {
    let (peer, meta) = (&*query.peer, &*query.node_meta);
    match &query.read {
        Read::KvGet { key } => {
            let result = root.kv_get(key);
            let missing = result.rows.is_none();
            Ok((result.map(Data::KvEntry), missing))
        }
        Read::KvList { prefix } => found(root.kv_list(prefix).map(Data::KvEntries)),
        Read::KvKeys { prefix, separator } => {
            let keys = root.kv_keys(prefix, separator);
            found(keys.map(|keys| {
                Data::Keys(keys.iter().map(|key| Bytes::copy_from_slice(key)).collect())
            }))
        }
        Read::SessionGet { id } => {
            let result = root.session(&session_id(id));
            let missing = result.rows.is_none();
            Ok((
                result.map(|row| Data::Sessions(row.into_iter().collect())),
                missing,
            ))
        }
        Read::SessionsOfNode { node } => found(root.node_sessions(node).map(Data::Sessions)),
        Read::Sessions => found(root.sessions().map(Data::Sessions)),
        Read::Nodes => found(root.nodes(peer, meta).map(|mut rows| {
            if let Compiled::Node(filter) = compiled {
                rows.retain(|row| filter.matches(row));
            }
            Data::Nodes(rows)
        })),
        Read::Services => found(services(root, query, compiled)),
        Read::ServiceNames => found(root.service_names(peer).map(Data::ServiceNames)),
        Read::ServiceNodes {
            name,
            tags,
            connect,
            address,
        } => found(
            root.service_nodes(peer, name, tags, meta, *connect)
                .map(|rows| {
                    let wanted = |row: &state::Instance| {
                        (address.is_empty()
                            || state::effective_address(&row.node, &row.service) == address)
                            && match compiled {
                                Compiled::ServiceNode(filter) => {
                                    filter.matches(&ServiceNode::join(&row.node, &row.service))
                                }
                                _ => true,
                            }
                    };
                    Data::ServiceNodes(
                        rows.into_iter()
                            .filter(wanted)
                            .map(|row| (row.node, row.service))
                            .collect(),
                    )
                }),
        ),
        Read::NodeServices { node } => found(root.node_services(peer, node).map(|found| {
            Data::NodeServices(found.map(|mut found| {
                if let Compiled::NodeService(filter) = compiled {
                    found.services.retain(|row| filter.matches(row));
                }
                (found.node, found.services)
            }))
        })),
        Read::NodeChecks { node } => found(checks(root.node_checks(peer, node), compiled)),
        Read::ServiceChecks { name } => {
            found(checks(root.service_checks(peer, name, meta), compiled))
        }
        Read::ChecksInState { state } => {
            found(checks(root.checks_in_state(peer, state, meta), compiled))
        }
        Read::ServiceHealth {
            name,
            tags,
            passing,
            via,
        } => {
            let via = match via {
                Via::Name => Provider::Name,
                Via::Connect => Provider::Connect,
                Via::Ingress => Provider::Ingress,
            };
            found(health(
                root.service_health(peer, name, via, tags, meta),
                *passing,
                compiled,
            ))
        }
        Read::NodeDump { node } => found(root.node_dump(peer, node.as_deref()).map(|mut rows| {
            if let Compiled::Dump(filter) = compiled {
                rows.retain(|row| filter.matches(row));
            }
            Data::NodeDump(rows)
        })),
        Read::ServiceDump { kind } => found(health(
            root.service_dump(peer, kind.as_deref()),
            HealthFilter::All,
            compiled,
        )),
        Read::Coordinates => found(root.coordinates().map(Data::Coordinates)),
        Read::CoordinatesOfNode { node } => {
            found(root.node_coordinates(node).map(Data::Coordinates))
        }
        Read::PreparedQueries => found(root.prepared_queries().map(Data::PreparedQueries)),
        Read::PreparedQuery { id } => {
            if id.len() != 36 {
                return Err(RpcError::refused(crate::text::QUERY_ID_LENGTH));
            }
            found(
                root.prepared_query(id)
                    .map(|row| Data::PreparedQueries(row.into_iter().collect())),
            )
        }
        Read::AutopilotConfig => found(root.autopilot().map(Data::AutopilotConfig)),
        Read::Usage => found(root.usage().map(|usage| Data::Usage(counters(&usage)))),
        Read::CaRoots => found(ca_roots(root)?),
    }
}

/// The index is that of whichever changed last, configuration or roots.
fn ca_roots(root: &Root) -> Result<ReadResult<Data>, RpcError> {
    let config = root.ca_config();
    let roots = root.ca_roots();
    // The configuration is written first: without roots the authority is still being made.
    let Some(stored) = config.rows.filter(|_| !roots.rows.is_empty()) else {
        return Err(RpcError::refused(crate::text::CA_UNINITIALISED));
    };
    let index = roots.index.max(config.index);
    let mut result = roots.map(|roots| Data::CaRoots {
        trust_domain: format!("{}.consul", stored.cluster_id.to_lowercase()),
        roots,
    });
    result.index = index;
    result.watch.extend(config.watch);
    Ok(result)
}

fn checks(result: ReadResult<Vec<Arc<HealthCheck>>>, compiled: &Compiled) -> ReadResult<Data> {
    result.map(|mut rows| {
        if let Compiled::Check(filter) = compiled {
            rows.retain(|row| filter.matches(row));
        }
        Data::Checks(rows)
    })
}

fn health(
    result: ReadResult<Vec<CheckServiceNode>>,
    passing: HealthFilter,
    compiled: &Compiled,
) -> ReadResult<Data> {
    result.map(|mut rows| {
        match passing {
            HealthFilter::All => {}
            HealthFilter::NotCritical => rows.retain(|row| {
                row.checks
                    .iter()
                    .all(|check| check.status != status::CRITICAL)
            }),
            HealthFilter::Passing => rows.retain(|row| {
                row.checks
                    .iter()
                    .all(|check| check.status == status::PASSING)
            }),
        }
        if let Compiled::Health(filter) = compiled {
            rows.retain(|row| filter.matches(row));
        }
        Data::CheckServiceNodes(rows)
    })
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

fn counters(usage: &state::Usage) -> BTreeMap<String, u64> {
    let plain = [
        ("nodes", usage.nodes),
        ("services", usage.services),
        ("service_names", usage.service_names),
        ("billable_services", usage.billable_services),
        ("kvs", usage.kvs),
        ("connect_native", usage.connect_native),
    ];
    let kinds = usage
        .kinds
        .iter()
        .map(|(kind, count)| (format!("kind:{kind}"), *count));
    plain
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .chain(kinds)
        .collect()
}

/// Sorts rows by the round-trip time of their node from `near`; unknown ones keep their order at the end. Without a
/// coordinate of `near` nothing moves (spec/server.md §15).
pub(crate) fn sort_by_distance(root: &Root, near: &str, data: &mut Data) {
    let Some(mut distances) = Distances::from(root, near) else {
        return;
    };
    match data {
        Data::Nodes(rows) => distances.sort(rows, |row| &row.node),
        Data::ServiceNodes(rows) => distances.sort(rows, |row| &row.0.node),
        Data::Checks(rows) => distances.sort(rows, |row| &row.node),
        Data::CheckServiceNodes(rows) => distances.sort(rows, |row| &row.node.node),
        _ => {}
    }
}

/// Round-trip times from one node, each looked up once.
pub(crate) struct Distances<'a> {
    root: &'a Root,
    source: Vec<Arc<Coordinate>>,
    known: BTreeMap<String, f64>,
}

impl<'a> Distances<'a> {
    /// `None` when the node has no coordinate.
    pub(crate) fn from(root: &'a Root, near: &str) -> Option<Self> {
        let source = root.node_coordinates(near).rows;
        (!source.is_empty()).then(|| Self {
            root,
            source,
            known: BTreeMap::new(),
        })
    }

    fn to(&mut self, node: &str) -> f64 {
        if let Some(known) = self.known.get(node) {
            return *known;
        }
        let distance = distance(&self.source, &self.root.node_coordinates(node).rows);
        self.known.insert(node.to_owned(), distance);
        distance
    }

    pub(crate) fn sort<T>(&mut self, rows: &mut Vec<T>, node: impl Fn(&T) -> &str) {
        let mut keyed: Vec<(f64, T)> = rows
            .drain(..)
            .map(|row| (self.to(node(&row)), row))
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows.extend(keyed.into_iter().map(|(_, row)| row));
    }
}

/// Round-trip time between two nodes by their coordinates in a segment both have; infinite without one.
fn distance(a: &[Arc<Coordinate>], b: &[Arc<Coordinate>]) -> f64 {
    let mut segment = "";
    for set in [a, b] {
        if let [only] = set {
            segment = &only.segment;
        }
    }
    let find = |set: &[Arc<Coordinate>]| -> Option<NetCoord> {
        let row = set.iter().find(|c| c.segment == segment)?;
        row.coord
            .as_deref()
            .filter(|c| c.vec.len() == NetCoord::DIMENSION)
            .cloned()
    };
    match (find(a), find(b)) {
        (Some(a), Some(b)) => a.distance(&b),
        _ => f64::INFINITY,
    }
}
