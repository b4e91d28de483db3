//! `cargo xtask soak`: an agent under random use of its API for a long time, with thousands of watches that come and go.
//!
//! Ends well when the agent is what it was before: memory does not climb, open files, threads and tasks are back where they
//! were. What is written stays within a bounded set of names, so that growth is a leak.

mod calls;
mod dice;
mod watches;

use crate::bench::agent::{Agent, SOAK_HOST};
use crate::bench::http::Client;
use anyhow::{Context, Result, bail, ensure};
use calls::Calls;
use dice::Dice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use watches::Watches;

/// Threads that call, one connection each.
const CALLERS: u64 = 4;
/// Samples over the whole time.
const SAMPLES: u32 = 60;
/// How long the agent may take to let go of what its clients held.
const REST_LIMIT: Duration = Duration::from_secs(45);
/// Files, threads and tasks may differ by so many between rest before and rest after.
const SLACK: usize = 6;
/// Growth of memory per hour that is still none, as part of what it is, if the time was long enough to tell.
const SLOPE_LIMIT: f64 = 0.15;
/// Memory that may come and go without a meaning, bytes.
const NOISE: f64 = 6.0 * 1048576.0;
/// Shortest second half whose slope means anything, hours: before, caches fill.
const TELLING: f64 = 0.25;
/// What a shorter time may add to the memory at rest, bytes: some, and so much for each watch.
const FILLED: f64 = 64.0 * 1048576.0;
const FILLED_EACH: f64 = 32.0 * 1024.0;

/// What was asked for.
struct Settings {
    minutes: f64,
    seed: u64,
    watches: usize,
    /// Calls per second, all callers together.
    rate: u64,
}

impl Settings {
    fn parse(args: &[String]) -> Result<Self> {
        let mut settings = Self {
            minutes: 60.0,
            seed: 1,
            watches: 3000,
            rate: 400,
        };
        for pair in args.chunks(2) {
            let [name, value] = pair else {
                bail!("{}: a value is missing", pair.join(" "));
            };
            let context = || format!("{name} {value}");
            match name.as_str() {
                "--minutes" => settings.minutes = value.parse().with_context(context)?,
                "--seed" => settings.seed = value.parse().with_context(context)?,
                "--watches" => settings.watches = value.parse().with_context(context)?,
                "--rate" => settings.rate = value.parse().with_context(context)?,
                _ => bail!("{name}: no such option"),
            }
        }
        ensure!(settings.minutes > 0.0 && settings.rate > 0, "nothing to do");
        Ok(settings)
    }
}

/// What an agent holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    resident: f64,
    files: usize,
    threads: usize,
    tasks: usize,
}

impl Held {
    fn of(agent: &Agent) -> Result<Self> {
        let text = agent.client()?.must("GET", "/v1/agent/self", b"")?.body;
        let whole: serde_json::Value = serde_json::from_slice(&text)?;
        let tasks = whole["Stats"]["runtime"]["goroutines"].as_str();
        Ok(Self {
            resident: agent.process.resident()?,
            files: agent.process.files()?,
            threads: agent.process.threads()?,
            tasks: tasks.and_then(|n| n.parse().ok()).context("goroutines")?,
        })
    }

    fn line(&self) -> String {
        format!(
            "{:6.1} MiB, {} files, {} threads, {} tasks",
            self.resident / 1048576.0,
            self.files,
            self.threads,
            self.tasks
        )
    }

    /// Whether files, threads and tasks are no more than they were.
    fn rests_as(&self, before: &Self) -> bool {
        self.files <= before.files + SLACK
            && self.threads <= before.threads + SLACK
            && self.tasks <= before.tasks + SLACK
    }
}

/// Runs a soak.
///
/// # Errors
/// The agent fails a call that must not fail, dies, or holds more at the end than at the start.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let settings = Settings::parse(args)?;
    let binary = crate::bench::build()?;
    let agent = Agent::start_at(&binary, "soak", SOAK_HOST)?;
    let http = agent.http();
    eprintln!(
        "soak: seed {}, {} watches, {} calls/s",
        settings.seed, settings.watches, settings.rate
    );
    // Every kind of call once and more, so that what is made on first use is there.
    let mut first = Calls::new(Client::connect(&http)?, SOAK_HOST, settings.seed, 0)?;
    for _ in 0..3000 {
        first.one()?;
    }
    drop(first);
    let before = rest(&agent, None)?;
    eprintln!("at rest before: {}", before.line());

    let end = Instant::now() + Duration::from_secs_f64(settings.minutes * 60.0);
    let stop = AtomicBool::new(false);
    let (called, watched) = (AtomicU64::new(0), AtomicU64::new(0));
    let samples = std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for caller in 1..=CALLERS {
            let (http, stop, called, settings) = (&http, &stop, &called, &settings);
            workers.push(scope.spawn(move || {
                let pause = Duration::from_micros(1_000_000 * CALLERS / settings.rate);
                let mut calls =
                    Calls::new(Client::connect(http)?, SOAK_HOST, settings.seed, caller)?;
                while !stop.load(Ordering::Relaxed) {
                    calls.one()?;
                    called.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(pause);
                }
                Ok(())
            }));
        }
        let (address, halt, ended, options) = (&http, &stop, &watched, &settings);
        workers.push(scope.spawn(move || {
            let dice = Dice::new(options.seed, 1000);
            Watches::new(address, options.watches, dice).run(halt, ended)
        }));
        let samples = sample(&agent, end, &|| workers.iter().any(|w| w.is_finished()));
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker
                .join()
                .map_err(|_| anyhow::anyhow!("a caller panicked"))??;
        }
        samples
    })?;
    let after = rest(&agent, Some(&before))?;
    let report = Report {
        samples,
        crowd: settings.watches,
        before,
        after,
        calls: called.into_inner(),
        watches: watched.into_inner(),
    };
    report.print();
    report.judge()
}

/// Looks at the agent from time to time until `end`, or until a worker ends before its time.
fn sample(agent: &Agent, end: Instant, failed: &dyn Fn() -> bool) -> Result<Vec<(f64, Held)>> {
    let start = Instant::now();
    let step = end.saturating_duration_since(start) / SAMPLES;
    let mut samples = Vec::new();
    for n in 1..=SAMPLES {
        let due = start + step * n;
        while Instant::now() < due && !failed() {
            std::thread::sleep(
                due.saturating_duration_since(Instant::now())
                    .min(Duration::from_millis(100)),
            );
        }
        if failed() {
            break;
        }
        let held = Held::of(agent)?;
        let hours = start.elapsed().as_secs_f64() / 3600.0;
        eprintln!("{:6.2} min: {}", hours * 60.0, held.line());
        samples.push((hours, held));
    }
    Ok(samples)
}

/// Waits until files, threads and tasks are where they were (`before`), or for the first time until they stand still.
fn rest(agent: &Agent, before: Option<&Held>) -> Result<Held> {
    let start = Instant::now();
    let mut last = Held::of(agent)?;
    loop {
        // Idle threads of the pool for blocking work go after ten seconds.
        std::thread::sleep(Duration::from_secs(if before.is_some() { 1 } else { 12 }));
        let now = Held::of(agent)?;
        let still = match before {
            Some(before) => now.rests_as(before),
            None => now.rests_as(&last) && last.rests_as(&now),
        };
        if still || start.elapsed() > REST_LIMIT {
            return Ok(now);
        }
        last = now;
    }
}

/// What a soak has shown.
struct Report {
    /// Hours since the start, and what was held then.
    samples: Vec<(f64, Held)>,
    /// Watches at a time.
    crowd: usize,
    before: Held,
    after: Held,
    calls: u64,
    watches: u64,
}

impl Report {
    /// Bytes of memory per hour over the second half, by least squares.
    fn slope(&self) -> f64 {
        let half = self
            .samples
            .get(self.samples.len() / 2..)
            .unwrap_or_default();
        let n = half.len().max(1) as f64;
        let mean_x = half.iter().map(|(x, _)| x).sum::<f64>() / n;
        let mean_y = half.iter().map(|(_, held)| held.resident).sum::<f64>() / n;
        let (mut above, mut below) = (0.0, 0.0);
        for (x, held) in half {
            above += (x - mean_x) * (held.resident - mean_y);
            below += (x - mean_x) * (x - mean_x);
        }
        if below > 0.0 { above / below } else { 0.0 }
    }

    /// Hours that the second half lasted.
    fn hours(&self) -> f64 {
        let at = |n: usize| self.samples.get(n).map_or(0.0, |(hours, _)| *hours);
        at(self.samples.len().saturating_sub(1)) - at(self.samples.len() / 2)
    }

    fn print(&self) {
        println!(
            "{} calls, {} watches came and went",
            self.calls, self.watches
        );
        println!("at rest before: {}", self.before.line());
        println!("at rest after:  {}", self.after.line());
        println!(
            "memory over the second half: {:+.2} MiB per hour",
            self.slope() / 1048576.0
        );
    }

    fn judge(&self) -> Result<()> {
        ensure!(
            self.after.rests_as(&self.before),
            "files, threads or tasks were not given back"
        );
        if self.hours() < TELLING {
            let added = self.after.resident - self.before.resident;
            ensure!(
                added <= FILLED + FILLED_EACH * self.crowd as f64,
                "{:.1} MiB more than at the start are kept",
                added / 1048576.0
            );
            return Ok(());
        }
        let grown = self.slope() * self.hours();
        let last = self.samples.last().map_or(0.0, |(_, held)| held.resident);
        ensure!(
            grown <= NOISE + SLOPE_LIMIT * last * self.hours(),
            "memory grew by {:.1} MiB in the second half",
            grown / 1048576.0
        );
        Ok(())
    }
}
