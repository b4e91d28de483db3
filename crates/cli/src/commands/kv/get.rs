//! `consul kv get`.

use super::without_slash;
use crate::api;
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proconsul_client::KvPair;

pub(crate) const COMMAND: Command = Command {
    path: "kv get",
    synopsis: "Prints a value, or a tree of them",
    usage: "[options] [KEY_OR_PREFIX]",
    about: "Prints the value of a key. With -recurse all keys that begin with the given text, one KEY:VALUE a line; with -keys only their names, cut after the next separator.

The exit status is 1 when a single key does not exist.",
    groups: CSN,
    flags: &[
        Flag::bool("base64", "Print values in base64."),
        Flag::bool("detailed", "Print indexes, flags and session as well."),
        Flag::bool("keys", "Print only names of keys under a prefix."),
        Flag::bool("recurse", "Print all keys under a prefix."),
        Flag::string("separator", "Where -keys cuts names.").with_default("/"),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

fn run(call: &mut Call<'_>) -> i32 {
    let key = match call.args.as_slice() {
        [] => String::new(),
        [key] => without_slash(key),
        _ => return api::too_many(call, 1).unwrap_or(1),
    };
    let (keys, recurse) = (call.flags.bool("keys"), call.flags.bool("recurse"));
    if key.is_empty() && !keys && !recurse {
        return call.fail("Error! Missing KEY argument");
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let options = api::options(call);
    let done = if keys && !recurse {
        let separator = call.flags.string("separator").to_owned();
        let asked = api.wait(api.client.kv_keys(&key, &separator, &options));
        asked.map(|(names, _)| names.iter().for_each(|name| call.out(name)))
    } else if recurse {
        let asked = api.wait(api.client.kv_list(&key, &options));
        asked.map(|(pairs, _)| print_tree(call, &pairs, keys))
    } else {
        match api.wait(api.client.kv_get(&key, &options)) {
            Ok((None, _)) => return call.fail(format!("Error! No key exists at: {key}")),
            Ok((Some(pair), _)) => {
                print_one(call, &pair);
                Ok(())
            }
            Err(e) => Err(e),
        }
    };
    match done {
        Ok(()) => 0,
        Err(e) => call.fail(format!("Error querying Consul agent: {e}")),
    }
}

fn shown(call: &Call<'_>, pair: &KvPair) -> Vec<u8> {
    if call.flags.bool("base64") {
        STANDARD.encode(&pair.value.0).into_bytes()
    } else {
        pair.value.0.clone()
    }
}

fn print_one(call: &mut Call<'_>, pair: &KvPair) {
    let value = shown(call, pair);
    let mut text = if call.flags.bool("detailed") {
        details(pair, Some(&value))
    } else {
        value
    };
    text.push(b'\n');
    api::out_bytes(call, &text);
}

fn print_tree(call: &mut Call<'_>, pairs: &[KvPair], names_only: bool) {
    let detailed = call.flags.bool("detailed");
    let mut text = Vec::new();
    for (i, pair) in pairs.iter().enumerate() {
        let value = shown(call, pair);
        if detailed {
            if i > 0 {
                text.push(b'\n');
            }
            text.extend(details(pair, (!names_only).then_some(&value)));
        } else {
            text.extend(pair.key.as_bytes());
            if !names_only {
                text.push(b':');
                text.extend(value);
            }
        }
        text.push(b'\n');
    }
    api::out_bytes(call, &text);
}

/// Width of the first column: the longest label and six spaces.
const LABEL_WIDTH: usize = 17;

/// The metadata block. Without a value it ends in an empty line.
fn details(pair: &KvPair, value: Option<&Vec<u8>>) -> Vec<u8> {
    let session = match pair.session.as_str() {
        "" => "-",
        held => held,
    };
    let mut rows = vec![
        ("CreateIndex", pair.create_index.to_string()),
        ("Flags", pair.flags.to_string()),
        ("Key", pair.key.clone()),
        ("LockIndex", pair.lock_index.to_string()),
        ("ModifyIndex", pair.modify_index.to_string()),
        ("Session", session.to_owned()),
    ];
    for (label, text) in [
        ("Partition", &pair.partition),
        ("Namespace", &pair.namespace),
    ] {
        if !text.is_empty() {
            rows.push((label, text.clone()));
        }
    }
    let mut out = Vec::new();
    for (label, text) in rows {
        out.extend(format!("{label:LABEL_WIDTH$}{text}\n").into_bytes());
    }
    match value {
        // The lines above end in a newline of their own, and the caller adds one more.
        None => {}
        Some(value) if value.is_empty() => out.extend(b"Value"),
        Some(value) => {
            out.extend(format!("{:LABEL_WIDTH$}", "Value").into_bytes());
            for byte in value {
                match byte {
                    // A tab counts as the end of a column.
                    b'\t' => out.extend(b"      "),
                    other => out.push(*other),
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_blocks() {
        let pair = KvPair {
            key: "k".into(),
            flags: 42,
            ..KvPair::default()
        };
        let text = String::from_utf8(details(&pair, Some(&b"a\tb".to_vec()))).expect("text");
        assert_eq!(
            text,
            "CreateIndex      0\nFlags            42\nKey              k\nLockIndex        0\nModifyIndex      0\nSession          -\nValue            a      b"
        );
        assert!(details(&pair, None).ends_with(b"-\n"));
        assert!(details(&pair, Some(&Vec::new())).ends_with(b"\nValue"));
    }
}
