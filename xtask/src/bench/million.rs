//! Rows about a million keys: loading them, listing parts of them, saving and restoring them while others write.

use super::agent::Agent;
use super::http::Client;
use super::{Figure, Unit, median};
use anyhow::{Result, ensure};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Keys in all.
const KEYS: usize = 1_000_000;
/// Keys below one folder.
const FOLDER: usize = 200_000;
/// Keys per transaction, the most it may hold.
const BATCH: usize = 64;
/// Connections that load.
const LOADERS: usize = 8;
/// Connections that write while a snapshot is made or restored.
const WRITERS: usize = 4;
/// Pause of a writer after each write: a busy server, not a saturated one.
const PAUSE: Duration = Duration::from_millis(2);
/// How long writers are measured alone.
const QUIET: Duration = Duration::from_secs(8);
/// Measurements per row.
const ROUNDS: usize = 3;
/// How long a save or a restore may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Measures the rows that were asked for.
pub(crate) fn measure(binary: &Path, asked: &dyn Fn(&str) -> bool) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let (load, recurse, list, snapshot) = (
        asked("million-load"),
        asked("million-recurse"),
        asked("million-list"),
        asked("million-snapshot"),
    );
    if !(load || recurse || list || snapshot) {
        return Ok(figures);
    }
    let agent = Agent::start(binary, "keys")?;
    let loaded = fill(&agent)?;
    if load {
        figures.extend(loaded);
    }
    if recurse {
        let work = "`?recurse` over 200,000 keys of 100 bytes";
        figures.push(read(&agent, work, "/v1/kv/load/1/?recurse", FOLDER)?);
    }
    if list {
        // Six digits of a number below 100,000 begin so.
        let work = "list of 100,000 keys by prefix";
        figures.push(read(&agent, work, "/v1/kv/load/0/0?keys", FOLDER / 2)?);
    }
    if snapshot {
        figures.extend(snapshots(&agent)?);
    }
    Ok(figures)
}

fn figure(work: &'static str, wanted: &'static str, values: Vec<f64>, unit: Unit) -> Figure {
    Figure {
        work,
        wanted,
        values,
        unit,
        yardstick: Vec::new(),
    }
}

fn key(n: usize) -> String {
    format!("load/{}/{:06}", n / FOLDER, n % FOLDER)
}

/// A transaction that sets the keys from `first` on.
fn transaction(first: usize) -> String {
    // 100 bytes in base64.
    let value = format!("{}QQ==", "QUFB".repeat(33));
    let ops: Vec<String> = (first..KEYS.min(first + BATCH))
        .map(|n| {
            format!(
                r#"{{"KV":{{"Verb":"set","Key":"{}","Value":"{value}"}}}}"#,
                key(n)
            )
        })
        .collect();
    format!("[{}]", ops.join(","))
}

fn fill(agent: &Agent) -> Result<Vec<Figure>> {
    std::thread::sleep(Duration::from_secs(1));
    let empty = agent.process.resident()?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..LOADERS)
            .map(|loader| {
                scope.spawn(move || {
                    let mut client = agent.client()?;
                    for first in (loader * BATCH..KEYS).step_by(LOADERS * BATCH) {
                        client.must("PUT", "/v1/txn", transaction(first).as_bytes())?;
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(finished)
    })?;
    let took = start.elapsed().as_secs_f64();
    // The log's last snapshot is made meanwhile.
    std::thread::sleep(Duration::from_secs(5));
    let per_key = (agent.process.resident()? - empty) / KEYS as f64;
    eprintln!(
        "million-load: {took:.1} s, {per_key:.0} B a key, peak {:.0} MiB",
        agent.process.peak()? / 1048576.0
    );
    Ok(vec![
        figure(
            "1M keys of 100 bytes loaded by transactions of 64, 8 connections, durable",
            "–",
            vec![KEYS as f64 / took],
            Unit::PerSecond,
        ),
        figure(
            "memory of each of 1M keys, value of 100 bytes included",
            "–",
            vec![per_key],
            Unit::Bytes,
        ),
    ])
}

fn finished<T>(worker: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    worker
        .join()
        .map_err(|_| anyhow::anyhow!("a thread of the bench panicked"))?
}

/// Time of one read, from the request to the last byte; something is written in between, so that it is no stored answer.
fn read(agent: &Agent, work: &'static str, target: &str, rows: usize) -> Result<Figure> {
    let mut client = agent.client()?;
    let mut values = Vec::new();
    for round in 0..ROUNDS {
        client.must("PUT", &format!("/v1/kv/{}", key(0)), &[b'v'; 100])?;
        client.must("PUT", &format!("/v1/kv/{}", key(FOLDER)), &[b'v'; 100])?;
        let start = Instant::now();
        let answer = client.must("GET", target, b"")?;
        values.push(start.elapsed().as_secs_f64() * 1e3);
        let commas = answer.body.iter().filter(|byte| **byte == b'{').count();
        let found = if target.ends_with("keys") {
            answer.body.iter().filter(|byte| **byte == b',').count() + 1
        } else {
            commas
        };
        ensure!(found == rows, "{target}: {found} rows");
        eprintln!(
            "round {round} {target}: {:.0} ms, {} B",
            values[round],
            answer.body.len()
        );
    }
    Ok(figure(work, "–", values, Unit::Millis))
}

/// Writers' 99th percentile in milliseconds while `work` runs, and what it returned.
fn beside<T>(agent: &Agent, work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let stop = AtomicBool::new(false);
    let (mut latencies, result) = std::thread::scope(|scope| {
        let stop = &stop;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let mut client = agent.client()?;
                    let mut latencies = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let target = format!("/v1/kv/writer/{writer}/{}", latencies.len() % 100);
                        let start = Instant::now();
                        client.must("PUT", &target, &[b'w'; 100])?;
                        latencies.push(start.elapsed().as_secs_f64() * 1e3);
                        std::thread::sleep(PAUSE);
                    }
                    Ok(latencies)
                })
            })
            .collect();
        let result = work();
        stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for writer in writers {
            all.extend(finished(writer)?);
        }
        Ok::<_, anyhow::Error>((all, result?))
    })?;
    latencies.sort_by(f64::total_cmp);
    let at = latencies.len() * 99 / 100;
    Ok((latencies.get(at).copied().unwrap_or_default(), result))
}

fn snapshots(agent: &Agent) -> Result<Vec<Figure>> {
    let (mut quiet, mut saving, mut restoring) = (Vec::new(), Vec::new(), Vec::new());
    let (mut saves, mut restores) = (Vec::new(), Vec::new());
    let before = agent.process.resident()?;
    agent.process.forget_peak()?;
    let mut peaks = Vec::new();
    for round in 0..ROUNDS {
        let (alone, ()) = beside(agent, || {
            std::thread::sleep(QUIET);
            Ok(())
        })?;
        let (save, (archive, took)) = beside(agent, || {
            let mut client = patient(agent)?;
            let start = Instant::now();
            let archive = client.must("GET", "/v1/snapshot", b"")?.body;
            Ok((archive, start.elapsed()))
        })?;
        peaks.push((agent.process.peak()? - before) / 1048576.0);
        quiet.push(alone);
        saving.push(save);
        saves.push(took.as_secs_f64() * 1e3);
        let (restore, took) = beside(agent, || {
            let mut client = patient(agent)?;
            let start = Instant::now();
            client.must("PUT", "/v1/snapshot", &archive)?;
            Ok(start.elapsed())
        })?;
        restoring.push(restore);
        restores.push(took.as_secs_f64() * 1e3);
        eprintln!(
            "round {round} million-snapshot: {} B, p99 alone {alone:.2} ms, save {:.0} ms with p99 {save:.2} ms, restore {:.0} ms with p99 {restore:.2} ms; peak {:+.0} MiB in the first save, {:+.0} MiB since",
            archive.len(),
            saves[round],
            restores[round],
            peaks[0],
            (agent.process.peak()? - before) / 1048576.0,
        );
    }
    let beside = |work, values, yardstick: &Vec<f64>| Figure {
        work,
        wanted: "≤ 2 × alone",
        values,
        unit: Unit::Millis,
        yardstick: yardstick.clone(),
    };
    eprintln!("million-snapshot: p99 alone {:.2} ms", median(&quiet));
    peaks.truncate(1);
    Ok(vec![
        figure(
            "snapshot of 1M keys saved while 4 write",
            "–",
            saves,
            Unit::Millis,
        ),
        figure(
            "memory that takes at its peak, beyond what there was",
            "–",
            peaks,
            Unit::Mebibytes,
        ),
        beside("the writers' 99th percentile meanwhile", saving, &quiet),
        figure(
            "snapshot of 1M keys restored while 4 write",
            "–",
            restores,
            Unit::Millis,
        ),
        beside(
            "the writers' 99th percentile during that",
            restoring,
            &quiet,
        ),
    ])
}

fn patient(agent: &Agent) -> Result<Client> {
    let client = agent.client()?;
    client.patience(PATIENCE)?;
    Ok(client)
}
