//! The command line: one table of commands, Go's flag syntax, help texts, dispatch and exit codes.
//!
//! Owns: [`COMMANDS`](commands::COMMANDS), the parsing of flags, what is printed and which status a command ends with.
//! Must never learn: how a server or an agent works. Commands talk to a running agent through `proconsul-client`; the one
//! command that *is* an agent is reached through [`AgentMain`], which the binary passes in.
//!
//! Adding a command: one file in `commands/`, one line in its list. Help, usage and flag checks follow from the table.

mod api;
mod archive;
mod child;
pub mod command;
pub mod commands;
pub mod dispatch;
pub mod flag;
pub mod help;
pub mod number;
mod signals;
mod suggest;
mod text;
pub mod values;

pub use command::{AgentMain, BuildInfo, Call, Command, Environment, Io, Process};
pub use dispatch::run;
