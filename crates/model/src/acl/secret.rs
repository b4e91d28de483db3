//! A token's secret: a text that never shows itself.

use std::borrow::Cow;
use std::fmt;

use dialect::json::{self, FromJson, ToJson};
use dialect::msgpack::{self, Decode, Encode};
use subtle::ConstantTimeEq;

/// What stands where a secret must not be seen (spec/acl.md §14).
pub const HIDDEN: &str = "<hidden>";

/// A secret text: of a token, a bearer, a key. `Debug` and `Display` give [`HIDDEN`]; `==` takes the same time wherever two
/// texts of one length differ. Both codecs carry the text itself, so a record with a secret is shown to a reader only
/// after [`Secret::redact`].
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// The text. Every use of this is a place where it may leak.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is that text, told without a leak of time beyond the length.
    pub fn matches(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }

    /// Puts [`HIDDEN`] in its place.
    pub fn redact(&mut self) {
        self.0 = HIDDEN.to_owned();
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Encode for Secret {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        self.0.encode(w);
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl Decode for Secret {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, msgpack::Error> {
        String::decode(r).map(Secret)
    }
}

impl ToJson for Secret {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        self.0.write_json(w);
    }

    fn is_empty_json(&self) -> bool {
        self.is_empty()
    }
}

impl FromJson for Secret {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        self.0.read_json(r);
    }

    fn go_type() -> Cow<'static, str> {
        "string".into()
    }
}

/// A value that may hold secrets anywhere inside: both codecs carry it, `Debug` does not show it.
#[derive(Clone, Default, PartialEq)]
pub struct Hidden<T>(pub T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<T> std::ops::Deref for Hidden<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Encode> Encode for Hidden<T> {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        self.0.encode(w);
    }

    fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

impl<T: Decode> Decode for Hidden<T> {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, msgpack::Error> {
        T::decode(r).map(Hidden)
    }
}

impl<T: ToJson> ToJson for Hidden<T> {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        self.0.write_json(w);
    }

    fn is_empty_json(&self) -> bool {
        self.0.is_empty_json()
    }
}

impl<T: FromJson> FromJson for Hidden<T> {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        self.0.read_json(r);
    }

    fn go_type() -> Cow<'static, str> {
        T::go_type()
    }
}
