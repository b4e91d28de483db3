//! The recordings.

use bytes::Bytes;
use dialect::msgpack::{self, Value};

/// A call: what was sent, and what came back.
pub struct Recorded {
    pub method: String,
    pub body: Bytes,
    /// `None` when the recording ends before the reply.
    pub reply: Option<Reply>,
}

pub struct Reply {
    pub error: String,
    pub body: Bytes,
}

fn unhex(value: &serde_json::Value) -> Bytes {
    let digits = value.as_str().expect("hex").as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16);
    let bytes: Result<Vec<u8>, _> = digits.chunks(2).map(byte).collect();
    bytes.expect("hex").into()
}

/// All calls of a file.
pub fn calls(file: &str) -> Vec<Recorded> {
    let shared = std::env::var("PROCONSUL_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let path = format!("{shared}/conformance/wire/{file}");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let recorded = |call: &serde_json::Value| Recorded {
        method: call["method"].as_str().expect("a method").to_owned(),
        body: unhex(&call["request"]["body_hex"]),
        reply: (!call["reply"].is_null()).then(|| Reply {
            error: call["reply"]["header"]["Error"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            body: unhex(&call["reply"]["body_hex"]),
        }),
    };
    all["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .map(recorded)
        .collect()
}

/// The value with its maps in order: those of plain strings have none of their own.
pub fn sorted(bytes: &[u8]) -> Value {
    fn sort(value: Value) -> Value {
        match value {
            Value::Array(items) => Value::Array(items.into_iter().map(sort).collect()),
            Value::Map(mut pairs) => {
                pairs.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
                let pairs = pairs.into_iter().map(|(key, value)| (key, sort(value)));
                Value::Map(pairs.collect())
            }
            scalar => scalar,
        }
    }
    let (value, len) = msgpack::from_prefix::<Value>(bytes).expect("msgpack");
    assert_eq!(len, bytes.len(), "something behind the value");
    sort(value)
}

/// Where two values first differ; `None` when they do not.
pub fn difference(left: &Value, right: &Value) -> Option<String> {
    match (left, right) {
        (Value::Map(a), Value::Map(b)) if a.len() == b.len() => {
            a.iter().zip(b).find_map(|((key, left), (other, right))| {
                if key == other {
                    let below = difference(left, right)?;
                    Some(format!("{}/{below}", key.as_str().unwrap_or("?")))
                } else {
                    Some(format!("{key:?} is not {other:?}"))
                }
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(at, (left, right))| {
                difference(left, right).map(|below| format!("{at}/{below}"))
            })
        }
        _ if left == right => None,
        _ => Some(format!("{left:?} is not {right:?}")),
    }
}
