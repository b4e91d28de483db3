//! The meaning pass: [`Reader`] walks well-formed text, [`FromJson`] says what a type takes from it.
//!
//! Reading never stops at a wrong value: as in encoding/json the first error of meaning is kept and the rest is still
//! read, so the error reported is the first in the text.

use std::borrow::Cow;

use super::scan::{Stop, scan, skip_space};

/// Memory that the elements of a value's lists and maps may take: so many bytes, and so many for each byte of its text. What
/// people send takes some ten bytes of memory for one of text; an empty element takes hundreds for its three.
const MEMORY: usize = 4 << 20;
const MEMORY_PER_BYTE: usize = 8;

/// Whether members that no field has are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `json: unknown field "X"`.
    Strict,
    /// Skipped.
    Lax,
}

/// Why a body does not decode; the display is Go's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing in the input.
    #[error("EOF")]
    Empty,
    /// The input ends inside the value.
    #[error("unexpected EOF")]
    Short,
    /// As `Empty` and `Short`, for input that should be one whole value ([`unmarshal`]).
    #[error("unexpected end of JSON input")]
    EndOfInput,
    /// Not JSON.
    #[error("{text}")]
    Syntax {
        /// Offset of the offending byte.
        at: usize,
        /// The whole text.
        text: String,
    },
    /// JSON, but not what the record takes.
    #[error("{0}")]
    Meaning(String),
}

/// A position in well-formed JSON text, and the first error of meaning met so far.
#[derive(Debug)]
pub struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    strict: bool,
    /// Whether the value being read is a field marked `lax`; what is nested deeper is not.
    lax: bool,
    path: Vec<&'static str>,
    record: &'static str,
    error: Option<String>,
    /// Bytes that elements may still take.
    memory: usize,
}

/// What kind of value is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The word in Go's error texts.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "bool",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }
}

impl<'a> Reader<'a> {
    /// `input` must have passed [`scan`] and start with the value.
    fn new(input: &'a [u8], mode: Mode) -> Self {
        Reader {
            input,
            at: 0,
            strict: mode == Mode::Strict,
            lax: false,
            path: Vec::new(),
            record: "",
            error: None,
            memory: input
                .len()
                .saturating_mul(MEMORY_PER_BYTE)
                .saturating_add(MEMORY),
        }
    }

    /// What is next.
    pub fn kind(&mut self) -> Kind {
        self.at = skip_space(self.input, self.at);
        match self.input.get(self.at) {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// Keeps `text` as the error of this read, if it is the first.
    pub fn fail(&mut self, text: impl Into<String>) {
        self.error.get_or_insert_with(|| text.into());
    }

    /// Pays for one element of `T`. When the memory is used up the read fails and nothing is left to be read.
    pub(crate) fn spend<T>(&mut self) -> bool {
        let left = self.memory.checked_sub(size_of::<T>());
        if left.is_none() {
            self.fail("json: the elements of the value take too much memory");
            self.at = self.input.len();
        }
        self.memory = left.unwrap_or(0);
        left.is_some()
    }

    /// Skips a value of the wrong kind and notes that it is not of the Go type `wanted`.
    pub fn mismatch(&mut self, wanted: &str) {
        let found = self.kind().word();
        self.mismatch_of(found, wanted);
        self.skip();
    }

    /// Notes that `found` (a kind, or `number <text>`) does not go into the Go type `wanted`.
    pub fn mismatch_of(&mut self, found: &str, wanted: &str) {
        if self.error.is_some() {
            return;
        }
        self.error = Some(if self.path.is_empty() {
            format!("json: cannot unmarshal {found} into Go value of type {wanted}")
        } else {
            let path = self.path.join(".");
            format!(
                "json: cannot unmarshal {found} into Go struct field {}.{path} of type {wanted}",
                self.record
            )
        });
    }

    /// Consumes a `null` if it is next.
    pub fn take_null(&mut self) -> bool {
        let null = self.kind() == Kind::Null;
        if null {
            self.at += 4;
        }
        null
    }

    /// The bool that is next (the kind must have been looked at).
    pub fn bool(&mut self) -> bool {
        self.at = skip_space(self.input, self.at);
        let value = self.input.get(self.at) == Some(&b't');
        self.at += if value { 4 } else { 5 };
        value
    }

    /// The text of the number that is next.
    pub fn number(&mut self) -> &'a str {
        self.at = skip_space(self.input, self.at);
        let start = self.at;
        while matches!(
            self.input.get(self.at),
            Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
        ) {
            self.at += 1;
        }
        self.slice(start, self.at)
            .and_then(|text| std::str::from_utf8(text).ok())
            .unwrap_or("0")
    }

    /// The string that is next, unescaped. What is not UTF-8 or not a whole surrogate pair becomes U+FFFD.
    pub fn str(&mut self) -> Cow<'a, str> {
        self.at = skip_space(self.input, self.at) + 1;
        let start = self.at;
        let rest = self.input.get(start..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            Some(len) if rest.get(len) == Some(&b'"') => {
                self.at = start + len + 1;
                String::from_utf8_lossy(rest.get(..len).unwrap_or_default())
            }
            _ => Cow::Owned(self.escaped_str()),
        }
    }

    /// Skips the value that is next.
    pub fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            self.at = skip_space(self.input, self.at);
            match self.input.get(self.at) {
                None => return,
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                Some(b'"') => self.skip_str(),
                Some(b',' | b':') => self.at += 1,
                Some(b't' | b'n') => self.at += 4,
                Some(b'f') => self.at += 5,
                Some(_) => {
                    let before = self.at;
                    self.number();
                    self.at = self.at.max(before + 1);
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The text of the value that is next, as it stands in the input.
    pub fn raw(&mut self) -> &'a [u8] {
        let start = skip_space(self.input, self.at);
        self.skip();
        self.slice(start, self.at).unwrap_or_default()
    }

    /// Walks the object that is next: `member` gets each name and must read or skip its value.
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, &str)) {
        self.at = skip_space(self.input, self.at) + 1;
        while let Some(b'"') = self.after_comma() {
            let name = self.str();
            self.at = skip_space(self.input, self.at) + 1;
            member(self, &name);
        }
        self.at += 1;
    }

    /// Walks the array that is next: `element` must read or skip one value each time.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self)) {
        self.at = skip_space(self.input, self.at) + 1;
        while !matches!(self.after_comma(), None | Some(b']')) {
            element(self);
        }
        self.at += 1;
    }

    /// Refuses (or, when lax, skips) the member `name` that no field has.
    pub fn unknown_member(&mut self, name: &str) {
        if self.strict && !self.lax {
            let mut quoted = String::new();
            go_quote(&mut quoted, name);
            self.fail(format!("json: unknown field {quoted}"));
        }
        self.skip();
    }

    /// Reads a field: errors inside name `record` and the path to it.
    pub(crate) fn field(
        &mut self,
        record: &'static str,
        name: &'static str,
        lax: bool,
        body: impl FnOnce(&mut Self),
    ) {
        let (outer, outer_lax) = (self.record, self.lax);
        self.record = record;
        self.path.push(name);
        self.lax = lax;
        body(self);
        self.lax = outer_lax;
        self.path.pop();
        self.record = outer;
    }

    fn after_comma(&mut self) -> Option<u8> {
        self.at = skip_space(self.input, self.at);
        if self.input.get(self.at) == Some(&b',') {
            self.at = skip_space(self.input, self.at + 1);
        }
        self.input.get(self.at).copied()
    }

    fn slice(&self, start: usize, end: usize) -> Option<&'a [u8]> {
        self.input.get(start..end)
    }

    fn skip_str(&mut self) {
        self.at += 1;
        while let Some(&byte) = self.input.get(self.at) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }

    /// The rest of a string with escapes; `at` stands after the opening quote.
    fn escaped_str(&mut self) -> String {
        let mut out: Vec<u8> = Vec::new();
        loop {
            let rest = self.input.get(self.at..).unwrap_or_default();
            let len = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            out.extend_from_slice(rest.get(..len).unwrap_or_default());
            self.at += len;
            if self.input.get(self.at) != Some(&b'\\') {
                self.at += 1;
                return String::from_utf8(out).unwrap_or_else(|error| {
                    String::from_utf8_lossy(error.as_bytes()).into_owned()
                });
            }
            self.escape(&mut out);
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let code = self.input.get(self.at + 1).copied().unwrap_or(b'"');
        self.at += 2;
        let plain = match code {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let letter = self.unicode_escape();
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return;
            }
            other => other,
        };
        out.push(plain);
    }

    /// The character of `\uXXXX` (and of the low half that follows a high one); `at` stands on the digits.
    fn unicode_escape(&mut self) -> char {
        let unit = self.hex4(self.at);
        self.at += 4;
        if let Some(letter) = char::from_u32(unit) {
            return letter;
        }
        let follows = self.slice(self.at, self.at + 2) == Some(b"\\u");
        let low = if follows { self.hex4(self.at + 2) } else { 0 };
        if (0xd800..0xdc00).contains(&unit) && (0xdc00..0xe000).contains(&low) {
            self.at += 6;
            return char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
                .unwrap_or('\u{fffd}');
        }
        '\u{fffd}'
    }

    fn hex4(&self, at: usize) -> u32 {
        let digits = self
            .slice(at, at + 4)
            .and_then(|text| std::str::from_utf8(text).ok());
        digits
            .and_then(|text| u32::from_str_radix(text, 16).ok())
            .unwrap_or(0xfffd)
    }
}

/// Appends `text` as Go's `%q` shows it.
fn go_quote(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    out.push('"');
    for letter in text.chars() {
        // Writing to a string does not fail.
        let _ = match letter {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            '\u{7}' => out.write_str("\\a"),
            '\u{8}' => out.write_str("\\b"),
            '\u{b}' => out.write_str("\\v"),
            '\u{c}' => out.write_str("\\f"),
            control @ ('\0'..='\u{1f}' | '\u{7f}') => write!(out, "\\x{:02x}", u32::from(control)),
            control if control.is_control() => write!(out, "\\u{:04x}", u32::from(control)),
            plain => out.write_char(plain),
        };
    }
    out.push('"');
}

/// A type that can be read from JSON, over what it already holds: `null` leaves it alone.
pub trait FromJson {
    /// Reads one value; errors go to the reader.
    fn read_json(&mut self, r: &mut Reader<'_>);

    /// The Go type's name in error texts.
    fn go_type() -> Cow<'static, str>;
}

/// Reads the first value of `input` as a stream decoder does: what follows it is ignored.
pub fn from_slice<T: FromJson + Default>(input: &[u8], mode: Mode) -> Result<T, Error> {
    let mut value = T::default();
    from_slice_into(&mut value, input, mode)?;
    Ok(value)
}

/// As [`from_slice`], over the values `target` already holds.
pub fn from_slice_into<T: FromJson>(target: &mut T, input: &[u8], mode: Mode) -> Result<(), Error> {
    let (start, end) = scan(input).map_err(|stop| match stop {
        Stop::Empty => Error::Empty,
        Stop::Short => Error::Short,
        Stop::Syntax { at, text } => Error::Syntax { at, text },
    })?;
    read_scanned(target, input.get(start..end).unwrap_or_default(), mode)
}

/// Reads `input` as one whole value: only white space may follow it.
pub fn unmarshal<T: FromJson + Default>(input: &[u8], mode: Mode) -> Result<T, Error> {
    let (start, end) = scan(input).map_err(|stop| match stop {
        Stop::Empty | Stop::Short => Error::EndOfInput,
        Stop::Syntax { at, text } => Error::Syntax { at, text },
    })?;
    let next = skip_space(input, end);
    if next < input.len() {
        return Err(super::scan::trailing(input, next));
    }
    let mut value = T::default();
    read_scanned(&mut value, input.get(start..end).unwrap_or_default(), mode)?;
    Ok(value)
}

fn read_scanned<T: FromJson>(target: &mut T, input: &[u8], mode: Mode) -> Result<(), Error> {
    let mut r = Reader::new(input, mode);
    target.read_json(&mut r);
    match r.error {
        None => Ok(()),
        Some(text) => Err(Error::Meaning(text)),
    }
}
