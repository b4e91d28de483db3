//! The writing half: [`Writer`] appends JSON to a vector, [`ToJson`] says how a type does it.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How the text is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// No white space at all.
    #[default]
    Compact,
    /// Every member and element on its own line, four spaces per level (MarshalIndent).
    Pretty,
}

/// Appends JSON to a vector. Writing cannot fail.
///
/// Commas and line breaks come by themselves: announce members with [`Writer::key`], elements with [`Writer::item`].
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    pretty: bool,
    fresh: bool,
    depth: usize,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>, style: Style) -> Self {
        Writer {
            out,
            pretty: style == Style::Pretty,
            fresh: true,
            depth: 0,
        }
    }

    /// `{`.
    #[inline]
    pub fn begin_object(&mut self) {
        self.begin(b'{');
    }

    /// `}`.
    #[inline]
    pub fn end_object(&mut self) {
        self.end(b'}');
    }

    /// `[`.
    #[inline]
    pub fn begin_array(&mut self) {
        self.begin(b'[');
    }

    /// `]`.
    #[inline]
    pub fn end_array(&mut self) {
        self.end(b']');
    }

    /// A member name known to need no escapes (names of record fields); its value must follow.
    #[inline]
    pub fn key(&mut self, name: &str) {
        self.separate();
        self.out.reserve(name.len() + 4);
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out
            .extend_from_slice(if self.pretty { b"\": " } else { b"\":" });
    }

    /// A member name of any content; its value must follow.
    pub fn key_escaped(&mut self, name: &str) {
        self.separate();
        quote_into(self.out, name);
        self.out
            .extend_from_slice(if self.pretty { b": " } else { b":" });
    }

    /// Announces an array element; its value must follow.
    #[inline]
    pub fn item(&mut self) {
        self.separate();
    }

    /// A member: name and value.
    #[inline]
    pub fn member<T: ToJson + ?Sized>(&mut self, name: &str, value: &T) {
        self.key(name);
        value.write_json(self);
    }

    /// Appends any value.
    #[inline]
    pub fn value<T: ToJson + ?Sized>(&mut self, value: &T) {
        value.write_json(self);
    }

    /// `null`.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    /// `true` or `false`.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.out
            .extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// An integer.
    #[inline]
    pub fn uint(&mut self, value: u64) {
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A float as Go prints it: shortest digits, exponent below 1e-6 and from 1e21. NaN and infinities, which JSON cannot
    /// say, become `null`.
    pub fn f64(&mut self, value: f64) {
        let size = value.abs();
        // Writing to a vector does not fail.
        let _ = if !value.is_finite() {
            self.out.write_all(b"null")
        } else if size != 0.0 && size < 1e-6 {
            write!(self.out, "{value:e}")
        } else if size >= 1e21 {
            let text = format!("{value:e}");
            self.out.write_all(text.replacen('e', "e+", 1).as_bytes())
        } else {
            write!(self.out, "{value}")
        };
    }

    /// A string, escaped.
    #[inline]
    pub fn str(&mut self, text: &str) {
        quote_into(self.out, text);
    }

    /// A string of any bytes, escaped; each byte that is not UTF-8 becomes `\ufffd`.
    pub fn str_bytes(&mut self, text: &[u8]) {
        match std::str::from_utf8(text) {
            Ok(text) => quote_into(self.out, text),
            Err(_) => {
                self.out.push(b'"');
                for chunk in text.utf8_chunks() {
                    escape_into(self.out, chunk.valid());
                    for _ in chunk.invalid() {
                        self.out.extend_from_slice(b"\\ufffd");
                    }
                }
                self.out.push(b'"');
            }
        }
    }

    /// A string of bytes in standard padded base64.
    pub fn base64(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        let start = self.out.len();
        self.out.resize(start + bytes.len().div_ceil(3) * 4, 0);
        let written = self
            .out
            .get_mut(start..)
            .map(|room| STANDARD.encode_slice(bytes, room));
        self.out
            .truncate(start + written.and_then(Result::ok).unwrap_or_default());
        self.out.push(b'"');
    }

    /// A scalar that is JSON already and holds no line breaks or collections.
    #[inline]
    pub fn verbatim(&mut self, json: &[u8]) {
        self.out.extend_from_slice(json);
    }

    fn begin(&mut self, brace: u8) {
        self.out.push(brace);
        self.fresh = true;
        self.depth += 1;
    }

    fn end(&mut self, brace: u8) {
        self.depth = self.depth.saturating_sub(1);
        if self.pretty && !self.fresh {
            self.break_line();
        }
        self.fresh = false;
        self.out.push(brace);
    }

    #[inline]
    fn separate(&mut self) {
        if !self.fresh {
            self.out.push(b',');
        }
        self.fresh = false;
        if self.pretty {
            self.break_line();
        }
    }

    fn break_line(&mut self) {
        self.out.push(b'\n');
        for _ in 0..self.depth {
            self.out.extend_from_slice(b"    ");
        }
    }
}

/// How a byte of a string is written: 0 as it is, 1 needs a look.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'&' as usize] = true;
    // First byte of U+2028 and U+2029.
    table[0xe2] = true;
    table
};

/// Appends `text` as a JSON string with Go's HTML-safe escapes.
pub fn quote_into(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escape_into(out, text);
    out.push(b'"');
}

/// Appends the content of a JSON string.
fn escape_into(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !SPECIAL[usize::from(byte)] {
            continue;
        }
        let mut width = 1;
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0xe2 => match bytes.get(at + 1..at + 3) {
                Some([0x80, 0xa8]) => {
                    width = 3;
                    b"\\u2028"
                }
                Some([0x80, 0xa9]) => {
                    width = 3;
                    b"\\u2029"
                }
                _ => continue,
            },
            _ => &[],
        };
        out.extend_from_slice(bytes.get(done..at).unwrap_or_default());
        if escape.is_empty() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(escape);
        }
        done = at + width;
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
}

/// A type with a JSON form.
pub trait ToJson {
    /// Appends the value.
    fn write_json(&self, w: &mut Writer<'_>);

    /// Appends the value where a pointer to it is not nil. Differs only for types whose nil and empty are one.
    fn write_json_some(&self, w: &mut Writer<'_>) {
        self.write_json(w);
    }

    /// Appends the value with nil shown as an empty collection (field option `nil_empty`).
    fn write_json_nil_empty(&self, w: &mut Writer<'_>) {
        self.write_json(w);
    }

    /// Whether a field marked `omit` with this value is left out: Go's `omitempty`.
    fn is_empty_json(&self) -> bool {
        false
    }
}

/// The value as compact JSON.
pub fn to_vec<T: ToJson + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    value.write_json(&mut Writer::new(&mut out, Style::Compact));
    out
}

/// The value indented by four spaces, without a line break at the end.
pub fn to_vec_pretty<T: ToJson + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    value.write_json(&mut Writer::new(&mut out, Style::Pretty));
    out
}

/// The value as compact JSON text.
pub fn to_string<T: ToJson + ?Sized>(value: &T) -> String {
    let bytes = to_vec(value);
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
