//! Rules for metadata of nodes and services (agent-config.md §4.1, §8), and small texts in Go's formats.

use crate::model::TextMap;

/// Most pairs of a metadata map.
pub const META_PAIRS_MAX: usize = 64;
/// Longest key, bytes.
pub const META_KEY_MAX: usize = 128;
/// Longest value, bytes.
pub const META_VALUE_MAX: usize = 512;
const RESERVED: &str = "consul-";

/// Checks a metadata map. `reserved_allowed`: keys that begin with `consul-` may stand (services).
pub fn check_pairs(pairs: &TextMap, reserved_allowed: bool) -> Result<(), String> {
    if pairs.len() > META_PAIRS_MAX {
        return Err(format!(
            "Node metadata cannot contain more than {META_PAIRS_MAX} key/value pairs"
        ));
    }
    for (key, value) in pairs {
        check_pair(key, value, reserved_allowed)
            .map_err(|e| format!("Couldn't load metadata pair ('{key}', '{value}'): {e}"))?;
    }
    Ok(())
}

fn check_pair(key: &str, value: &str, reserved_allowed: bool) -> Result<(), String> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if key.is_empty() {
        Err("Key cannot be blank".to_string())
    } else if !key.bytes().all(ok) {
        Err("Key contains invalid characters".to_string())
    } else if key.len() > META_KEY_MAX {
        Err(format!(
            "Key is too long (limit: {META_KEY_MAX} characters)"
        ))
    } else if !reserved_allowed && key.starts_with(RESERVED) {
        Err(format!(
            "Key prefix '{RESERVED}' is reserved for internal use"
        ))
    } else if value.len() > META_VALUE_MAX {
        Err(format!(
            "Value is too long (limit: {META_VALUE_MAX} characters)"
        ))
    } else {
        Ok(())
    }
}

/// Decodes standard base64 with padding; the error is Go's (`illegal base64 data at input byte 0`).
pub fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    dialect::base64::decode(text.as_bytes()).map_err(|fault| fault.to_string())
}

/// Whether a configured node id is a UUID; the error ends `failed to setup node ID: specified NodeID is invalid: …`.
pub fn check_uuid(id: &str) -> Result<(), String> {
    if id.len() != 36 {
        return Err("uuid string is wrong length".to_string());
    }
    let dashes = [8, 13, 18, 23];
    for (i, b) in id.bytes().enumerate() {
        if dashes.contains(&i) != (b == b'-') {
            return Err("uuid is improperly formatted".to_string());
        }
        if b != b'-' && !b.is_ascii_hexdigit() {
            return Err(format!(
                "encoding/hex: invalid byte: U+{:04X} {:?}",
                u32::from(b),
                char::from(b)
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_never_panic(text in "[A-Fa-f0-9x-]{0,40}") {
            let _ = check_uuid(&text);
        }
    }
}
