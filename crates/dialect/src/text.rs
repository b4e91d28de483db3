//! A Go string: bytes that are text by habit, not by law.

use std::borrow::{Borrow, Cow};
use std::fmt;

use bytes::Bytes;

use crate::json::{self, FromJson, Kind, ToJson};
use crate::msgpack::{self, Decode, Encode, Error};

/// A string of any bytes, for the places where clients may put what is not UTF-8 (keys).
///
/// Orders and compares by bytes. JSON shows each byte that is not UTF-8 as `\ufffd`, as Go does; cloning shares.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Bytes);

impl Text {
    /// The empty text.
    pub const fn new() -> Self {
        Text(Bytes::new())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The shared bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The text, if it is UTF-8.
    pub fn to_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text with U+FFFD for what is not UTF-8.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the bytes start with `prefix`.
    pub fn starts_with(&self, prefix: impl AsRef<[u8]>) -> bool {
        self.0.starts_with(prefix.as_ref())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(text.into())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Text(Bytes::copy_from_slice(bytes))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Text(bytes.into())
    }
}

impl From<Bytes> for Text {
    fn from(bytes: Bytes) -> Self {
        Text(bytes)
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Encode for Text {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        w.str(&self.0);
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl Decode for Text {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
        // Copied, so that a stored key does not keep the message it came in alive.
        Ok(r.str_bytes()?.into())
    }
}

impl ToJson for Text {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        w.str_bytes(&self.0);
    }

    fn is_empty_json(&self) -> bool {
        self.is_empty()
    }
}

impl FromJson for Text {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        match r.kind() {
            Kind::String => *self = r.str().into_owned().into(),
            Kind::Null => r.skip(),
            _ => r.mismatch("string"),
        }
    }

    fn go_type() -> Cow<'static, str> {
        "string".into()
    }
}
