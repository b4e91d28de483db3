//! Rows about those who wait: a crowd that is woken, memory of a parked watch, many parked in one process.

use super::agent::{Agent, instance};
use super::{Figure, Unit, process, rounds};
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Duration;

/// Watchers of one service.
const CROWD: usize = 1000;
/// Changes per round; the cost of one is the mean.
const FLIPS: usize = 5;
/// Watches parked on sockets.
const PARKED: usize = 15_000;
/// Different services those watch.
const PARKED_SERVICES: usize = 1000;

pub(crate) fn measure(binary: &Path, asked: &dyn Fn(&str) -> bool) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    if asked("crowd") {
        figures.push(crowd(binary)?);
    }
    if asked("parked-socket") {
        figures.push(parked(binary)?);
    }
    if asked("parked-process") {
        figures.extend(in_process()?);
    }
    Ok(figures)
}

fn crowd(binary: &Path) -> Result<Figure> {
    let agent = Agent::start(binary, "crowd")?;
    agent.service("crowd", 100)?;
    let mut writer = agent.client()?;
    let mut index = writer.must("GET", "/v1/health/service/crowd", b"")?.index;
    let mut watchers = (0..CROWD)
        .map(|_| agent.client())
        .collect::<Result<Vec<_>>>()?;
    let mut values = Vec::new();
    for round in 0..rounds() {
        let mut spent = 0.0;
        for flip in 0..FLIPS {
            for watcher in &mut watchers {
                let target = format!("/v1/health/service/crowd?index={index}&wait=60s");
                watcher.send("GET", &target, b"")?;
            }
            settle(&agent)?;
            let status = if (round * FLIPS + flip).is_multiple_of(2) {
                "critical"
            } else {
                "passing"
            };
            let before = agent.process.cpu()?;
            writer.must(
                "PUT",
                "/v1/catalog/register",
                instance("crowd", 7, status).as_bytes(),
            )?;
            for watcher in &mut watchers {
                index = watcher.receive()?.index;
            }
            spent += agent.process.cpu()? - before;
        }
        values.push(spent / FLIPS as f64 / 1000.0);
        eprintln!("round {round} crowd: {:.1} ms", values[round]);
    }
    Ok(Figure {
        work: "1,000 watchers of a 100-instance service, one check flips",
        wanted: "≤ 80 ms CPU",
        values,
        unit: Unit::Millis,
        yardstick: Vec::new(),
    })
}

/// Waits until the agent does nothing any more.
fn settle(agent: &Agent) -> Result<()> {
    let mut last = agent.process.cpu()?;
    loop {
        std::thread::sleep(Duration::from_millis(150));
        let now = agent.process.cpu()?;
        if now == last {
            return Ok(());
        }
        last = now;
    }
}

fn parked(binary: &Path) -> Result<Figure> {
    let mut values = Vec::new();
    for round in 0..rounds() {
        let agent = Agent::start(binary, "parked")?;
        let mut client = agent.client()?;
        for n in 0..PARKED_SERVICES {
            let body = format!(
                r#"{{"Node":"parked","Address":"10.8.0.1","Service":{{"ID":"p{n}","Service":"parked-{n}","Port":80}}}}"#
            );
            client.must("PUT", "/v1/catalog/register", body.as_bytes())?;
        }
        settle(&agent)?;
        let index = client.must("GET", "/v1/catalog/services", b"")?.index;
        let before = agent.process.resident()?;
        let mut watchers = Vec::with_capacity(PARKED);
        for n in 0..PARKED {
            let mut watcher = agent.client()?;
            let target = format!(
                "/v1/health/service/parked-{}?index={index}&wait=300s",
                n % PARKED_SERVICES
            );
            watcher.send("GET", &target, b"")?;
            watchers.push(watcher);
        }
        settle(&agent)?;
        let each = (agent.process.resident()? - before) / PARKED as f64;
        eprintln!("round {round} parked-socket: {each:.0} B");
        values.push(each);
    }
    Ok(Figure {
        work: "memory of a parked watch (15,000 on sockets)",
        wanted: "≤ 18 KB",
        values,
        unit: Unit::Bytes,
        yardstick: Vec::new(),
    })
}

/// 200,000 parked inside one process: the example of the `server` crate prints what they cost.
fn in_process() -> Result<Vec<Figure>> {
    let program = match std::env::var_os("PROCONSUL_BENCH_PARKED") {
        Some(path) => path.into(),
        None => {
            process::cargo(&[
                "build",
                "--profile",
                "dist",
                "-p",
                "server",
                "--example",
                "parked",
            ])?;
            process::target().join("dist/examples/parked")
        }
    };
    let mut figures = Vec::new();
    for (services, write, memory) in [
        (
            "1000",
            "200,000 watches of 1,000 services parked in process: one unrelated write, over the write alone",
            "200,000 watches of 1,000 services parked in process: memory of each, task included",
        ),
        (
            "200000",
            "200,000 watches of as many services parked in process: one unrelated write, over the write alone",
            "200,000 watches of as many services parked in process: memory of each, task included",
        ),
    ] {
        let (mut over, mut each) = (Vec::new(), Vec::new());
        for round in 0..rounds() {
            let text =
                process::output(std::process::Command::new(&program).args(["200000", services]))?;
            eprintln!("round {round} parked-process: {}", text.replace('\n', "; "));
            let number = |after: &str, before: &str| -> Option<f64> {
                let (_, rest) = text.split_once(after)?;
                rest.split_once(before)?.0.trim().parse().ok()
            };
            let alone = number("write:", "µs alone").with_context(|| text.clone())?;
            let beside = number("alone,", "µs beside").with_context(|| text.clone())?;
            over.push(beside - alone);
            each.push(number("services:", "B each").with_context(|| text.clone())?);
        }
        for (work, wanted, values, unit) in [
            (write, "≤ 5 µs", over, Unit::Micros),
            (memory, "≤ 1 KB", each, Unit::Bytes),
        ] {
            figures.push(Figure {
                work,
                wanted,
                values,
                unit,
                yardstick: Vec::new(),
            });
        }
    }
    Ok(figures)
}
