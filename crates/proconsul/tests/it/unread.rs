//! Nobody reads what the agent writes: it serves on, and tells what was lost once somebody does.

use crate::agent::Agent;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

/// Requests after which a pipe (64 KiB) and the log's queue (1 MiB of lines with what they cost) are full many times over.
const REQUESTS: usize = 8_000;
/// A longer line is full sooner.
const PADDING: usize = 300;

/// Tells how many lines are missing where it stands.
const NOTICE: &str =
    "agent: Lines of the log were dropped, because nobody read fast enough: lines=";
/// Longer than a line takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_full_pipe_on_stdout_holds_nobody() {
    let home = tempfile::tempdir().unwrap();
    let mut agent = Agent::with_output(home.path(), &["-log-level=debug"], Stdio::piped());
    let output = agent.take_output();
    let mut client = agent.client();
    let padding = "x".repeat(PADDING);
    for at in 0..REQUESTS {
        let target = format!("/v1/kv/absent?n={at}&{padding}");
        let answer = client
            .ask("GET", &target, b"")
            .expect("served all the same");
        assert_eq!(answer.status, 404);
    }
    let metrics = client.ask("GET", "/v1/agent/metrics", b"").unwrap().text();
    assert!(metrics.contains("consul.telemetry.dropped"), "{metrics}");
    // Now somebody reads: every line is whole, in order, and one tells of those that are missing.
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(output).lines();
        lines.for_each(|line| sender.send(line.unwrap()).unwrap());
    });
    let mut lines = Vec::new();
    while !lines
        .last()
        .is_some_and(|line: &String| line.contains(NOTICE))
    {
        lines.push(receiver.recv_timeout(LIMIT).expect("a notice"));
    }
    agent.stop();
    reader.join().unwrap();
    lines.extend(receiver);
    let number = |line: &str| -> Option<usize> {
        let (_, rest) = line.split_once("/v1/kv/absent?n=")?;
        let (number, _) = rest.split_once('&')?;
        number.parse().ok()
    };
    let told: Vec<usize> = lines.iter().filter_map(|line| number(line)).collect();
    assert!(told.is_sorted(), "order is lost");
    let missing: usize = lines
        .iter()
        .filter_map(|line| line.split_once(NOTICE)?.1.parse::<usize>().ok())
        .sum();
    assert!(missing > 0, "{:?}", lines.last());
    assert!(
        told.len() + missing >= REQUESTS,
        "{} lines and {missing} told as missing",
        told.len()
    );
    assert!(lines.iter().any(|line| line.contains("agent: Exit code")));
}
