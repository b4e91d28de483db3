//! `consul x …`: what the reference does not have (docs/extensions.md).

use crate::api;
use crate::command::{C, CS, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::signals;
use proconsul_client::{Change, QueryOptions, Subjects};
use serde_json::json;

pub(crate) const GROUP: Command = Command::group(
    "x",
    "Commands that only proconsul has",
    "Commands for what agents of proconsul offer beyond Consul's.",
);

pub(crate) const CHANGES: Command = Command {
    path: "x changes",
    synopsis: "Prints changes as they happen",
    usage: "[options]",
    about: "Prints rows of the key/value store and the catalog as they are written and removed, one JSON object a line, \
until it is interrupted. All rows come first, behind an event \"reset\"; after each event \"mark\" what was printed is \
exactly what the servers had at that index, and -index with that number goes on from there. A lost connection is taken up \
again by itself.\n\n    $ consul x changes -kv config/ -service web -service-check web",
    groups: CS,
    flags: &[
        Flag::string("index", "The `number` of the mark to go on from."),
        Flag::list("kv", "Keys with this prefix. Repeatable."),
        Flag::list(
            "service",
            "Instances of this service, or * for all. Repeatable.",
        ),
        Flag::list("node", "This node, or * for all. Repeatable."),
        Flag::list("check", "Checks with this ID, or * for all. Repeatable."),
        Flag::list(
            "service-check",
            "Checks of the instances of this service. Repeatable.",
        ),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(changes),
};

pub(crate) const DEREGISTER: Command = Command {
    path: "x deregister",
    synopsis: "Removes an entry of the catalog",
    usage: "[options]",
    about: "Removes a node, or a service instance or check on it, from the catalog. What an agent registered it registers \
again; a warning tells when that is so. With -at-owner the entry is removed at its agent too, and stays gone.",
    groups: C,
    flags: &[
        Flag::string("node", "Name of the node. Required."),
        Flag::string("service", "`ID` of the service instance to remove."),
        Flag::string("check", "`ID` of the check to remove."),
        Flag::bool(
            "at-owner",
            "Remove it at the agent that registered it as well.",
        ),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(deregister),
};

fn changes(call: &mut Call<'_>) -> i32 {
    if let Some(status) = api::too_many(call, 0) {
        return status;
    }
    let list = |name: &str| call.flags.list(name).to_vec();
    let subjects = Subjects {
        kv: list("kv"),
        services: list("service"),
        nodes: list("node"),
        checks: list("check"),
        service_checks: list("service-check"),
    };
    if subjects == Subjects::default() {
        return api::fail_with_help(
            call,
            "Give at least one of -kv, -service, -node, -check, -service-check",
        );
    }
    let index = match call.flags.string("index") {
        "" => 0,
        text => match text.parse() {
            Ok(index) => index,
            Err(_) => {
                let text = format!("Invalid value {text:?} for -index: not a number");
                return call.fail(text);
            }
        },
    };
    let options = QueryOptions {
        index,
        ..api::options(call)
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let mut stream = api.client.changes(subjects, &options);
    api.wait(async {
        let mut stop = signals::Stop::listen();
        let mut began = false;
        loop {
            let change = tokio::select! {
                () = stop.wait() => return 0,
                change = stream.next() => change,
            };
            match change {
                Ok(change) => {
                    began = true;
                    let out = &mut call.io.stdout;
                    if out.write_all(stream.line()).is_err() || out.write_all(b"\n").is_err() {
                        return 0;
                    }
                    // What came together is shown together; at a mark a reader may act.
                    if matches!(change, Change::Mark(_)) && out.flush().is_err() {
                        return 0;
                    }
                }
                // A stream that never began, or is refused, is not tried again.
                Err(e) if !began || !(e.is_retryable() || e.status().is_none()) => {
                    return call.fail(format!("Error streaming changes: {e}"));
                }
                Err(e) => call.err(format!("Stream interrupted, going on: {e}")),
            }
        }
    })
}

fn deregister(call: &mut Call<'_>) -> i32 {
    if let Some(status) = api::too_many(call, 0) {
        return status;
    }
    let text = |name: &str| call.flags.string(name).to_owned();
    let (node, service, check) = (text("node"), text("service"), text("check"));
    if node.is_empty() {
        return api::fail_with_help(call, "Missing -node");
    }
    if !service.is_empty() && !check.is_empty() {
        return api::fail_with_help(
            call,
            "Give one of -service and -check, or neither for the node",
        );
    }
    let at_owner = call.flags.bool("at-owner");
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let entry = json!({"Node": node, "ServiceID": service, "CheckID": check});
    let asked = if at_owner {
        let asked = api.wait(api.client.owner_deregister(&entry));
        asked.map(|()| None)
    } else {
        api.wait(api.client.catalog_deregister_told(&entry))
    };
    let what = match (&*service, &*check) {
        ("", "") => format!("node {node:?}"),
        ("", check) => format!("check {check:?} on node {node:?}"),
        (service, _) => format!("service {service:?} on node {node:?}"),
    };
    match asked {
        Err(e) => call.fail(format!("Error deregistering {what}: {e}")),
        Ok(owner) => {
            call.out(format!("Deregistered {what}"));
            if let Some(owner) = owner {
                call.err(format!("Warning: {owner} (-at-owner does that)"));
            }
            0
        }
    }
}
