//! Go's `time.Time`: RFC 3339 in JSON, a 15-byte binary form on the wire.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::duration::quote;
use crate::json::{self, FromJson, Kind, ToJson};
use crate::msgpack::{self, Decode, Encode};

/// Seconds from 0001-01-01 to 1970-01-01.
const UNIX_OFFSET: i64 = 62_135_596_800;

/// Days in 400 years.
const DAYS_400Y: i64 = 146_097;

/// A moment with nanoseconds and a zone. The default is Go's zero time, 0001-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GoTime {
    /// Seconds since 0001-01-01T00:00:00Z.
    secs: i64,
    /// Nanoseconds within the second.
    nanos: u32,
    /// Seconds east of UTC; none for UTC itself.
    zone: Option<i32>,
}

impl GoTime {
    /// A moment in UTC from Unix time.
    pub const fn from_unix(seconds: i64, nanos: u32) -> Self {
        let carry = (nanos / 1_000_000_000) as i64;
        GoTime {
            secs: seconds.saturating_add(UNIX_OFFSET).saturating_add(carry),
            nanos: nanos % 1_000_000_000,
            zone: None,
        }
    }

    /// A moment in UTC from nanoseconds of Unix time.
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self::from_unix(
            nanos.div_euclid(1_000_000_000),
            nanos.rem_euclid(1_000_000_000) as u32,
        )
    }

    /// The same moment as a Go program tells it by a local clock that shows UTC: both codecs know it from UTC itself.
    pub const fn local(mut self) -> Self {
        self.zone = Some(0);
        self
    }

    /// Seconds of Unix time, rounded down.
    pub const fn unix_seconds(&self) -> i64 {
        self.secs.saturating_sub(UNIX_OFFSET)
    }

    /// Nanoseconds of Unix time; saturates outside of 1678–2262.
    pub const fn unix_nanos(&self) -> i64 {
        self.unix_seconds()
            .saturating_mul(1_000_000_000)
            .saturating_add(self.nanos as i64)
    }

    /// Whether this is the zero time.
    pub const fn is_zero_time(&self) -> bool {
        self.secs == 0 && self.nanos == 0
    }

    /// The moment `length` later.
    pub fn plus(&self, length: Duration) -> Self {
        let nanos = self.nanos + length.subsec_nanos();
        let secs = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
        GoTime {
            secs: self
                .secs
                .saturating_add(secs)
                .saturating_add(i64::from(nanos / 1_000_000_000)),
            nanos: nanos % 1_000_000_000,
            zone: self.zone,
        }
    }

    /// Nanoseconds since an earlier moment, negative if it is later; saturates at 292 years.
    pub const fn nanos_since(&self, earlier: &Self) -> i64 {
        let seconds = self.secs.saturating_sub(earlier.secs);
        let nanos = self.nanos as i64 - earlier.nanos as i64;
        seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
    }

    /// From an RFC 3339 text, with Go's error texts.
    pub fn parse(text: &str) -> Result<Self, String> {
        Parser { text, rest: text }.run()
    }
}

impl From<SystemTime> for GoTime {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => GoTime::from_unix(0, 0).plus(after),
            Err(error) => {
                let before = error.duration();
                let nanos = i64::try_from(before.as_nanos()).unwrap_or(i64::MAX);
                GoTime::from_unix_nanos(-nanos)
            }
        }
    }
}

impl PartialOrd for GoTime {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some((self.secs, self.nanos).cmp(&(other.secs, other.nanos)))
    }
}

/// Year, month and day of a day count since 0001-01-01 (proleptic Gregorian).
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the leap day is the last of its year.
    let days = days + 306;
    let era = days.div_euclid(DAYS_400Y);
    let day_of_era = days.rem_euclid(DAYS_400Y);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * DAYS_400Y + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 306
}

/// RFC 3339 with as many fractional digits as needed.
impl fmt::Display for GoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.unwrap_or_default();
        let local = self.secs.saturating_add(i64::from(zone));
        let (year, month, day) = civil(local.div_euclid(86_400));
        let second = local.rem_euclid(86_400);
        write!(f, "{year:04}-{month:02}-{day:02}T")?;
        write!(
            f,
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )?;
        if self.nanos != 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        match zone / 60 {
            0 => f.write_str("Z"),
            minutes => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(
                    f,
                    "{sign}{:02}:{:02}",
                    minutes.abs() / 60,
                    minutes.abs() % 60
                )
            }
        }
    }
}

/// Reads RFC 3339 left to right, so that an error can name the element it stopped at.
struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    fn run(mut self) -> Result<GoTime, String> {
        let year = self.number(4, "2006")?;
        self.literal("-")?;
        let month = self.number(2, "01")?;
        if !(1..=12).contains(&month) {
            return Err(self.range("month"));
        }
        self.literal("-")?;
        let day = self.number(2, "02")?;
        self.literal("T")?;
        let hour = self.number(2, "15")?;
        if hour > 23 {
            return Err(self.range("hour"));
        }
        self.literal(":")?;
        let minute = self.number(2, "04")?;
        if minute > 59 {
            return Err(self.range("minute"));
        }
        self.literal(":")?;
        let second = self.number(2, "05")?;
        if second > 59 {
            return Err(self.range("second"));
        }
        let nanos = self.fraction();
        let zone = self.zone()?;
        if !self.rest.is_empty() {
            return Err(format!(
                "parsing time {}: extra text: {}",
                quote(self.text),
                quote(self.rest)
            ));
        }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if !(1..=last).contains(&day) {
            return Err(self.range("day"));
        }
        let local = day_number(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        Ok(GoTime {
            secs: local - i64::from(zone.unwrap_or_default()),
            nanos,
            zone,
        })
    }

    fn number(&mut self, width: usize, element: &str) -> Result<i64, String> {
        match self
            .rest
            .get(..width)
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        {
            Some(digits) => {
                let value = digits.parse().unwrap_or_default();
                self.rest = &self.rest[width..];
                Ok(value)
            }
            None => Err(self.cannot(element)),
        }
    }

    fn literal(&mut self, wanted: &str) -> Result<(), String> {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.cannot(wanted)),
        }
    }

    /// Go takes a fraction after a dot or a comma; digits beyond nanoseconds are cut.
    fn fraction(&mut self) -> u32 {
        let Some(after) = self.rest.strip_prefix(['.', ',']) else {
            return 0;
        };
        let len = after.bytes().take_while(u8::is_ascii_digit).count();
        if len == 0 {
            return 0;
        }
        let (digits, rest) = after.split_at(len);
        self.rest = rest;
        digits
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(9)
            .fold(0, |n, digit| n * 10 + u32::from(digit - b'0'))
    }

    fn zone(&mut self) -> Result<Option<i32>, String> {
        const ELEMENT: &str = "Z07:00";
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(None);
        }
        let sign = match self.rest.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(self.cannot(ELEMENT)),
        };
        let digits = |range: std::ops::Range<usize>| {
            self.rest
                .get(range)
                .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|text| text.parse::<i32>().ok())
        };
        let (Some(hours), Some(":"), Some(minutes)) =
            (digits(1..3), self.rest.get(3..4), digits(4..6))
        else {
            return Err(self.cannot(ELEMENT));
        };
        if hours > 24 {
            return Err(self.range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(self.range("time zone offset minute"));
        }
        self.rest = self.rest.get(6..).unwrap_or_default();
        let offset = sign * (hours * 60 + minutes) * 60;
        // An offset of zero is UTC for Go.
        Ok(Some(offset).filter(|offset| *offset != 0))
    }

    fn cannot(&self, element: &str) -> String {
        let (text, rest) = (quote(self.text), quote(self.rest));
        format!(
            "parsing time {text} as \"2006-01-02T15:04:05Z07:00\": cannot parse {rest} as {}",
            quote(element)
        )
    }

    fn range(&self, what: &str) -> String {
        format!("parsing time {}: {what} out of range", quote(self.text))
    }
}

impl Encode for GoTime {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        let (minutes, seconds) = match self.zone {
            None => (-1, 0),
            Some(zone) => (zone / 60, zone % 60),
        };
        let mut bytes = [0u8; 16];
        bytes[0] = if seconds == 0 { 1 } else { 2 };
        bytes[1..9].copy_from_slice(&self.secs.to_be_bytes());
        bytes[9..13].copy_from_slice(&self.nanos.to_be_bytes());
        bytes[13..15].copy_from_slice(&(minutes as i16).to_be_bytes());
        bytes[15] = seconds as i8 as u8;
        w.raw(if seconds == 0 { &bytes[..15] } else { &bytes });
    }
}

impl Decode for GoTime {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, msgpack::Error> {
        let at = r.position();
        let Some(bytes) = r.bytes()? else {
            return Ok(GoTime::default());
        };
        let invalid = msgpack::Error::Invalid { at, what: "time" };
        let (version, fields) = bytes.split_first().ok_or(invalid)?;
        let (secs, fields) = fields.split_first_chunk::<8>().ok_or(invalid)?;
        let (nanos, fields) = fields.split_first_chunk::<4>().ok_or(invalid)?;
        let (minutes, fields) = fields.split_first_chunk::<2>().ok_or(invalid)?;
        let seconds = match (version, fields) {
            (1, []) => 0,
            (2, [seconds]) => i32::from(*seconds as i8),
            _ => return Err(invalid),
        };
        let nanos = u32::from_be_bytes(*nanos);
        if nanos >= 1_000_000_000 {
            return Err(invalid);
        }
        let zone = match i16::from_be_bytes(*minutes) {
            -1 => None,
            minutes => Some(i32::from(minutes) * 60 + seconds),
        };
        Ok(GoTime {
            secs: i64::from_be_bytes(*secs),
            nanos,
            zone,
        })
    }
}

impl ToJson for GoTime {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        w.str(&self.to_string());
    }
}

impl FromJson for GoTime {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        match r.kind() {
            Kind::Null => r.skip(),
            Kind::String => match GoTime::parse(&r.str()) {
                Ok(time) => *self = time,
                Err(error) => r.fail(error),
            },
            _ => {
                r.skip();
                r.fail("Time.UnmarshalJSON: input is not a JSON string");
            }
        }
    }

    fn go_type() -> Cow<'static, str> {
        "time.Time".into()
    }
}
