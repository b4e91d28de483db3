//! A line of the table, and how code names it.

use super::table::ALL;

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// A value that stays until another is set.
    Gauge,
    /// Durations in milliseconds.
    Timer,
    /// Values of other units.
    Sample,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Timer => "timer (ms)",
            Self::Sample => "sample",
        }
    }

    /// Whether single values matter, not only their sum.
    pub(super) fn spread(self) -> bool {
        matches!(self, Self::Timer | Self::Sample)
    }
}

/// A metric as the table describes it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

impl Row {
    /// Values that a series of this row is named by: the place in the name first.
    pub(super) fn values(&self) -> usize {
        self.labels.len() + usize::from(self.open())
    }

    /// Whether a value stands in the name itself.
    pub(super) fn open(&self) -> bool {
        self.name.ends_with('*')
    }
}

pub(super) const fn row(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Row {
    Row {
        name,
        kind,
        labels,
        help,
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric(pub(super) usize);

/// Finds a row while compiling: a name that is not in the table is a compile error.
pub(super) const fn metric(name: &str) -> Metric {
    let mut at = 0;
    while at < ALL.len() {
        if same(ALL[at].name, name) {
            return Metric(at);
        }
        at += 1;
    }
    panic!("not in the table");
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
