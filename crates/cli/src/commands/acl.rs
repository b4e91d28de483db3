//! `consul acl …` (spec: cli.md §8).
//!
//! What the family shares: how a command ends, its connection, its forms of output.

pub(crate) mod agent_token;
pub(crate) mod auth_method;
pub(crate) mod binding_rule;
pub(crate) mod bootstrap;
mod expanded;
mod ids;
mod links;
pub(crate) mod policy;
pub(crate) mod role;
pub(crate) mod role_update;
mod show;
pub(crate) mod templated_policy;
pub(crate) mod token;
pub(crate) mod token_update;

use crate::api::{self, Api};
use crate::command::{Call, Command};
use crate::flag::Flag;
use crate::text;
use proconsul_client::{Client, QueryOptions};
use serde::Serialize;

pub(crate) const GROUP: Command = Command::group(
    "acl",
    "Manages access: tokens, policies, roles, logins",
    "Creates and changes what says who may do what: tokens with their policies and roles, and the ways to log in. Servers must have ACLs enabled.

 $ consul acl bootstrap
 $ consul acl policy create -name readers -rules @readers.hcl
 $ consul acl token create -policy-name readers",
);

const FORMAT: Flag =
    Flag::string("format", "Output format: pretty or json.").with_default("pretty");
const META: Flag = Flag::bool("meta", "Print hash and indexes as well.");
const DESCRIPTION: Flag = Flag::string("description", "Description, for people.");
const NO_MERGE: Flag = Flag::bool(
    "no-merge",
    "Replace the whole object instead of keeping what no flag names.",
);

/// How a command that went wrong goes on.
#[derive(Debug)]
pub(super) enum Failure {
    /// Everything is printed; this is the exit status.
    Printed(i32),
    /// The line to print.
    Text(String),
    /// The line to print before the help of the command.
    Usage(String),
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i32> for Failure {
    fn from(status: i32) -> Self {
        Self::Printed(status)
    }
}

pub(super) type Outcome = Result<(), Failure>;

/// Runs the body of a command and turns its end into an exit status.
pub(super) fn finish(call: &mut Call<'_>, body: fn(&mut Call<'_>) -> Outcome) -> i32 {
    match body(call) {
        Ok(()) => 0,
        Err(Failure::Printed(status)) => status,
        Err(Failure::Text(text)) => call.fail(text),
        Err(Failure::Usage(text)) => {
            call.err(text);
            call.help_to_stderr();
            1
        }
    }
}

/// The agent, and the options that go with every call of a command.
pub(super) struct Acl {
    api: Api,
    pub(super) client: Client,
    pub(super) options: QueryOptions,
}

impl Acl {
    pub(super) fn connect(call: &mut Call<'_>) -> Result<Self, Failure> {
        Self::connect_or(call, "Error connecting to Consul agent")
    }

    /// Connects; a failure is printed after `words`.
    pub(super) fn connect_or(call: &mut Call<'_>, words: &str) -> Result<Self, Failure> {
        let api = api::connect_or(call, words)?;
        Ok(Self {
            client: api.client.clone(),
            options: api::options(call),
            api,
        })
    }

    /// Waits for a call.
    pub(super) fn wait<F: Future>(&self, call: F) -> F::Output {
        self.api.wait(call)
    }
}

/// Puts words before an error's text.
pub(super) fn after<E: std::fmt::Display>(words: &str) -> impl Fn(E) -> Failure {
    let words = words.to_owned();
    move |e| Failure::Text(format!("{words}: {e}"))
}

/// A text flag that must have a value.
fn required(call: &Call<'_>, name: &str, otherwise: &str) -> Result<String, Failure> {
    match call.flags.string(name) {
        "" => Err(otherwise.into()),
        value => Ok(value.to_owned()),
    }
}

/// A text flag that must have a value, or the help follows.
fn needed(call: &Call<'_>, name: &str) -> Result<String, Failure> {
    match call.flags.string(name) {
        "" => Err(Failure::Usage(format!("Missing required '-{name}' flag"))),
        value => Ok(value.to_owned()),
    }
}

/// Prints an answer in the form that `-format` names. That the form is known is checked only here, as by the reference.
fn print(call: &mut Call<'_>, answer: &impl Serialize, pretty: impl FnOnce() -> String) -> Outcome {
    match call.flags.string("format") {
        "json" => call.out(text::json(answer, "    ")),
        "pretty" => {
            let shown = pretty();
            if !shown.is_empty() {
                call.out(shown);
            }
        }
        other => return Err(format!("Unknown format: {other}").into()),
    }
    Ok(())
}

/// Data given as `@file`, `-` or literally; a failure is printed after `words`.
fn data(call: &mut Call<'_>, given: &str, words: &str) -> Result<String, Failure> {
    let read = api::data(call, given).map_err(|e| format!("{words}: {e}"))?;
    Ok(String::from_utf8_lossy(&read).into_owned())
}

/// A file, or standard input for `-`.
fn file(call: &mut Call<'_>, path: &str) -> Result<String, String> {
    match path {
        "" => Err("Failed to load data: must specify a file path or '-' for stdin".to_owned()),
        "-" => api::data(call, "-"),
        path => api::data(call, &format!("@{path}")),
    }
    .map(|read| String::from_utf8_lossy(&read).into_owned())
}
