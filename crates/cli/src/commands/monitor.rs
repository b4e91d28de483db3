//! `consul monitor` (spec: cli.md §20).

use crate::api;
use crate::command::{C, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::signals;

pub(crate) const COMMAND: Command = Command {
    path: "monitor",
    synopsis: "Prints the agent's log as it is written",
    usage: "[options]",
    about: "Prints log lines of the agent until it is interrupted. The level may be lower than that of the agent's own log.",
    groups: C,
    flags: &[
        Flag::bool("log-json", "Lines are JSON."),
        Flag::string(
            "log-level",
            "Least level to print: trace, debug, info, warn, error.",
        )
        .with_default("INFO"),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

fn run(call: &mut Call<'_>) -> i32 {
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let level = call.flags.string("log-level").to_owned();
    let json = call.flags.bool("log-json");
    let mut stream = match api.wait(api.client.agent_monitor(&level, json)) {
        Ok(stream) => stream,
        Err(e) if json => return call.fail(format!("Error starting JSON monitor: {e}")),
        Err(e) => return call.fail(format!("Error starting monitor: {e}")),
    };
    api.wait(async {
        let mut stop = signals::Stop::listen();
        let mut line = Vec::new();
        loop {
            let chunk = tokio::select! {
                () = stop.wait() => return 0,
                chunk = stream.chunk() => chunk,
            };
            // An agent that ends in order ends its answer; a connection that breaks is told.
            if let Ok(None) = chunk {
                return 0;
            }
            let Ok(Some(chunk)) = chunk else {
                call.err("");
                call.err("Remote side ended the monitor! This usually means that the");
                return call.fail("remote side has exited or crashed.");
            };
            line.extend_from_slice(&chunk);
            // Whole lines only, so that what is printed can be cut anywhere.
            if let Some(end) = line.iter().rposition(|b| *b == b'\n') {
                let rest = line.split_off(end + 1);
                let lines = std::mem::replace(&mut line, rest);
                if call.io.stdout.write_all(&lines).is_err() {
                    return 0;
                }
                let _ = call.io.stdout.flush();
            }
        }
    })
}
