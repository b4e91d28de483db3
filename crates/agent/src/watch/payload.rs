//! What a handler gets: the API's JSON in the shapes of the reference's client, which writes members that the API leaves out.

use super::plan::Kind;
use serde_json::{Map, Value, json};

/// Brings an answer into the handler's shape. `before` is the mark of the answer before it.
pub(super) fn shape(kind: &Kind, tree: Value, before: &str) -> Value {
    match (kind, tree) {
        (_, Value::Null) => Value::Null,
        (Kind::Key(_), Value::Array(rows)) => rows.into_iter().next().map_or(Value::Null, entry),
        (Kind::KeyPrefix(_), Value::Array(rows)) => rows.into_iter().map(entry).collect(),
        (Kind::ChecksOf(_) | Kind::ChecksIn(_), Value::Array(rows)) => {
            rows.into_iter().map(check).collect()
        }
        (Kind::Service { .. }, Value::Array(rows)) => rows.into_iter().map(instance).collect(),
        (Kind::Event(_), Value::Array(rows)) => newer(rows, before),
        (_, tree) => tree,
    }
}

fn take(members: &mut Map<String, Value>, name: &str, default: Value) -> Value {
    members.remove(name).unwrap_or(default)
}

fn entry(row: Value) -> Value {
    let Value::Object(mut row) = row else {
        return row;
    };
    let mut part = |name: &str, default: Value| take(&mut row, name, default);
    json!({
        "Key": part("Key", "".into()),
        "CreateIndex": part("CreateIndex", 0.into()),
        "ModifyIndex": part("ModifyIndex", 0.into()),
        "LockIndex": part("LockIndex", 0.into()),
        "Flags": part("Flags", 0.into()),
        "Value": part("Value", Value::Null),
        "Session": part("Session", "".into()),
    })
}

fn instance(mut row: Value) -> Value {
    if let Some(Value::Array(checks)) = row.get_mut("Checks") {
        for row in checks {
            *row = check(row.take());
        }
    }
    row
}

fn check(row: Value) -> Value {
    let Value::Object(mut row) = row else {
        return row;
    };
    row.remove("Interval");
    row.remove("Timeout");
    let given = row.remove("Definition").unwrap_or_default();
    let mut full = json!({
        "HTTP": "", "Header": null, "Method": "", "Body": "", "TLSServerName": "", "TLSSkipVerify": false, "TCP": "",
        "TCPUseTLS": false, "UDP": "", "GRPC": "", "OSService": "", "GRPCUseTLS": false, "Interval": "0s", "Timeout": "0s",
        "DeregisterCriticalServiceAfter": "0s",
    });
    if let (Some(full), Some(given)) = (full.as_object_mut(), given.as_object()) {
        for (name, value) in full.iter_mut() {
            if let Some(given) = given.get(name) {
                value.clone_from(given);
            }
        }
    }
    row.insert("Definition".into(), full);
    Value::Object(row)
}

/// Events after the one whose index the last answer had.
fn newer(rows: Vec<Value>, before: &str) -> Value {
    let Ok(before) = before.parse::<u64>() else {
        return Value::Array(rows);
    };
    let known = rows.iter().position(|row| {
        row.get("ID")
            .and_then(Value::as_str)
            .is_some_and(|id| event_index(id) == before)
    });
    let skip = known.map_or(0, |at| at + 1);
    rows.into_iter().skip(skip).collect()
}

/// The index that belongs to an event's ID (spec/http-api.md §16).
fn event_index(id: &str) -> u64 {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let half = |range| {
        digits
            .get(range)
            .and_then(|half| u64::from_str_radix(half, 16).ok())
            .unwrap_or(0)
    };
    half(0..16) ^ half(16..32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_all_members() {
        let row = json!([{"LockIndex": 0, "Key": "k", "Flags": 5, "Value": "Mg==", "CreateIndex": 7, "ModifyIndex": 8}]);
        let key = Kind::Key("k".into());
        let got = shape(&key, row, "");
        assert_eq!(got["Session"], "");
        assert_eq!(got["Flags"], 5);
        assert_eq!(shape(&key, Value::Null, ""), Value::Null);
    }

    #[test]
    fn checks_have_full_definitions() {
        let rows = json!([{"CheckID": "c", "Interval": "1s", "Type": "ttl", "Definition": {"HTTP": "http://x"}}]);
        let got = shape(&Kind::ChecksIn("any".into()), rows, "");
        assert_eq!(got[0]["Definition"]["HTTP"], "http://x");
        assert_eq!(got[0]["Definition"]["Interval"], "0s");
        assert!(got[0].get("Interval").is_none());
    }

    #[test]
    fn only_new_events() {
        let id = |n: u64| format!("00000000-0000-0000-0000-{n:012x}");
        let rows = json!([{"ID": id(1)}, {"ID": id(2)}, {"ID": id(3)}]);
        let events = Kind::Event(String::new());
        let got = shape(&events, rows.clone(), "2");
        assert_eq!(got, json!([{"ID": id(3)}]));
        assert_eq!(shape(&events, rows.clone(), ""), rows);
        assert_eq!(shape(&events, rows.clone(), "77"), rows);
    }
}
