//! `consul snapshot inspect` and `consul snapshot decode`: they work on files, no agent is asked.

use super::{file_argument, is_state_file, open};
use crate::archive::{self, Record};
use crate::command::{Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

pub(crate) const INSPECT: Command = Command {
    path: "snapshot inspect",
    synopsis: "Prints what an archive holds",
    usage: "[options] FILE",
    about: "Verifies an archive and prints its metadata with the number and size of its records by type. FILE may also be the state.bin of a snapshot folder.",
    groups: &[],
    flags: &[
        Flag::string("format", "Output format: pretty or json.").with_default("pretty"),
        Flag::int(
            "kvdepth",
            "With -kvdetails: how many parts of a key count as one group.",
        )
        .with_default("2"),
        Flag::bool(
            "kvdetails",
            "Print numbers and sizes of groups of keys as well.",
        ),
        Flag::string("kvfilter", "With -kvdetails: only keys that begin so."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(inspect),
};

pub(crate) const DECODE: Command = Command {
    path: "snapshot decode",
    synopsis: "Prints all records of an archive",
    usage: "[options] FILE",
    about: "Prints all records of an archive as JSON, one a line.",
    groups: &[],
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(decode),
};

/// Reads metadata and state; failures are printed.
fn load(call: &mut Call<'_>) -> Result<(Value, Vec<u8>), i32> {
    let path = file_argument(call)?;
    let mut file = open(call, &path)?;
    let mut state = Vec::new();
    if is_state_file(&path) {
        if let Err(e) = file.read_to_end(&mut state) {
            let reason = crate::api::os_text(&e);
            return Err(call.fail(format!("Error reading snapshot: {reason}")));
        }
        let meta = Path::new(&path).with_file_name("meta.json");
        let read = std::fs::read(&meta)
            .map_err(|e| format!("open {}: {}", meta.display(), crate::api::os_text(&e)));
        let parsed =
            read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string()));
        return match parsed {
            Ok(meta) => Ok((meta, state)),
            Err(e) => Err(call.fail(format!(
                "Error reading meta.json from internal snapshot dir: {e}"
            ))),
        };
    }
    match archive::read(file, &mut state) {
        Ok(meta) => Ok((meta, state)),
        Err(damage) => {
            if let Some(reason) = &damage.inflating {
                let time = text::log_time(SystemTime::now());
                let reason = text::quote(reason);
                call.err(format!(
                    "{time} [ERROR] Failed to close snapshot decompressor: error={reason}"
                ));
            }
            let why = archive::reason(damage.to_string());
            Err(call.fail(format!("Error reading snapshot: {why}")))
        }
    }
}

/// Number and size of records of a group.
#[derive(Clone, Copy, Default)]
struct Sum {
    count: u64,
    size: u64,
}

type Groups = BTreeMap<String, Sum>;

fn add(groups: &mut Groups, name: String, size: u64) {
    let sum = groups.entry(name).or_default();
    sum.count += 1;
    sum.size += size;
}

/// Type byte of a key with its value.
const KVS: u8 = 2;

fn inspect(call: &mut Call<'_>) -> i32 {
    let (meta, state) = match load(call) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    let details = call.flags.bool("kvdetails");
    let filter = call.flags.string("kvfilter").to_owned();
    let depth = usize::try_from(call.flags.int("kvdepth")).unwrap_or(0);
    let (mut types, mut keys) = (Groups::new(), Groups::new());
    let walked = archive::walk(&state, |record| {
        add(&mut types, archive::type_name(record.kind), record.size);
        if details && record.kind == KVS {
            let key = key_of(&record)?;
            if key.starts_with(&filter) {
                let parts: Vec<_> = key.split('/').take(depth).collect();
                add(&mut keys, parts.join("/"), record.size);
            }
        }
        Ok(())
    });
    if let Err(e) = walked {
        return call.fail(format!("Error extracting snapshot data: {e}"));
    }
    let keys = details.then_some(&keys);
    match call.flags.string("format") {
        "pretty" => {
            call.out(pretty(&meta, &types, keys));
            0
        }
        "json" => {
            call.out(text::json(&report(&meta, &types, keys), "   "));
            0
        }
        other => {
            let text = format!("Error outputting enhanced snapshot data: Unknown format: {other}");
            call.fail(text)
        }
    }
}

fn value_of(record: &Record<'_>) -> Result<dialect::Any, String> {
    dialect::msgpack::from_slice(record.body).map_err(|e| e.to_string())
}

fn key_of(record: &Record<'_>) -> Result<String, String> {
    let value = value_of(record)?;
    let key = value.as_map().and_then(|m| m.get("Key"));
    Ok(key
        .and_then(dialect::Any::as_str)
        .unwrap_or_default()
        .to_owned())
}

/// Greatest first, then by name.
fn sorted(groups: &Groups) -> Vec<(&String, &Sum)> {
    let mut rows: Vec<_> = groups.iter().collect();
    rows.sort_by_key(|(name, sum)| (std::cmp::Reverse(sum.size), (*name).clone()));
    rows
}

fn total(groups: &Groups) -> u64 {
    groups.values().map(|s| s.size).sum()
}

fn report(meta: &Value, types: &Groups, keys: Option<&Groups>) -> Value {
    let rows = |groups: &Groups| -> Value {
        let row = |(name, sum): (&String, &Sum)| json!({"Name": name, "Sum": sum.size, "Count": sum.count});
        sorted(groups).into_iter().map(row).collect()
    };
    json!({
        "Meta": {
            "ID": meta["ID"], "Size": meta["Size"], "Index": meta["Index"],
            "Term": meta["Term"], "Version": meta["Version"],
        },
        "Stats": rows(types),
        "StatsKV": keys.map_or(Value::Null, rows),
        "TotalSize": total(types),
        "TotalSizeKV": keys.map_or(0, total),
    })
}

/// Sizes in steps of 1024 with one decimal that is dropped when it is zero.
fn size_text(bytes: u64) -> String {
    if bytes == 0 {
        return "0".to_owned();
    }
    let units = ["B", "KB", "MB", "GB", "TB"];
    let step = units
        .iter()
        .enumerate()
        .rev()
        .find(|(i, _)| bytes >> (10 * i) > 0);
    let (power, unit) = step.unwrap_or((0, &"B"));
    let scaled = bytes as f64 / (1u64 << (10 * power)) as f64;
    let text = format!("{scaled:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// Spaces after the widest cell of a column.
const GAP: usize = 6;

/// Rows as lines that begin with a space.
fn block(rows: &[[String; 3]], columns: usize) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().take(columns).cloned().collect())
        .collect();
    let widest = |at: usize| {
        let cells = rows.iter().filter_map(|r| r.get(at));
        cells.map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let mut out = String::new();
    for row in &rows {
        out.push(' ');
        for (i, cell) in row.iter().enumerate() {
            let _ = match i + 1 == row.len() {
                true => write!(out, "{cell}"),
                false => write!(out, "{cell:width$}", width = widest(i) + GAP),
            };
        }
        out.push('\n');
    }
    out
}

fn statistics(title: &str, groups: &Groups) -> Vec<[String; 3]> {
    let cells = |a: &str, b: &str, c: &str| [a.to_owned(), b.to_owned(), c.to_owned()];
    let mut rows = vec![cells(title, "Count", "Size"), cells("----", "----", "----")];
    for (name, sum) in sorted(groups) {
        rows.push(cells(name, &sum.count.to_string(), &size_text(sum.size)));
    }
    rows.push(cells("----", "----", "----"));
    rows.push(cells("Total", "", &size_text(total(groups))));
    rows
}

fn pretty(meta: &Value, types: &Groups, keys: Option<&Groups>) -> String {
    let shown = |name: &str| match &meta[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let names = ["ID", "Size", "Index", "Term", "Version"];
    let rows = names.map(|name| [name.to_owned(), shown(name), String::new()]);
    let mut out = block(&rows, 2);
    let _ = write!(out, "\n{}", block(&statistics("Type", types), 3));
    if let Some(keys) = keys {
        let _ = write!(out, "\n{}", block(&statistics("Key Name", keys), 3));
    }
    out.trim_end_matches('\n').to_owned()
}

fn decode(call: &mut Call<'_>) -> i32 {
    let (_, state) = match load(call) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    let mut lines = Vec::new();
    let walked = archive::walk(&state, |record| {
        let data = dialect::json::to_string(&value_of(&record)?);
        let name = archive::type_name(record.kind);
        lines.push(format!("{{\"Data\":{data},\"Type\":\"{name}\"}}"));
        Ok(())
    });
    let header = walked.and_then(|header| {
        dialect::msgpack::from_slice::<dialect::Any>(header).map_err(|e| e.to_string())
    });
    match header {
        Err(e) => call.fail(format!("Error extracting snapshot data: {e}")),
        Ok(header) => {
            let header = dialect::json::to_string(&header);
            call.out(format!("{{\"Data\":{header},\"Type\":\"SnapshotHeader\"}}"));
            lines.iter().for_each(|line| call.out(line));
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0"),
            (344, "344B"),
            (1024, "1KB"),
            (1741, "1.7KB"),
            (5120, "5KB"),
            (3 << 20, "3MB"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }

    #[test]
    fn tables() {
        let meta =
            json!({"ID": "2-13-1602222343947", "Size": 5141, "Index": 13, "Term": 2, "Version": 1});
        let types: Groups = [(
            "KVS".to_owned(),
            Sum {
                count: 4,
                size: 344,
            },
        )]
        .into();
        assert_eq!(
            pretty(&meta, &types, None),
            " ID           2-13-1602222343947\n Size         5141\n Index        13\n Term         2\n Version      1\n\n \
             Type       Count      Size\n ----       ----       ----\n KVS        4          344B\n \
             ----       ----       ----\n Total                 344B"
        );
    }
}
