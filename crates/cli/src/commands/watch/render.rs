//! Results in the order of members that the reference prints, which is not that of the server's JSON.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Every row of a list through `shape`; `null` stays an empty list.
pub(super) fn rows(list: &Value, shape: fn(&Value) -> Value) -> Value {
    list.as_array().into_iter().flatten().map(shape).collect()
}

/// An object with its members sorted.
pub(super) fn sorted(object: &Value) -> Value {
    let members: BTreeMap<_, _> = object.as_object().into_iter().flatten().collect();
    members
        .into_iter()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// Members by name. `?` in front leaves out what is absent or empty, `*` sorts a map.
fn pick(object: &Value, names: &[&str]) -> Map<String, Value> {
    let mut out = Map::new();
    for name in names {
        let (optional, rest) = strip(name, '?');
        let (map, name) = strip(rest, '*');
        let value = object.get(name).cloned().unwrap_or(Value::Null);
        let value = if map && value.is_object() {
            sorted(&value)
        } else {
            value
        };
        if !(optional && is_empty(&value)) {
            out.insert(name.to_owned(), value);
        }
    }
    out
}

fn strip(name: &str, mark: char) -> (bool, &str) {
    match name.strip_prefix(mark) {
        Some(rest) => (true, rest),
        None => (false, name),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) => false,
    }
}

pub(super) fn pair(row: &Value) -> Value {
    let mut pair = pick(
        row,
        &[
            "Key",
            "CreateIndex",
            "ModifyIndex",
            "LockIndex",
            "Flags",
            "Value",
            "Session",
            "?Namespace",
            "?Partition",
        ],
    );
    if pair["Session"].is_null() {
        pair["Session"] = "".into();
    }
    Value::Object(pair)
}

pub(super) fn node(row: &Value) -> Value {
    Value::Object(pick(
        row,
        &[
            "ID",
            "Node",
            "Address",
            "Datacenter",
            "*TaggedAddresses",
            "*Meta",
            "CreateIndex",
            "ModifyIndex",
            "?Partition",
            "?PeerName",
            "?Locality",
        ],
    ))
}

pub(super) fn entry(row: &Value) -> Value {
    json!({
        "Node": node(&row["Node"]),
        "Service": service(&row["Service"]),
        "Checks": rows(&row["Checks"], check),
    })
}

fn service(row: &Value) -> Value {
    let mut service = pick(
        row,
        &[
            "?Kind",
            "ID",
            "Service",
            "Tags",
            "*Meta",
            "Port",
            "Address",
            "?SocketPath",
            "?*TaggedAddresses",
            "Weights",
            "EnableTagOverride",
            "?CreateIndex",
            "?ModifyIndex",
            "?ContentHash",
        ],
    );
    if service["Port"].is_null() {
        service["Port"] = 0.into();
    }
    if row.get("Proxy").is_some_and(Value::is_object) {
        service.insert("Proxy".into(), proxy(&row["Proxy"]));
    }
    for name in [
        "Connect",
        "PeerName",
        "Namespace",
        "Partition",
        "Datacenter",
        "Locality",
    ] {
        match row.get(name) {
            Some(value) if name == "Connect" || !is_empty(value) => {
                service.insert(name.into(), value.clone());
            }
            _ => {}
        }
    }
    Value::Object(service)
}

fn proxy(row: &Value) -> Value {
    let mut proxy = pick(
        row,
        &[
            "?EnvoyExtensions",
            "?DestinationServiceName",
            "?DestinationServiceID",
            "?LocalServiceAddress",
            "?LocalServicePort",
            "?LocalServiceSocketPath",
            "?Mode",
            "?TransparentProxy",
            "?MutualTLSMode",
            "?*Config",
            "?Upstreams",
        ],
    );
    for name in ["MeshGateway", "Expose"] {
        let value = row.get(name).filter(|v| v.is_object()).cloned();
        proxy.insert(name.into(), value.unwrap_or_else(|| json!({})));
    }
    if let Some(logs) = row.get("AccessLogs").filter(|v| !is_empty(v)) {
        proxy.insert("AccessLogs".into(), logs.clone());
    }
    Value::Object(proxy)
}

pub(super) fn check(row: &Value) -> Value {
    let mut check = pick(
        row,
        &[
            "Node",
            "CheckID",
            "Name",
            "Status",
            "Notes",
            "Output",
            "ServiceID",
            "ServiceName",
            "ServiceTags",
            "Type",
            "?Namespace",
            "?Partition",
            "ExposedPort",
            "?PeerName",
        ],
    );
    check.insert("Definition".into(), definition(&row["Definition"]));
    for name in ["CreateIndex", "ModifyIndex"] {
        check.insert(name.into(), row[name].clone());
    }
    Value::Object(check)
}

/// Definitions are printed whole, whatever the server left out.
fn definition(given: &Value) -> Value {
    let mut whole = json!({
        "Interval": "0s", "Timeout": "0s", "DeregisterCriticalServiceAfter": "0s", "HTTP": "", "Header": null, "Method": "",
        "Body": "", "TLSServerName": "", "TLSSkipVerify": false, "TCP": "", "TCPUseTLS": false, "UDP": "", "GRPC": "",
        "OSService": "", "GRPCUseTLS": false,
    });
    if let Some(members) = whole.as_object_mut() {
        for (name, value) in members.iter_mut() {
            if let Some(found) = given.get(name) {
                value.clone_from(found);
            }
        }
    }
    whole
}

pub(super) fn event(row: &Value) -> Value {
    Value::Object(pick(
        row,
        &[
            "ID",
            "Name",
            "Payload",
            "NodeFilter",
            "ServiceFilter",
            "TagFilter",
            "Version",
            "LTime",
        ],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_defaults() {
        let row = json!({"LockIndex": 0, "Key": "k", "Flags": 3, "Value": "b25l", "CreateIndex": 1, "ModifyIndex": 2});
        assert_eq!(
            pair(&row).to_string(),
            r#"{"Key":"k","CreateIndex":1,"ModifyIndex":2,"LockIndex":0,"Flags":3,"Value":"b25l","Session":""}"#
        );
        let row = json!({"Kind": "", "ID": "w", "Service": "w", "Tags": [], "Address": "", "Meta": null, "Weights": {},
            "EnableTagOverride": false, "Proxy": {"Mode": "", "MeshGateway": {}, "Expose": {}}, "Connect": {}, "PeerName": "",
            "CreateIndex": 1, "ModifyIndex": 1});
        assert_eq!(
            service(&row).to_string(),
            r#"{"ID":"w","Service":"w","Tags":[],"Meta":null,"Port":0,"Address":"","Weights":{},"EnableTagOverride":false,"CreateIndex":1,"ModifyIndex":1,"Proxy":{"MeshGateway":{},"Expose":{}},"Connect":{}}"#
        );
    }
}
