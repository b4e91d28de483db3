//! `consul operator autopilot …`.

use super::connect;
use crate::command::{CS, Call, Command, FLAG_ERRORS_AGAIN};
use crate::flag::Flag;
use crate::{api, text};
use proconsul_client::AutopilotConfiguration;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) const GROUP: Command = Command {
    usage: "<subcommand> [options]",
    ..Command::group(
        "operator autopilot",
        "Looks at and changes the care of servers",
        "The leader watches the health of the servers, promotes new ones and removes dead ones; these commands show and set how.",
    )
};

pub(crate) const GET_CONFIG: Command = Command {
    path: "operator autopilot get-config",
    synopsis: "Prints the settings",
    usage: "[options]",
    about: "Prints the settings in force.",
    groups: CS,
    flags: &[],
    flag_errors: FLAG_ERRORS_AGAIN,
    run: Some(get_config),
};

pub(crate) const SET_CONFIG: Command = Command {
    path: "operator autopilot set-config",
    synopsis: "Changes settings",
    usage: "[options]",
    about: "Changes the given settings and keeps the others. Nothing is changed if somebody else was faster.",
    groups: CS,
    flags: &[
        Flag::bool(
            "cleanup-dead-servers",
            "Remove dead servers when new ones join; the `value` is true or false.",
        )
        .strconv(),
        Flag::bool(
            "disable-upgrade-migration",
            "Enterprise only; the `value` is true or false.",
        )
        .strconv(),
        Flag::duration(
            "last-contact-threshold",
            "Greatest age of a healthy server's contact with the leader.",
        )
        .strconv(),
        Flag::uint(
            "max-trailing-logs",
            "Greatest number of log entries that a healthy server is behind.",
        )
        .strconv(),
        Flag::uint("min-quorum", "Servers are not removed below this number.").strconv(),
        Flag::string("redundancy-zone-tag", "Enterprise only."),
        Flag::duration(
            "server-stabilization-time",
            "How long a new server must be healthy before it votes.",
        )
        .strconv(),
        Flag::string("upgrade-version-tag", "Enterprise only."),
    ],
    flag_errors: FLAG_ERRORS_AGAIN,
    run: Some(set_config),
};

pub(crate) const STATE: Command = Command {
    path: "operator autopilot state",
    synopsis: "Prints the health of the servers",
    usage: "[options]",
    about: "Prints what the leader thinks of the servers.",
    groups: CS,
    flags: &[Flag::string("format", "Output format: pretty or json.").with_default("pretty")],
    flag_errors: FLAG_ERRORS_AGAIN,
    run: Some(state),
};

fn get_config(call: &mut Call<'_>) -> i32 {
    let api = match connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    match api.wait(api.client.autopilot_configuration(&api::options(call))) {
        Err(e) => call.fail(format!("Error querying Autopilot configuration: {e}")),
        Ok(c) => {
            call.out(format!("CleanupDeadServers = {}", c.cleanup_dead_servers));
            call.out(format!(
                "LastContactThreshold = {}",
                c.last_contact_threshold
            ));
            call.out(format!("MaxTrailingLogs = {}", c.max_trailing_logs));
            call.out(format!("MinQuorum = {}", c.min_quorum));
            call.out(format!(
                "ServerStabilizationTime = {}",
                c.server_stabilization_time
            ));
            call.out(format!(
                "RedundancyZoneTag = {}",
                text::quote(&c.redundancy_zone_tag)
            ));
            call.out(format!(
                "DisableUpgradeMigration = {}",
                c.disable_upgrade_migration
            ));
            call.out(format!(
                "UpgradeVersionTag = {}",
                text::quote(&c.upgrade_version_tag)
            ));
            0
        }
    }
}

fn set_config(call: &mut Call<'_>) -> i32 {
    let api = match connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let read = api.wait(api.client.autopilot_configuration(&api::options(call)));
    let mut config = match read {
        Ok(config) => config,
        Err(e) => return call.fail(format!("Error querying Autopilot configuration: {e}")),
    };
    overlay(call, &mut config);
    match api.wait(api.client.autopilot_cas(&config)) {
        Err(e) => call.fail(format!("Error setting Autopilot configuration: {e}")),
        Ok(true) => {
            call.out("Configuration updated!");
            0
        }
        Ok(false) => {
            call.out("Configuration could not be atomically updated, please try again");
            1
        }
    }
}

fn overlay(call: &Call<'_>, config: &mut AutopilotConfiguration) {
    let flags = &call.flags;
    for (name, place) in [
        ("cleanup-dead-servers", &mut config.cleanup_dead_servers),
        (
            "disable-upgrade-migration",
            &mut config.disable_upgrade_migration,
        ),
    ] {
        if flags.is_set(name) {
            *place = flags.bool(name);
        }
    }
    for (name, place) in [
        ("max-trailing-logs", &mut config.max_trailing_logs),
        ("min-quorum", &mut config.min_quorum),
    ] {
        if flags.is_set(name) {
            *place = flags.uint(name);
        }
    }
    for (name, place) in [
        ("last-contact-threshold", &mut config.last_contact_threshold),
        (
            "server-stabilization-time",
            &mut config.server_stabilization_time,
        ),
    ] {
        if flags.is_set(name) {
            *place = dialect::duration::format(flags.nanos(name));
        }
    }
    for (name, place) in [
        ("redundancy-zone-tag", &mut config.redundancy_zone_tag),
        ("upgrade-version-tag", &mut config.upgrade_version_tag),
    ] {
        if flags.is_set(name) {
            flags.string(name).clone_into(place);
        }
    }
}

fn state(call: &mut Call<'_>) -> i32 {
    let api = match connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let state = match api.wait(api.client.autopilot_state(&api::options(call))) {
        Ok(state) => state,
        Err(e) => return call.fail(format!("Error querying Autopilot state: {e}")),
    };
    match call.flags.string("format") {
        "json" => {
            call.out(text::json(&state, "    "));
            0
        }
        "pretty" => {
            call.out(state_text(&state));
            0
        }
        other => {
            let text = format!("Unknown format: {other}");
            call.fail(text)
        }
    }
}

/// A scalar as it is shown: texts without quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The pretty form; it ends in a newline of its own.
fn state_text(state: &Value) -> String {
    let mut out = String::new();
    for (label, name) in [
        ("Healthy:", "Healthy"),
        ("Failure Tolerance:", "FailureTolerance"),
        (
            "Optimistic Failure Tolerance:",
            "OptimisticFailureTolerance",
        ),
        ("Leader:", "Leader"),
    ] {
        let _ = writeln!(out, "{label:29} {}", shown(&state[name]));
    }
    for (label, name) in [("Voters:", "Voters"), ("Read Replicas:", "ReadReplicas")] {
        let ids = state[name]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if !ids.is_empty() {
            let _ = writeln!(out, "{label}");
        }
        for id in ids {
            let _ = writeln!(out, "   {}", shown(id));
        }
    }
    let _ = writeln!(out, "Servers:");
    let servers: BTreeMap<_, _> = state["Servers"].as_object().into_iter().flatten().collect();
    for (id, server) in servers {
        let _ = writeln!(out, "   {id}");
        for (label, name) in [
            ("Name:", "Name"),
            ("Address:", "Address"),
            ("Version:", "Version"),
            ("Status:", "Status"),
            ("Node Type:", "NodeType"),
            ("Node Status:", "NodeStatus"),
            ("Healthy:", "Healthy"),
            ("Last Contact:", "LastContact"),
            ("Last Term:", "LastTerm"),
            ("Last Index:", "LastIndex"),
        ] {
            let _ = writeln!(out, "      {label:16} {}", shown(&server[name]));
        }
        let meta: BTreeMap<_, _> = server["Meta"].as_object().into_iter().flatten().collect();
        if !meta.is_empty() {
            let _ = writeln!(out, "      Meta");
        }
        for (key, value) in meta {
            let value = text::quote(&shown(value));
            let _ = writeln!(out, "         {}: {value}", text::quote(key));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn pretty_state() {
        let state = json!({"Healthy": true, "FailureTolerance": 0, "OptimisticFailureTolerance": 0, "Leader": "a",
            "Voters": ["a"], "Servers": {"a": {"Name": "server1", "LastContact": "0s", "Meta": {"m": ""}}}});
        let text = super::state_text(&state);
        assert!(
            text.starts_with(
                "Healthy:                      true\nFailure Tolerance:            0\n"
            )
        );
        assert!(text.contains("Leader:                       a\nVoters:\n   a\nServers:\n   a\n      Name:            server1\n"));
        assert!(text.ends_with("      Meta\n         \"m\": \"\"\n"));
    }
}
