//! What a command is, and what it is given when it runs.

use crate::flag::Flag;
use crate::values::Values;
use std::collections::HashMap;
use std::fmt::Display;
use std::io::{Read, Write};

/// Sets of flags that several commands share (spec: cli.md §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// `-http-addr`, `-token`, `-ca-file`, … of every command that asks an agent.
    Client,
    /// `-datacenter`, `-stale` of commands answered by a server.
    Server,
    /// `-namespace` and `-partition`.
    Namespace,
    /// `-partition` alone.
    Partition,
}

impl Group {
    /// The flags of the group.
    pub fn flags(self) -> &'static [Flag] {
        match self {
            Self::Client => CLIENT_FLAGS,
            Self::Server => SERVER_FLAGS,
            Self::Namespace => NAMESPACE_FLAGS,
            Self::Partition => PARTITION_FLAGS,
        }
    }

    /// Whether help lists the group under `HTTP API Options`.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Client | Self::Server)
    }
}

/// Client group only (`C` in the specification's tables).
pub const C: &[Group] = &[Group::Client];
/// Client and server groups (`C S`).
pub const CS: &[Group] = &[Group::Client, Group::Server];
/// Client, server and namespace groups (`C S N`).
pub const CSN: &[Group] = &[Group::Client, Group::Server, Group::Namespace];
/// Client and namespace groups (`C N`).
pub const CN: &[Group] = &[Group::Client, Group::Namespace];
/// Client and partition groups (`C P`).
pub const CP: &[Group] = &[Group::Client, Group::Partition];
/// Client, server and partition groups (`C S P`).
pub const CSP: &[Group] = &[Group::Client, Group::Server, Group::Partition];

const CLIENT_FLAGS: &[Flag] = &[
    Flag::string(
        "ca-file",
        "File with the certificates of the authorities to trust, PEM. Environment: CONSUL_CACERT.",
    ),
    Flag::string(
        "ca-path",
        "Directory of such files. Environment: CONSUL_CAPATH.",
    ),
    Flag::string(
        "client-cert",
        "File with the client certificate for an agent that verifies its callers; needs -client-key. Environment: CONSUL_CLIENT_CERT.",
    ),
    Flag::string(
        "client-key",
        "File with the key of that certificate. Environment: CONSUL_CLIENT_KEY.",
    ),
    Flag::string(
        "http-addr",
        "The `address` of the agent's HTTP interface: host:port, a http:// or https:// URL, or unix:// with a path. Environment: CONSUL_HTTP_ADDR. Default: http://127.0.0.1:8500.",
    ),
    Flag::string(
        "tls-server-name",
        "Name to ask for and to verify in a TLS connection. Environment: CONSUL_TLS_SERVER_NAME.",
    ),
    Flag::string(
        "token",
        "ACL token of the request. Environment: CONSUL_HTTP_TOKEN. Default: the token of the agent.",
    ),
    Flag::string(
        "token-file",
        "File that holds the ACL token; stronger than -token. Environment: CONSUL_HTTP_TOKEN_FILE.",
    ),
];

const SERVER_FLAGS: &[Flag] = &[
    Flag::string(
        "datacenter",
        "Datacenter to ask. Default: that of the agent.",
    ),
    Flag::bool(
        "stale",
        "Let any server answer, not only the leader: faster, and possible without a leader, but the answer may be old.",
    ),
];

const NAMESPACE_FLAGS: &[Flag] = &[
    Flag::string(
        "namespace",
        "Namespace of the request (Enterprise servers only). Environment: CONSUL_NAMESPACE.",
    ),
    PARTITION_FLAGS[0],
];

const PARTITION_FLAGS: &[Flag] = &[Flag::string(
    "partition",
    "Admin partition of the request (Enterprise servers only). Environment: CONSUL_PARTITION.",
)];

/// What follows a refused flag (spec: cli.md §2, last paragraphs).
#[derive(Clone, Copy, Debug)]
pub struct FlagErrors {
    /// Exit status.
    pub exit: i32,
    /// Prefix of an additional line that repeats the refusal; empty = no such line.
    pub again: &'static str,
}

/// Exit status 1, nothing more.
pub const FLAG_ERRORS: FlagErrors = FlagErrors { exit: 1, again: "" };
/// Exit status 1 and the line `Failed to parse args: …`.
pub const FLAG_ERRORS_AGAIN: FlagErrors = FlagErrors {
    exit: 1,
    again: "Failed to parse args: ",
};

/// A row of the command table. A group (`kv`, `acl token`) is a row without `run`.
#[derive(Clone, Copy)]
pub struct Command {
    /// Words after `consul`, separated by one space.
    pub path: &'static str,
    /// One line for lists of commands.
    pub synopsis: &'static str,
    /// What follows the path in the usage line (`[options] KEY [DATA]`).
    pub usage: &'static str,
    /// Prose of the help text. Paragraphs are separated by an empty line; lines that begin with a space are examples
    /// and stay as they are. No tab characters.
    pub about: &'static str,
    /// Shared flags.
    pub groups: &'static [Group],
    /// Own flags.
    pub flags: &'static [Flag],
    /// What a refused flag leads to.
    pub flag_errors: FlagErrors,
    /// Does the work and returns the exit status; absent for groups.
    pub run: Option<fn(&mut Call<'_>) -> i32>,
}

impl Command {
    /// A group of commands.
    pub const fn group(path: &'static str, synopsis: &'static str, about: &'static str) -> Self {
        Self {
            path,
            synopsis,
            usage: "<subcommand> [options] [args]",
            about,
            groups: &[],
            flags: &[],
            flag_errors: FLAG_ERRORS,
            run: None,
        }
    }

    /// All flags of the command, own ones first; no name occurs twice.
    pub fn all_flags(&self) -> Vec<&'static Flag> {
        let mut all: Vec<&'static Flag> = self.flags.iter().collect();
        for group in self.groups {
            for flag in group.flags() {
                if !all.iter().any(|f| f.name == flag.name) {
                    all.push(flag);
                }
            }
        }
        all
    }

    /// All flags but old spellings, as help, completion and manual page show them.
    pub fn listed_flags(&self) -> Vec<&'static Flag> {
        let mut all = self.all_flags();
        all.retain(|flag| !flag.unlisted);
        all
    }

    /// The path of its group, empty at the first level.
    pub fn parent(&self) -> &'static str {
        self.path.rsplit_once(' ').map_or("", |(parent, _)| parent)
    }

    /// Last word of the path.
    pub fn name(&self) -> &'static str {
        self.path
            .rsplit_once(' ')
            .map_or(self.path, |(_, last)| last)
    }
}

/// The environment as it was when the process started.
#[derive(Clone, Debug, Default)]
pub struct Environment(pub HashMap<String, String>);

impl Environment {
    /// That of this process; names or values that are no UTF-8 are left out.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    /// A variable; empty ones count as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }
}

/// The three streams of a command.
pub struct Io<'a> {
    /// Standard input.
    pub stdin: &'a mut dyn Read,
    /// Results.
    pub stdout: &'a mut dyn Write,
    /// Warnings and errors.
    pub stderr: &'a mut dyn Write,
}

/// What the binary knows about its own build.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// Version of Consul it answers as, e.g. `1.21.4`.
    pub version: String,
    /// Pre-release tag, may be empty.
    pub prerelease: String,
    /// Build metadata, may be empty.
    pub metadata: String,
    /// Short source revision, may be empty.
    pub revision: String,
    /// Build time, RFC 3339 in UTC.
    pub build_date: String,
}

/// Runs an agent until it ends. Implemented by the binary, which knows the rooms.
pub trait AgentMain {
    /// Takes the parsed command line of `consul agent` and returns the exit status.
    fn run(&self, flags: config::Flags, build: &BuildInfo) -> i32;
}

/// What the binary passes in.
pub struct Process<'a> {
    /// The agent.
    pub agent: &'a dyn AgentMain,
    /// Facts about the build.
    pub build: BuildInfo,
}

/// All commands of a program.
pub struct Table {
    /// Every command and group, parents before children.
    pub commands: &'static [Command],
    /// Paths of those at the first level that the reference does not know.
    pub beyond: &'static [&'static str],
}

impl Table {
    /// The command with this path, words between single blanks.
    pub fn find(&self, path: &str) -> Option<&'static Command> {
        self.commands.iter().find(|command| command.path == path)
    }

    /// Commands one level below a group; those of the first level below `""`.
    pub fn children<'a>(&self, group: &'a str) -> impl Iterator<Item = &'static Command> + use<'a> {
        let commands = self.commands.iter();
        commands.filter(move |command| command.parent() == group)
    }
}

/// The line behind which commands and flags stand that the reference does not know.
pub const BEYOND: &str = "Beyond the reference:";

/// One invocation of a command.
pub struct Call<'a> {
    /// The table that the command stands in.
    pub table: &'static Table,
    /// Its row in the table.
    pub command: &'static Command,
    /// Its flags.
    pub flags: Values,
    /// Arguments after the flags.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: &'a Environment,
    /// Streams.
    pub io: Io<'a>,
    /// What the binary passed in.
    pub process: &'a Process<'a>,
}

impl Call<'_> {
    /// A line on standard output. A closed pipe is not an error of the command.
    pub fn out(&mut self, text: impl Display) {
        let _ = writeln!(self.io.stdout, "{text}");
    }

    /// A line on standard error.
    pub fn err(&mut self, text: impl Display) {
        let _ = writeln!(self.io.stderr, "{text}");
    }

    /// Prints the line on standard error and returns exit status 1.
    pub fn fail(&mut self, text: impl Display) -> i32 {
        self.err(text);
        1
    }
}
