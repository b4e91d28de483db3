//! Rows about starting: time to the first write, memory, a restart with a million keys after `kill -9`.

use super::agent::Agent;
use super::http::Client;
use super::process::size;
use super::{Figure, Unit, rounds};
use anyhow::{Result, ensure};
use std::path::Path;
use std::time::Duration;

/// Keys of the large store.
const KEYS: usize = 1_000_000;
/// Keys per transaction while it is filled; the most that a transaction may hold.
const BATCH: usize = 64;
/// How much of what the snapshot rule allows the log's tail is driven to.
const TAIL_PART: f64 = 0.9;

pub(crate) fn measure(binary: &Path, asked: &dyn Fn(&str) -> bool) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let figure = |work, wanted, values, unit| Figure {
        work,
        wanted,
        values,
        unit,
        yardstick: Vec::new(),
    };
    if asked("start") || asked("memory") {
        let (mut starts, mut empty, mut filled) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds() {
            let (agent, took) = Agent::start_timed(binary, "start")?;
            std::thread::sleep(Duration::from_secs(1));
            starts.push(took.as_secs_f64() * 1e3);
            empty.push(agent.process.resident()? / 1048576.0);
            let mut client = agent.client()?;
            for n in 0..10_000 {
                client.must("PUT", &format!("/v1/kv/memory/{n:06}"), &[b'v'; 100])?;
            }
            std::thread::sleep(Duration::from_secs(1));
            filled.push(agent.process.resident()? / 1048576.0);
            eprintln!(
                "round {round} start: {:.0} ms, {:.1} MiB, {:.1} MiB with 10,000 keys",
                starts[round], empty[round], filled[round]
            );
        }
        figures.push(figure(
            "start to first accepted write, one server",
            "≤ 150 ms",
            starts,
            Unit::Millis,
        ));
        figures.push(figure(
            "memory after start",
            "≤ 20 MB",
            empty,
            Unit::Mebibytes,
        ));
        figures.push(figure(
            "memory after 10,000 keys of 100 bytes",
            "≤ 40 MB",
            filled,
            Unit::Mebibytes,
        ));
    }
    if asked("restart") {
        figures.push(figure(
            "restart with 1M keys of 100 bytes and 90 % of the longest log tail, after kill -9",
            "≤ 3 s",
            million(binary)?,
            Unit::Millis,
        ));
    }
    Ok(figures)
}

/// Writes `BATCH` keys from `first` on in one transaction.
fn batch(client: &mut Client, first: usize, salt: usize) -> Result<()> {
    let value = base64_of_hundred(salt);
    let mut body = String::from("[");
    for n in first..first + BATCH {
        if n > first {
            body.push(',');
        }
        body.push_str(&format!(
            r#"{{"KV":{{"Verb":"set","Key":"million/{:07}","Value":"{value}"}}}}"#,
            n % KEYS
        ));
    }
    body.push(']');
    client.must("PUT", "/v1/txn", body.as_bytes())?;
    Ok(())
}

/// 100 bytes in base64: 33 groups of three and one byte.
fn base64_of_hundred(salt: usize) -> String {
    format!(
        "{}{}QQ==",
        "QUFB".repeat(32),
        if salt.is_multiple_of(2) {
            "QkJC"
        } else {
            "Q0ND"
        }
    )
}

/// Newest snapshot's name and size, and the log's length in whole segments.
fn store(agent: &Agent) -> Result<(String, u64, u64)> {
    let (mut newest, mut bytes, mut log) = (String::new(), 0, 0);
    for entry in std::fs::read_dir(agent.scratch.0.join("data/raft"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".snap") && name > newest {
            bytes = size(&entry.path());
            newest = name;
        } else if name.ends_with(".log") {
            log += size(&entry.path());
        }
    }
    Ok((newest, bytes, log))
}

/// Overwrites keys until a snapshot appears; how many batches that took.
fn to_next_snapshot(agent: &Agent, client: &mut Client, at: &mut usize) -> Result<usize> {
    let (known, start) = (store(agent)?.0, *at);
    while store(agent)?.0 == known {
        for salt in 0..20 {
            batch(client, *at, salt)?;
            *at += BATCH;
        }
        ensure!(*at - start < 4 * KEYS, "no snapshot was taken");
    }
    Ok((*at - start) / BATCH)
}

fn million(binary: &Path) -> Result<Vec<f64>> {
    let mut agent = Agent::start(binary, "million")?;
    let mut client = agent.client()?;
    for first in (0..KEYS).step_by(BATCH) {
        batch(&mut client, first, 0)?;
    }
    // From one snapshot to the next: so many batches does the rule allow. The tail then starts at nothing.
    let mut at = 0;
    to_next_snapshot(&agent, &mut client, &mut at)?;
    let between = to_next_snapshot(&agent, &mut client, &mut at)?;
    let (known, snapshot, _) = store(&agent)?;
    let tail = (between as f64 * TAIL_PART) as usize;
    for salt in 0..tail {
        batch(&mut client, at, salt)?;
        at += BATCH;
    }
    let (now, _, log) = store(&agent)?;
    eprintln!(
        "restart: snapshot {snapshot} B, tail of {} keys, log files {log} B",
        tail * BATCH
    );
    ensure!(
        now == known,
        "a snapshot was taken while the tail was written"
    );
    drop(client);
    let mut values = Vec::new();
    for round in 0..rounds() {
        let took = agent.restart()?.as_secs_f64() * 1e3;
        let mut client = agent.client()?;
        let answer = client.must("GET", "/v1/kv/million/0999999?raw", b"")?;
        ensure!(answer.body.len() == 100, "a key was lost");
        eprintln!("round {round} restart: {took:.0} ms");
        values.push(took);
    }
    Ok(values)
}
