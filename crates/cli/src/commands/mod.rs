//! The table of commands. One file a command (or a small family), one line here.

mod agent;
mod validate;
mod version;

use crate::command::Command;

/// Every command and group, parents before children. Help, dispatch, completion and the manual page read this list.
pub const COMMANDS: &[Command] = &[agent::COMMAND, validate::COMMAND, version::COMMAND];
