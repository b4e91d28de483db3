//! `/v1/operator/*` (spec/http-api.md §21).

use super::json_body;
use crate::encode::{Embedded, list};
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, reading, uint};
use crate::reply::{Reply, consistency_name};
use crate::request::{Handled, Request, attempt};
use dialect::json::{Mode, Writer, from_slice_into};
use dialect::{DurText, GoTime, Readable, record};
use model::{AutopilotConfig, RaftIndex};
use ports::{Consistency, Data, Operator, RaftPeer, Read, ReadOptions, ServerHealth, Write};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use wire::Outcome;

record! {
    /// Body of an update. The official client says `null` where its user said nothing, which is a zero.
    pub struct AutopilotBody {
        cleanup_dead_servers: bool = "CleanupDeadServers",
        last_contact_threshold: Option<Readable> = "LastContactThreshold",
        max_trailing_logs: u64 = "MaxTrailingLogs",
        min_quorum: u64 = "MinQuorum",
        server_stabilization_time: Option<Readable> = "ServerStabilizationTime",
        redundancy_zone_tag: String = "RedundancyZoneTag",
        disable_upgrade_migration: bool = "DisableUpgradeMigration",
        upgrade_version_tag: String = "UpgradeVersionTag",
        #flatten indexes: RaftIndex,
    }
}

/// What a new cluster starts with, and what members left out of an update become.
fn factory_defaults() -> AutopilotBody {
    AutopilotBody {
        cleanup_dead_servers: true,
        last_contact_threshold: Some(Readable(200_000_000)),
        max_trailing_logs: 250,
        server_stabilization_time: Some(Readable(10_000_000_000)),
        ..AutopilotBody::default()
    }
}

impl From<AutopilotBody> for AutopilotConfig {
    fn from(body: AutopilotBody) -> Self {
        let length = |told: Option<Readable>| DurText(told.unwrap_or_default().0);
        Self {
            cleanup_dead_servers: body.cleanup_dead_servers,
            last_contact_threshold: length(body.last_contact_threshold),
            max_trailing_logs: body.max_trailing_logs,
            min_quorum: body.min_quorum,
            server_stabilization_time: length(body.server_stabilization_time),
            redundancy_zone_tag: body.redundancy_zone_tag,
            disable_upgrade_migration: body.disable_upgrade_migration,
            upgrade_version_tag: body.upgrade_version_tag,
            indexes: RaftIndex::default(),
        }
    }
}

/// The stored configuration.
pub(crate) fn autopilot_configuration(req: Request) -> Handled {
    let mut reading = attempt!(reading(&req));
    // Never blocks.
    reading.options = ReadOptions {
        consistency: reading.options.consistency,
        ..ReadOptions::default()
    };
    Ask::new(req, reading, Read::AutopilotConfig, MetaOn::Success).then(|view, answered| {
        match &answered.answer.data {
            Data::AutopilotConfig(Some(config)) => Ok(view.shape.value(config.as_ref())),
            _ => Err(Fault::internal(wire::errors::AUTOPILOT_UNINITIALISED)),
        }
    })
}

/// Replaces the configuration.
pub(crate) fn set_autopilot_configuration(req: Request) -> Handled {
    let datacenter = req.datacenter();
    let asked = req.params.get("cas").map(str::to_owned);
    let Request {
        door,
        caller,
        shape,
        body,
        ..
    } = req;
    Handled::later(async move {
        let body = json_body(body).await?;
        let mut asked_for = factory_defaults();
        from_slice_into(&mut asked_for, &body, Mode::Strict)
            .map_err(|error| Fault::bad(format!("Error parsing autopilot config: {error}")))?;
        let mut config = Box::new(AutopilotConfig::from(asked_for));
        let cas = asked.is_some();
        if let Some(index) = asked {
            config.indexes.modify_index = uint(&index)
                .map_err(|error| Fault::bad(format!("Error parsing cas value: {error}")))?;
        }
        let outcome = door
            .ports
            .rpc
            .write(&caller, &datacenter, Write::AutopilotSet { config, cas })
            .await?;
        Ok(shape.bool(outcome != Outcome::Bool(false)))
    })
}

fn port(req: &Request) -> Result<Arc<dyn Operator>, Fault> {
    req.door
        .ports
        .operator
        .clone()
        .ok_or_else(|| Fault::internal("Operator endpoints are not served by this agent"))
}

/// The members of the raft configuration.
pub(crate) fn raft_configuration(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let operator = attempt!(port(&req));
    let stale = reading.options.consistency == Consistency::Stale;
    let Request { caller, shape, .. } = req;
    Handled::later(async move {
        let servers = operator
            .raft_configuration(&caller, &reading.datacenter, stale)
            .await?;
        Ok(shape.json(|w| {
            w.begin_object();
            w.key("Servers");
            list(w, &servers, |w, server| {
                w.begin_object();
                w.member("ID", &server.id);
                w.member("Node", &server.node);
                w.member("Address", &server.address);
                w.member("Leader", &server.leader);
                w.member("ProtocolVersion", &server.protocol_version);
                w.member("Voter", &server.voter);
                w.member("LastIndex", &server.last_index);
                w.end_object();
            });
            w.member("Index", &0u64);
            w.end_object();
        }))
    })
}

/// Removes a member.
pub(crate) fn raft_remove_peer(req: Request) -> Handled {
    let datacenter = req.datacenter();
    let peer = match (req.params.get("id"), req.params.get("address")) {
        (None, None) => {
            let text = "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove";
            return Fault::bad(text).into();
        }
        (Some(_), Some(_)) => return Fault::bad("Must specify only one of ?id or ?address").into(),
        (Some(id), None) => RaftPeer::Id(id.to_owned()),
        (None, Some(address)) => RaftPeer::Address(address.to_owned()),
    };
    let operator = attempt!(port(&req));
    let Request { caller, .. } = req;
    Handled::later(async move {
        operator
            .raft_remove_peer(&caller, &datacenter, peer)
            .await?;
        Ok(Reply::nothing())
    })
}

/// Hands leadership over.
pub(crate) fn raft_transfer_leader(req: Request) -> Handled {
    let id = req.params.text("id").to_owned();
    let operator = attempt!(port(&req));
    let Request { caller, shape, .. } = req;
    Handled::later(async move {
        operator.raft_transfer_leader(&caller, &id).await?;
        Ok(shape.json(|w| {
            w.begin_object();
            w.member("Success", &true);
            w.end_object();
        }))
    })
}

/// What autopilot thinks of the servers; 429 while the cluster is not healthy.
pub(crate) fn autopilot_health(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let operator = attempt!(port(&req));
    let Request { caller, shape, .. } = req;
    Handled::later(async move {
        let state = operator.autopilot(&caller, &reading.datacenter).await?;
        let reply = shape.json(|w| {
            w.begin_object();
            w.member("Healthy", &state.healthy);
            w.member("FailureTolerance", &state.failure_tolerance);
            w.key("Servers");
            if state.servers.is_empty() {
                w.null();
            } else {
                list(w, &state.servers, server_health);
            }
            w.end_object();
        });
        Ok(reply.with_status(if state.healthy { 200 } else { 429 }))
    })
}

fn server_health(w: &mut Writer<'_>, server: &ServerHealth) {
    w.begin_object();
    w.member("ID", &server.id);
    w.member("Name", &server.name);
    w.member("Address", &server.address);
    w.member("SerfStatus", &server.serf_status);
    w.member("Version", &server.version);
    w.member("Leader", &server.leader);
    w.member("LastContact", &duration(server.last_contact));
    w.member("LastTerm", &server.last_term);
    w.member("LastIndex", &server.last_index);
    w.member("Healthy", &server.healthy);
    w.member("Voter", &server.voter);
    w.member("StableSince", &seconds(server.stable_since));
    w.end_object();
}

/// The same in autopilot's own form.
pub(crate) fn autopilot_state(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let operator = attempt!(port(&req));
    let Request { caller, shape, .. } = req;
    Handled::later(async move {
        let state = operator.autopilot(&caller, &reading.datacenter).await?;
        if state.servers.is_empty() {
            return Err(Fault::internal(
                "Failed to get autopilot state: no state found",
            ));
        }
        let leader = state.servers.iter().find(|server| server.leader);
        Ok(shape.json(|w| {
            w.begin_object();
            w.member("Healthy", &state.healthy);
            w.member("FailureTolerance", &state.failure_tolerance);
            w.member("OptimisticFailureTolerance", &0u64);
            w.key("Servers");
            w.begin_object();
            let mut sorted: Vec<_> = state.servers.iter().collect();
            sorted.sort_by(|a, b| a.id.cmp(&b.id));
            for server in sorted {
                w.key_escaped(&server.id);
                server_state(w, server);
            }
            w.end_object();
            w.member("Leader", leader.map_or("", |server| &server.id));
            w.key("Voters");
            let voters = state.servers.iter().filter(|server| server.voter);
            list(w, voters, |w, server| w.str(&server.id));
            w.end_object();
        }))
    })
}

fn server_state(w: &mut Writer<'_>, server: &ServerHealth) {
    let status = match (server.leader, server.voter) {
        (true, _) => "leader",
        (false, true) => "voter",
        (false, false) => "non-voter",
    };
    w.begin_object();
    w.member("ID", &server.id);
    w.member("Name", &server.name);
    w.member("Address", &server.address);
    w.member("NodeStatus", &server.serf_status);
    w.member("Version", &server.version);
    w.member("LastContact", &duration(server.last_contact));
    w.member("LastTerm", &server.last_term);
    w.member("LastIndex", &server.last_index);
    w.member("Healthy", &server.healthy);
    w.member("StableSince", &seconds(server.stable_since));
    w.member("ReadReplica", &false);
    w.member("Status", status);
    w.key("Meta");
    w.begin_object();
    for (key, value) in &server.meta {
        w.key_escaped(key);
        w.str(value);
    }
    w.end_object();
    w.member("NodeType", "voter");
    w.end_object();
}

fn duration(length: Duration) -> DurText {
    DurText(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX))
}

/// A time cut to whole seconds.
fn seconds(time: SystemTime) -> GoTime {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    GoTime::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), 0)
}

/// Kinds of instances that the usage answer counts, in its order.
const KINDS: [&str; 6] = [
    "api-gateway",
    "connect-native",
    "connect-proxy",
    "ingress-gateway",
    "mesh-gateway",
    "terminating-gateway",
];

/// Counters of what is registered. It tells the own datacenter's, with `?global` those of all that can be reached.
pub(crate) fn usage(req: Request) -> Handled {
    let mut reading = attempt!(reading(&req));
    // Answered for the own datacenter whatever was asked.
    reading.datacenter.clear();
    let own = req.settings.config.datacenter.clone();
    Ask::new(req, reading, Read::Usage, MetaOn::Always)
        .effective()
        .then(move |view, answered| {
            let none = BTreeMap::new();
            let counters = match &answered.answer.data {
                Data::Usage(counters) => counters,
                _ => &none,
            };
            let count = |name: &str| counters.get(name).copied().unwrap_or(0);
            let reply = view.shape.json(|w| {
                w.begin_object();
                w.key("Usage");
                w.begin_object();
                w.key_escaped(&own);
                w.begin_object();
                w.member("Services", &count("service_names"));
                w.member("ServiceInstances", &count("services"));
                w.key("ConnectServiceInstances");
                w.begin_object();
                for kind in KINDS {
                    let name = if kind == "connect-native" {
                        "connect_native".to_owned()
                    } else {
                        format!("kind:{kind}")
                    };
                    w.member(kind, &count(&name));
                }
                w.end_object();
                w.member("BillableServiceInstances", &count("billable_services"));
                w.member("Nodes", &count("nodes"));
                w.end_object();
                w.end_object();
                Embedded::of(&answered, consistency_name(view.consistency)).write(w);
                w.end_object();
            });
            Ok(reply.with_meta(view, &answered))
        })
}
