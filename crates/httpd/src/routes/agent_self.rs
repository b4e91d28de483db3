//! `/v1/agent/self`, `version`, `host` (spec/http-api.md §10.1, §10.12, §10.13).

use super::agent_view;
use crate::request::{Handled, Request};
use dialect::json::Writer;
use ports::{ClusterStatus, Data, MEMBER_ALIVE, Member, Query, Read, ReadOptions};
use serde_json::Value;

/// Numbers of a coordinate's vector.
const DIMENSIONS: usize = 8;

/// This agent: configuration, coordinate, member, statistics, metadata.
pub(crate) fn own(req: Request) -> Handled {
    let description = req.door.ports.process.self_description();
    let write = |w: &mut Writer<'_>| {
        w.begin_object();
        for name in ["Config", "DebugConfig"] {
            w.key(name);
            value(w, description.get(name).unwrap_or(&Value::Null));
        }
        w.key("Coord");
        coordinate(w, &req);
        w.key("Member");
        agent_view::member(w, &req.door.ports.members.own());
        w.key("Stats");
        statistics(w, &req, &description);
        w.key("Meta");
        match description.get("Meta") {
            Some(meta) => value(w, meta),
            None => {
                w.begin_object();
                for (name, text) in req.door.ports.agent.node_meta() {
                    w.key_escaped(&name);
                    w.str(&text);
                }
                w.end_object();
            }
        }
        if let Some(xds) = description.get("xDS") {
            w.key("xDS");
            value(w, xds);
        }
        w.end_object();
    };
    req.shape.json(write).into()
}

/// A tree of JSON in the layout of this request.
fn value(w: &mut Writer<'_>, tree: &Value) {
    match tree {
        Value::Null => w.null(),
        Value::Bool(value) => w.bool(*value),
        Value::Number(number) => w.verbatim(number.to_string().as_bytes()),
        Value::String(text) => w.str(text),
        Value::Array(items) => crate::encode::list(w, items, value),
        Value::Object(members) => {
            w.begin_object();
            for (name, member) in members {
                w.key_escaped(name);
                value(w, member);
            }
            w.end_object();
        }
    }
}

/// The agent's own coordinate as the catalog has it, or where every node starts.
fn coordinate(w: &mut Writer<'_>, req: &Request) {
    if req.settings.config.disable_coordinates {
        return w.null();
    }
    let query = Query::new(Read::CoordinatesOfNode {
        node: req.settings.config.node_name.clone(),
    });
    let options = ReadOptions {
        consistency: ports::Consistency::Stale,
        ..ReadOptions::default()
    };
    let answer = req.door.ports.rpc.read_now(&req.caller, &query, &options);
    if let Some(Ok(answered)) = &answer
        && let Data::Coordinates(rows) = &answered.answer.data
        && let Some(row) = rows.first()
        && let Some(coordinate) = &row.coord
    {
        return w.value(coordinate.as_ref());
    }
    w.begin_object();
    w.key("Vec");
    crate::encode::list(w, [0.0; DIMENSIONS], |w, number| w.f64(number));
    w.member("Error", &1.5);
    w.member("Adjustment", &0.0);
    w.member("Height", &1e-5);
    w.end_object();
}

fn group<'a>(w: &mut Writer<'_>, name: &str, members: impl IntoIterator<Item = (&'a str, String)>) {
    w.key(name);
    w.begin_object();
    for (name, text) in members {
        w.member(name, &text);
    }
    w.end_object();
}

/// All of them texts, as `consul info` prints them.
fn statistics(w: &mut Writer<'_>, req: &Request, description: &Value) {
    let ports = &req.door.ports;
    let (own, status) = (ports.members.own(), ports.rpc.status());
    let counts = ports.agent.counts();
    w.begin_object();
    let agent = [
        ("check_monitors", counts.monitors),
        ("check_ttls", counts.ttls),
        ("checks", counts.checks),
        ("services", counts.services),
    ];
    group(w, "agent", agent.map(|(name, n)| (name, n.to_string())));
    group(w, "build", build(description));
    group(w, "consul", consul(req, &own, &status));
    if ports.members.is_server() {
        group(w, "raft", raft(&status));
    }
    group(w, "runtime", runtime());
    group(w, "serf_lan", serf(&ports.members.lan()));
    if let Some(wan) = ports.members.wan() {
        group(w, "serf_wan", serf(&wan));
    }
    w.end_object();
}

fn build(description: &Value) -> [(&'static str, String); 4] {
    let config = description.get("Config");
    let text = |name: &str| {
        config
            .and_then(|config| config.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let version = text("Version");
    let (number, metadata) = version.split_once('+').unwrap_or((&version, ""));
    let (number, prerelease) = number.split_once('-').unwrap_or((number, ""));
    [
        ("prerelease", prerelease.to_owned()),
        ("revision", text("Revision").chars().take(8).collect()),
        ("version", number.to_owned()),
        ("version_metadata", metadata.to_owned()),
    ]
}

fn consul(req: &Request, own: &Member, status: &ClusterStatus) -> Vec<(&'static str, String)> {
    let members = &req.door.ports.members;
    let acl = if req.settings.config.acls_enabled {
        "enabled"
    } else {
        "disabled"
    };
    let acl = ("acl", acl.to_owned());
    let server = ("server", members.is_server().to_string());
    let lan = members.lan();
    if !members.is_server() {
        let servers = lan
            .iter()
            .filter(|m| m.tags.get("role").is_some_and(|role| role == "consul"));
        return vec![acl, ("known_servers", servers.count().to_string()), server];
    }
    let wan = members.wan().unwrap_or_default();
    let mut datacenters: Vec<&str> = wan
        .iter()
        .chain(&lan)
        .filter_map(|m| m.tags.get("dc"))
        .map(String::as_str)
        .collect();
    datacenters.sort_unstable();
    datacenters.dedup();
    vec![
        acl,
        ("bootstrap", own.tags.contains_key("bootstrap").to_string()),
        ("known_datacenters", datacenters.len().to_string()),
        ("leader", status.is_leader.to_string()),
        ("leader_addr", status.leader.clone()),
        server,
    ]
}

fn raft(status: &ClusterStatus) -> Vec<(&'static str, String)> {
    let state = if status.is_leader {
        "Leader"
    } else {
        "Follower"
    };
    let others = status.peers.len().saturating_sub(1);
    let pending = status.commit_index.saturating_sub(status.applied_index);
    let servers: Vec<String> = status
        .peer_ids
        .iter()
        .zip(&status.peers)
        .map(|(id, address)| format!("{{Suffrage:Voter ID:{id} Address:{address}}}"))
        .collect();
    vec![
        ("applied_index", status.applied_index.to_string()),
        ("commit_index", status.commit_index.to_string()),
        ("fsm_pending", pending.to_string()),
        (
            "last_contact",
            if status.is_leader { "0" } else { "never" }.to_owned(),
        ),
        ("last_log_index", status.last_log_index.to_string()),
        ("last_log_term", status.term.to_string()),
        ("last_snapshot_index", "0".to_owned()),
        ("last_snapshot_term", "0".to_owned()),
        ("latest_configuration", format!("[{}]", servers.join(" "))),
        ("latest_configuration_index", "0".to_owned()),
        ("num_peers", others.to_string()),
        ("protocol_version", "3".to_owned()),
        ("protocol_version_max", "3".to_owned()),
        ("protocol_version_min", "0".to_owned()),
        ("snapshot_version_max", "1".to_owned()),
        ("snapshot_version_min", "0".to_owned()),
        ("state", state.to_owned()),
        ("term", status.term.to_string()),
    ]
}

/// The process. What the original counts as goroutines are the runtime's tasks here.
fn runtime() -> [(&'static str, String); 6] {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Handle::try_current();
    let tasks = runtime.map_or(0, |handle| handle.metrics().num_alive_tasks());
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    [
        ("arch", arch.to_owned()),
        ("cpu_count", cpus.to_string()),
        ("goroutines", tasks.to_string()),
        ("max_procs", cpus.to_string()),
        ("os", std::env::consts::OS.to_owned()),
        ("version", "rust".to_owned()),
    ]
}

fn serf(members: &[Member]) -> Vec<(&'static str, String)> {
    let with = |status: i64| members.iter().filter(|m| m.status == status).count();
    let (left, failed) = (3, 4);
    let zero = || "0".to_owned();
    vec![
        ("coordinate_resets", zero()),
        ("encrypted", "false".to_owned()),
        ("event_queue", zero()),
        ("event_time", "1".to_owned()),
        ("failed", with(failed).to_string()),
        ("health_score", zero()),
        ("intent_queue", zero()),
        ("left", with(left).to_string()),
        ("member_time", with(MEMBER_ALIVE).to_string()),
        ("members", members.len().to_string()),
        ("query_queue", zero()),
        ("query_time", "1".to_owned()),
    ]
}

/// The build.
pub(crate) fn version(req: Request) -> Handled {
    let description = req.door.ports.process.self_description();
    let config = description.get("Config");
    let text = |name: &str| {
        config
            .and_then(|config| config.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let write = |w: &mut Writer<'_>| {
        w.begin_object();
        w.member("SHA", text("Revision"));
        w.member("BuildDate", text("BuildDate"));
        w.member("HumanVersion", text("Version"));
        w.member("FIPS", "");
        w.end_object();
    };
    req.shape.json(write).into()
}

/// The machine. The kernel's files are read on a thread where that may take its time.
pub(crate) fn host(req: Request) -> Handled {
    let (agent, shape) = (req.door.ports.agent.clone(), req.shape);
    Handled::later(async move {
        let found = tokio::task::spawn_blocking(move || agent.host())
            .await
            .unwrap_or(Value::Null);
        Ok(shape.json(|w| value(w, &found)))
    })
}
