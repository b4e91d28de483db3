//! One line of the log, as text and as JSON.

use std::fmt::{self, Write};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata};

/// Levels in the order of their weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Trace = 0,
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
}

impl Level {
    /// Reads a level's name in any case; `ERR` is `ERROR`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "TRACE" => Some(Self::Trace),
            "DEBUG" => Some(Self::Debug),
            "INFO" => Some(Self::Info),
            "WARN" => Some(Self::Warn),
            "ERR" | "ERROR" => Some(Self::Error),
            _ => None,
        }
    }

    pub(crate) fn of(level: &tracing::Level) -> Self {
        match *level {
            tracing::Level::TRACE => Self::Trace,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::INFO => Self::Info,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::ERROR => Self::Error,
        }
    }

    fn tag(self) -> &'static str {
        match self {
            Self::Trace => "[TRACE]",
            Self::Debug => "[DEBUG]",
            Self::Info => "[INFO] ",
            Self::Warn => "[WARN] ",
            Self::Error => "[ERROR]",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Our crates and the names of their loggers; events of others are not shown.
const LOGGERS: &[(&str, &str)] = &[
    ("agent", "agent"),
    ("proconsul", "agent"),
    ("server", "agent.server"),
    ("consensus", "agent.server.raft"),
    ("httpd", "agent.http"),
    ("dnsd", "agent.dns"),
    ("probe", "agent"),
    ("telemetry", "agent"),
    ("rt", "agent"),
    ("net", "agent"),
];

/// The logger of a target: an explicit `agent.…` or `connect.…` name, or that of the crate.
fn logger(target: &str) -> Option<&str> {
    if ["agent", "connect"].iter().any(|root| {
        let rest = target.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }) {
        return Some(target);
    }
    let of = target.split("::").next().unwrap_or(target);
    LOGGERS
        .iter()
        .find(|(name, _)| *name == of)
        .map(|(_, logger)| *logger)
}

pub(crate) fn ours(metadata: &Metadata<'_>) -> bool {
    logger(metadata.target()).is_some()
}

/// A line before it is rendered.
#[derive(Clone, Debug)]
pub struct Line {
    at: SystemTime,
    /// Seconds that the clock on the wall is ahead of UTC.
    ahead: i32,
    /// Its weight.
    pub level: Level,
    logger: String,
    message: String,
    pairs: Vec<(&'static str, Pair)>,
}

/// A value of a line: numbers stay numbers in JSON.
#[derive(Clone, Debug, PartialEq)]
struct Pair {
    text: String,
    /// Whether the text is a number, a truth value or a list of texts.
    bare: bool,
}

impl From<&str> for Pair {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            bare: false,
        }
    }
}

impl Line {
    pub(crate) fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let at = SystemTime::now();
        let mut line = Self {
            at,
            ahead: ahead(at),
            level: Level::of(metadata.level()),
            logger: logger(metadata.target()).unwrap_or("agent").to_owned(),
            message: String::new(),
            pairs: Vec::new(),
        };
        event.record(&mut line);
        line
    }

    /// A line of the log about itself.
    pub(super) fn own(level: Level, message: &str, pairs: &[(&'static str, u64)]) -> Self {
        let at = SystemTime::now();
        let pair = |(name, number): &(&'static str, u64)| {
            let text = number.to_string();
            (*name, Pair { text, bare: true })
        };
        Self {
            at,
            ahead: ahead(at),
            level,
            logger: "agent".into(),
            message: message.to_owned(),
            pairs: pairs.iter().map(pair).collect(),
        }
    }

    /// The line with its newline.
    pub fn render(&self, json: bool) -> Vec<u8> {
        if json {
            self.json()
        } else {
            self.text().into_bytes()
        }
    }

    fn text(&self) -> String {
        let mut out = String::with_capacity(128);
        let _ = write!(
            out,
            "{} {} {}: {}",
            stamp(self.at, self.ahead, 3, ""),
            self.level.tag(),
            self.logger,
            self.message
        );
        if !self.pairs.is_empty() {
            out.push(':');
        }
        let mut block = String::new();
        for (name, Pair { text: value, bare }) in &self.pairs {
            if value.contains('\n') {
                let _ = write!(block, "\n  {name}=");
                for row in value.lines() {
                    let _ = write!(block, "\n  | {row}");
                }
            } else if value.contains([' ', '"', '\t']) && !value.starts_with('"') && !bare {
                let _ = write!(out, " {name}={value:?}");
            } else {
                let _ = write!(out, " {name}={value}");
            }
        }
        out + &block + "\n"
    }

    fn json(&self) -> Vec<u8> {
        // The reference's members are sorted.
        let mut map = std::collections::BTreeMap::<&str, serde_json::Value>::new();
        for (name, value) in &self.pairs {
            let number = || serde_json::from_str(&value.text).ok();
            let parsed = value.bare.then(number).flatten();
            map.insert(name, parsed.unwrap_or_else(|| value.text.clone().into()));
        }
        map.insert("@level", self.level.word().into());
        map.insert("@message", self.message.clone().into());
        map.insert("@module", self.logger.clone().into());
        map.insert("@timestamp", stamp(self.at, self.ahead, 6, ":").into());
        // A map of texts and numbers always has a JSON form.
        let mut out = serde_json::to_vec(&map).unwrap_or_default();
        out.push(b'\n');
        out
    }

    fn take(&mut self, field: &Field, text: String, bare: bool) {
        if field.name() == "message" {
            self.message = text;
        } else {
            let bare = bare || text.starts_with("[\"") && text.ends_with("\"]");
            self.pairs.push((field.name(), Pair { text, bare }));
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"), false);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned(), false);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.to_string(), true);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.to_string(), true);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.to_string(), true);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.to_string(), true);
    }
}

/// What a layer that shows lines from this level on tells tracing.
pub(super) fn filter(level: u8) -> tracing::level_filters::LevelFilter {
    use tracing::level_filters::LevelFilter;
    match level {
        0 => LevelFilter::TRACE,
        1 => LevelFilter::DEBUG,
        2 => LevelFilter::INFO,
        3 => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    }
}

/// `2025-01-02T03:04:05`, in UTC.
pub(crate) fn utc(at: SystemTime) -> String {
    let mut text = stamp(at, 0, 0, "");
    text.truncate(text.len() - 2);
    text
}

/// How far the machine's time zone is ahead of UTC then, in seconds. The zone is looked up once: `TZ`, else the system's.
fn ahead(at: SystemTime) -> i32 {
    static ZONE: LazyLock<jiff::tz::TimeZone> = LazyLock::new(jiff::tz::TimeZone::system);
    jiff::Timestamp::try_from(at).map_or(0, |at| ZONE.to_offset(at).seconds())
}

/// Date and time of a zone that many seconds ahead of UTC, with that many decimals; `colon` stands between hours and minutes
/// of the offset.
fn stamp(at: SystemTime, ahead: i32, decimals: usize, colon: &str) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX / 2) + i64::from(ahead);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let zone = match ahead {
        0 => "Z".to_owned(),
        _ => {
            let sign = if ahead < 0 { '-' } else { '+' };
            let minutes = ahead.unsigned_abs() / 60;
            format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
        }
    };
    let fraction = format!("{:09}", since.subsec_nanos());
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{}{zone}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
        &fraction[..decimals.min(9)]
    )
}

/// Date of a day since 1970-01-01 (proleptic Gregorian calendar; H. Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (
        yoe + era * 400 + i64::from(month <= 2),
        month,
        doy - (153 * mp + 2) / 5 + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            ahead: 0,
            at: UNIX_EPOCH + std::time::Duration::from_millis(1_755_098_721_123),
            level: Level::Info,
            logger: "agent".into(),
            message: "Synced service".into(),
            pairs: vec![
                ("service", "web".into()),
                ("error", "a b".into()),
                (
                    "code",
                    Pair {
                        text: "1".into(),
                        bare: true,
                    },
                ),
                ("leader-id", "".into()),
            ],
        }
    }

    #[test]
    fn text_has_the_reference_shape() {
        assert_eq!(
            line().text(),
            "2025-08-13T15:25:21.123Z [INFO]  agent: Synced service: service=web error=\"a b\" code=1 leader-id=\n"
        );
    }

    #[test]
    fn times_are_those_of_the_wall() {
        let at = |ahead| Line { ahead, ..line() };
        assert!(at(7200).text().starts_with("2025-08-13T17:25:21.123+0200 "));
        assert!(
            at(-34_200)
                .text()
                .starts_with("2025-08-13T05:55:21.123-0930 ")
        );
        assert!(
            at(36_000)
                .text()
                .starts_with("2025-08-14T01:25:21.123+1000 ")
        );
        let json = String::from_utf8(at(7200).json()).unwrap();
        assert!(json.contains("\"2025-08-13T17:25:21.123000+02:00\""));
        assert_eq!(super::utc(line().at), "2025-08-13T15:25:21");
    }

    #[test]
    fn several_lines_become_a_block() {
        let line = Line {
            pairs: vec![("output", "one\ntwo".into())],
            ..line()
        };
        assert!(
            line.text()
                .ends_with("Synced service:\n  output=\n  | one\n  | two\n")
        );
    }

    #[test]
    fn json_has_the_reference_members() {
        let value: serde_json::Value = serde_json::from_slice(&line().json()).unwrap();
        assert_eq!(value["@level"], "info");
        assert_eq!(value["@timestamp"], "2025-08-13T15:25:21.123000Z");
        assert_eq!(value["service"], "web");
        assert_eq!(value["code"], 1);
    }

    #[test]
    fn loggers_are_those_of_the_reference() {
        assert_eq!(logger("consensus::engine"), Some("agent.server.raft"));
        assert_eq!(logger("agent.server.connect"), Some("agent.server.connect"));
        assert_eq!(logger("connect.ca"), Some("connect.ca"));
        assert_eq!(logger("connection"), None);
        assert_eq!(logger("hyper::proto"), None);
    }
}
