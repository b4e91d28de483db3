//! `consul exec` (spec: cli.md §19): a command on many nodes, through keys and a user event.

use crate::api::{self, Api};
use crate::command::{CS, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::signals::Stop;
use base64::Engine;
use proconsul_client::{Bytes64, Client, Error, KvPair, QueryOptions, SessionRequest, UserEvent};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::time::{Duration, Instant};

pub(crate) const COMMAND: Command = Command {
    path: "exec",
    synopsis: "Runs a command on nodes",
    usage: "[options] [-|command...]",
    about: "Runs a command, or a script from the standard input (-), on all nodes that match, and prints what it prints. Nodes obey only with disable_remote_exec = false.

The exit status is 2 when the command failed on a node.",
    groups: CS,
    flags: &[
        Flag::string("node", "Only nodes whose name matches this regular expression."),
        Flag::string("prefix", "Where keys are kept meanwhile.").with_default("_rexec"),
        Flag::string("service", "Only nodes with a service whose name matches."),
        Flag::bool("shell", "Run the command through a shell.").with_default("true"),
        Flag::string("tag", "Only services with a tag that matches; needs -service."),
        Flag::bool("verbose", "Say what happens."),
        Flag::duration("wait", "End when nothing was heard for this time.").with_default("2s"),
        Flag::duration("wait-repl", "Time for the command to reach all servers before nodes are told.").with_default("200ms"),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

/// Name of the user event that nodes listen for.
const EVENT: &str = "_rexec";
/// TTL of the session and how often it is renewed.
const TTL: &str = "15s";
const RENEW: Duration = Duration::from_secs(5);
/// Longest wait of one read of the answers.
const POLL: Duration = Duration::from_millis(500);
/// Exit status when the command failed on a node.
const EXIT_FAILED: i32 = 2;
/// Longest script, bytes; a key holds no more.
const SCRIPT_BYTES_MAX: u64 = 512 << 10;

fn run(call: &mut Call<'_>) -> i32 {
    let words = call.args.clone();
    if words.is_empty() {
        return api::fail_with_help(call, "Must specify a command to execute");
    }
    if let Err(e) = super::event::check_filters(call) {
        return call.fail(e);
    }
    let mut script = Vec::new();
    if words == ["-"] {
        let mut stdin = call.io.stdin.take(SCRIPT_BYTES_MAX);
        if let Err(e) = stdin.read_to_end(&mut script) {
            return call.fail(format!("Failed to read stdin: {}", api::os_text(&e)));
        }
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let this = match api.wait(api.client.agent_self()) {
        Ok(this) => this,
        Err(e) => return call.fail(format!("Error querying Consul agent: {e}")),
    };
    api.wait(execute(call, &api, &this, &words, &script))
}

fn verbose(call: &mut Call<'_>, text: &str) {
    if call.flags.bool("verbose") {
        call.out(text);
    }
}

async fn execute(
    call: &mut Call<'_>,
    api: &Api,
    this: &Value,
    words: &[String],
    script: &[u8],
) -> i32 {
    let client = &api.client;
    let session = match create_session(call, client, this).await {
        Ok(session) => session,
        Err(e) => return call.fail(format!("Failed to create session: {e}")),
    };
    verbose(
        call,
        &format!("Created remote execution session: {session}"),
    );
    let renewing = tokio::spawn(renew(client.clone(), session.clone()));
    let prefix = call.flags.string("prefix").to_owned();
    let folder = format!("{prefix}/{session}");
    let status = converse(call, client, &folder, &session, words, script).await;
    renewing.abort();
    if let Err(e) = client.kv_delete_tree(&folder).await {
        call.err(format!("Failed to destroy remote execution data: {e}"));
    }
    if let Err(e) = client.session_destroy(&session).await {
        call.err(format!("Failed to destroy session: {e}"));
    }
    status
}

/// A session on this node; in a foreign datacenter one on a server there, which has no checks.
async fn create_session(call: &Call<'_>, client: &Client, this: &Value) -> Result<String, Error> {
    let local = |name: &str| this["Config"][name].as_str().unwrap_or_default().to_owned();
    let dc = call.flags.string("datacenter");
    let mut request = SessionRequest {
        name: "Remote Exec".to_owned(),
        behavior: "delete".to_owned(),
        ttl: TTL.to_owned(),
        ..SessionRequest::default()
    };
    if !dc.is_empty() && dc != local("Datacenter") {
        let options = QueryOptions::default();
        let (servers, _) = client.health_service("consul", &[], true, &options).await?;
        let node = servers.into_iter().next().map(|s| s.node.node);
        request.node = node.ok_or_else(|| {
            Error::Decode("Failed to find Consul server in remote datacenter".to_owned())
        })?;
        request.name = format!(
            "Remote Exec via {}@{}",
            local("NodeName"),
            local("Datacenter")
        );
        request.node_checks = Some(Vec::new());
    }
    client.session_create(&request).await
}

async fn renew(client: Client, session: String) {
    loop {
        tokio::time::sleep(RENEW).await;
        // A failure shows as soon as the keys are gone.
        let _ = client.session_renew(&session).await;
    }
}

async fn converse(
    call: &mut Call<'_>,
    client: &Client,
    folder: &str,
    session: &str,
    words: &[String],
    script: &[u8],
) -> i32 {
    let started = Instant::now();
    let wait = call.flags.duration("wait");
    let job = KvPair {
        key: format!("{folder}/job"),
        value: Bytes64(job(call.flags.bool("shell"), words, script, wait)),
        session: session.to_owned(),
        ..KvPair::default()
    };
    match client.kv_acquire(&job).await {
        Ok(true) => {}
        Ok(false) => return call.fail("Failed to create job file: failed to acquire key"),
        Err(e) => return call.fail(format!("Failed to create job file: {e}")),
    }
    verbose(call, "Uploaded remote execution spec");
    tokio::time::sleep(call.flags.duration("wait-repl")).await;
    let payload = json!({"Prefix": call.flags.string("prefix"), "Session": session});
    let event = UserEvent {
        name: EVENT.to_owned(),
        payload: Bytes64(payload.to_string().into_bytes()),
        node_filter: call.flags.string("node").to_owned(),
        service_filter: call.flags.string("service").to_owned(),
        tag_filter: call.flags.string("tag").to_owned(),
        ..UserEvent::default()
    };
    match client.event_fire(&event).await {
        Ok(id) => verbose(call, &format!("Fired remote execution event: {id}")),
        Err(e) => return call.fail(format!("Failed to fire event: {e}")),
    }
    let status = collect(call, client, &format!("{folder}/"), wait).await;
    let seconds = started.elapsed().as_secs_f64();
    verbose(call, &format!("Completed in {seconds:.2} seconds"));
    status
}

/// What nodes read: one text for a shell, words without, or a script.
fn job(shell: bool, words: &[String], script: &[u8], wait: Duration) -> Vec<u8> {
    let mut job = serde_json::Map::new();
    let scripted = !script.is_empty() || words == ["-"];
    job.insert(
        "Command".into(),
        if scripted || !shell {
            "".into()
        } else {
            words.join(" ").into()
        },
    );
    if !shell && !scripted {
        job.insert("Args".into(), words.into());
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(script);
    job.insert(
        "Script".into(),
        if scripted {
            encoded.into()
        } else {
            Value::Null
        },
    );
    let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    job.insert("Wait".into(), nanos.into());
    Value::Object(job).to_string().into_bytes()
}

/// What was heard so far.
#[derive(Default)]
struct Heard {
    seen: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
    exits: BTreeMap<String, i64>,
}

impl Heard {
    /// Takes a key below the folder; the answer is what to print, and whether it is only for -verbose.
    fn take(&mut self, key: &str, value: &[u8]) -> Option<(String, bool)> {
        if !self.seen.insert(key.to_owned()) {
            return None;
        }
        let (node, what) = key.split_once('/')?;
        match what {
            "ack" => {
                self.acknowledged.insert(node.to_owned());
                Some((format!("==> {node}: acknowledged"), true))
            }
            "exit" => {
                let text = String::from_utf8_lossy(value);
                let code = text.trim().parse().unwrap_or(-1);
                self.exits.insert(node.to_owned(), code);
                Some((format!("==> {node}: finished with exit code {code}"), false))
            }
            _ if what.starts_with("out/") && value.is_empty() => {
                Some((format!("==> {node}: heartbeat received"), true))
            }
            _ if what.starts_with("out/") => {
                let text = String::from_utf8_lossy(value);
                let lines: Vec<_> = text
                    .split('\n')
                    .map(|l| format!("    {node}: {l}"))
                    .collect();
                Some((lines.join("\n"), false))
            }
            _ => None,
        }
    }

    fn all_done(&self) -> bool {
        self.acknowledged
            .iter()
            .all(|node| self.exits.contains_key(node))
    }
}

async fn collect(call: &mut Call<'_>, client: &Client, folder: &str, wait: Duration) -> i32 {
    let mut stop = Stop::listen();
    let mut heard = Heard::default();
    let mut last = Instant::now();
    let mut index = 0;
    loop {
        let patience = if heard.all_done() { wait } else { wait * 2 };
        let Some(left) = patience.checked_sub(last.elapsed()) else {
            break;
        };
        let options = QueryOptions {
            index,
            wait: Some(left.min(POLL)),
            ..QueryOptions::default()
        };
        let asked = tokio::select! {
            () = stop.wait() => return 1,
            asked = client.kv_list(folder, &options) => asked,
        };
        let (pairs, meta) = match asked {
            Ok(answer) => answer,
            Err(e) => return call.fail(format!("Failed to check for results: {e}")),
        };
        if meta.index == index {
            continue;
        }
        index = meta.index;
        for pair in &pairs {
            let key = pair.key.strip_prefix(folder).unwrap_or_default();
            if let Some((text, quiet)) = heard.take(key, &pair.value.0) {
                last = Instant::now();
                if quiet {
                    verbose(call, &text);
                } else {
                    call.out(text);
                }
            }
        }
    }
    let (done, acknowledged) = (heard.exits.len(), heard.acknowledged.len());
    call.out(format!(
        "{done} / {acknowledged} node(s) completed / acknowledged"
    ));
    let failed = heard.exits.values().any(|code| *code != 0);
    if failed || !heard.all_done() {
        EXIT_FAILED
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_heard_once() {
        let mut heard = Heard::default();
        assert_eq!(heard.take("job", b"x"), None);
        assert_eq!(
            heard.take("n/ack", b""),
            Some(("==> n: acknowledged".to_owned(), true))
        );
        assert!(!heard.all_done());
        let out = Some(("    n: a\n    n: ".to_owned(), false));
        assert_eq!(heard.take("n/out/00000", b"a\n"), out);
        assert_eq!(heard.take("n/out/00000", b"a\n"), None);
        let exit = Some(("==> n: finished with exit code 3".to_owned(), false));
        assert_eq!(heard.take("n/exit", b"3"), exit);
        assert!(heard.all_done());
    }

    #[test]
    fn jobs() {
        let words = ["echo".to_owned(), "$HOME".to_owned()];
        let text = |job: Vec<u8>| String::from_utf8(job).expect("text");
        assert_eq!(
            text(job(true, &words, b"", Duration::from_secs(2))),
            r#"{"Command":"echo $HOME","Script":null,"Wait":2000000000}"#
        );
        assert_eq!(
            text(job(false, &words, b"", Duration::ZERO)),
            r#"{"Command":"","Args":["echo","$HOME"],"Script":null,"Wait":0}"#
        );
        assert_eq!(
            text(job(true, &["-".to_owned()], b"hi", Duration::ZERO)),
            r#"{"Command":"","Script":"aGk=","Wait":0}"#
        );
    }
}
