//! The server port of the real binary: what a real client agent said to a real server is said to ours.

use crate::agent::Agent;
use dialect::msgpack::{self, Scan, Value};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Longer than anything takes, however loaded the machine is.
const LIMIT: Duration = Duration::from_secs(60);
/// The configured default.
const SERVER_PORT: u16 = 8300;

fn connect(agent: &Agent, first: u8) -> TcpStream {
    let address = SocketAddr::new(agent.address.ip(), SERVER_PORT);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(&[first]).unwrap();
    stream
}

/// Reads whole values off a stream.
struct Values {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Values {
    fn next(&mut self) -> Value {
        let mut scan = Scan::default();
        loop {
            if let Some(end) = scan.advance(&self.read).expect("msgpack") {
                let value = msgpack::from_slice(&self.read[..end]).expect("a value");
                self.read.drain(..end);
                return value;
            }
            let mut piece = [0; 4096];
            let count = self.stream.read(&mut piece).expect("a reply in time");
            assert_ne!(count, 0, "closed within a reply");
            self.read.extend_from_slice(&piece[..count]);
        }
    }
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(pairs) = value else {
        return None;
    };
    let found = pairs.iter().find(|(key, _)| key.as_str() == Some(name));
    found.map(|(_, value)| value)
}

fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Map(pairs) => pairs
            .iter()
            .map(|(key, _)| key.as_str().unwrap_or_default().to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

fn unhex(value: &serde_json::Value) -> Vec<u8> {
    let digits = value.as_str().expect("hex").as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16);
    digits
        .chunks(2)
        .map(|pair| byte(pair).expect("hex"))
        .collect()
}

fn recorded() -> serde_json::Value {
    let shared = std::env::var("PROCONSUL_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let path = format!("{shared}/conformance/wire/rpc.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn recorded_calls_are_answered_in_the_recorded_form() {
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::start(home.path(), &[]);
    // The authority is made after the first write is accepted.
    agent
        .client()
        .until(LIMIT, "/v1/connect/ca/roots", |answer| answer.status == 200);
    // The recorded leader had seen the client agent in its pool.
    let seen = r#"{"Node": "c1", "ID": "732ee5ec-da0c-14db-8071-228b760b30b1", "Address": "127.0.0.1",
        "Check": {"CheckID": "serfHealth", "Name": "s", "Status": "passing"}}"#;
    let registered = agent
        .client()
        .ask("PUT", "/v1/catalog/register", seen.as_bytes());
    assert!(registered.unwrap().is_acknowledgement());
    let all = recorded();
    let mut answered = BTreeSet::new();
    let mut values = Values {
        stream: connect(&agent, 0),
        read: Vec::new(),
    };
    for call in all["calls"].as_array().unwrap() {
        let name = call["method"].as_str().unwrap();
        let body = unhex(&call["request"]["body_hex"]);
        let request: Value = msgpack::from_slice(&body).unwrap();
        let waits = !matches!(
            member(&request, "MinQueryIndex"),
            None | Some(Value::Int(0))
        );
        if call["reply"].is_null() || waits {
            continue;
        }
        let head = unhex(&call["request"]["header_hex"]);
        values.stream.write_all(&[head, body].concat()).unwrap();
        let (head, reply) = (values.next(), values.next());
        let error = member(&head, "Error").and_then(Value::as_str).unwrap();
        if error.starts_with("rpc: can't find ") {
            // Its tables do not exist; the stream is closed behind the answer.
            values = Values {
                stream: connect(&agent, 0),
                read: Vec::new(),
            };
            continue;
        }
        let wanted: Value = msgpack::from_slice(&unhex(&call["reply"]["body_hex"])).unwrap();
        let recorded_error = call["reply"]["header"]["Error"].as_str().unwrap();
        if error == recorded_error {
            assert_eq!(keys(&reply), keys(&wanted), "{name}");
            answered.insert(name.to_owned());
        } else {
            // Those name sessions and queries that our server gave other IDs, and nodes that it never met.
            let about = [
                "invalid session",
                "Query not found",
                "Missing node registration",
                "non-existent prepared query",
                "Intention not found",
                "doesn't exist",
            ];
            assert!(
                about.iter().any(|about| error.contains(about)),
                "{name}: {error}"
            );
        }
    }
    assert!(answered.len() >= 45, "{}: {answered:?}", answered.len());
}

#[test]
fn an_archive_is_saved_and_restored_over_the_server_port() {
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::start(home.path(), &[]);
    let mut client = agent.client();
    client.ask("PUT", "/v1/kv/kept", b"before").unwrap();
    let request = |op: u8| {
        let mut out = Vec::new();
        let mut w = msgpack::Writer::new(&mut out);
        w.map(4);
        w.str("AllowStale");
        w.bool(false);
        w.str("Datacenter");
        w.str("dc1");
        w.str("Op");
        w.uint(u64::from(op));
        w.str("Token");
        w.str("");
        out
    };
    let exchange = |sent: &[u8]| {
        let mut stream = connect(&agent, 5);
        stream.write_all(sent).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let (head, end) = msgpack::from_prefix::<Value>(&all).unwrap();
        assert_eq!(member(&head, "Error"), Some(&Value::Raw(Vec::new().into())));
        all.split_off(end)
    };
    let archive = exchange(&request(0));
    assert_eq!(archive[..2], [0x1f, 0x8b], "gzip");
    client.ask("PUT", "/v1/kv/kept", b"after").unwrap();
    let rest = exchange(&[request(1), archive].concat());
    assert!(rest.is_empty());
    let kept = client.ask("GET", "/v1/kv/kept?raw", b"").unwrap();
    assert_eq!(kept.text(), "before");
}

#[test]
fn a_server_port_in_use_ends_the_start() {
    let home = tempfile::tempdir().unwrap();
    let address = crate::agent::own_address();
    let _taken = TcpListener::bind((address, SERVER_PORT)).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_proconsul"))
        .args(["agent", "-server", "-bootstrap-expect=1"])
        .arg(format!("-bind={address}"))
        .arg(format!("-client={address}"))
        .arg(format!("-data-dir={}", home.path().join("data").display()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let told = format!(
        "Error starting agent: error=\"Failed to start Consul server: Failed to start RPC layer: listen tcp \
         {address}:{SERVER_PORT}: bind: address already in use\""
    );
    assert!(text.contains(&told), "{text}");
}
