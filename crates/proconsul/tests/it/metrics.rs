//! Every metric that does not wait for a later part changes on a running agent: an hour of use in a few seconds, then a
//! restart. What waits stands in docs/metrics.md.

use crate::agent::Agent;
use crate::http::Client;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use telemetry::metrics::{Kind, table};

/// What a running server alone cannot be made to do within a test, and where it is shown instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cache.evict_expired", "after three days: httpd::cache"),
    (
        "client.rpc.error.catalog_datacenters",
        "it fails without a server only: httpd::counts",
    ),
    (
        "dns.stale_queries",
        "a leader's data is never old: dnsd tests",
    ),
    ("fsm.tombstone", "after a quarter of an hour: server tests"),
    (
        "leader.reapTombstones",
        "after a quarter of an hour: server tests",
    ),
    ("telemetry.dropped", "ten thousand series: telemetry tests"),
];
/// Longest wait for what happens at intervals.
const LIMIT: Duration = Duration::from_secs(60);
/// Values written until the log is long enough for a snapshot, and their size.
const VALUES: usize = 140;
const VALUE_BYTES: usize = 500_000;

/// Names that changed, as the table has them.
#[derive(Default)]
struct Changed(BTreeSet<&'static str>);

impl Changed {
    fn look(&mut self, client: &mut Client) {
        let text = client.ask("GET", "/v1/agent/metrics?format=prometheus", b"");
        let text = text.unwrap().text();
        let json = client.ask("GET", "/v1/agent/metrics", b"").unwrap().text();
        let json: Value = serde_json::from_str(&json).unwrap();
        let gauges: BTreeSet<&str> = json["Gauges"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|gauge| gauge["Name"].as_str()?.strip_prefix("consul."))
            .collect();
        let grown: BTreeSet<&str> = text.lines().filter_map(grown).collect();
        for row in table() {
            let seen = match row.kind {
                Kind::Gauge => gauges.contains(row.name),
                _ => {
                    let name = format!("consul_{}", row.name.replace(['.', '-'], "_"));
                    let tail = match row.kind {
                        Kind::Counter => "",
                        _ => "_count",
                    };
                    match name.strip_suffix('*') {
                        Some(stem) => grown.iter().any(|name| name.starts_with(stem)),
                        None => grown.contains(format!("{name}{tail}").as_str()),
                    }
                }
            };
            if seen {
                self.0.insert(row.name);
            }
        }
    }

    /// Fed names that have not changed and are not shown elsewhere.
    fn missing(&self) -> Vec<&'static str> {
        table()
            .filter(|row| row.later.is_none() && !self.0.contains(row.name))
            .map(|row| row.name)
            .filter(|name| !ELSEWHERE.iter().any(|(other, _)| other == name))
            .collect()
    }
}

/// The name of a line of the exposition whose value is above zero.
fn grown(line: &str) -> Option<&str> {
    let (series, value) = line.rsplit_once(' ')?;
    let value: f64 = value.parse().ok()?;
    let name = series.split('{').next()?;
    (value > 0.0 && !line.starts_with('#')).then_some(name)
}

fn ask(client: &mut Client, method: &str, target: &str, body: &Value) -> Value {
    let body = body.to_string();
    let answer = client.ask(method, target, body.as_bytes()).unwrap();
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}

fn get(client: &mut Client, target: &str) {
    client.ask("GET", target, b"").unwrap();
}

fn catalog(client: &mut Client) {
    let instance = json!({"Node": "other", "Address": "10.0.0.1", "Service": {"Service": "web"}});
    ask(client, "PUT", "/v1/catalog/register", &instance);
    let elsewhere = json!({"Node": "other", "Address": "10.0.0.1", "Datacenter": "nope"});
    ask(client, "PUT", "/v1/catalog/register", &elsewhere);
    ask(client, "PUT", "/v1/catalog/deregister", &elsewhere);
    for path in [
        "nodes",
        "services",
        "datacenters",
        "node/other",
        "node-services/other",
        "service/web",
    ] {
        get(client, &format!("/v1/catalog/{path}"));
        get(client, &format!("/v1/catalog/{path}?dc=nope"));
    }
    get(client, "/v1/catalog/service/");
    for kind in ["service", "connect"] {
        for more in ["nothing", "web?tag=a", "web?tag=a&tag=b"] {
            get(client, &format!("/v1/catalog/{kind}/{more}"));
        }
    }
    get(client, "/v1/health/service/web?cached");
    let node = json!({"Node": "other"});
    ask(client, "PUT", "/v1/catalog/deregister", &node);
    let coordinate = json!({
        "Node": "n1",
        "Coord": {"Vec": [0, 0, 0, 0, 0, 0, 0, 0], "Error": 1.5, "Adjustment": 0, "Height": 0.00001},
    });
    ask(client, "PUT", "/v1/coordinate/update", &coordinate);
}

fn keys_and_sessions(client: &mut Client) {
    get(client, "/v1/kv/ready?consistent");
    ask(client, "DELETE", "/v1/kv/ready", &Value::Null);
    let read = json!([{"KV": {"Verb": "get-tree", "Key": "k"}}]);
    ask(client, "PUT", "/v1/txn", &read);
    let write = json!([{"KV": {"Verb": "set", "Key": "k", "Value": ""}}]);
    ask(client, "PUT", "/v1/txn", &write);
    let short = json!({"TTL": "50ms", "LockDelay": "0s"});
    let session = ask(client, "PUT", "/v1/session/create", &short);
    let id = session["ID"].as_str().expect("a session").to_owned();
    let target = format!("/v1/session/renew/{id}");
    ask(client, "PUT", &target, &Value::Null);
    let event = json!("payload");
    ask(client, "PUT", "/v1/event/fire/deploy", &event);
}

fn queries(client: &mut Client) {
    let query = json!({"Name": "q", "Service": {"Service": "web"}});
    let made = ask(client, "POST", "/v1/query", &query);
    let id = made["ID"].as_str().expect("a query").to_owned();
    get(client, "/v1/query/q/execute");
    get(client, "/v1/query/q/explain");
    ask(client, "DELETE", &format!("/v1/query/{id}"), &Value::Null);
}

/// Writes more than fits into a log without a snapshot.
fn long_log(client: &mut Client) {
    let value = vec![b'x'; VALUE_BYTES];
    for _ in 0..VALUES {
        let put = client.ask("PUT", "/v1/kv/long", &value).unwrap();
        assert!(put.is_acknowledgement(), "{}", put.text());
    }
    ask(client, "DELETE", "/v1/kv/long", &Value::Null);
}

fn archive(client: &mut Client) {
    let archive = client.ask("GET", "/v1/snapshot", b"").unwrap().body;
    let restored = client.ask("PUT", "/v1/snapshot", &archive).unwrap();
    assert_eq!(restored.status, 200, "{}", restored.text());
}

/// A name of the agent's own, and a reverse lookup.
fn names(agent: &Agent) {
    let server = SocketAddr::new(agent.address.ip(), 8600);
    let socket = UdpSocket::bind((agent.address.ip(), 0)).unwrap();
    for (name, kind) in [("consul.service.consul", 1), ("1.0.0.10.in-addr.arpa", 12)] {
        let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            question.push(u8::try_from(label.len()).unwrap());
            question.extend_from_slice(label.as_bytes());
        }
        question.extend_from_slice(&[0, 0, kind, 0, 1]);
        socket.send_to(&question, server).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.recv(&mut [0; 512]).unwrap();
    }
}

fn until(changed: &mut Changed, client: &mut Client, what: &[&str]) {
    let missing = std::cell::RefCell::new(Vec::new());
    let look = || {
        changed.look(client);
        let mut still = changed.missing();
        still.retain(|name| !what.contains(name));
        let done = still.is_empty().then_some(());
        missing.replace(still);
        done
    };
    testkit::until(LIMIT, look, || {
        format!("nothing feeds {:?}", missing.borrow())
    });
}

#[test]
fn every_metric_of_what_exists_changes() {
    let home = tempfile::tempdir().unwrap();
    let more = home.path().join("config.d");
    std::fs::create_dir_all(&more).unwrap();
    let config = json!({
        "session_ttl_min": "10ms",
        "limits": {"request_limits": {"mode": "permissive", "read_rate": 1, "write_rate": 1}},
        "telemetry": {
            "prometheus_retention_time": "1h",
            "disable_hostname": true,
            "enable_host_metrics": true,
            "prefix_filter": ["+consul.rpc.server.call"],
        },
    });
    std::fs::write(more.join("metrics.json"), config.to_string()).unwrap();
    let mut agent = Agent::start(home.path(), &[]);
    let mut client = agent.client();
    let client = &mut client;
    names(&agent);
    catalog(client);
    keys_and_sessions(client);
    queries(client);
    archive(client);
    long_log(client);
    let mut changed = Changed::default();
    let at_start = [
        "raft.fsm.restore",
        "raft.fsm.lastRestoreDuration",
        "raft.wal.log_entries_read",
        "raft.wal.log_entry_bytes_read",
    ];
    until(&mut changed, client, &at_start);
    agent.stop();
    let again = Agent::start(home.path(), &[]);
    until(&mut changed, &mut again.client(), &[]);
    let waits = |name: &&str| {
        let row = table().find(|row| row.name == *name);
        row.is_none_or(|row| row.later.is_some())
    };
    let fed: Vec<_> = changed.0.iter().filter(|name| waits(name)).collect();
    assert_eq!(fed, Vec::<&&str>::new(), "these wait for nothing any more");
}
