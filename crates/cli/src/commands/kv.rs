//! `consul kv …` (spec: cli.md §7).

pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod put;
pub(crate) mod transfer;

use crate::command::Command;

pub(crate) const GROUP: Command = Command {
    usage: "<subcommand> [options] [args]",
    ..Command::group(
        "kv",
        "Reads and writes the key/value store",
        "Reads, writes and deletes keys, and copies whole trees of them.

 $ consul kv put config/connections 5
 $ consul kv get config/connections
 $ consul kv get -recurse config",
    )
};

/// Cuts one leading slash, as people type it out of habit.
fn without_slash(key: &str) -> String {
    key.strip_prefix('/').unwrap_or(key).to_owned()
}
