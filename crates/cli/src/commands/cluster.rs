//! `consul join`, `leave`, `force-leave`, `reload`, `info` (spec: cli.md §6).

use crate::api;
use crate::command::{C, CP, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) const JOIN: Command = Command {
    path: "join",
    synopsis: "Makes the agent join a gossip pool",
    usage: "[options] address ...",
    about: "Tells the agent to join through the given members. All addresses are tried; one success is enough.",
    groups: CP,
    flags: &[Flag::bool("wan", "Join the WAN pool of the servers.")],
    flag_errors: FLAG_ERRORS,
    run: Some(join),
};

pub(crate) const LEAVE: Command = Command {
    path: "leave",
    synopsis: "Makes the agent leave and stop",
    usage: "[options]",
    about: "The agent leaves its pools gracefully and stops.",
    groups: C,
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(leave),
};

pub(crate) const FORCE_LEAVE: Command = Command {
    path: "force-leave",
    synopsis: "Marks a failed member as left",
    usage: "[options] name",
    about: "Marks a failed member as left, so that nobody tries to reach it again.",
    groups: CP,
    flags: &[
        Flag::bool("prune", "Forget the member at once."),
        Flag::bool("wan", "Act on the WAN pool as well."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(force_leave),
};

pub(crate) const RELOAD: Command = Command {
    path: "reload",
    synopsis: "Makes the agent read its configuration again",
    usage: "",
    about: "The agent reads its configuration files again and applies what may change while it runs.",
    groups: C,
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(reload),
};

pub(crate) const INFO: Command = Command {
    path: "info",
    synopsis: "Prints statistics of the agent",
    usage: "[options]",
    about: "Prints statistics that help to see how an agent is doing.",
    groups: C,
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(info),
};

fn join(call: &mut Call<'_>) -> i32 {
    if call.args.is_empty() {
        return api::fail_with_help(call, "At least one address to join must be specified.");
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let wan = call.flags.bool("wan");
    let mut joined = 0;
    for address in call.args.clone() {
        match api.wait(api.client.agent_join(&address, wan)) {
            Ok(()) => joined += 1,
            Err(e) => call.err(format!("Error joining address '{address}': {e}")),
        }
    }
    if joined == 0 {
        return call.fail("Failed to join any nodes.");
    }
    call.out(format!(
        "Successfully joined cluster by contacting {joined} nodes."
    ));
    0
}

fn leave(call: &mut Call<'_>) -> i32 {
    if !call.args.is_empty() {
        call.err(format!(
            "Error found unexpected args: [{}]",
            call.args.join(" ")
        ));
        call.help_to_stdout();
        return 1;
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    match api.wait(api.client.agent_leave()) {
        Err(e) => call.fail(format!("Error leaving: {e}")),
        Ok(()) => {
            call.out("Graceful leave complete");
            0
        }
    }
}

fn force_leave(call: &mut Call<'_>) -> i32 {
    let [node] = call.args.as_slice() else {
        let text = "A single node name must be specified to force leave.";
        return api::fail_with_help(call, text);
    };
    let node = node.clone();
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let (prune, wan) = (call.flags.bool("prune"), call.flags.bool("wan"));
    match api.wait(api.client.agent_force_leave(&node, prune, wan)) {
        Err(e) => call.fail(format!("Error force leaving: {e}")),
        Ok(()) => 0,
    }
}

fn reload(call: &mut Call<'_>) -> i32 {
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    match api.wait(api.client.agent_reload()) {
        Err(e) => call.fail(format!("Error reloading: {e}")),
        Ok(()) => {
            call.out("Configuration reload triggered");
            0
        }
    }
}

fn info(call: &mut Call<'_>) -> i32 {
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let this = match api.wait(api.client.agent_self()) {
        Ok(this) => this,
        Err(e) => return call.fail(format!("Error querying agent: {e}")),
    };
    match this.get("Stats").and_then(Value::as_object) {
        None => call.fail("Agent response did not contain 'Stats' key"),
        Some(stats) => {
            let sorted: BTreeMap<_, _> = stats.iter().collect();
            let text = statistics(sorted.into_iter());
            api::out_bytes(call, text.as_bytes());
            0
        }
    }
}

fn statistics<'a>(groups: impl Iterator<Item = (&'a String, &'a Value)>) -> String {
    let mut text = String::new();
    for (name, group) in groups {
        let _ = writeln!(text, "{name}:");
        let sorted: BTreeMap<_, _> = group.as_object().into_iter().flatten().collect();
        for (name, value) in sorted {
            let shown = match value {
                Value::String(value) => value.clone(),
                other => other.to_string(),
            };
            let _ = writeln!(text, "\t{name} = {shown}");
        }
    }
    text
}
