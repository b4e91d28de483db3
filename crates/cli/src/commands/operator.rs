//! `consul operator …` (spec: cli.md §15).

pub(crate) mod autopilot;
pub(crate) mod raft;
pub(crate) mod usage;

use crate::api::{self, Api};
use crate::command::{Call, Command};

pub(crate) const GROUP: Command = Command {
    usage: "<subcommand> [options]",
    ..Command::group(
        "operator",
        "Tools for operators of a cluster",
        "Looks at and changes what concerns the servers themselves. Some of these commands can harm a cluster when used without care.",
    )
};

/// These commands word a failed connection differently.
fn connect(call: &mut Call<'_>) -> Result<Api, i32> {
    api::connect_or(call, "Error initializing client")
}
