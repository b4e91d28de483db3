//! Go's `interface{}`: a value whose type is known only when it is there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::json::{self, FromJson, Kind, ToJson};
use crate::msgpack::{self, Decode, Encode, Error, Token};

/// Any value that opaque configuration may hold.
///
/// JSON numbers become [`Any::Float`] (as Go does), msgpack integers [`Any::Int`] or [`Any::Uint`] (spec/wire.md §0.2).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Any {
    /// nil.
    #[default]
    Null,
    /// A bool.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An integer that came in an unsigned form.
    Uint(u64),
    /// A float.
    Float(f64),
    /// A text.
    Str(String),
    /// A byte string (msgpack's bin family); base64 in JSON.
    Bytes(Bytes),
    /// A list that is not nil.
    List(Vec<Any>),
    /// A map with text keys.
    Map(BTreeMap<String, Any>),
}

impl Any {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Any::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value of any kind of number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Any::Int(value) => Some(*value as f64),
            Any::Uint(value) => Some(*value as f64),
            Any::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of a bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Any::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Any>> {
        match self {
            Any::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn as_list(&self) -> Option<&[Any]> {
        match self {
            Any::List(items) => Some(items),
            _ => None,
        }
    }
}

impl From<&str> for Any {
    fn from(text: &str) -> Self {
        Any::Str(text.to_owned())
    }
}

impl From<String> for Any {
    fn from(text: String) -> Self {
        Any::Str(text)
    }
}

impl From<bool> for Any {
    fn from(value: bool) -> Self {
        Any::Bool(value)
    }
}

impl From<i64> for Any {
    fn from(value: i64) -> Self {
        Any::Int(value)
    }
}

impl From<f64> for Any {
    fn from(value: f64) -> Self {
        Any::Float(value)
    }
}

impl Encode for Any {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        match self {
            Any::Null => w.nil(),
            Any::Bool(value) => w.bool(*value),
            Any::Int(value) => w.int(*value),
            Any::Uint(value) => w.uint(*value),
            Any::Float(value) => w.f64(*value),
            Any::Str(text) => w.str(text),
            Any::Bytes(bytes) => w.raw(bytes),
            Any::List(items) => items.as_slice().encode(w),
            Any::Map(map) => {
                w.map(map.len());
                for (key, value) in map {
                    w.str(key);
                    value.encode(w);
                }
            }
        }
    }

    fn is_zero(&self) -> bool {
        *self == Any::Null
    }
}

impl Decode for Any {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
        let at = r.position();
        Ok(match r.token()? {
            Token::Nil => Any::Null,
            Token::Bool(value) => Any::Bool(value),
            Token::Int(value) => Any::Int(value),
            Token::Uint(value) => Any::Uint(value),
            Token::F32(value) => Any::Float(f64::from(value)),
            Token::F64(value) => Any::Float(value),
            Token::Raw(text) => Any::Str(String::from_utf8_lossy(text).into_owned()),
            Token::Bin(bytes) => Any::Bytes(Bytes::copy_from_slice(bytes)),
            Token::Array(len) => r.deeper(|r| {
                r.spend::<Any>(len)?;
                let mut items = Vec::with_capacity(len.min(r.rest().len()).min(1024));
                for _ in 0..len {
                    items.push(Any::decode(r)?);
                }
                Ok(Any::List(items))
            })?,
            Token::Map(len) => r.deeper(|r| {
                r.spend::<(String, Any)>(len)?;
                let mut map = BTreeMap::new();
                for _ in 0..len {
                    let key = String::decode(r)?;
                    map.insert(key, Any::decode(r)?);
                }
                Ok(Any::Map(map))
            })?,
            Token::Ext(..) => {
                return Err(Error::Invalid {
                    at,
                    what: "extension type",
                });
            }
        })
    }
}

impl ToJson for Any {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        match self {
            Any::Null => w.null(),
            Any::Bool(value) => w.bool(*value),
            Any::Int(value) => w.int(*value),
            Any::Uint(value) => w.uint(*value),
            Any::Float(value) => w.f64(*value),
            Any::Str(text) => w.str(text),
            Any::Bytes(bytes) => w.base64(bytes),
            Any::List(items) => items.as_slice().write_json(w),
            Any::Map(map) => {
                w.begin_object();
                for (key, value) in map {
                    w.key_escaped(key);
                    value.write_json(w);
                }
                w.end_object();
            }
        }
    }

    fn is_empty_json(&self) -> bool {
        *self == Any::Null
    }
}

impl FromJson for Any {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        *self = match r.kind() {
            Kind::Null => {
                r.skip();
                Any::Null
            }
            Kind::Bool => Any::Bool(r.bool()),
            Kind::Number => {
                let mut value = 0.0;
                f64::read_json(&mut value, r);
                Any::Float(value)
            }
            Kind::String => Any::Str(r.str().into_owned()),
            Kind::Array => {
                let mut items = Vec::new();
                r.array(|r| {
                    if r.spend::<Any>() {
                        let mut item = Any::Null;
                        item.read_json(r);
                        items.push(item);
                    }
                });
                Any::List(items)
            }
            Kind::Object => {
                let mut map = BTreeMap::new();
                // A small map takes a whole node of a B-tree for its first members.
                r.object(|r, key| {
                    let room = match map.is_empty() {
                        true => r.spend::<[(String, Any); 12]>(),
                        false => r.spend::<(String, Any)>(),
                    };
                    if room {
                        let mut value = Any::Null;
                        value.read_json(r);
                        map.insert(key.to_owned(), value);
                    }
                });
                Any::Map(map)
            }
        };
    }

    fn go_type() -> Cow<'static, str> {
        "interface {}".into()
    }
}
