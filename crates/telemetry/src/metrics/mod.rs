//! Metrics: one table of them, atomics to record into, and the views and sinks that read (spec/agent-config.md §21).
//!
//! Recording a metric without labels takes a few nanoseconds and no lock; with labels it takes a shared lock and a hash,
//! unless the [`Series`] was looked up before. What is read is collected from the atomics once a second and on demand.

mod cell;
mod collect;
mod filter;
mod later;
pub mod names;
mod process;
mod prometheus;
mod row;
mod sink;
mod table;
#[cfg(test)]
mod tests;

use cell::Cell;
use filter::Filter;
use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::{Mutex, RwLock};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};
use table::ROWS;
use tokio::sync::{broadcast, mpsc};

pub use collect::{Aggregate, GaugeValue, INTERVAL, Interval};
pub use prometheus::Exposition;
pub use row::{Kind, Metric};

/// Series with labels that one row may have; observations of further ones are dropped and counted.
pub const SERIES_MAX: usize = 10_000;
/// Finished intervals that a slow reader of the stream may be behind.
const STREAM_QUEUE: usize = 8;
/// Observations waiting for sinks; further ones are dropped and counted.
const SINK_QUEUE: usize = 4096;

/// What metrics look like outside, and where they go.
#[derive(Clone, Debug)]
pub struct MetricsConfig {
    /// `metrics_prefix`
    pub prefix: String,
    /// Name of the machine that stands in the names of gauges; `None` with `disable_hostname`.
    pub hostname: Option<String>,
    /// `prefix_filter`, entries with a plus.
    pub allowed: Vec<String>,
    /// `prefix_filter`, entries with a minus.
    pub blocked: Vec<String>,
    /// `filter_default`
    pub filter_default: bool,
    /// `prometheus_retention_time`; zero answers no Prometheus.
    pub prometheus_retention: Duration,
    /// `statsd_address`, "" for none.
    pub statsd: String,
    /// `statsite_address`, "" for none.
    pub statsite: String,
    /// `dogstatsd_addr`, "" for none.
    pub dogstatsd: String,
    /// `dogstatsd_tags`
    pub dogstatsd_tags: Vec<String>,
    /// `retry_failed_connection`
    pub retry: bool,
    /// Folder whose file system `enable_host_metrics` watches; `None` without them.
    pub host_metrics: Option<String>,
    /// Version of the program, a label of `version`.
    pub version: String,
    /// Wall clock at the start.
    pub started: SystemTime,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            prefix: "consul".to_owned(),
            hostname: None,
            allowed: Vec::new(),
            blocked: Vec::new(),
            filter_default: true,
            prometheus_retention: Duration::ZERO,
            statsd: String::new(),
            statsite: String::new(),
            dogstatsd: String::new(),
            dogstatsd_tags: Vec::new(),
            retry: true,
            host_metrics: None,
            version: String::new(),
            started: SystemTime::UNIX_EPOCH,
        }
    }
}

/// The series of one row.
struct Family {
    plain: Arc<Cell>,
    labelled: RwLock<HashTable<Arc<Cell>>>,
}

struct Shared {
    config: MetricsConfig,
    filter: RwLock<Filter>,
    families: Box<[Family]>,
    hasher: DefaultHashBuilder,
    intervals: Mutex<collect::Intervals>,
    finished: broadcast::Sender<Arc<Interval>>,
    /// Only there when a sink is configured.
    events: Option<mpsc::Sender<sink::Event>>,
    /// The other end, until somebody runs the sinks.
    waiting: Mutex<Option<mpsc::Receiver<sink::Event>>>,
}

/// The metrics of one agent. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Metrics(Arc<Shared>);

impl Default for Metrics {
    fn default() -> Self {
        Self::new(MetricsConfig::default())
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Metrics")
            .field(&self.0.config.prefix)
            .finish()
    }
}

/// A series looked up once, to be recorded to without any lookup.
#[derive(Clone)]
pub struct Series {
    cell: Arc<Cell>,
    events: Option<mpsc::Sender<sink::Event>>,
}

impl std::fmt::Debug for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Series")
            .field(&ROWS[self.cell.row].name)
            .finish()
    }
}

impl Series {
    /// One more.
    pub fn incr(&self) {
        if self.cell.allowed.load(Relaxed) {
            self.cell.one();
            self.send(1.0);
        }
    }

    /// An observation: a counter grows by it, a sample has one value more, a gauge takes it.
    pub fn record(&self, value: f64) {
        if !self.cell.allowed.load(Relaxed) {
            return;
        }
        if self.cell.kind == Kind::Gauge {
            self.cell.set(value);
        } else {
            self.cell.observe(value);
        }
        self.send(value);
    }

    /// A duration, for timers.
    pub fn time(&self, took: Duration) {
        self.record(took.as_secs_f64() * 1000.0);
    }

    fn send(&self, value: f64) {
        if let Some(events) = &self.events {
            offer(events, &self.cell, value);
        }
    }
}

/// Hands an observation to the sinks; one that does not keep up loses it.
fn offer(events: &mpsc::Sender<sink::Event>, cell: &Arc<Cell>, value: f64) {
    let event = sink::Event {
        cell: cell.clone(),
        value,
    };
    // The sinks count what they miss by the gaps in `telemetry.dropped`; a full queue must not cost more than this.
    let _ = events.try_send(event);
}

impl Metrics {
    /// Metrics that nobody has recorded to yet. Collecting needs [`Metrics::start`].
    pub fn new(config: MetricsConfig) -> Self {
        let filter = Filter::new(
            &config.prefix,
            &config.allowed,
            &config.blocked,
            config.filter_default,
        );
        let pushed = [&config.statsd, &config.statsite, &config.dogstatsd];
        let (events, waiting) = if pushed.iter().any(|address| !address.is_empty()) {
            let (sender, receiver) = mpsc::channel(SINK_QUEUE);
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        let families = ROWS
            .iter()
            .enumerate()
            .map(|(at, row)| {
                let allowed = filter.allows(&full_name(&config, at, &[]));
                Family {
                    plain: Arc::new(Cell::new(row.kind, at, Box::default(), allowed)),
                    labelled: RwLock::default(),
                }
            })
            .collect();
        let started = config.started;
        let metrics = Self(Arc::new(Shared {
            filter: RwLock::new(filter),
            families,
            hasher: DefaultHashBuilder::default(),
            intervals: Mutex::new(collect::Intervals::new(started)),
            finished: broadcast::channel(STREAM_QUEUE).0,
            events,
            waiting: Mutex::new(waiting),
            config,
        }));
        let version = metrics.0.config.version.clone();
        if !version.is_empty() {
            let (number, pre) = version.split_once('-').unwrap_or((&version, ""));
            metrics.gauge_with(names::VERSION, &[number, pre], 1.0);
        }
        metrics
    }

    /// One more of a counter without labels.
    pub fn incr(&self, metric: Metric) {
        let cell = &self.0.families[metric.0].plain;
        if cell.allowed.load(Relaxed) {
            cell.one();
            if let Some(events) = &self.0.events {
                offer(events, cell, 1.0);
            }
        }
    }

    /// An observation of a metric without labels: a counter grows by it, a sample has one value more, a gauge takes it.
    pub fn record(&self, metric: Metric, value: f64) {
        let cell = &self.0.families[metric.0].plain;
        if !cell.allowed.load(Relaxed) {
            return;
        }
        if cell.kind == Kind::Gauge {
            cell.set(value);
        } else {
            cell.observe(value);
        }
        if let Some(events) = &self.0.events {
            offer(events, cell, value);
        }
    }

    /// A duration of a timer without labels.
    pub fn time(&self, metric: Metric, took: Duration) {
        self.record(metric, took.as_secs_f64() * 1000.0);
    }

    /// Sets a gauge without labels.
    pub fn gauge(&self, metric: Metric, value: f64) {
        self.record(metric, value);
    }

    /// One more of a counter with these values of its labels, in the table's order; an empty value leaves its label out.
    pub fn incr_with(&self, metric: Metric, values: &[&str]) {
        if let Some(series) = self.series(metric, values) {
            series.incr();
        }
    }

    /// A duration of a timer with labels, as [`Metrics::incr_with`] takes them.
    pub fn time_with(&self, metric: Metric, values: &[&str], took: Duration) {
        if let Some(series) = self.series(metric, values) {
            series.time(took);
        }
    }

    /// Sets a gauge with labels, as [`Metrics::incr_with`] takes them.
    pub fn gauge_with(&self, metric: Metric, values: &[&str], value: f64) {
        if let Some(series) = self.series(metric, values) {
            series.record(value);
        }
    }

    /// A series by the values of its labels, in the table's order (for a name with a `*`, what stands for it comes first);
    /// missing values are empty, surplus ones ignored. `None` when the row has too many series already.
    pub fn series(&self, metric: Metric, values: &[&str]) -> Option<Series> {
        let family = &self.0.families[metric.0];
        let values = &values[..values.len().min(ROWS[metric.0].values())];
        let found = |cell| Series {
            cell,
            events: self.0.events.clone(),
        };
        if values.iter().all(|value| value.is_empty()) {
            return Some(found(family.plain.clone()));
        }
        let hash = self.0.hasher.hash_one(values);
        let same = |cell: &Arc<Cell>| {
            cell.values
                .iter()
                .map(AsRef::as_ref)
                .eq(values.iter().copied())
        };
        if let Some(cell) = family.labelled.read().find(hash, same) {
            return Some(found(cell.clone()));
        }
        let mut labelled = family.labelled.write();
        if let Some(cell) = labelled.find(hash, same) {
            return Some(found(cell.clone()));
        }
        if labelled.len() >= SERIES_MAX {
            drop(labelled);
            self.incr_with(names::TELEMETRY_DROPPED, &["series"]);
            return None;
        }
        let allowed = self
            .0
            .filter
            .read()
            .allows(&full_name(&self.0.config, metric.0, values));
        let owned = values.iter().map(|value| Box::from(*value)).collect();
        let cell = Arc::new(Cell::new(ROWS[metric.0].kind, metric.0, owned, allowed));
        let rehash = |cell: &Arc<Cell>| self.hash(cell);
        labelled.insert_unique(hash, cell.clone(), rehash);
        Some(found(cell))
    }

    fn hash(&self, cell: &Cell) -> u64 {
        let values: Vec<&str> = cell.values.iter().map(AsRef::as_ref).collect();
        self.0.hasher.hash_one(values.as_slice())
    }

    /// Whether observations of a metric are taken: to be asked where making one costs something.
    pub fn takes(&self, metric: Metric) -> bool {
        self.0.families[metric.0].plain.allowed.load(Relaxed)
    }

    /// Other filters from now on (`prefix_filter` and `filter_default` reload).
    pub fn set_filter(&self, allowed: &[String], blocked: &[String], default: bool) {
        let config = &self.0.config;
        let filter = Filter::new(&config.prefix, allowed, blocked, default);
        *self.0.filter.write() = filter.clone();
        self.each(|cell| {
            let values: Vec<&str> = cell.values.iter().map(AsRef::as_ref).collect();
            let name = full_name(config, cell.row, &values);
            cell.allowed.store(filter.allows(&name), Relaxed);
        });
    }

    /// Whether Prometheus is answered.
    pub fn prometheus_enabled(&self) -> bool {
        !self.0.config.prometheus_retention.is_zero()
    }

    /// Visits every series, by row, those without labels first.
    fn each(&self, mut visit: impl FnMut(&Arc<Cell>)) {
        for family in &self.0.families {
            visit(&family.plain);
            // Collected first, so that no lock is held while visiting.
            let cells: Vec<Arc<Cell>> = family.labelled.read().iter().cloned().collect();
            cells.iter().for_each(&mut visit);
        }
    }
}

/// The name with prefix, machine (gauges) and what stands for its `*`.
fn full_name(config: &MetricsConfig, row: usize, values: &[&str]) -> String {
    let host = config.hostname.as_deref();
    name_on(
        &config.prefix,
        host.filter(|_| ROWS[row].kind == Kind::Gauge),
        row,
        values,
    )
}

fn name_on(prefix: &str, host: Option<&str>, row: usize, values: &[&str]) -> String {
    let row = &ROWS[row];
    let mut name = String::with_capacity(48);
    for part in [Some(prefix), host]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
    {
        name.push_str(part);
        name.push('.');
    }
    match row.name.strip_suffix('*') {
        Some(stem) => {
            name.push_str(stem);
            name.push_str(values.first().copied().unwrap_or_default());
        }
        None => name.push_str(row.name),
    }
    name
}

/// Labels of a series that have a value.
fn labels(cell: &Cell) -> impl Iterator<Item = (&'static str, &str)> {
    let row = &ROWS[cell.row];
    row.labels
        .iter()
        .copied()
        .zip(cell.values.iter().skip(usize::from(row.open())))
        .map(|(label, value)| (label, value.as_ref()))
        .filter(|(_, value)| !value.is_empty())
}

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Name without prefix; a `*` at its end stands for what is known only at run time.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// What it waits for that does not exist yet; `None` when it is fed.
    pub later: Option<&'static str>,
}

/// All metrics there are, by name.
pub fn table() -> impl Iterator<Item = Description> {
    ROWS.iter().map(|row| Description {
        name: row.name,
        kind: row.kind,
        later: later::later(row.name),
    })
}

/// The table as a document.
pub fn document() -> String {
    let mut out = String::from(
        "# Metrics\n\nPrinted from the table in `crates/telemetry` by a test; do not edit. Every name has the prefix of \
         `telemetry.metrics_prefix` (`consul`). A `*` stands for a name known only at run time. A metric with something in the last column is there, \
         but nothing feeds it: the part it belongs to does not exist yet, or has no such thing.\n\n| Metric | Kind | Labels | \
         Meaning | Waits for |\n|---|---|---|---|---|\n",
    );
    for row in &ROWS {
        out.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            row.name,
            row.kind.word(),
            row.labels.join(", "),
            row.help,
            later::later(row.name).unwrap_or_default()
        ));
    }
    out.push_str(
        "\n## The process\n\nIn the Prometheus exposition only, without prefix, under the names that client libraries give them, so that boards made for \
         the reference show something.\n\n| Metric | Kind | Meaning |\n|---|---|---|\n",
    );
    for row in &process::OWN {
        let (name, kind, help) = (row.name, row.kind.word(), row.help);
        out.push_str(&format!("| `{name}` | {kind} | {help} |\n"));
    }
    out.push_str("\nSuch boards ask for more, which has no meaning here:\n\n| Not there | Why |\n|---|---|\n");
    for (names, why) in process::ABSENT {
        out.push_str(&format!("| `{}` | {why} |\n", names.replace(", ", "`, `")));
    }
    out
}
