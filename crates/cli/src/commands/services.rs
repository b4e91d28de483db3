//! `consul services …` (spec: cli.md §11).

pub(crate) mod address;
pub(crate) mod export;
pub(crate) mod register;

use crate::command::Command;

pub(crate) const GROUP: Command = Command::group(
    "services",
    "Registers services with the agent and exports them",
    "Registers and removes services of the agent's node, and exports services to cluster peers.",
);
