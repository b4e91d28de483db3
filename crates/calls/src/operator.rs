//! `Operator.*`.

use crate::ask::{Asked, Origin, Out, Request, decode, duration, nanos, read_options};
use crate::reply::{answered, meta};
use crate::row::{Change, Failure, Handler, ReadRow, WriteRow};
use dialect::msgpack::{self, Error};
use dialect::{Any, Dict, DurText, GoTime};
use model::AutopilotConfig;
use ports::{
    Answered, AutopilotState, Consistency, Data, Query, RaftPeer, Read, ReadOptions, ServerHealth,
    Write,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wire::command::AutopilotSetConfigRequest;
use wire::rpc::{
    AutopilotHealth, AutopilotHealthReply, AutopilotServer, AutopilotServerHealth,
    AutopilotServerState, AutopilotServerStats, DcSpecificRequest, Empty, OperatorUsageRequest,
    QueryMeta, RaftConfigurationResponse, RaftRemovePeerRequest, RaftServer, ServiceUsage,
    UsageResponse,
};

/// Kinds of instances that are counted, as the wire and as the tables call them.
const KINDS: [(&str, &str); 6] = [
    ("api-gateway", "kind:api-gateway"),
    ("connect-native", "connect_native"),
    ("connect-proxy", "kind:connect-proxy"),
    ("ingress-gateway", "kind:ingress-gateway"),
    ("mesh-gateway", "kind:mesh-gateway"),
    ("terminating-gateway", "kind:terminating-gateway"),
];
/// Raft protocol of every server of this version.
const RAFT_VERSION: i64 = 3;
/// Statuses of members by the number they have on the wire.
const SERF_STATUS: [&str; 5] = ["none", "alive", "leaving", "left", "failed"];

/// A request without arguments but the options.
fn ask_dc(method: &'static str, from: &Origin<'_>, datacenter: &str, stale: bool) -> Request {
    let options = ReadOptions {
        consistency: if stale {
            Consistency::Stale
        } else {
            Consistency::Default
        },
        ..ReadOptions::default()
    };
    let request = DcSpecificRequest {
        datacenter: from.datacenter(datacenter),
        options: from.options(&options),
        ..DcSpecificRequest::default()
    };
    Request::new(method, &request)
}

/// `Operator.AutopilotGetConfiguration`: the configuration alone.
pub(crate) static AUTOPILOT_GET: Handler = |served, body, peer| {
    Box::pin(async move {
        let request: DcSpecificRequest = decode(&body)?;
        let caller = peer.with(&request.options.token);
        let mut query = Query::new(Read::AutopilotConfig);
        served
            .datacenter(&request.datacenter)
            .clone_into(&mut query.datacenter);
        let options = ReadOptions {
            min_index: 0,
            ..read_options(&request.options)
        };
        let found = served.rpc.read(&caller, query, options).await?;
        match &found.answer.data {
            Data::AutopilotConfig(Some(config)) => Ok(msgpack::to_bytes(&**config)),
            _ => Err(Failure::Method(
                wire::errors::AUTOPILOT_UNINITIALISED.to_owned(),
            )),
        }
    })
};

pub(crate) fn ask_autopilot_config(out: &Out<'_>) -> Request {
    Request::new("Operator.AutopilotGetConfiguration", &out.dc())
}

pub(crate) fn autopilot_config(body: &[u8]) -> Result<Answered, Error> {
    let config: AutopilotConfig = decode(body)?;
    // The reply says nothing of itself.
    let meta = QueryMeta {
        index: config.indexes.modify_index,
        known_leader: true,
        ..QueryMeta::default()
    };
    Ok(answered(
        Data::AutopilotConfig(Some(Arc::new(config))),
        &meta,
    ))
}

pub(crate) static AUTOPILOT_SET: WriteRow = WriteRow {
    name: "Operator.AutopilotSetConfiguration",
    decode: |body| {
        let request: AutopilotSetConfigRequest = decode(body)?;
        Ok(Change {
            token: request.token,
            datacenter: request.datacenter,
            write: Write::AutopilotSet {
                config: Box::new(request.config),
                cas: request.cas,
            },
            said: crate::kvs::said_whether,
        })
    },
};

pub(crate) fn ask_autopilot_set(
    from: &Origin<'_>,
    datacenter: &str,
    config: AutopilotConfig,
    cas: bool,
) -> (Request, crate::ask::Outcomes) {
    let request = AutopilotSetConfigRequest {
        datacenter: from.datacenter(datacenter),
        config,
        cas,
        token: from.token.to_owned(),
    };
    let outcomes: crate::ask::Outcomes = if cas {
        crate::kvs::whether
    } else {
        |body| decode::<bool>(body).map(|_| wire::Outcome::Nil)
    };
    (Request::new(AUTOPILOT_SET.name, &request), outcomes)
}

pub(crate) static USAGE: ReadRow = ReadRow {
    name: "Operator.Usage",
    decode: |body| {
        let request: OperatorUsageRequest = decode(body)?;
        Ok(Asked::new(Read::Usage, request.datacenter, request.options))
    },
    reply: |query, answered| {
        let none = BTreeMap::new();
        let counters = match &answered.answer.data {
            Data::Usage(counters) => counters,
            _ => &none,
        };
        let count = |name: &str| {
            let counted = counters.get(name).copied().unwrap_or_default();
            i64::try_from(counted).unwrap_or(i64::MAX)
        };
        let usage = ServiceUsage {
            services: count("service_names"),
            service_instances: count("services"),
            connect_service_instances: KINDS
                .iter()
                .map(|(kind, name)| (*kind, count(name)))
                .collect(),
            billable_service_instances: count("billable_services"),
            nodes: count("nodes"),
        };
        msgpack::to_vec(&UsageResponse {
            usage: [(query.datacenter.clone(), usage)].into(),
            meta: meta(answered),
        })
    },
};

pub(crate) fn ask_usage(out: &Out<'_>) -> Request {
    let request = OperatorUsageRequest {
        datacenter: out.datacenter(),
        options: out.options(),
        ..OperatorUsageRequest::default()
    };
    Request::new(USAGE.name, &request)
}

pub(crate) fn usage(body: &[u8]) -> Result<Answered, Error> {
    let reply: UsageResponse = decode(body)?;
    let mut counters = BTreeMap::new();
    // Without `Global` it tells of one datacenter.
    if let Some((_, usage)) = reply.usage.iter().next() {
        let kinds = KINDS.iter().map(|(kind, name)| {
            let counted = usage.connect_service_instances.get(kind);
            (*name, counted.copied().unwrap_or_default())
        });
        let plain = [
            ("service_names", usage.services),
            ("services", usage.service_instances),
            ("billable_services", usage.billable_service_instances),
            ("nodes", usage.nodes),
        ];
        for (name, counted) in plain.into_iter().chain(kinds) {
            counters.insert(name.to_owned(), u64::try_from(counted).unwrap_or_default());
        }
    }
    Ok(answered(Data::Usage(counters), &reply.meta))
}

/// `Operator.RaftGetConfiguration`
pub(crate) static RAFT_GET: Handler = |served, body, peer| {
    Box::pin(async move {
        let request: DcSpecificRequest = decode(&body)?;
        let caller = peer.with(&request.options.token);
        let datacenter = served.datacenter(&request.datacenter);
        let stale = request.options.allow_stale;
        let found = served
            .operator
            .raft_configuration(&caller, datacenter, stale)
            .await?;
        let servers = found.into_iter().map(|server| RaftServer {
            id: server.id,
            node: server.node,
            address: server.address,
            leader: server.leader,
            protocol_version: server.protocol_version,
            voter: server.voter,
            last_index: server.last_index,
        });
        Ok(msgpack::to_bytes(&RaftConfigurationResponse {
            servers: servers.collect(),
            index: 0,
        }))
    })
};

pub(crate) fn ask_raft(from: &Origin<'_>, datacenter: &str, stale: bool) -> Request {
    ask_dc("Operator.RaftGetConfiguration", from, datacenter, stale)
}

pub(crate) fn raft(body: &[u8]) -> Result<Vec<ports::RaftServer>, Error> {
    let reply: RaftConfigurationResponse = decode(body)?;
    let servers = reply.servers.into_iter().map(|server| ports::RaftServer {
        id: server.id,
        node: server.node,
        address: server.address,
        leader: server.leader,
        protocol_version: server.protocol_version,
        voter: server.voter,
        last_index: server.last_index,
    });
    Ok(servers.collect())
}

/// `Operator.RaftRemovePeerByAddress`
pub(crate) static RAFT_REMOVE_BY_ADDRESS: Handler = |served, body, peer| {
    Box::pin(async move {
        let mut request: RaftRemovePeerRequest = decode(&body)?;
        let named = RaftPeer::Address(std::mem::take(&mut request.address));
        remove(&served, &request, peer, named).await
    })
};

/// `Operator.RaftRemovePeerByID`
pub(crate) static RAFT_REMOVE_BY_ID: Handler = |served, body, peer| {
    Box::pin(async move {
        let mut request: RaftRemovePeerRequest = decode(&body)?;
        let named = RaftPeer::Id(std::mem::take(&mut request.id));
        remove(&served, &request, peer, named).await
    })
};

async fn remove(
    served: &crate::row::Served,
    request: &RaftRemovePeerRequest,
    peer: crate::row::Peer,
    named: RaftPeer,
) -> Result<bytes::Bytes, Failure> {
    let caller = peer.with(&request.token);
    let datacenter = served.datacenter(&request.datacenter);
    served
        .operator
        .raft_remove_peer(&caller, datacenter, named)
        .await?;
    Ok(msgpack::to_bytes(&Empty {}))
}

pub(crate) fn ask_raft_remove(from: &Origin<'_>, datacenter: &str, peer: RaftPeer) -> Request {
    let mut request = RaftRemovePeerRequest {
        datacenter: from.datacenter(datacenter),
        token: from.token.to_owned(),
        ..RaftRemovePeerRequest::default()
    };
    let method = match peer {
        RaftPeer::Id(id) => {
            request.id = id;
            "Operator.RaftRemovePeerByID"
        }
        RaftPeer::Address(address) => {
            request.address = address;
            "Operator.RaftRemovePeerByAddress"
        }
    };
    Request::new(method, &request)
}

/// `Operator.ServerHealth`
pub(crate) static SERVER_HEALTH: Handler = |served, body, peer| {
    Box::pin(async move {
        let state = autopilot_now(&served, &body, peer).await?;
        let servers = state
            .servers
            .into_iter()
            .map(|server| AutopilotServerHealth {
                serf_status: SERF_STATUS
                    .iter()
                    .position(|name| *name == server.serf_status)
                    .and_then(|number| i64::try_from(number).ok())
                    .unwrap_or_default(),
                last_contact: DurText(nanos(server.last_contact).0),
                stable_since: GoTime::from(server.stable_since).local(),
                id: server.id,
                name: server.name,
                address: server.address,
                version: server.version,
                leader: server.leader,
                last_term: server.last_term,
                last_index: server.last_index,
                healthy: server.healthy,
                voter: server.voter,
            });
        Ok(msgpack::to_bytes(&AutopilotHealthReply {
            healthy: state.healthy,
            failure_tolerance: i64::try_from(state.failure_tolerance).unwrap_or(i64::MAX),
            servers: servers.collect(),
        }))
    })
};

async fn autopilot_now(
    served: &crate::row::Served,
    body: &[u8],
    peer: crate::row::Peer,
) -> Result<AutopilotState, Failure> {
    let request: DcSpecificRequest = decode(body)?;
    let caller = peer.with(&request.options.token);
    let datacenter = served.datacenter(&request.datacenter);
    Ok(served.operator.autopilot(&caller, datacenter).await?)
}

/// `Operator.AutopilotState`
pub(crate) static AUTOPILOT_STATE: Handler = |served, body, peer| {
    Box::pin(async move {
        let state = autopilot_now(&served, &body, peer).await?;
        if state.servers.is_empty() {
            return Err(Failure::Method("no state found".to_owned()));
        }
        let leader = state.servers.iter().find(|server| server.leader);
        let voters = state.servers.iter().filter(|server| server.voter);
        Ok(msgpack::to_bytes(&wire::rpc::AutopilotState {
            healthy: state.healthy,
            failure_tolerance: i64::try_from(state.failure_tolerance).unwrap_or(i64::MAX),
            leader: leader.map(|server| server.id.clone()).unwrap_or_default(),
            voters: voters.map(|server| server.id.clone()).collect(),
            servers: state
                .servers
                .into_iter()
                .map(|server| (server.id.clone(), server_state(server)))
                .collect(),
            ext: Any::default(),
        }))
    })
};

fn server_state(server: ServerHealth) -> AutopilotServerState {
    AutopilotServerState {
        state: match (server.leader, server.voter) {
            (true, _) => "leader",
            (false, true) => "voter",
            (false, false) => "non-voter",
        }
        .to_owned(),
        stats: AutopilotServerStats {
            last_contact: nanos(server.last_contact),
            last_term: server.last_term,
            last_index: server.last_index,
        },
        health: AutopilotHealth {
            healthy: server.healthy,
            stable_since: GoTime::from(server.stable_since).local(),
        },
        server: AutopilotServer {
            id: server.id,
            name: server.name,
            address: server.address,
            node_status: server.serf_status,
            version: server.version,
            meta: Dict::from(server.meta.into_iter().collect::<BTreeMap<_, _>>()),
            raft_version: RAFT_VERSION,
            is_leader: server.leader,
            node_type: "voter".to_owned(),
            ext: Any::default(),
        },
    }
}

/// Asks for what autopilot knows, in the form that tells of metadata too.
pub(crate) fn ask_autopilot(from: &Origin<'_>, datacenter: &str) -> Request {
    ask_dc("Operator.AutopilotState", from, datacenter, false)
}

pub(crate) fn autopilot(body: &[u8]) -> Result<AutopilotState, Error> {
    let reply: wire::rpc::AutopilotState = decode(body)?;
    let servers = reply.servers.iter().map(|(_, known)| ServerHealth {
        id: known.server.id.clone(),
        name: known.server.name.clone(),
        address: known.server.address.clone(),
        serf_status: known.server.node_status.clone(),
        version: known.server.version.clone(),
        leader: known.server.is_leader,
        last_contact: duration(known.stats.last_contact),
        last_term: known.stats.last_term,
        last_index: known.stats.last_index,
        healthy: known.health.healthy,
        voter: matches!(&*known.state, "leader" | "voter"),
        stable_since: moment(known.health.stable_since),
        meta: known
            .server
            .meta
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    });
    Ok(AutopilotState {
        healthy: reply.healthy,
        failure_tolerance: u64::try_from(reply.failure_tolerance).unwrap_or_default(),
        servers: servers.collect(),
    })
}

/// What was before 1970 is 1970.
fn moment(time: GoTime) -> SystemTime {
    let nanos = u64::try_from(time.unix_nanos()).unwrap_or_default();
    UNIX_EPOCH + Duration::from_nanos(nanos)
}
