//! What the rows of `TABLES` declare is what happens.

use crate::common::*;
use state::{Store, TABLES, WatchKey};
use std::collections::{BTreeMap, BTreeSet};
use wire::command::{COMMANDS, Stamp, kind};
use wire::{Command, Outcome};

/// The bytes of each table's rows in a snapshot, by table byte; those of a restore in progress are left out.
pub fn tables_of(store: &Store) -> BTreeMap<u8, Vec<u8>> {
    let mut snapshot = Vec::new();
    store.write_to(&mut snapshot).expect("memory takes all");
    let mut rest = &snapshot[state::snapshot::MAGIC.len()..];
    let mut tables: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    while let Some((head, more)) = rest.split_first_chunk::<9>() {
        let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (rows, more) = more.split_at(len);
        tables.entry(head[0]).or_default().extend_from_slice(rows);
        rest = more;
    }
    tables
}

/// Fails unless every table that a command changed says so, and one of them declares each key it touched.
pub fn declared(
    before: &BTreeMap<u8, Vec<u8>>,
    after: &BTreeMap<u8, Vec<u8>>,
    command: &Command,
    keys: &[WatchKey],
) {
    let kind = command.kind() & !kind::IGNORE_UNKNOWN;
    let changed: Vec<_> = TABLES
        .iter()
        .filter(|table| before.get(&table.native_byte()) != after.get(&table.native_byte()))
        .collect();
    for table in &changed {
        assert!(
            table.changed_by.contains(&kind),
            "{} is changed by {command:?}",
            table.name
        );
    }
    for key in keys {
        let text = format!("{key:?}");
        let name = text.split('(').next().unwrap_or_default();
        assert!(
            changed.iter().any(|table| table.wakes.contains(&name)),
            "{command:?} touches {key:?}"
        );
    }
}

#[test]
fn no_byte_and_no_name_stands_for_two_tables() {
    let bytes: BTreeSet<u8> = TABLES.iter().map(|table| table.native_byte()).collect();
    let names: BTreeSet<&str> = TABLES.iter().map(|table| table.name).collect();
    assert_eq!((bytes.len(), names.len()), (TABLES.len(), TABLES.len()));
    // 13, 19 and 20 are blocks of no table, 0x40 marks its tables.
    assert!(
        bytes
            .iter()
            .all(|byte| !matches!(byte, 0 | 13 | 19 | 20 | 0x40..))
    );
}

/// A command without a rule would do nothing and say that all is well.
#[test]
fn every_command_has_a_rule_and_changes_a_table() {
    let mut store = Store::new();
    for (byte, name) in COMMANDS {
        assert!(
            TABLES.iter().any(|table| table.changed_by.contains(byte)),
            "{name}"
        );
    }
    // Each of these is refused or told apart by its own rule.
    for (command, outcome) in [
        (
            Command::Session(Box::default()),
            "Invalid Session operation ''",
        ),
        (Command::Kvs(Box::default()), "Invalid KVS operation ''"),
        (
            Command::ConnectCa(Box::default()),
            "Invalid CA operation ''",
        ),
        (
            Command::Tombstone(Default::default()),
            "Invalid Tombstone operation ''",
        ),
    ] {
        let did = store.apply(1, &Stamp::default(), &command, &mut state::Touched::new());
        assert_eq!(did, Outcome::Error(outcome.to_owned()));
    }
}

#[test]
fn an_old_log_changes_what_is_declared() {
    let mut c = Cluster::default();
    let mut changed = BTreeSet::new();
    for entry in crate::formats::log() {
        let command = Command::decode(&entry).expect("an old entry");
        if matches!(command, Command::RestoreBegin(_)) {
            break;
        }
        let before = tables_of(&c.store);
        let did = c.ok(command.clone());
        let after = tables_of(&c.store);
        declared(&before, &after, &command, &did.keys);
        changed.extend(after.into_keys());
    }
    // All but what only archives bring.
    let opaque = TABLES.iter().filter(|table| table.changed_by.is_empty());
    assert_eq!(changed.len() - 1, TABLES.len() - opaque.count());
}

#[test]
fn a_session_that_ends_with_its_node_changes_what_is_declared() {
    let mut c = Cluster::default();
    c.ok(node("n"));
    c.ok(coordinate("n"));
    c.ok(session("s", "n", &[], "delete"));
    c.ok(kvs(
        "lock",
        model::KvEntry {
            session: "s".into(),
            ..entry("k", "v")
        },
    ));
    let command = deregister("n", "", "");
    let before = tables_of(&c.store);
    let did = c.ok(command.clone());
    declared(&before, &tables_of(&c.store), &command, &did.keys);
}
