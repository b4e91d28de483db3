//! `consul maint` (spec: cli.md §6).

use crate::api;
use crate::command::{C, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;

pub(crate) const COMMAND: Command = Command {
    path: "maint",
    synopsis: "Turns maintenance of the node or a service on and off",
    usage: "[options]",
    about: "In maintenance a node or service instance is critical and gets no traffic. Without flags the maintenances in force are listed.",
    groups: C,
    flags: &[
        Flag::bool("disable", "Turn maintenance off."),
        Flag::bool("enable", "Turn maintenance on."),
        Flag::string("reason", "Why; kept with the check."),
        Flag::string(
            "service",
            "ID of a service instance; without it the node is meant.",
        ),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

const NODE_CHECK: &str = "_node_maintenance";
const SERVICE_CHECK: &str = "_service_maintenance:";

fn run(call: &mut Call<'_>) -> i32 {
    let (enable, disable) = (call.flags.bool("enable"), call.flags.bool("disable"));
    let reason = call.flags.string("reason").to_owned();
    let service = call.flags.string("service").to_owned();
    if enable && disable {
        return call.fail("Only one of -enable or -disable may be provided");
    }
    if !enable && !reason.is_empty() {
        return call.fail("Reason may only be provided with -enable");
    }
    if !enable && !disable && !service.is_empty() {
        return call.fail("Service requires either -enable or -disable");
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    if !enable && !disable {
        return list(call, &api);
    }
    let reason = enable.then_some(reason.as_str());
    let (verb, done) = if enable {
        ("enabling", "enabled")
    } else {
        ("disabling", "disabled")
    };
    let (what, asked) = if service.is_empty() {
        ("node", api.wait(api.client.agent_node_maintenance(reason)))
    } else {
        let asked = api.client.agent_service_maintenance(&service, reason);
        ("service", api.wait(asked))
    };
    if let Err(e) = asked {
        return call.fail(format!("Error {verb} {what} maintenance: {e}"));
    }
    if service.is_empty() {
        call.out(format!("Node maintenance is now {done}"));
    } else {
        call.out(format!(
            "Service maintenance is now {done} for {}",
            crate::text::quote(&service)
        ));
    }
    0
}

fn list(call: &mut Call<'_>, api: &api::Api) -> i32 {
    let node = match api.wait(api.client.agent_node_name()) {
        Ok(node) => node,
        Err(e) => return call.fail(format!("Error querying Consul agent: {e}")),
    };
    let checks = match api.wait(api.client.agent_checks("")) {
        Ok(checks) => checks,
        Err(e) => return call.fail(format!("Error getting checks: {e}")),
    };
    for check in checks.into_values() {
        if check.check_id == NODE_CHECK {
            call.out(format!(
                "Node:\n  Name:   {node}\n  Reason: {}\n",
                check.notes
            ));
        } else if check.check_id.starts_with(SERVICE_CHECK) {
            let (id, notes) = (check.service_id, check.notes);
            call.out(format!("Service:\n  ID:     {id}\n  Reason: {notes}\n"));
        }
    }
    0
}
