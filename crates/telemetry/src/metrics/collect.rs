//! The view of ten-second intervals, as `/v1/agent/metrics` shows it (spec/http-api.md §10.2).

use super::cell::{Cell, Sums};
use super::row::Kind;
use super::{Metrics, full_name, labels};
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast;

/// Length of an interval.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// Finished intervals that are kept.
const KEPT: usize = 6;

/// A gauge in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct GaugeValue {
    /// Full name.
    pub name: String,
    /// Its last value.
    pub value: f64,
    /// Label and value.
    pub labels: Vec<(&'static str, String)>,
}

/// A counter, timer or sample in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Full name.
    pub name: String,
    /// Observations.
    pub count: u64,
    /// Their sum per second.
    pub rate: f64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, 0 for fewer than two.
    pub deviation: f64,
    /// Label and value.
    pub labels: Vec<(&'static str, String)>,
}

/// What was recorded in ten seconds; lists are sorted by name, then labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// Its beginning, like `2025-01-01 00:00:00 +0000 UTC`.
    pub timestamp: String,
    /// Gauges that were ever set, with their last values.
    pub gauges: Vec<GaugeValue>,
    /// Counters with an observation.
    pub counters: Vec<Aggregate>,
    /// Timers and samples with an observation.
    pub samples: Vec<Aggregate>,
}

/// Finished intervals and the beginning of the running one.
#[derive(Debug)]
pub(super) struct Intervals {
    finished: VecDeque<Arc<Interval>>,
    /// In units of [`INTERVAL`] since 1970.
    number: u64,
}

fn number(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / INTERVAL.as_secs()
}

impl Intervals {
    pub(super) fn new(started: SystemTime) -> Self {
        Self {
            finished: VecDeque::new(),
            number: number(started),
        }
    }
}

impl Metrics {
    /// The last finished interval, or the running one if there is none yet.
    pub fn interval(&self) -> Arc<Interval> {
        let intervals = self.0.intervals.lock();
        match intervals.finished.back() {
            Some(last) => last.clone(),
            None => Arc::new(self.look(intervals.number)),
        }
    }

    /// Intervals as they finish. A reader who is late misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Interval>> {
        self.0.finished.subscribe()
    }

    /// Tells the time; ends the running interval when its ten seconds are over.
    pub fn tick(&self, now: SystemTime) {
        let mut intervals = self.0.intervals.lock();
        let number = number(now);
        if number == intervals.number {
            return;
        }
        let done = Arc::new(self.look(intervals.number));
        intervals.number = number;
        if intervals.finished.len() >= KEPT {
            intervals.finished.pop_front();
        }
        intervals.finished.push_back(done.clone());
        self.turn();
        // Without readers there is nobody to tell.
        let _ = self.0.finished.send(done);
    }

    /// Begins anew, and drops series that were silent for longer than Prometheus is to remember them.
    fn turn(&self) {
        let keep = self.0.config.prometheus_retention.max(INTERVAL * 6);
        let idle_max = keep.as_secs().div_ceil(INTERVAL.as_secs());
        for family in &self.0.families {
            family.plain.tally.lock().turn();
            let mut labelled = family.labelled.write();
            labelled.retain(|cell| {
                let mut tally = cell.tally.lock();
                tally.turn();
                // A series that somebody holds, and a gauge, which keeps its value, stay.
                cell.kind == Kind::Gauge
                    || u64::from(tally.idle) <= idle_max
                    || Arc::strong_count(cell) > 1
            });
        }
    }

    fn look(&self, number: u64) -> Interval {
        let start = UNIX_EPOCH + INTERVAL * u32::try_from(number).unwrap_or(u32::MAX);
        let mut interval = Interval {
            timestamp: stamp(start),
            gauges: Vec::new(),
            counters: Vec::new(),
            samples: Vec::new(),
        };
        self.each(|cell| {
            let mut tally = cell.tally.lock();
            cell.collect(&mut tally);
            if !cell.allowed.load(std::sync::atomic::Ordering::Relaxed) {
                return;
            }
            let (set, sums) = (tally.set, tally.now);
            drop(tally);
            match cell.kind {
                Kind::Gauge if set => interval.gauges.push(GaugeValue {
                    name: self.name(cell),
                    value: cell.value(),
                    labels: owned(cell),
                }),
                Kind::Counter if sums.count > 0 => interval.counters.push(self.row(cell, &sums)),
                Kind::Timer | Kind::Sample if sums.count > 0 => {
                    interval.samples.push(self.row(cell, &sums));
                }
                _ => {}
            }
        });
        interval
            .gauges
            .sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        for list in [&mut interval.counters, &mut interval.samples] {
            list.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        }
        interval
    }

    pub(super) fn name(&self, cell: &Cell) -> String {
        let values: Vec<&str> = cell.values.iter().map(AsRef::as_ref).collect();
        full_name(&self.0.config, cell.row, &values)
    }

    fn row(&self, cell: &Cell, sums: &Sums) -> Aggregate {
        Aggregate {
            name: self.name(cell),
            count: sums.count,
            rate: sums.sum / INTERVAL.as_secs_f64(),
            sum: sums.sum,
            min: sums.min,
            max: sums.max,
            mean: sums.mean(),
            deviation: sums.deviation(),
            labels: owned(cell),
        }
    }

    /// Finished intervals as lines for people, which a signal asks for.
    pub fn dump(&self) -> String {
        let finished: Vec<Arc<Interval>> =
            self.0.intervals.lock().finished.iter().cloned().collect();
        let mut out = String::new();
        for interval in finished {
            let at = &interval.timestamp;
            for gauge in &interval.gauges {
                let name = shown(&gauge.name, &gauge.labels);
                let _ = writeln!(out, "[{at}][G] '{name}': {:.3}", gauge.value);
            }
            for (tag, list) in [('C', &interval.counters), ('S', &interval.samples)] {
                for row in list {
                    let name = shown(&row.name, &row.labels);
                    let _ = writeln!(
                        out,
                        "[{at}][{tag}] '{name}': Count: {} Min: {:.3} Mean: {:.3} Max: {:.3} Stddev: {:.3} Sum: {:.3}",
                        row.count, row.min, row.mean, row.max, row.deviation, row.sum
                    );
                }
            }
        }
        out
    }
}

fn owned(cell: &Cell) -> Vec<(&'static str, String)> {
    labels(cell)
        .map(|(label, value)| (label, value.to_owned()))
        .collect()
}

fn shown(name: &str, labels: &[(&'static str, String)]) -> String {
    let mut out = name.to_owned();
    for (label, value) in labels {
        let _ = write!(out, ";{label}={value}");
    }
    out
}

/// `2025-01-01 00:00:00 +0000 UTC`
fn stamp(at: SystemTime) -> String {
    let text = crate::logging::utc(at);
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {time} +0000 UTC")
}
