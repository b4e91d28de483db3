//! Lines that nobody took: counted, and told of when the log flows again.

use super::line::{Level, Line};
use super::queue::{Losses, Waiting};
use crate::metrics::{Metrics, Series, names};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was lost by all places of one log.
pub(super) struct Lost {
    json: bool,
    /// Lines that no metric counts yet: the log begins before the metrics.
    before: AtomicU64,
    series: OnceLock<Series>,
}

impl Lost {
    pub(super) fn new(json: bool) -> Self {
        Self {
            json,
            before: AtomicU64::new(0),
            series: OnceLock::new(),
        }
    }

    pub(super) fn count_in(&self, metrics: &Metrics) {
        if let Some(series) = metrics.series(names::TELEMETRY_DROPPED, &["log"]) {
            // The first agent of a process has its log, and is the one that counts.
            let _ = self.series.set(series);
            self.hand_over();
        }
    }

    fn hand_over(&self) {
        if let Some(series) = self.series.get() {
            let lines = self.before.swap(0, Ordering::Relaxed);
            if lines > 0 {
                series.record(lines as f64);
            }
        }
    }
}

impl Losses for Lost {
    fn count(&self, lines: u64) {
        self.before.fetch_add(lines, Ordering::Relaxed);
        self.hand_over();
    }

    fn notice(&self, lines: u64) -> Waiting {
        let text = "Lines of the log were dropped, because nobody read fast enough";
        let line = Line::own(Level::Warn, text, &[("lines", lines)]);
        Waiting::of(&line, self.json)
    }
}
