//! `consul version` (spec: cli.md §24).

use crate::command::{BEYOND, BuildInfo, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;

/// Protocol versions of the RPC and gossip layers: default, lowest, highest.
const PROTOCOL: (u8, u8, u8) = (2, 2, 3);

/// Whose program this is, whatever it answers as.
const PROGRAM: &str = concat!(
    "proconsul ",
    env!("CARGO_PKG_VERSION"),
    ", an open implementation of its own; not made by HashiCorp"
);

pub(crate) const COMMAND: Command = Command {
    path: "version",
    synopsis: "Prints the version",
    usage: "[options]",
    about: "Prints the version of this binary and of the protocols it speaks. No agent is asked.",
    groups: &[],
    flags: &[Flag::string("format", "Output format: pretty or json.").with_default("pretty")],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

fn run(call: &mut Call<'_>) -> i32 {
    let text = match call.flags.string("format") {
        "pretty" => format!("{}\n{BEYOND}\n{PROGRAM}", pretty(&call.process.build)),
        "json" => json(&call.process.build),
        other => {
            let text = format!("Unknown format: {other}");
            return call.fail(text);
        }
    };
    call.out(text);
    0
}

/// `1.21.4`, with `-prerelease` and `+metadata` where there are any.
pub(crate) fn full_version(build: &BuildInfo) -> String {
    let mut text = build.version.clone();
    for (mark, part) in [('-', &build.prerelease), ('+', &build.metadata)] {
        if !part.is_empty() {
            text.push(mark);
            text.push_str(part);
        }
    }
    text
}

fn pretty(build: &BuildInfo) -> String {
    let revision = if build.revision.is_empty() {
        String::new()
    } else {
        format!("Revision {}\n", build.revision)
    };
    let (default, min, max) = PROTOCOL;
    format!(
        "Consul v{}\n{revision}Build Date {}\nProtocol {default} spoken by default, understands {min} to {max} (agent will automatically use protocol >{default} when speaking to compatible agents)\n",
        full_version(build),
        build.build_date,
    )
}

fn json(build: &BuildInfo) -> String {
    let (default, min, max) = PROTOCOL;
    let q = |s: &str| serde_json::Value::from(s).to_string();
    format!(
        "{{\n   \"Version\": {},\n   \"Revision\": {},\n   \"Prerelease\": {},\n   \"BuildDate\": {},\n   \"RPC\": {{\n      \"Default\": {default},\n      \"Min\": {min},\n      \"Max\": {max}\n   }}\n}}",
        q(&build.version),
        q(&build.revision),
        q(&build.prerelease),
        q(&build.build_date),
    )
}
