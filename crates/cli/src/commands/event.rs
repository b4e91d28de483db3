//! `consul event` (spec: cli.md §19).

use crate::api;
use crate::command::{C, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use proconsul_client::{Bytes64, UserEvent};

pub(crate) const COMMAND: Command = Command {
    path: "event",
    synopsis: "Fires a user event",
    usage: "[options] [payload]",
    about: "Sends a user event with an optional payload through the datacenter. Filters are regular expressions that nodes apply to themselves.",
    groups: C,
    flags: &[
        Flag::string("name", "Name of the event."),
        Flag::string(
            "node",
            "Only nodes whose name matches this regular expression.",
        ),
        Flag::string("service", "Only nodes with a service whose name matches."),
        Flag::string(
            "tag",
            "Only services with a tag that matches; needs -service.",
        ),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

/// Checks the three filters; shared with `consul exec`.
pub(super) fn check_filters(call: &Call<'_>) -> Result<(), String> {
    let [node, service, tag] = ["node", "service", "tag"].map(|name| call.flags.string(name));
    if !tag.is_empty() && service.is_empty() {
        return Err("Cannot provide tag filter without service filter.".to_owned());
    }
    for (name, pattern) in [("node", node), ("service", service), ("tag", tag)] {
        bexpr::regexp::compile(pattern.as_bytes())
            .map_err(|e| format!("Failed to compile {name} filter regexp: {e}"))?;
    }
    Ok(())
}

fn run(call: &mut Call<'_>) -> i32 {
    let name = call.flags.string("name").to_owned();
    if name.is_empty() {
        return api::fail_with_help(call, "Event name must be specified");
    }
    if let Err(e) = check_filters(call) {
        return call.fail(e);
    }
    let payload = match call.args.as_slice() {
        [] => Vec::new(),
        [payload] => payload.clone().into_bytes(),
        _ => return api::fail_with_help(call, "Too many command line arguments."),
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    if let Err(e) = api.wait(api.client.agent_self()) {
        return call.fail(format!("Error querying Consul agent: {e}"));
    }
    let event = UserEvent {
        name,
        payload: Bytes64(payload),
        node_filter: call.flags.string("node").to_owned(),
        service_filter: call.flags.string("service").to_owned(),
        tag_filter: call.flags.string("tag").to_owned(),
        ..UserEvent::default()
    };
    match api.wait(api.client.event_fire(&event)) {
        Err(e) => call.fail(format!("Error firing event: {e}")),
        Ok(id) => {
            call.out(format!("Event ID: {id}"));
            0
        }
    }
}
