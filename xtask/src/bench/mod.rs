//! `cargo xtask bench [ROW …]`: what an operation costs, in CPU time of the agent, beside `nginx` and `nsd` in the same run.
//!
//! CPU time comes from `/proc/PID/stat` of the measured process and its children; the load generators (`wrk`, `dnsperf`) are
//! not counted. Every row is measured [`ROUNDS`] times, each time right after its yardstick, so that a slow moment of the
//! machine hits both. Writes `docs/performance.md` when all rows were asked for.

pub(crate) mod agent;
mod compare;
pub(crate) mod http;
mod load;
mod million;
mod page;
pub(crate) mod process;
mod restart;
mod rows;
mod waits;

use anyhow::{Context, Result};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Measurements per row; the median counts.
const ROUNDS: usize = 5;
/// How often a round is measured at once: all of them, or one by one where two binaries take turns.
static AT_ONCE: AtomicUsize = AtomicUsize::new(ROUNDS);

pub(crate) fn rounds() -> usize {
    AT_ONCE.load(Ordering::Relaxed)
}

/// One measured row.
pub(crate) struct Figure {
    /// What was done.
    pub(crate) work: &'static str,
    /// What the project wants of it.
    pub(crate) wanted: &'static str,
    /// One value per round.
    pub(crate) values: Vec<f64>,
    /// How a value is written.
    pub(crate) unit: Unit,
    /// Values of the yardstick, per round (µs); empty for rows without one.
    pub(crate) yardstick: Vec<f64>,
}

/// Units of a figure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Microseconds of CPU per operation.
    Micros,
    /// Milliseconds.
    Millis,
    /// Bytes.
    Bytes,
    /// Mebibytes.
    Mebibytes,
    /// Operations per second.
    PerSecond,
}

/// The middle value; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl Figure {
    /// Value over yardstick, per round.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        self.values
            .iter()
            .zip(&self.yardstick)
            .map(|(value, yard)| value / yard)
            .collect()
    }
}

fn measure(binary: &Path, asked: &dyn Fn(&str) -> bool) -> Result<Vec<Figure>> {
    let mut figures = rows::measure(binary, asked)?;
    figures.extend(waits::measure(binary, asked)?);
    figures.extend(restart::measure(binary, asked)?);
    figures.extend(million::measure(binary, asked)?);
    Ok(figures)
}

/// Measures the rows whose key contains one of `wanted`, or all. With `--against BINARY` before them an older binary takes turns with
/// this one, and the figures of both are printed beside each other.
///
/// # Errors
/// A program is missing, the agent does not start, or an answer is not what it should be.
pub(crate) fn run(wanted: &[String]) -> Result<()> {
    if let [flag, old, wanted @ ..] = wanted
        && flag == "--against"
    {
        return compare::run(&build()?, Path::new(old), wanted);
    }
    let binary = build()?;
    let asked = |key: &str| wanted.is_empty() || wanted.iter().any(|part| key.contains(part));
    let figures = measure(&binary, &asked)?;
    let text = page::render(&figures)?;
    if wanted.is_empty() {
        let path = crate::root().join("docs/performance.md");
        std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
        eprintln!("wrote {}", path.display());
    }
    println!("{text}");
    Ok(())
}

/// The binary as it is shipped, built unless `PROCONSUL_BENCH_BIN` names one (`PROCONSUL_BENCH_PARKED` does that for the example
/// with parked watches).
pub(crate) fn build() -> Result<std::path::PathBuf> {
    if let Ok(path) = std::env::var("PROCONSUL_BENCH_BIN") {
        return Ok(path.into());
    }
    process::cargo(&["build", "--profile", "dist", "-p", "proconsul"])?;
    Ok(process::target().join("dist/proconsul"))
}
