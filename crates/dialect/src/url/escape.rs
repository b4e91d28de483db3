//! Which bytes of which part of a URL are written as `%XX`.

/// A part of a URL, by the rules for its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Path,
    User,
    Host,
    /// Of an address of IPv6, behind its `%25`.
    Zone,
    Fragment,
}

/// Whether a byte has to be escaped when this part is written anew.
fn must_escape(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return false;
    }
    match part {
        Part::Host | Part::Zone => !b"!$&'()*+,;=:[]<>\"".contains(&byte),
        Part::Path => !b"$&+,/:;=@".contains(&byte),
        Part::User => !b"$&+,;=".contains(&byte),
        Part::Fragment => !b"$&+,/:;=?@!()*".contains(&byte),
    }
}

/// The part with escapes.
pub(super) fn escape(bytes: &[u8], part: Part) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if must_escape(byte, part) {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(HEX[usize::from(digit)]));
            }
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

/// The part without escapes.
///
/// # Errors
/// Go's text for what is no escape, or no byte of a host.
pub(super) fn unescape(text: &str, part: Part) -> Result<Vec<u8>, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            let in_host = matches!(part, Part::Host | Part::Zone);
            if in_host && byte < 0x80 && must_escape(byte, part) {
                return Err(format!("invalid character {} in host name", quote(&[byte])));
            }
            out.push(byte);
            at += 1;
            continue;
        }
        let seen = &bytes[at..bytes.len().min(at + 3)];
        let wrong = || Err(format!("invalid URL escape {}", quote(seen)));
        let Some(value) = hex(seen) else {
            return wrong();
        };
        // In hosts escapes stand for bytes beyond ASCII only, and for the percent sign before a zone.
        let allowed = match part {
            Part::Host => value >= 0x80 || seen == b"%25",
            Part::Zone => seen == b"%25" || value == b' ' || !must_escape(value, Part::Host),
            _ => true,
        };
        if !allowed {
            return wrong();
        }
        out.push(value);
        at += 3;
    }
    Ok(out)
}

fn hex(escape: &[u8]) -> Option<u8> {
    let &[_, high, low] = escape else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// As it was written, or escaped anew where a byte may not stand as it is.
///
/// # Errors
/// As [`unescape`].
pub(super) fn settled(text: &str, part: Part) -> Result<String, String> {
    let plain = unescape(text, part)?;
    let extra: &[u8] = b"!'()*[]%$&+,;=:@";
    let valid = text
        .bytes()
        .all(|byte| extra.contains(&byte) || !must_escape(byte, part));
    Ok(if valid {
        text.to_owned()
    } else {
        escape(&plain, part)
    })
}

/// A text in double quotes with Go's escapes.
pub fn quote(bytes: &[u8]) -> String {
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
                    out.push_str(&format!("\\x{:02x}", u32::from(c)));
                }
                c if c.is_control() || (c.is_whitespace() && c != ' ') => {
                    out.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}
