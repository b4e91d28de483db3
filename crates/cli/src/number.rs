//! Numbers, booleans and durations as Go's `strconv` and `time` read them (spec: cli.md §2).
//!
//! Knows the two families of error texts: the short ones of the flag package and the long ones of `strconv`.

/// Why a number text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Not a number at all.
    Syntax,
    /// A number, but it does not fit the type.
    Range,
}

impl NumberError {
    /// Go's word for it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Syntax => "invalid syntax",
            Self::Range => "value out of range",
        }
    }

    /// The flag package's word for it.
    pub fn short(self) -> &'static str {
        match self {
            Self::Syntax => "parse error",
            Self::Range => "value out of range",
        }
    }
}

/// `strconv.ParseBool`: `1 t T TRUE true True` and `0 f F FALSE false False`.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Splits a base prefix off: `0x`, `0o`, `0b`, a leading `0` (octal). Returns base, digits, and whether a prefix was there.
fn base_of(text: &str) -> (u32, &str, bool) {
    let lower = |p: &str| text.len() > 2 && text[..2].eq_ignore_ascii_case(p);
    if !text.is_char_boundary(2.min(text.len())) {
        return (10, text, false);
    }
    if lower("0x") {
        (16, &text[2..], true)
    } else if lower("0o") {
        (8, &text[2..], true)
    } else if lower("0b") {
        (2, &text[2..], true)
    } else if text.len() > 1 && text.starts_with('0') {
        (8, &text[1..], true)
    } else {
        (10, text, false)
    }
}

/// `strconv.ParseUint(text, 0, 64)`: base prefixes, underscores between digits.
pub fn parse_uint(text: &str) -> Result<u64, NumberError> {
    let (base, digits, prefixed) = base_of(text);
    let mut value: u64 = 0;
    let mut over = false;
    let mut seen = false;
    // An underscore must stand after a digit or a prefix and before a digit.
    let mut may_underscore = prefixed;
    for c in digits.chars() {
        if c == '_' {
            if !may_underscore {
                return Err(NumberError::Syntax);
            }
            may_underscore = false;
            continue;
        }
        let d = c.to_digit(base).ok_or(NumberError::Syntax)?;
        seen = true;
        may_underscore = true;
        match value
            .checked_mul(u64::from(base))
            .and_then(|v| v.checked_add(u64::from(d)))
        {
            Some(v) => value = v,
            None => over = true,
        }
    }
    if !seen || digits.ends_with('_') {
        return Err(NumberError::Syntax);
    }
    if over {
        Err(NumberError::Range)
    } else {
        Ok(value)
    }
}

/// `strconv.ParseInt(text, 0, 64)`.
pub fn parse_int(text: &str) -> Result<i64, NumberError> {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let value = parse_uint(rest)?;
    signed(negative, value)
}

/// `strconv.Atoi`: base 10 only, no underscores.
pub fn parse_decimal(text: &str) -> Result<i64, NumberError> {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest.is_empty() || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NumberError::Syntax);
    }
    signed(negative, rest.parse().map_err(|_| NumberError::Range)?)
}

fn signed(negative: bool, value: u64) -> Result<i64, NumberError> {
    if negative {
        if value > i64::MAX as u64 + 1 {
            Err(NumberError::Range)
        } else {
            Ok((value as i64).wrapping_neg())
        }
    } else {
        i64::try_from(value).map_err(|_| NumberError::Range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn go_integers() {
        for (text, want) in [
            ("0", Ok(0)),
            ("42", Ok(42)),
            ("0x10", Ok(16)),
            ("0X1f", Ok(31)),
            ("0b101", Ok(5)),
            ("0o17", Ok(15)),
            ("017", Ok(15)),
            ("1_000", Ok(1000)),
            ("0x_ff", Ok(255)),
            ("0_7", Ok(7)),
            ("", Err(NumberError::Syntax)),
            ("_1", Err(NumberError::Syntax)),
            ("1_", Err(NumberError::Syntax)),
            ("1__0", Err(NumberError::Syntax)),
            ("08", Err(NumberError::Syntax)),
            ("0x", Err(NumberError::Syntax)),
            ("1e3", Err(NumberError::Syntax)),
            ("é1", Err(NumberError::Syntax)),
            ("18446744073709551615", Ok(u64::MAX)),
            ("18446744073709551616", Err(NumberError::Range)),
        ] {
            assert_eq!(parse_uint(text), want, "{text:?}");
        }
        assert_eq!(parse_int("-0x10"), Ok(-16));
        assert_eq!(parse_int("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(parse_int("9223372036854775808"), Err(NumberError::Range));
        assert_eq!(parse_decimal("010"), Ok(10));
        assert_eq!(parse_decimal("0x10"), Err(NumberError::Syntax));
        assert_eq!(parse_decimal("-"), Err(NumberError::Syntax));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,24}") {
            let _ = (parse_int(&text), parse_uint(&text), parse_decimal(&text), parse_bool(&text));
        }

        #[test]
        fn decimal_round_trip(n in any::<i64>()) {
            prop_assert_eq!(parse_decimal(&n.to_string()), Ok(n));
            prop_assert_eq!(parse_int(&n.to_string()), Ok(n));
        }
    }
}
