//! Rules of service metadata (spec/server.md §3.2).

use super::Applied;
use model::NodeService;
use wire::errors::state as text;

/// Most pairs.
const MAX_PAIRS: usize = 64;
/// Longest key, in bytes.
const MAX_KEY: usize = 128;
/// Longest value, in bytes.
const MAX_VALUE: usize = 512;
/// Keys with this prefix belong to the system.
const RESERVED: &str = "consul-";
/// The reserved key that mesh gateways may set.
const GATEWAY_KEY: &str = "consul-wan-federation";

/// Refuses metadata that breaks a rule; the first broken one in key order is told.
pub(super) fn check_meta(service: &NodeService) -> Applied<()> {
    if service.meta.len() > MAX_PAIRS {
        return Err(text::too_much_meta(MAX_PAIRS).into());
    }
    let gateway = service.kind == "mesh-gateway";
    for (key, value) in &service.meta {
        if let Some(why) = broken(key, value, gateway) {
            return Err(text::meta_pair(key, value, &why).into());
        }
    }
    Ok(())
}

fn broken(key: &str, value: &str, gateway: bool) -> Option<String> {
    if key.is_empty() {
        Some("Key cannot be blank".to_owned())
    } else if !key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        Some("Key contains invalid characters".to_owned())
    } else if key.len() > MAX_KEY {
        Some(format!("Key is too long (limit: {MAX_KEY} characters)"))
    } else if key.starts_with(RESERVED) && !(gateway && key == GATEWAY_KEY) {
        Some(format!(
            "Key prefix '{RESERVED}' is reserved for internal use"
        ))
    } else if value.len() > MAX_VALUE {
        Some(format!("Value is too long (limit: {MAX_VALUE} characters)"))
    } else {
        None
    }
}
