//! The document of the tables and their reads: where each parks and which index it tells (spec/server.md §4.2, §5.3).
//!
//! The one place to look when a reader wakes too often or not at all is `docs/watch-table.md`, printed from
//! [`TABLES`].

use crate::TABLES;
use std::fmt::Write as _;

/// What holds for one read.
#[derive(Clone, Copy, Debug)]
pub struct ReadRule {
    /// The method of [`crate::Root`].
    pub read: &'static str,
    /// The watch keys it parks on.
    pub parks_on: &'static str,
    /// The index it tells; `P(x)` is the entry of `x` for the peer.
    pub index: &'static str,
}

pub(crate) const fn read(
    read: &'static str,
    parks_on: &'static str,
    index: &'static str,
) -> ReadRule {
    ReadRule {
        read,
        parks_on,
        index,
    }
}

fn or_none(text: String) -> String {
    if text.is_empty() {
        "–".to_owned()
    } else {
        text
    }
}

fn command_names(kinds: &[u8]) -> String {
    let name = |kind: &u8| {
        let found = wire::command::COMMANDS
            .iter()
            .find(|(byte, _)| byte == kind);
        found.map_or("?", |(_, name)| *name)
    };
    kinds.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The tables and their reads as a document.
pub fn watch_table() -> String {
    let mut out = String::from(
        "# Tables, and where their reads park\n\nPrinted from `TABLES` of `crates/state/src/tables/mod.rs` by its test.\n\n\
         | table | row | native block | archive type | changed by | touches |\n|---|---|---|---|---|---|\n",
    );
    for table in TABLES {
        let types: Vec<String> = table.archive_types().map(|kind| kind.to_string()).collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            table.name,
            table.record,
            table.native_byte(),
            or_none(types.join(", ")),
            or_none(command_names(table.changed_by)),
            or_none(table.wakes.join(", ")),
        );
    }
    out.push_str(
        "\nA restore changes every table. In an archive services and checks stand in the records of their node.\n\n\
         Every read also wakes when a restore replaces the state. A write touches the keys of the rows it changes; some index \
         entries\nmove without waking anybody.\n\n| read | parks on | index |\n|---|---|---|\n",
    );
    for rule in TABLES.iter().flat_map(|table| table.reads) {
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            rule.read, rule.parks_on, rule.index
        );
    }
    out
}
