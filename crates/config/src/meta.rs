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
    let src = text.as_bytes();
    let corrupt = |at: usize| format!("illegal base64 data at input byte {at}");
    let value = |b: u8| -> Option<u32> {
        Some(u32::from(match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }))
    };
    let mut out = Vec::with_capacity(src.len() / 4 * 3);
    let mut quantum = Vec::with_capacity(4);
    let mut at = 0;
    while let Some(&b) = src.get(at) {
        at += 1;
        if b == b'\n' || b == b'\r' {
            continue;
        }
        if let Some(v) = value(b) {
            quantum.push(v);
            if quantum.len() == 4 {
                flush(&quantum, &mut out);
                quantum.clear();
            }
            continue;
        }
        if b != b'=' || quantum.len() < 2 {
            return Err(corrupt(at - 1));
        }
        let skip = |at: &mut usize| {
            while matches!(src.get(*at), Some(b'\n' | b'\r')) {
                *at += 1;
            }
        };
        skip(&mut at);
        if quantum.len() == 2 {
            match src.get(at) {
                None => return Err(corrupt(src.len())),
                Some(b'=') => at += 1,
                Some(_) => return Err(corrupt(at - 1)),
            }
            skip(&mut at);
        }
        if at < src.len() {
            return Err(corrupt(at));
        }
        flush(&quantum, &mut out);
        return Ok(out);
    }
    if quantum.is_empty() {
        Ok(out)
    } else {
        Err(corrupt(at - quantum.len()))
    }
}

fn flush(quantum: &[u32], out: &mut Vec<u8>) {
    let bits = quantum
        .iter()
        .chain([0, 0].iter())
        .take(4)
        .fold(0u32, |n, v| n << 6 | v);
    let bytes = bits.to_be_bytes();
    out.extend(bytes.iter().skip(1).take(quantum.len().saturating_sub(1)));
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
    use base64::Engine as _;
    use proptest::prelude::*;

    #[test]
    fn base64_refusals() {
        for (text, want) in [
            ("zzz", 0),
            ("zzzz$", 4),
            ("zz=", 3),
            ("zz=z", 2),
            ("zz==z", 4),
            ("z===", 1),
            ("====", 0),
        ] {
            assert_eq!(
                decode_base64(text),
                Err(format!("illegal base64 data at input byte {want}")),
                "{text}"
            );
        }
        assert_eq!(decode_base64("aGk=").as_deref(), Ok(&b"hi"[..]));
        assert_eq!(decode_base64("aG\nk="), Ok(b"hi".to_vec()));
    }

    proptest! {
        #[test]
        fn base64_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            prop_assert_eq!(decode_base64(&text), Ok(bytes));
        }

        #[test]
        fn base64_never_panics(text in "[A-Za-z0-9+/=\n$]{0,20}") {
            let _ = decode_base64(&text);
            let _ = check_uuid(&text);
        }
    }
}
