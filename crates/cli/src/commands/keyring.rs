//! `consul keygen` and `consul keyring` (spec: cli.md §16).

use crate::api;
use crate::command::{C, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use base64::Engine;
use proconsul_client::{KeyringResponse, Method};
use std::fmt::Write;

pub(crate) const KEYGEN: Command = Command {
    path: "keygen",
    synopsis: "Makes a gossip encryption key",
    usage: "",
    about: "Prints a new random key for the option encrypt. No agent is asked.",
    groups: &[],
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(keygen),
};

pub(crate) const KEYRING: Command = Command {
    path: "keyring",
    synopsis: "Manages gossip encryption keys",
    usage: "[options]",
    about: "Lists, installs, uses and removes the keys that encrypt gossip, in all pools at once. To replace a key: -install the new one, -use it, -remove the old one.",
    groups: C,
    flags: &[
        Flag::string("install", "Install this key; it is not used yet."),
        Flag::bool("list", "List installed keys."),
        Flag::bool("list-primary", "List keys in use."),
        Flag::bool("local-only", "Ask no other datacenter; only with -list."),
        Flag::int(
            "relay-factor",
            "Answers travel through so many further members, 0 to 5.",
        )
        .with_default("0"),
        Flag::string("remove", "Remove this key; it must not be in use."),
        Flag::string("use", "Encrypt with this key, which must be installed."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(keyring),
};

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Greatest relay factor.
const RELAY_MAX: i64 = 5;

fn keygen(call: &mut Call<'_>) -> i32 {
    let mut key = [0; KEY_BYTES];
    if let Err(e) = getrandom::fill(&mut key) {
        return call.fail(format!("Error reading random data: {e}"));
    }
    call.out(base64::engine::general_purpose::STANDARD.encode(key));
    0
}

fn keyring(call: &mut Call<'_>) -> i32 {
    let keys = ["install", "use", "remove"].map(|name| call.flags.string(name).to_owned());
    let (list, primary) = (call.flags.bool("list"), call.flags.bool("list-primary"));
    let actions = keys.iter().filter(|k| !k.is_empty()).count();
    match actions + usize::from(list) + usize::from(primary) {
        0 => {
            call.help_to_stderr();
            return 1;
        }
        1 => {}
        _ => return call.fail("Only a single action is allowed"),
    }
    let relay = match u8::try_from(call.flags.int("relay-factor")) {
        Ok(relay) if i64::from(relay) <= RELAY_MAX => relay,
        _ => {
            return call.fail("Error parsing relay factor: Relay factor must be in range: [0, 5]");
        }
    };
    let local = call.flags.bool("local-only");
    if local && !list {
        return call
            .fail("Error validating local-only: local-only can only be set for list requests");
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    if list || primary {
        let what = if primary { "primary " } else { "" };
        call.out(format!("==> Gathering installed {what}encryption keys..."));
        return match api.wait(api.client.keyring_list(relay, local)) {
            Err(e) => call.fail(format!("error: {e}")),
            Ok(pools) => {
                call.out(pools_text(&pools, primary));
                0
            }
        };
    }
    let [install, using, remove] = keys;
    let (doing, method, key) = if !install.is_empty() {
        ("Installing new", Method::POST, install)
    } else if !using.is_empty() {
        ("Changing primary", Method::PUT, using)
    } else {
        ("Removing", Method::DELETE, remove)
    };
    call.out(format!("==> {doing} gossip encryption key..."));
    match api.wait(api.client.keyring_change(method, &key, relay)) {
        Err(e) => call.fail(format!("error: {e}")),
        Ok(()) => 0,
    }
}

/// One block a pool, each after an empty line; the last line ends in a newline of its own.
fn pools_text(pools: &[KeyringResponse], primary: bool) -> String {
    let mut text = String::new();
    for pool in pools {
        let name = match (pool.wan, pool.segment.as_str()) {
            (true, _) => "WAN".to_owned(),
            (false, "") => format!("{} (LAN)", pool.datacenter),
            (false, segment) => format!("{} (LAN) [{segment}]", pool.datacenter),
        };
        let _ = writeln!(text, "\n{name}:");
        for (node, message) in &pool.messages {
            let _ = writeln!(text, "  ===> {node}: {message}");
        }
        let keys = if primary {
            &pool.primary_keys
        } else {
            &pool.keys
        };
        for (key, count) in keys {
            let _ = writeln!(text, "  {key} [{count}/{}]", pool.num_nodes);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools() {
        let lan = KeyringResponse {
            datacenter: "dc1".into(),
            keys: [("K=".to_owned(), 2)].into(),
            messages: [("n".to_owned(), "m".to_owned())].into(),
            num_nodes: 3,
            ..KeyringResponse::default()
        };
        let wan = KeyringResponse {
            wan: true,
            ..KeyringResponse::default()
        };
        let text = pools_text(&[wan, lan], false);
        assert_eq!(text, "\nWAN:\n\ndc1 (LAN):\n  ===> n: m\n  K= [2/3]\n");
    }
}
