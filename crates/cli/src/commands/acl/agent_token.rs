//! `consul acl set-agent-token` (spec: cli.md §8.2).

use super::{Acl, Outcome, finish};
use crate::api;
use crate::command::{CS, Call, Command, FLAG_ERRORS};
use proconsul_client::Error;

pub(crate) const COMMAND: Command = Command {
    path: "acl set-agent-token",
    synopsis: "Sets a token that the agent itself uses",
    usage: "[options] TYPE TOKEN",
    about: "Gives the agent a token for its own work; an empty one takes it away. TOKEN may be @file, or - for standard input.

TYPE is one of default (requests without a token), agent (the agent's own registrations), recovery (access to this agent when servers cannot be asked), replication (copying from the primary datacenter), config_file_service_registration (services of configuration files) and dns (answers over DNS).

 $ consul acl set-agent-token default @token.txt",
    groups: CS,
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, run)),
};

/// The names that agents know a token by, the newest first; older agents know only the others.
fn names(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "default" => &["default", "acl_token"],
        "agent" => &["agent", "acl_agent_token"],
        "recovery" => &["agent_recovery", "agent_master", "acl_agent_master_token"],
        "replication" => &["replication", "acl_replication_token"],
        "config_file_service_registration" => &["config_file_service_registration"],
        "dns" => &["dns"],
        _ => return None,
    })
}

fn run(call: &mut Call<'_>) -> Outcome {
    let (kind, given) = match call.args.as_slice() {
        [] => return Err("Error! Missing TYPE and TOKEN arguments".into()),
        [kind] => {
            // Types that came later get the wrong text; scripts may know it by now.
            let known = matches!(
                kind.as_str(),
                "default" | "agent" | "recovery" | "replication"
            );
            let missing = if known {
                "Missing TOKEN"
            } else {
                "MISSING TYPE"
            };
            return Err(format!("Error! {missing} argument").into());
        }
        [kind, token] => (kind.clone(), token.clone()),
        more => {
            let text = format!("Error! Too many arguments: expected 2 got {}", more.len());
            return Err(text.into());
        }
    };
    let token = api::data(call, &given).map_err(|e| format!("Error! {e}"))?;
    let token = String::from_utf8_lossy(&token).into_owned();
    let acl = Acl::connect_or(call, "Error connecting to Consul Agent")?;
    let Some(names) = names(&kind) else {
        return Err("Unknown token type".into());
    };
    match set(&acl, names, &token) {
        Err(e) => Err(format!("Failed to set ACL token \"{kind}\": {e}").into()),
        Ok(()) => {
            call.out(format!("ACL token \"{kind}\" set successfully"));
            Ok(())
        }
    }
}

/// Tries the names in turn; the last failure counts.
fn set(acl: &Acl, names: &[&str], token: &str) -> Result<(), Error> {
    let mut last = Ok(());
    for name in names {
        last = acl.wait(acl.client.agent_set_token(name, token, &acl.options));
        if last.is_ok() {
            break;
        }
    }
    last
}
