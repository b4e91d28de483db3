//! The log: lines in the reference's shapes (spec/agent-config.md §12.4) to stdout, a rotated file, syslog, and whoever
//! monitors. Every place has a bounded queue and a thread of its own, so that a reader who stopped holds nobody.

mod file;
mod line;
mod losses;
mod queue;
mod stdout;
mod syslog;

use crate::Metrics;
use file::RotatedFile;
use losses::Lost;
use parking_lot::Mutex;
use queue::{Queue, Waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use stdout::Stdout;
use syslog::Syslog;
use tokio::sync::mpsc;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

pub(crate) use line::utc;
pub use line::{Level, Line};
pub use queue::QUEUE_BYTES_MAX;

/// Lines that a slow monitor may have waiting; further ones are dropped and counted.
pub const MONITOR_QUEUE_MAX: usize = 512;

/// Names of the levels, as error texts list them.
const LEVELS: &str = "[TRACE DEBUG INFO WARN ERR ERROR]";

/// Where the log goes.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `log_level`
    pub level: String,
    /// `log_json`
    pub json: bool,
    /// `log_file`, "" for none; ending in `/` means `consul.log` in that folder.
    pub file: String,
    /// `log_rotate_duration`
    pub rotate_duration: Duration,
    /// `log_rotate_bytes`, 0 or less for no limit.
    pub rotate_bytes: i64,
    /// `log_rotate_max_files`: 0 keeps all, negative none.
    pub rotate_max_files: i64,
    /// `enable_syslog`
    pub syslog: bool,
    /// `syslog_facility`
    pub syslog_facility: String,
}

struct Monitor {
    level: Level,
    json: bool,
    lines: mpsc::Sender<Vec<u8>>,
    dropped: u64,
}

struct Shared {
    level: AtomicU8,
    /// The most talkative of log and monitors: what is worth a line at all.
    widest: AtomicU8,
    json: bool,
    /// Standard output, and the file and syslog if there are.
    places: Vec<Queue>,
    lost: Arc<Lost>,
    /// Locked while a line is handed on, so that all see the same order.
    monitors: Mutex<Vec<Monitor>>,
}

/// The running log. Cheap to clone.
#[derive(Clone)]
pub struct LogHandle(Arc<Shared>);

/// Starts the process's log.
///
/// # Errors
/// An unknown level; a file or syslog that cannot be opened: the text with which the start ends.
pub fn init(config: LogConfig) -> Result<LogHandle, String> {
    let level = Level::parse(&config.level).ok_or_else(|| {
        format!(
            "Invalid log level: {}. Valid log levels are: {LEVELS}",
            config.level
        )
    })?;
    let failed = |error: std::io::Error| format!("Failed to setup logging: {error}");
    let lost = Arc::new(Lost::new(config.json));
    let mut places =
        vec![Queue::start(Stdout::open().map_err(failed)?, lost.clone()).map_err(failed)?];
    if let Some(file) = RotatedFile::open(&config).map_err(failed)? {
        places.push(Queue::start(file, lost.clone()).map_err(failed)?);
    }
    if config.syslog {
        let syslog = Syslog::connect(&config.syslog_facility)?;
        places.push(Queue::start(syslog, lost.clone()).map_err(failed)?);
    }
    let handle = LogHandle(Arc::new(Shared {
        level: AtomicU8::new(level as u8),
        widest: AtomicU8::new(level as u8),
        json: config.json,
        places,
        lost,
        monitors: Mutex::default(),
    }));
    let subscriber = tracing_subscriber::registry().with(Output(handle.clone()));
    // A second agent in one process (tests) shares the first one's log.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(handle)
}

impl LogHandle {
    /// Sets the level from now on; an unknown one changes nothing.
    pub fn set_level(&self, level: &str) {
        if let Some(level) = Level::parse(level) {
            self.0.level.store(level as u8, Ordering::Relaxed);
            self.widen(&self.0.monitors.lock());
        }
    }

    /// Lines from now on at this level, each with its newline. Dropping the receiver ends it.
    ///
    /// # Errors
    /// An unknown level.
    pub fn subscribe(&self, level: &str, json: bool) -> Result<mpsc::Receiver<Vec<u8>>, String> {
        let level = Level::parse(level).ok_or_else(|| format!("Unknown log level: {level}"))?;
        let (lines, receiver) = mpsc::channel(MONITOR_QUEUE_MAX);
        let mut monitors = self.0.monitors.lock();
        monitors.push(Monitor {
            level,
            json,
            lines,
            dropped: 0,
        });
        self.widen(&monitors);
        Ok(receiver)
    }

    /// Counts lines that nobody took as `telemetry.dropped` with the label `log`, those of before too.
    pub fn count_in(&self, metrics: &Metrics) {
        self.0.lost.count_in(metrics);
    }

    /// Waits until every line is where it belongs, at most `limit`; whether all are.
    pub fn flush(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut all = true;
        for place in &self.0.places {
            all &= place.flush(until);
        }
        all
    }

    fn widen(&self, monitors: &[Monitor]) {
        let own = self.0.level.load(Ordering::Relaxed);
        let widest = monitors
            .iter()
            .map(|monitor| monitor.level as u8)
            .chain([own])
            .min()
            .unwrap_or(own);
        self.0.widest.store(widest, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    fn write(&self, line: &Line) {
        let own = line.level as u8 >= self.0.level.load(Ordering::Relaxed);
        let mut monitors = self.0.monitors.lock();
        if own {
            let waiting = Waiting::of(line, self.0.json);
            for place in &self.0.places {
                place.push(waiting.clone());
            }
        }
        if monitors.is_empty() {
            return;
        }
        let before = monitors.len();
        monitors.retain_mut(|monitor| monitor.take(line));
        if monitors.len() != before {
            self.widen(&monitors);
        }
    }
}

impl Monitor {
    /// Whether somebody still listens.
    fn take(&mut self, line: &Line) -> bool {
        if line.level < self.level {
            return !self.lines.is_closed();
        }
        match self.lines.try_send(line.render(self.json)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.dropped += 1;
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

/// The tracing layer that makes lines of events.
struct Output(LogHandle);

impl<S: Subscriber> Layer<S> for Output {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        // Levels change while the process runs.
        tracing::subscriber::Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        line::ours(metadata)
            && Level::of(metadata.level()) as u8 >= self.0.0.widest.load(Ordering::Relaxed)
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        // Callsites below it then cost a comparison.
        Some(line::filter(self.0.0.widest.load(Ordering::Relaxed)))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.write(&Line::of(event));
    }
}
