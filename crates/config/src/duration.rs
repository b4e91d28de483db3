//! Durations as Go writes them: `1h2m3.5s`, `300ms`, `0` (cli.md §2, agent-config.md "Go duration strings").
//!
//! Values are signed nanoseconds. Knows nothing about clocks.

/// Why a duration text was refused. The texts are Go's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No number, or it does not fit.
    #[error("time: invalid duration {0}")]
    Invalid(String),
    /// A number stands without unit.
    #[error("time: missing unit in duration {0}")]
    MissingUnit(String),
    /// A unit nobody knows.
    #[error("time: unknown unit {unit} in duration {text}")]
    UnknownUnit {
        /// The unit, quoted.
        unit: String,
        /// The whole text, quoted.
        text: String,
    },
}

const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration; the value is in nanoseconds.
pub fn parse(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(format!("{text:?}"));
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
        let whole_len = digits(rest);
        let whole = &rest[..whole_len];
        rest = &rest[whole_len..];
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let n = digits(after);
            fraction = &after[..n];
            rest = &after[n..];
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_len = rest
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = &rest[..unit_len];
        rest = &rest[unit_len..];
        if unit.is_empty() {
            return Err(DurationError::MissingUnit(format!("{text:?}")));
        }
        let Some(&(_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(DurationError::UnknownUnit {
                unit: format!("{unit:?}"),
                text: format!("{text:?}"),
            });
        };
        let whole: u64 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| invalid())?
        };
        total = whole
            .checked_mul(scale)
            .and_then(|n| n.checked_add(part(fraction, scale)))
            .and_then(|n| n.checked_add(total))
            .filter(|&n| n <= 1 << 63)
            .ok_or_else(invalid)?;
    }
    if negative {
        Ok((total as i64).wrapping_neg())
    } else {
        i64::try_from(total).map_err(|_| invalid())
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The nanoseconds of a decimal fraction of a unit; digits beyond the ninth-but-ten do not count any more.
fn part(fraction: &str, scale: u64) -> u64 {
    let mut value: u128 = 0;
    let mut power: u128 = 1;
    for b in fraction.bytes().take(18) {
        value = value * 10 + u128::from(b - b'0');
        power *= 10;
    }
    (value * u128::from(scale) / power) as u64
}

/// Writes a duration as Go does: `1h0m0s`, `1.5s`, `200ms`, `0s`.
pub fn format(nanos: i64) -> String {
    let negative = nanos < 0;
    let n = nanos.unsigned_abs();
    let mut out = if n == 0 {
        "0s".to_string()
    } else if n < 1_000 {
        format!("{n}ns")
    } else if n < 1_000_000 {
        format!("{}µs", decimal(n, 1_000))
    } else if n < 1_000_000_000 {
        format!("{}ms", decimal(n, 1_000_000))
    } else {
        let minutes = n / 60_000_000_000;
        let seconds = decimal(n % 60_000_000_000, 1_000_000_000);
        match (minutes / 60, minutes % 60) {
            (0, 0) => format!("{seconds}s"),
            (0, m) => format!("{m}m{seconds}s"),
            (h, m) => format!("{h}h{m}m{seconds}s"),
        }
    };
    if negative {
        out.insert(0, '-');
    }
    out
}

fn decimal(n: u64, scale: u64) -> String {
    let width = scale.ilog10() as usize;
    let text = format!("{}.{:0width$}", n / scale, n % scale);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts() {
        for (text, want) in [
            ("0", Ok(0)),
            ("1h2m3.5s", Ok(3_723_500_000_000)),
            ("300ms", Ok(300_000_000)),
            (".5s", Ok(500_000_000)),
            ("1.s", Ok(1_000_000_000)),
            ("-1m", Ok(-60_000_000_000)),
            ("2562047h47m16.854775807s", Ok(i64::MAX)),
            ("x", Err("time: invalid duration \"x\"")),
            ("", Err("time: invalid duration \"\"")),
            ("-", Err("time: invalid duration \"-\"")),
            (".s", Err("time: invalid duration \".s\"")),
            ("1", Err("time: missing unit in duration \"1\"")),
            ("1d", Err("time: unknown unit \"d\" in duration \"1d\"")),
            ("9999999999h", Err("time: invalid duration \"9999999999h\"")),
        ] {
            assert_eq!(
                parse(text).map_err(|e| e.to_string()),
                want.map_err(String::from),
                "{text}"
            );
        }
    }

    #[test]
    fn written() {
        for (n, want) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (200_000_000, "200ms"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (-5_000_000_000, "-5s"),
        ] {
            assert_eq!(format(n), want);
        }
    }

    proptest! {
        #[test]
        fn round_trip(n in any::<i64>()) {
            prop_assert_eq!(parse(&format(n)), Ok(n));
        }

        #[test]
        fn never_panics(text in "[-+]?[0-9.a-zµ]{0,12}|\\PC{0,12}") {
            let _ = parse(&text);
        }
    }
}
