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
    rename_check_ids(&mut tree);
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

/// Files call a check's ID `id`; inside services the records call it `CheckID`.
fn rename_check_ids(service: &mut Value) {
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
    if let Some(sidecar) = members
        .get_mut("connect")
        .and_then(|connect| connect.get_mut("sidecar_service"))
    {
        rename_check_ids(sidecar);
    }
}

fn decode<T: dialect::json::FromJson + Default>(tree: &Value) -> Result<T, String> {
    dialect::json::from_slice(tree.to_string().as_bytes(), dialect::json::Mode::Lax)
        .map_err(|error| error.to_string())
}
