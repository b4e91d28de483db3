//! Calls recorded between real agents: every header and body decodes and comes back byte for byte.

use std::collections::BTreeSet;
use std::path::PathBuf;

use dialect::msgpack::{self, Value};
use dialect::{Any, json};
use wire::rpc::{METHODS, RequestHeader, ResponseHeader};

/// One direction of a call.
struct Message {
    header: Vec<u8>,
    body: Vec<u8>,
}

struct Call {
    method: String,
    request: Message,
    reply: Option<Message>,
}

/// Where the recordings live: beside the checkout, or where `PROCONSUL_SHARED` says.
fn shared() -> PathBuf {
    match std::env::var_os("PROCONSUL_SHARED") {
        Some(path) => path.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

fn calls(file: &str) -> Vec<Call> {
    let path = shared().join("conformance/wire").join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let root: Any = json::from_slice(&text, json::Mode::Lax).expect("the recording is JSON");
    let calls = root
        .as_map()
        .and_then(|map| map["calls"].as_list())
        .expect("calls");
    calls.iter().map(call).collect()
}

fn call(call: &Any) -> Call {
    let map = call.as_map().expect("a call is an object");
    let message = |name: &str| {
        let message = map.get(name)?.as_map()?;
        Some(Message {
            header: hex(&message["header_hex"]),
            body: hex(&message["body_hex"]),
        })
    };
    Call {
        method: map["method"].as_str().expect("method").to_owned(),
        request: message("request").expect("request"),
        reply: message("reply"),
    }
}

fn hex(text: &Any) -> Vec<u8> {
    let digits = text.as_str().expect("hex digits").as_bytes();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The same value with the pairs of every map in byte order of their keys: maps of plain strings have no order of their own.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Map(mut pairs) => {
            pairs.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
            Value::Map(
                pairs
                    .into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect(),
            )
        }
        scalar => scalar,
    }
}

fn untyped(bytes: &[u8]) -> Value {
    let (value, len) = msgpack::from_prefix::<Value>(bytes).expect("decodes");
    assert_eq!(len, bytes.len(), "one value, nothing behind it");
    value
}

#[test]
fn every_message_survives_untyped() {
    let mut seen = 0;
    for call in calls("rpc.json").into_iter().chain(calls("rpc-acl.json")) {
        let Call {
            method,
            request,
            reply,
        } = call;
        for bytes in [Some(request), reply]
            .into_iter()
            .flatten()
            .flat_map(|message| [message.header, message.body])
        {
            assert_eq!(msgpack::to_vec(&untyped(&bytes)), bytes, "{method}");
            seen += 1;
        }
    }
    assert!(seen > 400, "only {seen} messages");
}

#[test]
fn every_header_survives_typed() {
    for call in calls("rpc.json").into_iter().chain(calls("rpc-acl.json")) {
        let header: RequestHeader =
            msgpack::from_slice(&call.request.header).expect("request header");
        assert_eq!(msgpack::to_vec(&header), call.request.header);
        assert_eq!(header.service_method, call.method);
        if let Some(reply) = call.reply {
            let answered: ResponseHeader =
                msgpack::from_slice(&reply.header).expect("reply header");
            assert_eq!(msgpack::to_vec(&answered), reply.header);
            assert_eq!(answered.seq, header.seq);
        }
    }
}

#[test]
fn every_body_of_a_known_method_survives_typed() {
    let mut seen = BTreeSet::new();
    for call in calls("rpc.json") {
        let Some(method) = METHODS.iter().find(|method| method.name == call.method) else {
            continue;
        };
        seen.insert(method.name);
        let check = |recode: wire::rpc::Recode, body: &[u8], what: &str| {
            let wanted = sorted(untyped(body));
            let written =
                recode(body).unwrap_or_else(|error| panic!("{} {what}: {error}", method.name));
            assert_eq!(untyped(&written), wanted, "{} {what}", method.name);
            assert_eq!(written, msgpack::to_vec(&wanted), "{} {what}", method.name);
        };
        check(method.request, &call.request.body, "request");
        if let Some(reply) = call.reply {
            let header: ResponseHeader = msgpack::from_slice(&reply.header).expect("reply header");
            if header.error.is_empty() {
                check(method.reply, &reply.body, "reply");
            }
        }
    }
    assert!(seen.len() >= 40, "only {seen:?}");
}

#[test]
fn method_names_are_unique() {
    let names: BTreeSet<_> = METHODS.iter().map(|method| method.name).collect();
    assert_eq!(names.len(), METHODS.len());
}
