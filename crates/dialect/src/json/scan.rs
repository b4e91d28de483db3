//! The syntax pass: where the first value ends, or what is wrong with it, in encoding/json's words.

/// Deepest nesting of arrays and objects that is read. Go allows 10000; nothing real comes near either.
pub const MAX_DEPTH: usize = 512;

/// Why no value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nothing but white space.
    Empty,
    /// The input ends inside the value.
    Short,
    /// A byte that may not stand where it stands.
    Syntax {
        /// Offset of the byte.
        at: usize,
        /// The whole text of the error.
        text: String,
    },
}

/// The extent of the first value in `input`: offsets of its first byte and after its last.
///
/// Trailing bytes are not looked at. Numbers at the very end of the input are complete.
pub fn scan(input: &[u8]) -> Result<(usize, usize), Stop> {
    let mut at = skip_space(input, 0);
    if at >= input.len() {
        return Err(Stop::Empty);
    }
    let start = at;
    // One bit per open collection: whether it is an object.
    let mut open: Vec<bool> = Vec::new();
    'value: loop {
        at = skip_space(input, at);
        let first = *input.get(at).ok_or(Stop::Short)?;
        match first {
            b'{' | b'[' => {
                if open.len() >= MAX_DEPTH {
                    return Err(syntax(input, at, "exceeded max depth"));
                }
                open.push(first == b'{');
                at = skip_space(input, at + 1);
                let next = *input.get(at).ok_or(Stop::Short)?;
                if next == (if first == b'{' { b'}' } else { b']' }) {
                    open.pop();
                    at += 1;
                } else if first == b'{' {
                    at = member_name(input, at)?;
                    continue 'value;
                } else {
                    continue 'value;
                }
            }
            b'"' => at = string(input, at)?,
            b'-' | b'0'..=b'9' => at = number(input, at, !open.is_empty())?,
            b't' => at = literal(input, at, "true")?,
            b'f' => at = literal(input, at, "false")?,
            b'n' => at = literal(input, at, "null")?,
            _ => return Err(syntax(input, at, "looking for beginning of value")),
        }
        // After a value: close collections until one continues.
        loop {
            let Some(&object) = open.last() else {
                return Ok((start, at));
            };
            at = skip_space(input, at);
            match (*input.get(at).ok_or(Stop::Short)?, object) {
                (b',', true) => {
                    let next = skip_space(input, at + 1);
                    input.get(next).ok_or(Stop::Short)?;
                    at = member_name(input, next)?;
                    continue 'value;
                }
                (b',', false) => {
                    at += 1;
                    continue 'value;
                }
                (b'}', true) | (b']', false) => {
                    open.pop();
                    at += 1;
                }
                (_, true) => return Err(syntax(input, at, "after object key:value pair")),
                (_, false) => return Err(syntax(input, at, "after array element")),
            }
        }
    }
}

/// The offset of the first byte from `at` on that is not white space.
pub(super) fn skip_space(input: &[u8], mut at: usize) -> usize {
    while matches!(input.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

fn member_name(input: &[u8], at: usize) -> Result<usize, Stop> {
    if input.get(at) != Some(&b'"') {
        return Err(syntax(
            input,
            at,
            "looking for beginning of object key string",
        ));
    }
    let end = skip_space(input, string(input, at)?);
    match input.get(end) {
        None => Err(Stop::Short),
        Some(b':') => Ok(end + 1),
        Some(_) => Err(syntax(input, end, "after object key")),
    }
}

fn string(input: &[u8], quote: usize) -> Result<usize, Stop> {
    let mut at = quote + 1;
    loop {
        match *input.get(at).ok_or(Stop::Short)? {
            b'"' => return Ok(at + 1),
            b'\\' => {
                match *input.get(at + 1).ok_or(Stop::Short)? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => at += 2,
                    b'u' => {
                        for digit in at + 2..at + 6 {
                            if !input.get(digit).ok_or(Stop::Short)?.is_ascii_hexdigit() {
                                return Err(syntax(
                                    input,
                                    digit,
                                    "in \\u hexadecimal character escape",
                                ));
                            }
                        }
                        at += 6;
                    }
                    _ => return Err(syntax(input, at + 1, "in string escape code")),
                };
            }
            0..=0x1f => return Err(syntax(input, at, "in string literal")),
            _ => at += 1,
        }
    }
}

fn number(input: &[u8], mut at: usize, inside: bool) -> Result<usize, Stop> {
    let digit = |at: usize| input.get(at).is_some_and(u8::is_ascii_digit);
    let digits = |mut at: usize, context: &str| match input.get(at) {
        None => Err(Stop::Short),
        Some(_) if !digit(at) => Err(syntax(input, at, context)),
        Some(_) => {
            while digit(at) {
                at += 1;
            }
            Ok(at)
        }
    };
    if input.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match input.get(at) {
        Some(b'0') => at + 1,
        _ => digits(at, "in numeric literal")?,
    };
    if input.get(at) == Some(&b'.') {
        at = digits(at + 1, "after decimal point in numeric literal")?;
    }
    if matches!(input.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(input.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(at, "in exponent of numeric literal")?;
    }
    if inside && at >= input.len() {
        return Err(Stop::Short);
    }
    Ok(at)
}

fn literal(input: &[u8], at: usize, word: &str) -> Result<usize, Stop> {
    for (i, wanted) in word.bytes().enumerate() {
        if *input.get(at + i).ok_or(Stop::Short)? != wanted {
            let context = format!("in literal {word} (expecting {})", quote_byte(wanted));
            return Err(syntax(input, at + i, &context));
        }
    }
    Ok(at + word.len())
}

fn syntax(input: &[u8], at: usize, context: &str) -> Stop {
    let byte = input.get(at).copied().unwrap_or_default();
    Stop::Syntax {
        at,
        text: format!("invalid character {} {context}", quote_byte(byte)),
    }
}

/// A byte as Go's decoder shows it: taken as a Latin-1 character, in single quotes.
fn quote_byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'"' => "'\"'".into(),
        b'\\' => r"'\\'".into(),
        0x07 => r"'\a'".into(),
        0x08 => r"'\b'".into(),
        0x09 => r"'\t'".into(),
        0x0a => r"'\n'".into(),
        0x0b => r"'\v'".into(),
        0x0c => r"'\f'".into(),
        0x0d => r"'\r'".into(),
        0..=0x1f | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!("'\\u00{byte:02x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

/// The error for a byte after a whole value.
pub(super) fn trailing(input: &[u8], at: usize) -> super::Error {
    match syntax(input, at, "after top-level value") {
        Stop::Syntax { at, text } => super::Error::Syntax { at, text },
        Stop::Empty | Stop::Short => super::Error::EndOfInput,
    }
}
