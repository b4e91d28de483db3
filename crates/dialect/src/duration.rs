//! Go's `time.Duration` and its text form.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::json::{self, FromJson, Kind, ToJson};
use crate::msgpack::{self, Decode, Encode};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// Why a text is not a duration; the display is Go's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not of the form number-unit-number-unit, or too long a time.
    #[error("time: invalid duration {}", quote(.0))]
    Invalid(String),
    /// A number without unit.
    #[error("time: missing unit in duration {}", quote(.0))]
    MissingUnit(String),
    /// A unit that does not exist (first) in the text (second).
    #[error("time: unknown unit {} in duration {}", quote(.0), quote(.1))]
    UnknownUnit(String, String),
}

/// A text in double quotes as package time quotes it: bytes that are not printable ASCII as `\xNN`.
pub(crate) fn quote(text: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

/// The nanoseconds of a text like `1h0m0.5s` (Go's ParseDuration; spec/http-api.md §3.5).
pub fn parse(text: &str) -> Result<i64, ParseError> {
    const LIMIT: u64 = 1 << 63;
    let invalid = || ParseError::Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_len = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let value = whole.bytes().try_fold(0u64, |value, digit| {
            let value = value
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
            (value <= LIMIT).then_some(value)
        });
        let value = value.ok_or_else(invalid)?;
        if unit_len == 0 {
            return Err(ParseError::MissingUnit(text.to_owned()));
        }
        let (unit, after) = after.split_at(unit_len);
        let scale = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3600 * SECOND,
            _ => return Err(ParseError::UnknownUnit(unit.to_owned(), text.to_owned())),
        };
        let mut part = value
            .checked_mul(scale)
            .filter(|part| *part <= LIMIT)
            .ok_or_else(invalid)?;
        part = part.saturating_add(fraction_of(fraction, scale));
        total = total
            .checked_add(part)
            .filter(|total| *total <= LIMIT)
            .ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        return Ok((total as i64).wrapping_neg());
    }
    i64::try_from(total).map_err(|_| invalid())
}

fn split_digits(text: &str) -> (&str, &str) {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(len)
}

/// `0.<digits>` of a unit, cut to whole nanoseconds with the float steps of the original.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0u64, 1.0f64);
    for digit in digits.bytes() {
        if value > (i64::MAX as u64) / 10 {
            break;
        }
        let next = value * 10 + u64::from(digit - b'0');
        if next > 1 << 63 {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

/// Shows nanoseconds the way Go prints a duration: `1h0m0s`, `1.5s`, `200ms`, `0s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Show(pub i64);

impl fmt::Display for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.unsigned_abs();
        if size == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match size {
            0..1_000 => write!(f, "{size}ns"),
            1_000..1_000_000 => write!(f, "{}\u{b5}s", Decimal(size, 1_000)),
            1_000_000..SECOND => write!(f, "{}ms", Decimal(size, 1_000_000)),
            _ => {
                let minutes = size / (60 * SECOND);
                let seconds = Decimal(size % (60 * SECOND), SECOND);
                match (minutes / 60, minutes % 60) {
                    (0, 0) => write!(f, "{seconds}s"),
                    (0, m) => write!(f, "{m}m{seconds}s"),
                    (h, m) => write!(f, "{h}h{m}m{seconds}s"),
                }
            }
        }
    }
}

/// A count of parts as a decimal number of units, without zeros at the end.
struct Decimal(u64, u64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decimal(parts, unit) = *self;
        write!(f, "{}", parts / unit)?;
        let (mut rest, mut width) = (parts % unit, unit.ilog10() as usize);
        if rest == 0 {
            return Ok(());
        }
        while rest % 10 == 0 {
            rest /= 10;
            width -= 1;
        }
        write!(f, ".{rest:0width$}")
    }
}

/// The text of a number of nanoseconds.
pub fn format(nanos: i64) -> String {
    Show(nanos).to_string()
}

/// Reads a duration field: a text, or a number of nanoseconds. Other kinds are ignored (spec/http-api.md §3.5).
fn read_field(r: &mut json::Reader<'_>, nanos: &mut i64) {
    match r.kind() {
        Kind::String => {
            let text = r.str();
            match parse(&text) {
                Ok(value) => *nanos = value,
                Err(error) => r.fail(error.to_string()),
            }
        }
        Kind::Number => {
            let text = r.number();
            // Go reads the number as a float and converts.
            *nanos = text
                .parse()
                .unwrap_or_else(|_| text.parse::<f64>().unwrap_or_default() as i64);
        }
        _ => r.skip(),
    }
}

/// Reads a duration field that must be a text or a number of nanoseconds; the refusal is worded as Go's attempt at a number.
fn read_strict(r: &mut json::Reader<'_>, nanos: &mut i64) {
    match r.kind() {
        Kind::String | Kind::Number => read_field(r, nanos),
        _ => {
            let found = quote(&String::from_utf8_lossy(r.raw()));
            r.fail(format!(
                "strconv.ParseFloat: parsing {found}: invalid syntax"
            ));
        }
    }
}

macro_rules! durations {
    ($($name:ident, $read:ident;)*) => {$(
        impl $name {
            /// From a length of time; beyond 292 years it saturates.
            pub fn from_duration(length: Duration) -> Self {
                $name(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX))
            }

            /// Whole seconds.
            pub const fn from_secs(seconds: i64) -> Self {
                $name(seconds.saturating_mul(1_000_000_000))
            }

            /// As a length of time; negative becomes zero.
            pub fn to_duration(self) -> Duration {
                Duration::from_nanos(u64::try_from(self.0).unwrap_or_default())
            }
        }

        impl From<Duration> for $name {
            fn from(length: Duration) -> Self {
                $name::from_duration(length)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Show(self.0).fmt(f)
            }
        }

        impl Encode for $name {
            #[inline]
            fn encode(&self, w: &mut msgpack::Writer<'_>) {
                w.int(self.0);
            }

            fn is_zero(&self) -> bool {
                self.0 == 0
            }
        }

        impl Decode for $name {
            #[inline]
            fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, msgpack::Error> {
                r.int().map($name)
            }
        }

        impl FromJson for $name {
            fn read_json(&mut self, r: &mut json::Reader<'_>) {
                $read(r, &mut self.0);
            }

            fn go_type() -> Cow<'static, str> {
                "time.Duration".into()
            }
        }
    )*};
}

/// A `time.Duration` in nanoseconds; a plain number in JSON output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub i64);

/// A duration in nanoseconds that JSON output shows as text (`"10s"`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurText(pub i64);

/// A duration in nanoseconds as the client's own types read it (the checks of a transaction, autopilot's configuration): what is
/// neither text nor number is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Readable(pub i64);

durations! {
    Nanos, read_field;
    DurText, read_field;
    Readable, read_strict;
}

impl ToJson for Readable {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        w.str(&format(self.0));
    }

    fn is_empty_json(&self) -> bool {
        self.0 == 0
    }
}

impl ToJson for Nanos {
    #[inline]
    fn write_json(&self, w: &mut json::Writer<'_>) {
        w.int(self.0);
    }

    fn is_empty_json(&self) -> bool {
        self.0 == 0
    }
}

impl ToJson for DurText {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        w.str(&format(self.0));
    }

    fn is_empty_json(&self) -> bool {
        self.0 == 0
    }
}
