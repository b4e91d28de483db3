//! Definitions from configuration files: JSON trees with snake_case keys and durations as texts.

use model::{CheckType, ServiceDefinition};
use ports::{CheckRegistration, ServiceRegistration};
use serde_json::Value;

/// Decodes a service of a configuration file.
///
/// # Errors
/// What does not fit, for people.
pub fn service_from_file(tree: &Value) -> Result<ServiceRegistration, String> {
    let mut tree = tree.clone();
    rename_members(&mut tree);
    let definition: ServiceDefinition = decode(&tree)?;
    Ok(ServiceRegistration {
        definition,
        replace_existing_checks: false,
    })
}

/// Decodes a check of a configuration file.
///
/// # Errors
/// What does not fit, for people.
pub fn check_from_file(tree: &Value) -> Result<CheckRegistration, String> {
    let text = |key: &str| {
        tree.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let definition: CheckType = check(tree)?;
    Ok(CheckRegistration {
        id: text("id"),
        service_id: text("service_id"),
        definition,
        token: text("token"),
    })
}

fn check(tree: &Value) -> Result<CheckType, String> {
    let mut definition: CheckType = decode(tree)?;
    // TLS is the default of HTTP/2 pings; only an explicit `false` switches it off.
    if !definition.h2ping.is_empty() && tree.get("h2ping_use_tls").is_none_or(Value::is_null) {
        definition.h2ping_use_tls = true;
    }
    Ok(definition)
}

/// Members that files spell otherwise than bodies of requests: a check's ID is `id`, and all of an Envoy extension has underscores.
fn rename_members(service: &mut Value) {
    let Some(members) = service.as_object_mut() else {
        return;
    };
    let mut rename = |check: &mut Value| {
        if let Some(check) = check.as_object_mut() {
            if let Some(id) = check.remove("id") {
                check.insert("CheckID".into(), id);
            }
            let pings = check
                .get("h2ping")
                .is_some_and(|target| target.as_str().is_some_and(|text| !text.is_empty()));
            if pings && check.get("h2ping_use_tls").is_none_or(Value::is_null) {
                check.insert("h2ping_use_tls".into(), Value::Bool(true));
            }
        }
    };
    if let Some(check) = members.get_mut("check") {
        rename(check);
    }
    if let Some(Value::Array(checks)) = members.get_mut("checks") {
        checks.iter_mut().for_each(&mut rename);
    }
    if let Some(extensions) = members.get_mut("proxy").and_then(|proxy| {
        let proxy = proxy.as_object_mut()?;
        let extensions = proxy.remove("envoy_extensions")?;
        Some(proxy.entry("EnvoyExtensions").or_insert(extensions))
    }) {
        let extensions = extensions.as_array_mut().into_iter().flatten();
        for extension in extensions.filter_map(Value::as_object_mut) {
            for (file, record) in [
                ("consul_version", "ConsulVersion"),
                ("envoy_version", "EnvoyVersion"),
            ] {
                if let Some(version) = extension.remove(file) {
                    extension.insert(record.into(), version);
                }
            }
        }
    }
    if let Some(sidecar) = members
        .get_mut("connect")
        .and_then(|connect| connect.get_mut("sidecar_service"))
    {
        rename_members(sidecar);
    }
}

fn decode<T: dialect::json::FromJson + Default>(tree: &Value) -> Result<T, String> {
    dialect::json::from_slice(tree.to_string().as_bytes(), dialect::json::Mode::Lax)
        .map_err(|error| error.to_string())
}
