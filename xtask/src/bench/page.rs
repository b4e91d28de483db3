//! The page with the figures.

use super::{Figure, Unit, median, process::output};
use anyhow::Result;
use std::process::Command;

fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Micros => format!("{value:.1} µs"),
        Unit::Millis => format!("{value:.1} ms"),
        Unit::Bytes => format!("{value:.0} B"),
        Unit::Mebibytes => format!("{value:.1} MiB"),
        Unit::PerSecond => format!("{value:.0}/s"),
    }
}

fn spread(values: &[f64], write: impl Fn(f64) -> String) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{} – {}", write(low), write(high))
}

fn machine() -> String {
    let read = |path: &str, key: &str| {
        std::fs::read_to_string(path)
            .unwrap_or_default()
            .lines()
            .find_map(|line| {
                Some(
                    line.strip_prefix(key)?
                        .trim_matches([' ', '\t', ':'])
                        .to_owned(),
                )
            })
            .unwrap_or_default()
    };
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} ({cpus} CPUs), {} of memory, Linux {}",
        read("/proc/cpuinfo", "model name"),
        read("/proc/meminfo", "MemTotal"),
        kernel.trim()
    )
}

/// A figure's median and spread, beside its yardstick if it has one.
pub(crate) fn measured(figure: &Figure) -> String {
    let write = |value| number(value, figure.unit);
    let own = format!(
        "{} ({})",
        write(median(&figure.values)),
        spread(&figure.values, write)
    );
    let ratios = figure.ratios();
    if ratios.is_empty() {
        own
    } else {
        format!("{own}, {:.2} × the yardstick", median(&ratios))
    }
}

/// The page as Markdown.
pub(crate) fn render(figures: &[Figure]) -> Result<String> {
    let commit = output(Command::new("git").args(["rev-parse", "--short", "HEAD"]))?;
    let date = output(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))?;
    let mut text = format!(
        "# Performance\n\nMeasured by `cargo xtask bench` (one row: `cargo xtask bench kv-get`), which writes this page. Machine: {}. Commit {}, {}.\n\n\
         CPU time is that of the agent (or yardstick) from `/proc/PID/stat`; the load generators `wrk` and `dnsperf` are not counted.\n\
         Yardsticks from Debian, in the same run and right before each measurement: `nginx`, one process, a fixed answer of 140 bytes of JSON;\n\
         `nsd` with three A records. Build as shipped (`dist`); KV and catalog are durable on disk. Median of {} rounds; in brackets lowest and highest.\n\n\
         | work | wanted | measured | ratio |\n|---|---|---|---|\n",
        machine(),
        commit.trim(),
        date.trim(),
        super::rounds()
    );
    for figure in figures {
        let ratios = figure.ratios();
        let ratio = if ratios.is_empty() {
            "–".to_owned()
        } else {
            format!(
                "{:.2} × ({})",
                median(&ratios),
                spread(&ratios, |ratio| format!("{ratio:.2}"))
            )
        };
        text.push_str(&format!(
            "| {} | {} | {} ({}) | {ratio} |\n",
            figure.work,
            figure.wanted,
            number(median(&figure.values), figure.unit),
            spread(&figure.values, |value| number(value, figure.unit)),
        ));
    }
    text.push_str(
        "\nThe yardsticks themselves, CPU per request or query, are measured beside every row; the command prints each round.\n",
    );
    Ok(text)
}
