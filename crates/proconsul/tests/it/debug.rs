//! `debug` against a running agent: it ends well, and its archive holds everything that it said it would.

use crate::agent::Agent;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

struct Done {
    code: Option<i32>,
    lines: Vec<String>,
    errors: String,
}

/// Runs `debug` in a folder until it has collected once, and ends it as an operator does who has seen enough.
fn debug(agent: &Agent, folder: &Path, more: &[&str]) -> Done {
    let mut child = Command::new(env!("CARGO_BIN_EXE_proconsul"))
        .args(["debug", "-interval=5m", "-duration=10m", "-output=facts"])
        .arg(format!("-http-addr={}", agent.address))
        .args(more)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        lines.push(line.unwrap());
        if lines.last().unwrap().starts_with("==> Capture successful ") {
            let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            nix::sys::signal::kill(id, Signal::SIGINT).unwrap();
        }
    }
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    Done {
        code: child.wait().unwrap().code(),
        lines,
        errors,
    }
}

/// Files of the archive, by their path under its one folder.
fn unpacked(archive: &Path) -> BTreeMap<String, String> {
    let file = std::fs::File::open(archive).unwrap();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut found = BTreeMap::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if entry.header().entry_type().is_file() {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let name = path.strip_prefix("facts/").expect("one folder");
            found.insert(name.to_owned(), text);
        }
    }
    found
}

#[test]
fn debug_of_a_real_agent_ends_well_with_a_complete_archive() {
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::start(home.path(), &[]);
    let done = debug(&agent, home.path(), &[]);
    assert_eq!(done.code, Some(0), "{}\n{:?}", done.errors, done.lines);
    assert!(
        done.errors.contains("Unable to capture pprof"),
        "{}",
        done.errors
    );
    let shown: Vec<&str> = done.lines.iter().map(String::as_str).collect();
    assert_eq!(
        shown[..6],
        [
            "==> Starting debugger and capturing static information...",
            "     Agent Version: '1.21.4'",
            "          Interval: '5m0s'",
            "          Duration: '10m0s'",
            "            Output: 'facts.tar.gz'",
            "           Capture: 'metrics, logs, host, agent, members'",
        ]
    );
    assert_eq!(shown.last(), Some(&"==> Saved debug archive: facts.tar.gz"));

    assert!(!home.path().join("facts").exists());
    let files = unpacked(&home.path().join("facts.tar.gz"));
    let json = |name: &str| -> Value { serde_json::from_str(&files[name]).unwrap() };
    assert_eq!(json("agent.json")["Config"]["NodeName"], "n1");
    assert!(json("host.json")["Memory"].is_object());
    let members = json("members.json");
    assert_eq!(members[0]["Name"], "n1.dc1", "{members}");
    assert!(json("metrics.json")["Gauges"].is_array());
    let index = json("index.json");
    assert_eq!(
        index["Targets"],
        serde_json::json!(["metrics", "logs", "host", "agent", "members"])
    );
    assert!(
        files["listpeers.json"].contains("n1"),
        "{}",
        files["listpeers.json"]
    );
    assert!(files.contains_key("consul.log"));
}

/// Asked for what this program does not have, it says so instead of leaving an empty file.
#[test]
fn a_capture_that_can_give_nothing_says_so() {
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::with_arguments(home.path(), |_| vec!["-hcl=enable_debug = true".into()]);
    let done = debug(&agent, home.path(), &["-capture=pprof", "-capture=metrics"]);
    assert_eq!(done.code, Some(0), "{}", done.errors);
    assert!(
        done.errors
            .contains("[WARN] Unable to capture pprof. The target agent has no profiles: "),
        "{}",
        done.errors
    );
    let files = unpacked(&home.path().join("facts.tar.gz"));
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["index.json", "metrics.json"]);

    std::fs::remove_file(home.path().join("facts.tar.gz")).unwrap();
    let done = debug(&agent, home.path(), &["-capture=pprof"]);
    assert_eq!(done.code, Some(1), "{:?}", done.lines);
    assert!(
        done.errors
            .contains("==> Capture validation failed: nothing to capture"),
        "{}",
        done.errors
    );
    assert!(!home.path().join("facts").exists());
}
