//! `consul container`: help of the entry point; the binary itself goes in before there is a command (spec: kubernetes.md §4.2).

use crate::command::Command;

pub(crate) const COMMAND: Command = Command {
    usage: "[command] [args]",
    ..Command::group(
        "container",
        "Runs a command as the entry point of a container",
        "Prepares a container and goes on as the command, in the same process: CONSUL_BIND_INTERFACE, CONSUL_CLIENT_INTERFACE, \
CONSUL_BIND, CONSUL_CLIENT, CONSUL_DATA_DIR and CONSUL_CONFIG_DIR become arguments of the agent, CONSUL_LOCAL_CONFIG becomes a \
file of its configuration. Run by root it becomes CONSUL_UID and CONSUL_GID, who get the two folders, unless \
CONSUL_DISABLE_PERM_MGMT is set; with CONSUL_ALLOW_PRIVILEGED_PORTS it may listen on ports below 1024. A command that is not \
one of this program is executed as it is. A link named docker-entrypoint.sh to this program does the same.\n\n    $ consul container agent -dev",
    )
};
