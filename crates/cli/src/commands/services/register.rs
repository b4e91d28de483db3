//! `consul services register` and `consul services deregister`.

use super::address;
use crate::api::{self, Api};
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use config::{Flags, ThisHost};
use serde_json::{Map, Value, json};

pub(crate) const REGISTER: Command = Command {
    path: "services register",
    synopsis: "Registers services with the agent",
    usage: "[options] [FILE...]",
    about: "Registers services with the agent, from files in the agent's configuration format or from flags.

 $ consul services register web.json
 $ consul services register -name=web -port=80 -tag=v1",
    groups: CSN,
    flags: &[
        Flag::string("address", "Address of the service, without a port. Default: that of the node."),
        Flag::string("id", "ID of the instance. Default: the name."),
        Flag::string("kind", "Kind of the service, for proxies and gateways."),
        Flag::map("meta", "Metadata, KEY=VALUE. Repeatable."),
        Flag::string("name", "Name of the service."),
        Flag::int("port", "Port of the service."),
        Flag::string("socket", "Path of the Unix socket of the service."),
        Flag::list("tag", "Tag. Repeatable."),
        Flag::map("tagged-address", "Further address, NAME=HOST:PORT. Repeatable."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(register),
};

pub(crate) const DEREGISTER: Command = Command {
    path: "services deregister",
    synopsis: "Removes services from the agent",
    usage: "[options] [FILE...]",
    about: "Removes services of the agent, named by the files that registered them or by ID.",
    groups: CSN,
    flags: &[Flag::string("id", "ID of the instance.")],
    flag_errors: FLAG_ERRORS,
    run: Some(deregister),
};

fn register(call: &mut Call<'_>) -> i32 {
    let named = !call.flags.string("name").is_empty();
    let definitions = if call.args.is_empty() {
        if !named {
            return call.fail("Service registration requires at least one argument or flags.");
        }
        from_flags(call).map(|one| vec![one])
    } else {
        if named {
            return call.fail("Service registration requires arguments or -id, not both.");
        }
        from_files(call).and_then(|all| all.iter().try_for_each(check_file).map(|()| all))
    };
    let definitions = match definitions {
        Ok(definitions) => definitions,
        Err(e) => return call.fail(e),
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    for definition in definitions {
        let name = member(&definition, "Name");
        if let Err(e) = api.wait(api.client.agent_register_service(&definition)) {
            let name = text::quote(&name);
            return call.fail(format!("Error registering service {name}: {e}"));
        }
        call.out(format!("Registered service: {name}"));
    }
    0
}

fn from_flags(call: &Call<'_>) -> Result<Value, String> {
    let flags = &call.flags;
    let mut object = Map::new();
    for (flag, name) in [
        ("kind", "Kind"),
        ("id", "ID"),
        ("name", "Name"),
        ("address", "Address"),
        ("socket", "SocketPath"),
    ] {
        let value = flags.string(flag);
        if !value.is_empty() {
            object.insert(name.into(), value.into());
        }
    }
    let given = flags.string("address");
    if !given.is_empty() {
        address::check(given).map_err(|e| {
            format!("Invalid Service address when using CLI flags. Use -port flag instead: {e}")
        })?;
    }
    if flags.int("port") != 0 {
        object.insert("Port".into(), flags.int("port").into());
    }
    let mut tagged = Map::new();
    for (name, value) in flags.map("tagged-address") {
        let (host, port) =
            address::tagged(value).map_err(|e| format!("Invalid Tagged address: {e}"))?;
        address::check(&host)
            .map_err(|e| format!("Invalid Tagged address for tagged address '{name}': {e}"))?;
        tagged.insert(name.clone(), json!({"Address": host, "Port": port}));
    }
    if !tagged.is_empty() {
        object.insert("TaggedAddresses".into(), tagged.into());
    }
    if !flags.list("tag").is_empty() {
        object.insert("Tags".into(), flags.list("tag").into());
    }
    let meta: Map<String, Value> = flags
        .map("meta")
        .iter()
        .map(|(k, v)| (k.clone(), v.clone().into()))
        .collect();
    if !meta.is_empty() {
        object.insert("Meta".into(), meta.into());
    }
    Ok(Value::Object(object))
}

/// Services of the files, in the members of the agent's API.
fn from_files(call: &mut Call<'_>) -> Result<Vec<Value>, String> {
    let flags = Flags {
        paths: call.args.clone(),
        dev: true,
        ..Flags::default()
    };
    let loaded = config::load(&flags, &ThisHost).map_err(|e| format!("Error: {e}"))?;
    for warning in &loaded.warnings {
        call.err(warning);
    }
    let services = loaded.config.definitions.services;
    Ok(services
        .iter()
        .filter_map(|service| serde_json::from_str(&service.to_string()).ok())
        .map(|service| whole_weights(camel(service, "")))
        .collect())
}

/// A weight that a file leaves out is 1.
fn whole_weights(mut service: Value) -> Value {
    if let Some(weights) = service.get_mut("Weights").and_then(Value::as_object_mut) {
        for name in ["Passing", "Warning"] {
            weights.entry(name).or_insert_with(|| 1.into());
        }
    }
    service
}

/// Members whose value is the user's own.
const OPAQUE: &[&str] = &["meta", "config", "header", "arguments"];

/// Renames members from the spelling of files (`enable_tag_override`) to that of the API. Letter case does not matter
/// there, only the underscores do.
fn camel(value: Value, parent: &str) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|v| camel(v, parent)).collect(),
        Value::Object(members) => {
            let keep = parent == "tagged_addresses";
            let rename = |(name, value): (String, Value)| {
                let opaque = OPAQUE.contains(&name.as_str());
                let inner = if opaque { value } else { camel(value, &name) };
                (if keep { name } else { capitals(&name) }, inner)
            };
            members.into_iter().map(rename).collect()
        }
        other => other,
    }
}

fn capitals(name: &str) -> String {
    let part = |part: &str| match part {
        "id" | "http" | "tcp" | "udp" | "ttl" | "grpc" | "tls" | "os" => part.to_uppercase(),
        _ => {
            let mut letters = part.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    };
    name.split('_').map(part).collect()
}

fn member(definition: &Value, name: &str) -> String {
    definition[name].as_str().unwrap_or_default().to_owned()
}

fn check_file(definition: &Value) -> Result<(), String> {
    let service = member(definition, "Name");
    let given = member(definition, "Address");
    if !given.is_empty() {
        address::check(&given).map_err(|e| {
            format!("Invalid Service address for service '{service}'. Use port field instead: {e}")
        })?;
    }
    let tagged = definition["TaggedAddresses"].as_object();
    for (name, value) in tagged.into_iter().flatten() {
        address::check(&member(value, "Address")).map_err(|e| {
            format!(
                "Invalid Tagged address for tagged address '{name}' in service '{service}': {e}"
            )
        })?;
    }
    Ok(())
}

fn deregister(call: &mut Call<'_>) -> i32 {
    let id = call.flags.string("id").to_owned();
    if call.args.is_empty() && id.is_empty() {
        return call.fail("Service deregistration requires at least one argument or -id.");
    }
    if !call.args.is_empty() && !id.is_empty() {
        return call.fail("Service deregistration requires arguments or -id, not both.");
    }
    let targets = if call.args.is_empty() {
        vec![(String::new(), id)]
    } else {
        match from_files(call) {
            Ok(all) => all.iter().filter_map(target).collect(),
            Err(e) => return call.fail(e),
        }
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    remove_all(call, &api, targets)
}

/// Name and ID; the ID defaults to the name, and without either there is nothing to remove.
fn target(definition: &Value) -> Option<(String, String)> {
    let (name, id) = (member(definition, "Name"), member(definition, "ID"));
    let id = if id.is_empty() { name.clone() } else { id };
    (!id.is_empty()).then_some((name, id))
}

fn remove_all(call: &mut Call<'_>, api: &Api, targets: Vec<(String, String)>) -> i32 {
    for (name, id) in targets {
        if let Err(e) = api.wait(api.client.agent_deregister_service(&id)) {
            let name = text::quote(&name);
            return call.fail(format!("Error deregistering service {name}: {e}"));
        }
        call.out(format!("Deregistered service: {id}"));
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_files_become_those_of_the_api() {
        let file = json!({"id": "a", "enable_tag_override": true, "meta": {"my_key": "v"},
            "tagged_addresses": {"my_wan": {"address": "x", "port": 1}},
            "checks": [{"tls_skip_verify": true, "http": "u", "header": {"x_y": ["z"]}}],
            "proxy": {"local_service_port": 1, "config": {"a_b": 1}}});
        let expected = json!({"ID": "a", "EnableTagOverride": true, "Meta": {"my_key": "v"},
            "TaggedAddresses": {"my_wan": {"Address": "x", "Port": 1}},
            "Checks": [{"TLSSkipVerify": true, "HTTP": "u", "Header": {"x_y": ["z"]}}],
            "Proxy": {"LocalServicePort": 1, "Config": {"a_b": 1}}});
        assert_eq!(camel(file, ""), expected);
    }
}
