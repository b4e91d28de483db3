//! Literals in the notation of Go: escapes of quoted text, integers with prefixes, truth values.

use std::fmt::Write;

/// Resolves the escapes of a double-quoted text (without its quotes); `None` if one is malformed.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => return None,
            '\\' => rest = escape(rest, &mut out)?,
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(out)
}

fn escape<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<&'a str> {
    let kind = text.bytes().next()?;
    let after = text.get(1..)?;
    let simple = match kind {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        b'"' => b'"',
        b'x' => {
            let (value, rest) = digits(after, 2, 16)?;
            out.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        b'0'..=b'7' => {
            let (value, rest) = digits(text, 3, 8)?;
            out.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        b'u' | b'U' => {
            let (value, rest) = digits(after, if kind == b'u' { 4 } else { 8 }, 16)?;
            let c = char::from_u32(value)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    out.push(simple);
    Some(after)
}

/// Exactly `count` digits, with what follows them.
fn digits(text: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let (part, rest) = text.split_at_checked(count)?;
    let plain = part.chars().all(|c| c.is_digit(radix));
    plain
        .then(|| u32::from_str_radix(part, radix).ok())
        .flatten()
        .map(|value| (value, rest))
}

/// A double-quoted text as Go prints it.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\x07' => out.push_str("\\a"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x0b' => out.push_str("\\v"),
                c if u32::from(c) < 0x20 || c == '\x7f' => {
                    let _ = write!(out, "\\x{:02x}", u32::from(c));
                }
                c if c.is_control() => {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

/// Why a text is no number of the wanted size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberError {
    Syntax,
    Range,
}

impl NumberError {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Syntax => "invalid syntax",
            Self::Range => "value out of range",
        }
    }
}

/// An unsigned integer with an optional prefix `0x`, `0o`, `0b` or `0`, digits perhaps parted by single underscores.
pub(crate) fn unsigned(text: &str, bits: u8) -> Result<u64, NumberError> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    // An underscore stands between digits, or between the prefix and a digit.
    let prefixed = radix != 10;
    let bad = digits.is_empty()
        || digits.ends_with('_')
        || digits.contains("__")
        || (digits.starts_with('_') && !prefixed)
        || digits
            .bytes()
            .any(|b| b != b'_' && !char::from(b).is_digit(radix));
    if bad {
        return Err(NumberError::Syntax);
    }
    let mut value: u64 = 0;
    for digit in digits.chars().filter_map(|c| c.to_digit(radix)) {
        value = value
            .checked_mul(u64::from(radix))
            .and_then(|v| v.checked_add(u64::from(digit)))
            .ok_or(NumberError::Range)?;
    }
    let fits = bits >= 64 || value >> bits == 0;
    fits.then_some(value).ok_or(NumberError::Range)
}

/// A signed 64-bit integer in the same notation, with an optional sign.
pub(crate) fn signed(text: &str) -> Result<i64, NumberError> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let value = unsigned(digits, 64)?;
    if negative {
        0i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    }
    .ok_or(NumberError::Range)
}

/// A truth value.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (text, expected) in [
            ("80", Ok(80)),
            ("-1", Ok(-1)),
            ("+5", Ok(5)),
            ("0x50", Ok(80)),
            ("0X5_0", Ok(80)),
            ("0120", Ok(80)),
            ("0_120", Ok(80)),
            ("0o120", Ok(80)),
            ("0b1010000", Ok(80)),
            ("8_0", Ok(80)),
            ("0", Ok(0)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("-9223372036854775809", Err(NumberError::Range)),
            ("9223372036854775808", Err(NumberError::Range)),
            ("99999999999999999999", Err(NumberError::Range)),
            ("", Err(NumberError::Syntax)),
            ("-", Err(NumberError::Syntax)),
            ("0x", Err(NumberError::Syntax)),
            ("08", Err(NumberError::Syntax)),
            ("_8", Err(NumberError::Syntax)),
            ("8_", Err(NumberError::Syntax)),
            ("8__0", Err(NumberError::Syntax)),
            ("80.0", Err(NumberError::Syntax)),
            ("x", Err(NumberError::Syntax)),
        ] {
            assert_eq!(signed(text), expected, "{text}");
        }
        assert_eq!(unsigned("255", 8), Ok(255));
        assert_eq!(unsigned("256", 8), Err(NumberError::Range));
        assert_eq!(unsigned("-1", 8), Err(NumberError::Syntax));
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r"n\u0031").as_deref(), Some(&b"n1"[..]));
        assert_eq!(unescape(r"\x41\101\t\\").as_deref(), Some(&b"AA\t\\"[..]));
        assert_eq!(unescape(r"\U0001F600").as_deref(), Some("😀".as_bytes()));
        assert_eq!(unescape(r"\xff").as_deref(), Some(&b"\xff"[..]));
        for bad in [
            r"\x", r"\x4", r"\400", r"\ud800", r"\'", r"\", "a\nb", r"\u12é",
        ] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
    }

    #[test]
    fn quotes() {
        assert_eq!(quote(b"a\"b\\\n\x01\xff"), r#""a\"b\\\n\x01\xff""#);
    }
}
