//! One line of the log, as text and as JSON.

use std::fmt::{self, Write};
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

/// The logger of a target: an explicit `agent.…` name, or that of the crate.
fn logger(target: &str) -> Option<&str> {
    if target == "agent" || target.starts_with("agent.") {
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
    /// Its weight.
    pub level: Level,
    logger: String,
    message: String,
    pairs: Vec<(&'static str, String)>,
}

impl Line {
    pub(crate) fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut line = Self {
            at: SystemTime::now(),
            level: Level::of(metadata.level()),
            logger: logger(metadata.target()).unwrap_or("agent").to_owned(),
            message: String::new(),
            pairs: Vec::new(),
        };
        event.record(&mut line);
        line
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
            stamp(self.at, 3),
            self.level.tag(),
            self.logger,
            self.message
        );
        if !self.pairs.is_empty() {
            out.push(':');
        }
        let mut block = String::new();
        for (name, value) in &self.pairs {
            if value.contains('\n') {
                let _ = write!(block, "\n  {name}=");
                for row in value.lines() {
                    let _ = write!(block, "\n  | {row}");
                }
            } else if value.is_empty()
                || value.contains([' ', '"', '=', '\t']) && !value.starts_with('"')
            {
                let _ = write!(out, " {name}={value:?}");
            } else {
                let _ = write!(out, " {name}={value}");
            }
        }
        out + &block + "\n"
    }

    fn json(&self) -> Vec<u8> {
        let mut map = serde_json::Map::new();
        map.insert("@level".into(), self.level.word().into());
        map.insert("@message".into(), self.message.clone().into());
        map.insert("@module".into(), self.logger.clone().into());
        map.insert("@timestamp".into(), stamp(self.at, 6).into());
        for (name, value) in &self.pairs {
            map.insert((*name).into(), value.clone().into());
        }
        let mut out = serde_json::Value::Object(map).to_string().into_bytes();
        out.push(b'\n');
        out
    }

    fn take(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.pairs.push((field.name(), value));
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }
}

/// RFC 3339 in UTC with that many decimals.
fn stamp(at: SystemTime, decimals: usize) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, rest) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days as i64);
    let fraction = format!("{:09}", since.subsec_nanos());
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{}Z",
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
            at: UNIX_EPOCH + std::time::Duration::from_millis(1_755_098_721_123),
            level: Level::Info,
            logger: "agent".into(),
            message: "Synced service".into(),
            pairs: vec![("service", "web".into()), ("error", "a b".into())],
        }
    }

    #[test]
    fn text_has_the_reference_shape() {
        assert_eq!(
            line().text(),
            "2025-08-13T15:25:21.123Z [INFO]  agent: Synced service: service=web error=\"a b\"\n"
        );
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
    }

    #[test]
    fn loggers_are_those_of_the_reference() {
        assert_eq!(logger("consensus::engine"), Some("agent.server.raft"));
        assert_eq!(logger("agent.server.connect"), Some("agent.server.connect"));
        assert_eq!(logger("hyper::proto"), None);
    }
}
