//! `consul kv export` and `consul kv import`.

use super::without_slash;
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::{api, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proconsul_client::{Bytes64, KvPair};
use serde_json::{Map, Value};

pub(crate) const EXPORT: Command = Command {
    path: "kv export",
    synopsis: "Prints a tree of keys as JSON",
    usage: "[KEY_OR_PREFIX]",
    about: "Prints keys, flags and values (in base64) under a prefix as JSON that `consul kv import` reads.",
    groups: CSN,
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(export),
};

pub(crate) const IMPORT: Command = Command {
    path: "kv import",
    synopsis: "Writes a tree of keys from JSON",
    usage: "[DATA]",
    about: "Writes the keys that `consul kv export` printed. DATA is the JSON itself, @FILE, or - for the standard input.",
    groups: CSN,
    flags: &[Flag::string("prefix", "Put before every key.")],
    flag_errors: FLAG_ERRORS,
    run: Some(import),
};

fn export(call: &mut Call<'_>) -> i32 {
    let prefix = match call.args.as_slice() {
        [] => String::new(),
        [prefix] => without_slash(prefix),
        _ => return api::too_many(call, 1).unwrap_or(1),
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    match api.wait(api.client.kv_list(&prefix, &api::options(call))) {
        Err(e) => call.fail(format!("Error querying Consul agent: {e}")),
        Ok((pairs, _)) => {
            let entries: Vec<Value> = pairs.iter().map(entry).collect();
            call.out(text::json(&entries, "\t"));
            0
        }
    }
}

fn entry(pair: &KvPair) -> Value {
    let mut object = Map::new();
    object.insert("key".into(), pair.key.clone().into());
    object.insert("flags".into(), pair.flags.into());
    object.insert("value".into(), STANDARD.encode(&pair.value.0).into());
    for (name, text) in [
        ("namespace", &pair.namespace),
        ("partition", &pair.partition),
    ] {
        if !text.is_empty() {
            object.insert(name.into(), text.clone().into());
        }
    }
    Value::Object(object)
}

fn import(call: &mut Call<'_>) -> i32 {
    let text = match call.args.as_slice() {
        [] => return call.fail("Error! Missing DATA argument"),
        [text] if text.is_empty() => return call.fail("Error! Empty DATA argument"),
        [text] => text.clone(),
        more => {
            let got = more.len();
            return call.fail(format!("Error! Too many arguments (expected 1, got {got})"));
        }
    };
    let read = match api::data(call, &text) {
        Ok(read) => read,
        Err(e) => return call.fail(format!("Error! {e}")),
    };
    let entries = match parse(&read) {
        Ok(entries) => entries,
        Err(e) => return call.fail(format!("Cannot unmarshal data: {e}")),
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let prefix = call.flags.string("prefix").to_owned();
    for entry in entries {
        let value = match dialect::base64::decode(entry.value.as_bytes()) {
            Ok(value) => value,
            Err(fault) => {
                return call.fail(format!(
                    "Error base 64 decoding value for key {}: {fault}",
                    entry.key
                ));
            }
        };
        let key = join(&prefix, &entry.key);
        let pair = KvPair {
            key,
            value: Bytes64(value),
            flags: entry.flags,
            ..KvPair::default()
        };
        let put = api
            .client
            .kv_put_scoped(&pair, &entry.namespace, &entry.partition);
        if let Err(e) = api.wait(put) {
            return call.fail(format!(
                "Error! Failed writing data for key {}: {e}",
                pair.key
            ));
        }
        call.out(format!("Imported: {}", pair.key));
    }
    0
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    key: String,
    flags: u64,
    value: String,
    namespace: String,
    partition: String,
}

/// Reads the entries; refusals are worded as Go's decoder does.
fn parse(data: &[u8]) -> Result<Vec<Entry>, String> {
    let mismatch = |found: &str, wanted: &str| {
        format!("json: cannot unmarshal {found} into Go value of type {wanted}")
    };
    let member = |found: &str, name: &str, wanted: &str| {
        format!("json: cannot unmarshal {found} into Go struct field Entry.{name} of type {wanted}")
    };
    // The scanner knows Go's words for malformed text, the parser keeps numbers exact.
    dialect::json::unmarshal::<dialect::Any>(data, dialect::json::Mode::Lax)
        .map_err(|e| e.to_string())?;
    let value: Value = serde_json::from_slice(data).map_err(|e| e.to_string())?;
    let rows = match value {
        Value::Null => Vec::new(),
        Value::Array(rows) => rows,
        other => return Err(mismatch(kind(&other), "[]*impexp.Entry")),
    };
    let mut entries = Vec::new();
    for row in rows {
        let Value::Object(object) = row else {
            return Err(mismatch(kind(&row), "impexp.Entry"));
        };
        let mut entry = Entry::default();
        for (name, value) in object {
            match (name.to_ascii_lowercase().as_str(), value) {
                (_, Value::Null) => {}
                ("key", Value::String(text)) => entry.key = text,
                ("value", Value::String(text)) => entry.value = text,
                ("namespace", Value::String(text)) => entry.namespace = text,
                ("partition", Value::String(text)) => entry.partition = text,
                ("flags", Value::Number(n)) => {
                    entry.flags = n
                        .as_u64()
                        .ok_or_else(|| member(&format!("number {n}"), "flags", "uint64"))?;
                }
                (name @ ("key" | "value" | "namespace" | "partition"), v) => {
                    return Err(member(kind(&v), name, "string"));
                }
                ("flags", v) => return Err(member(kind(&v), "flags", "uint64")),
                _ => {}
            }
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Joins as Go's `path.Join` does: empty parts, `.`, `..` and doubled slashes vanish; a slash at the end of the key stays.
fn join(prefix: &str, key: &str) -> String {
    let rooted = [prefix, key].into_iter().find(|p| !p.is_empty());
    let rooted = rooted.is_some_and(|p| p.starts_with('/'));
    let mut parts: Vec<&str> = Vec::new();
    for part in prefix.split('/').chain(key.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let mut joined = parts.join("/");
    if rooted {
        joined.insert(0, '/');
    }
    if key.ends_with('/') && !joined.ends_with('/') {
        joined.push('/');
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries() {
        let read = parse(br#"[{"key":"a","flags":18446744073709551615,"value":null}]"#);
        let entry = Entry {
            key: "a".into(),
            flags: u64::MAX,
            ..Entry::default()
        };
        assert_eq!(read, Ok(vec![entry]));
        let scoped = parse(br#"[{"key":"a","Namespace":"n","partition":"p"}]"#).unwrap();
        assert_eq!(
            (scoped[0].namespace.as_str(), scoped[0].partition.as_str()),
            ("n", "p")
        );
        for (text, expected) in [
            (
                "not json",
                "invalid character 'o' in literal null (expecting 'u')",
            ),
            ("", "unexpected end of JSON input"),
            (
                "{}",
                "json: cannot unmarshal object into Go value of type []*impexp.Entry",
            ),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(expected.to_owned()));
        }
    }

    #[test]
    fn keys() {
        for (prefix, key, joined) in [
            ("", "app/", "app/"),
            ("copy/", "app/one", "copy/app/one"),
            ("copy2", "app/", "copy2/app/"),
            ("", "x//y", "x/y"),
            ("", "/lead", "/lead"),
            ("p", "../q", "q"),
        ] {
            assert_eq!(join(prefix, key), joined);
        }
    }
}
