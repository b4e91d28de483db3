//! `consul watch` (spec: cli.md §19, agent-config.md §19).

mod plan;
mod render;

use crate::api::{self, Api};
use crate::child::{self, Program};
use crate::command::{CS, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::signals::Stop;
use crate::text;
use plan::Plan;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

pub(crate) const COMMAND: Command = Command {
    path: "watch",
    synopsis: "Prints data when it changes, or runs a program",
    usage: "[options] [child...]",
    about: "Watches data. Without a program the first result is printed. With one it runs whenever the data changes, with the data as JSON on its standard input and the index in CONSUL_INDEX.",
    groups: CS,
    flags: &[
        Flag::string(
            "filter",
            "Expression that rows must satisfy; for services, nodes, service, checks.",
        ),
        Flag::string("key", "Key to watch; for key."),
        Flag::string("name", "Name of events; for event."),
        Flag::string(
            "passingonly",
            "Only healthy instances, true or false; for service.",
        ),
        Flag::string("prefix", "Prefix to watch; for keyprefix."),
        Flag::string("service", "Service to watch; for service and checks."),
        Flag::bool("shell", "Run the program through a shell.").with_default("true"),
        Flag::string("state", "State of checks; for checks."),
        Flag::list("tag", "Tag of instances; for service. Repeatable."),
        Flag::string(
            "type",
            "What to watch: key, keyprefix, services, nodes, service, checks, event.",
        ),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

/// Pause after a first failure; grows with the square of the number of failures.
const RETRY: Duration = Duration::from_secs(5);
/// Longest pause after failures.
const RETRY_MAX: Duration = Duration::from_secs(180);

fn run(call: &mut Call<'_>) -> i32 {
    let kind = call.flags.string("type").to_owned();
    if kind.is_empty() {
        return api::fail_with_help(call, "Watch type must be specified");
    }
    if kind.starts_with("connect_") || kind.starts_with("agent_") {
        return call.fail(format!("Type {kind} is not supported in the CLI tool"));
    }
    let plan = match Plan::from_flags(call) {
        Ok(plan) => plan,
        Err(e) => return call.fail(e),
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    if let Err(e) = api.wait(api.client.status_leader()) {
        return call.fail(format!("Error querying Consul agent: {e}"));
    }
    api.wait(follow(call, &api, &plan))
}

async fn follow(call: &mut Call<'_>, api: &Api, plan: &Plan) -> i32 {
    let mut stop = Stop::listen();
    let mut index = 0;
    let mut first = true;
    let mut failures = 0u32;
    loop {
        let asked = tokio::select! {
            () = stop.wait() => return 0,
            asked = plan.ask(&api.client, index) => asked,
        };
        let (answer, next) = match asked {
            Ok(answer) => answer,
            Err(_) => {
                failures = failures.saturating_add(1);
                let pause = RETRY.saturating_mul(failures.saturating_mul(failures));
                tokio::select! {
                    () = stop.wait() => return 0,
                    () = tokio::time::sleep(pause.min(RETRY_MAX)) => continue,
                }
            }
        };
        failures = 0;
        if next == index && !first {
            continue;
        }
        let value = plan.shape(answer, index);
        // An index that falls back starts the wait over.
        index = if next < index { 0 } else { next };
        first = false;
        if call.args.is_empty() {
            call.out(text::json(&value, "    "));
            return 0;
        }
        match handle(call, &mut stop, &value, next).await {
            Ok(Ended::Well) => {}
            Ok(Ended::Interrupted) => return 0,
            Err(e) => return call.fail(e),
        }
    }
}

/// How a run of the program ended, if it did not fail by itself.
enum Ended {
    Well,
    /// A signal came meanwhile and was passed on; however the program took it, the watch is over.
    Interrupted,
}

/// Runs the program on one result.
async fn handle(
    call: &mut Call<'_>,
    stop: &mut Stop,
    value: &Value,
    index: u64,
) -> Result<Ended, String> {
    let mut program = Program::new(&call.args, call.flags.bool("shell"), call.env);
    program
        .command
        .env("CONSUL_INDEX", index.to_string())
        .stdin(Stdio::piped());
    let mut child = program
        .start()
        .map_err(|e| format!("Error starting handler: {e}"))?;
    let pid = child.id().unwrap_or_default();
    let input = text::json_compact(value) + "\n";
    let feed = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A program need not read what it is given.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait().await
    };
    tokio::pin!(feed);
    let mut interrupted = false;
    loop {
        let ended = tokio::select! {
            ended = &mut feed => ended,
            signal = stop.which() => {
                child::signal_one(pid, signal);
                interrupted = true;
                continue;
            }
        };
        if interrupted {
            return Ok(Ended::Interrupted);
        }
        let failure = match ended {
            Ok(status) => child::failure(status),
            Err(e) => Some(api::os_text(&e)),
        };
        return match failure {
            None => Ok(Ended::Well),
            Some(failure) => Err(format!("Error executing handler: {failure}")),
        };
    }
}
