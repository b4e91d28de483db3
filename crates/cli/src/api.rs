//! A command's way to the agent: client, runtime, flags into options.

use crate::command::Call;
use crate::flag::FlagKind;
use proconsul_client::{Client, Config, QueryOptions};
use std::path::PathBuf;

/// A client with a runtime to wait for it.
pub(crate) struct Api {
    pub(crate) client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Api {
    /// Waits for a call.
    pub(crate) fn wait<F: Future>(&self, call: F) -> F::Output {
        self.runtime.block_on(call)
    }
}

/// Connects as flags and environment say; a failure is printed after the usual words.
pub(crate) fn connect(call: &mut Call<'_>) -> Result<Api, i32> {
    connect_or(call, "Error connecting to Consul agent")
}

/// Connects; a failure is printed after `words`.
pub(crate) fn connect_or(call: &mut Call<'_>, words: &str) -> Result<Api, i32> {
    let (config, warnings) = config(call);
    for warning in warnings {
        call.err(warning);
    }
    let client = Client::new(&config).map_err(|e| call.fail(format!("{words}: {e}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| call.fail(format!("{words}: {e}")))?;
    Ok(Api { client, runtime })
}

/// The client's configuration: environment, then flags (spec: cli.md §3).
pub(crate) fn config(call: &Call<'_>) -> (Config, Vec<String>) {
    let (mut config, warnings) = Config::from_env(|name| call.env.get(name).map(str::to_owned));
    let text = |name: &str| optional(call, name);
    let path = |name: &str| text(name).map(PathBuf::from);
    if let Some(address) = text("http-addr") {
        config.address = address;
    }
    if let Some(token) = text("token") {
        config.token = token;
        // A token on the command line is stronger than a file from the environment.
        config.token_file = None;
    }
    if let Some(file) = path("token-file") {
        config.token_file = Some(file);
    }
    let tls = &mut config.tls;
    for (name, place) in [
        ("ca-file", &mut tls.ca_file),
        ("ca-path", &mut tls.ca_path),
        ("client-cert", &mut tls.client_cert),
        ("client-key", &mut tls.client_key),
    ] {
        if let Some(file) = path(name) {
            *place = Some(file);
        }
    }
    for (name, place) in [
        ("tls-server-name", &mut tls.server_name),
        ("datacenter", &mut config.datacenter),
        ("namespace", &mut config.namespace),
        ("partition", &mut config.partition),
    ] {
        if let Some(value) = text(name) {
            *place = value;
        }
    }
    (config, warnings)
}

/// The text of a flag that this command may not have; empty counts as absent.
fn optional(call: &Call<'_>, name: &str) -> Option<String> {
    let known = call
        .command
        .all_flags()
        .iter()
        .any(|f| f.name == name && f.kind == FlagKind::String);
    let value = known.then(|| call.flags.string(name))?;
    Some(value.to_owned()).filter(|v| !v.is_empty())
}

/// Query options of the server flags: `-stale`.
pub(crate) fn options(call: &Call<'_>) -> QueryOptions {
    QueryOptions {
        stale: call.flags.has("stale") && call.flags.bool("stale"),
        ..QueryOptions::default()
    }
}

/// Data given as `@file`, `-` (standard input) or literally (spec: cli.md §2).
pub(crate) fn data(call: &mut Call<'_>, text: &str) -> Result<Vec<u8>, String> {
    if let Some(file) = text.strip_prefix('@') {
        return std::fs::read(file)
            .map_err(|e| format!("Failed to read file: open {file}: {}", os_text(&e)));
    }
    if text != "-" {
        return Ok(text.as_bytes().to_vec());
    }
    let mut read = Vec::new();
    match call.io.stdin.read_to_end(&mut read) {
        Ok(_) => Ok(read),
        Err(e) => Err(format!("Failed to read stdin: {}", os_text(&e))),
    }
}

/// The text of an operating-system error as Go prints it.
pub(crate) fn os_text(e: &std::io::Error) -> String {
    let text = e.to_string();
    match text.split_once(" (os error ") {
        Some((plain, _)) => plain.to_lowercase(),
        None => text,
    }
}

/// Refuses arguments beyond `max`; prints how many were expected.
pub(crate) fn too_many(call: &mut Call<'_>, max: usize) -> Option<i32> {
    let got = call.args.len();
    (got > max).then(|| call.fail(format!("Too many arguments (expected {max}, got {got})")))
}

/// Bytes on standard output, without a newline.
pub(crate) fn out_bytes(call: &mut Call<'_>, bytes: &[u8]) {
    let _ = call.io.stdout.write_all(bytes);
}

/// A line on standard error, an empty one, and the help of the command; status 1.
pub(crate) fn fail_with_help(call: &mut Call<'_>, text: &str) -> i32 {
    call.err(text);
    call.err("");
    call.help_to_stderr();
    1
}
