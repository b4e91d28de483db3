//! `consul services export` and `consul services exported-services`.

use crate::api::{self, Api};
use crate::command::{CN, CSP, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use proconsul_client::{Error, Method, Request};
use serde_json::{Map, Value, json};

pub(crate) const EXPORT: Command = Command {
    path: "services export",
    synopsis: "Exports a service to cluster peers",
    usage: "[options] -name <service name> -consumer-peers <other cluster name>",
    about: "Adds cluster peers to those that may use a service. What is exported already stays exported.",
    groups: CN,
    flags: &[
        Flag::string(
            "consumer-partitions",
            "Partitions, comma-separated (Enterprise only).",
        ),
        Flag::string("consumer-peers", "Cluster peers, comma-separated."),
        Flag::string("name", "Name of the service."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(export),
};

pub(crate) const EXPORTED_SERVICES: Command = Command {
    path: "services exported-services",
    synopsis: "Lists exported services",
    usage: "[options]",
    about: "Prints exported services with the cluster peers that may use them.",
    groups: CSP,
    flags: &[
        Flag::string("filter", "Expression that rows must satisfy."),
        Flag::string("format", "Output format: pretty or json.").with_default("pretty"),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(exported_services),
};

const ENTRY: &str = "/v1/config/exported-services/default";
const WORDS: &str = "Error connect to Consul agent";

fn export(call: &mut Call<'_>) -> i32 {
    let name = call.flags.string("name").to_owned();
    if name.is_empty() {
        return call.fail("Missing the required -name flag");
    }
    let peers = call.flags.string("consumer-peers").to_owned();
    let partitions = call.flags.string("consumer-partitions").to_owned();
    if peers.is_empty() && partitions.is_empty() {
        return call.fail("Missing the required -consumer-peers or -consumer-partitions flag");
    }
    let consumers = match consumers(&peers, &partitions) {
        Ok(consumers) => consumers,
        Err(e) => return call.fail(e),
    };
    let api = match api::connect_or(call, WORDS) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let entry = match read(&api) {
        Ok(entry) => entry,
        Err(e) => {
            return call.fail(format!(
                "Error reading config entry exported-services/default: {e}"
            ));
        }
    };
    let index = entry["ModifyIndex"].as_u64().unwrap_or(0);
    let entry = with_consumers(&entry, &name, &consumers);
    let request = api
        .client
        .write(Method::PUT, "/v1/config")
        .param("cas", index.to_string())
        .json(&entry);
    match api.wait(api.client.call_json::<bool>(request)) {
        Err(e) => call.fail(format!("Error writing config entry: {e}")),
        Ok(false) => call.fail("Config entry was changed during update. Please try again"),
        Ok(true) => {
            let peers =
                (!peers.is_empty()).then(|| format!("cluster peers {}", text::quote(&peers)));
            let partitions = (!partitions.is_empty())
                .then(|| format!("partitions {}", text::quote(&partitions)));
            let to: Vec<_> = peers.into_iter().chain(partitions).collect();
            let (name, to) = (text::quote(&name), to.join(" and to "));
            call.out(format!("Successfully exported service {name} to {to}"));
            0
        }
    }
}

fn consumers(peers: &str, partitions: &str) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for (list, member, word) in [
        (peers, "Peer", "peer"),
        (partitions, "Partition", "partition"),
    ] {
        if list.is_empty() {
            continue;
        }
        for name in list.split(',') {
            if name.is_empty() {
                return Err(format!("Invalid {word} \"\""));
            }
            all.push(json!({ member: name }));
        }
    }
    Ok(all)
}

/// The stored entry, or a new one.
fn read(api: &Api) -> Result<Value, Error> {
    let request = Request::new(Method::GET, ENTRY);
    match api.wait(api.client.call_json(request)) {
        Err(e) if e.is_not_found() => Ok(json!({})),
        other => other,
    }
}

fn with_consumers(stored: &Value, name: &str, consumers: &[Value]) -> Value {
    let mut services = stored["Services"].as_array().cloned().unwrap_or_default();
    let at = services.iter().position(|s| s["Name"] == name);
    let mut service = match at {
        Some(at) => services[at].clone(),
        None => json!({"Name": name, "Consumers": []}),
    };
    let mut listed = service["Consumers"].as_array().cloned().unwrap_or_default();
    for consumer in consumers {
        if !listed.contains(consumer) {
            listed.push(consumer.clone());
        }
    }
    service["Consumers"] = listed.into();
    match at {
        Some(at) => services[at] = service,
        None => services.push(service),
    }
    let mut entry = Map::new();
    entry.insert("Kind".into(), "exported-services".into());
    entry.insert("Name".into(), "default".into());
    entry.insert("Services".into(), services.into());
    if let Some(meta) = stored.get("Meta") {
        entry.insert("Meta".into(), meta.clone());
    }
    Value::Object(entry)
}

/// A row of the answer, as far as it can be filtered.
struct Row {
    service: String,
    partition: String,
    peers: Vec<String>,
    partitions: Vec<String>,
}

static CONSUMERS: bexpr::Schema<Row> = bexpr::Schema {
    fields: &[
        bexpr::Field::texts("Peers", |r| &r.peers),
        bexpr::Field::texts("Partitions", |r| &r.partitions),
    ],
};

static ROW: bexpr::Schema<Row> = bexpr::Schema {
    fields: &[
        bexpr::Field::text("Service", |r| &r.service),
        bexpr::Field::text("Partition", |r| &r.partition),
        bexpr::Field::nested(
            "Consumers",
            &bexpr::Object {
                schema: &CONSUMERS,
                get: |r: &Row| Some(r),
            },
        ),
    ],
};

fn exported_services(call: &mut Call<'_>) -> i32 {
    let format = call.flags.string("format").to_owned();
    if !matches!(format.as_str(), "pretty" | "json") {
        return call.fail("Invalid format, valid formats are {pretty|json}");
    }
    let api = match api::connect_or(call, WORDS) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let request = api
        .client
        .read("/v1/exported-services", &api::options(call));
    let mut services: Vec<Value> = match api.wait(api.client.call_json(request)) {
        Ok(services) => services,
        Err(e) => return call.fail(format!("Error reading exported services: {e}")),
    };
    let filter = call.flags.string("filter").to_owned();
    if !filter.is_empty() {
        match bexpr::Filter::compile(&filter, &ROW) {
            Ok(filter) => services.retain(|s| filter.matches(&row(s))),
            Err(e) => {
                return call.fail(format!(
                    "Error while creating filter: Failed to create boolean expression evaluator: {e}"
                ));
            }
        }
    }
    if services.is_empty() {
        call.out("No exported services found");
    } else if format == "json" {
        call.out(text::json(&services, "    "));
    } else {
        let mut rows = vec![text::row(["Service", "Consumer Peers"])];
        for service in services.iter().map(row) {
            rows.push(text::row([&service.service, &service.peers.join(", ")]));
        }
        call.out(text::table(&rows));
    }
    0
}

fn row(service: &Value) -> Row {
    let list = |value: &Value| -> Vec<String> {
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        items
            .iter()
            .filter_map(|v| v.as_str())
            .map(str::to_owned)
            .collect()
    };
    let text = |name: &str| service[name].as_str().unwrap_or_default().to_owned();
    Row {
        service: text("Service"),
        partition: text("Partition"),
        peers: list(&service["Consumers"]["Peers"]),
        partitions: list(&service["Consumers"]["Partitions"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_are_added_once() {
        let list = consumers("east,west", "p1").expect("fine");
        let entry = with_consumers(&json!({}), "web", &list[..1]);
        let entry = with_consumers(&entry, "web", &list);
        let entry = with_consumers(&entry, "db", &list[1..2]);
        let expected = json!([{"Name": "web", "Consumers": [{"Peer": "east"}, {"Peer": "west"}, {"Partition": "p1"}]},
            {"Name": "db", "Consumers": [{"Peer": "west"}]}]);
        assert_eq!(entry["Services"], expected);
        assert_eq!(consumers(",", ""), Err("Invalid peer \"\"".to_owned()));
    }
}
