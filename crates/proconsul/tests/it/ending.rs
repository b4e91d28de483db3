//! An orderly end: every answer under way is written before the process is gone, whoever asked for the end.

use crate::agent::Agent;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Rounds of the race between an answer and the end of its process.
const LEAVES: usize = 30;
/// Agents at work at the same time.
const AT_ONCE: usize = 3;
/// Longer than an end takes on a loaded machine, and shorter than anybody waits for news here.
const SOON: Duration = Duration::from_secs(60);

#[test]
fn leave_is_always_answered() {
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                for round in 0..LEAVES / AT_ONCE {
                    let home = tempfile::tempdir().unwrap();
                    let mut agent = Agent::start(home.path(), &[]);
                    let answer = agent.client().ask("PUT", "/v1/agent/leave", b"");
                    assert_eq!(answer.expect("an answer").status, 200, "round {round}");
                    assert_eq!(agent.wait(), Some(0), "{}", agent.log());
                }
            });
        }
    });
}

#[test]
fn the_command_line_leaves_without_an_error() {
    let home = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(home.path(), &[]);
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_proconsul"))
        .args(["leave", &format!("-http-addr={}", agent.address)])
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(agent.wait(), Some(0));
}

#[test]
fn whoever_waits_is_answered_when_a_signal_ends_the_process() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let home = tempfile::tempdir().unwrap();
        let mut agent = Agent::start(home.path(), &[]);
        let waits = [
            "/v1/kv/ready?index=$INDEX&wait=5m",
            "/v1/kv/missing?index=$INDEX&wait=5m",
            "/v1/health/service/consul?index=$INDEX&wait=5m",
            "/v1/event/list?index=1&wait=5m",
        ];
        let mut client = agent.client();
        // Once the server's own service is there, its index rests.
        client.until(SOON, "/v1/health/service/consul?passing", |answer| {
            answer.text().contains("serfHealth")
        });
        let mut parked = Vec::new();
        for target in waits {
            let plain = target.split('?').next().unwrap();
            let index = client.ask("GET", plain, b"").unwrap().index;
            let mut client = agent.client();
            let target = target.replace("$INDEX", &index.to_string());
            client.send("GET", &target, b"").unwrap();
            parked.push((target, client));
        }
        let mut lines = agent.client();
        lines.send("GET", "/v1/agent/monitor", b"").unwrap();
        // Parked: the server counts those of them that wait for its state.
        client.until(SOON, "/v1/agent/metrics", |answer| {
            answer.text().contains("rpc.queries_blocking\",\"Value\":3")
        });
        let began = Instant::now();
        agent.signal(signal);
        for (target, client) in &mut parked {
            let answer = client
                .receive()
                .unwrap_or_else(|error| panic!("{target}: {error}"));
            let expected = if target.contains("missing") { 404 } else { 200 };
            assert_eq!(answer.status, expected, "{target}");
        }
        lines.receive().expect("the stream of lines ends in order");
        agent.wait();
        assert!(began.elapsed() < SOON);
        let log = agent.log();
        assert!(!log.contains("cut off"), "{log}");
    }
}
