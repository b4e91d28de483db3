//! A message without a type, kept so that writing it again gives the same bytes.

use bytes::Bytes;

use super::{Decode, Encode, Error, Reader, Token, Writer};

/// Any msgpack value. Maps keep the order read; strings keep their bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `c0`.
    Nil,
    /// `c2`, `c3`.
    Bool(bool),
    /// A signed form or positive fixint.
    Int(i64),
    /// An unsigned form.
    Uint(u64),
    /// `ca`.
    F32(f32),
    /// `cb`.
    F64(f64),
    /// The raw family: text or bytes, which the dialect does not tell apart.
    Raw(Bytes),
    /// The bin family.
    Bin(Bytes),
    /// An array.
    Array(Vec<Value>),
    /// A map, in the order read.
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// The text of a raw value that is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Raw(bytes) | Value::Bin(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The number of an integer value that fits.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Int(value) => u64::try_from(*value).ok(),
            Value::Uint(value) => Some(*value),
            _ => None,
        }
    }

    /// The member `key` of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(pairs) => pairs
                .iter()
                .find(|(k, _)| k.as_str() == Some(key))
                .map(|(_, v)| v),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Raw(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl Encode for Value {
    fn encode(&self, w: &mut Writer<'_>) {
        match self {
            Value::Nil => w.nil(),
            Value::Bool(value) => w.bool(*value),
            Value::Int(value) => w.int(*value),
            Value::Uint(value) => w.uint(*value),
            Value::F32(value) => w.f32(*value),
            Value::F64(value) => w.f64(*value),
            Value::Raw(bytes) => w.str(bytes),
            Value::Bin(bytes) => w.bin(bytes),
            Value::Array(items) => {
                w.array(items.len());
                items.iter().for_each(|item| item.encode(w));
            }
            Value::Map(pairs) => {
                w.map(pairs.len());
                for (key, value) in pairs {
                    key.encode(w);
                    value.encode(w);
                }
            }
        }
    }
}

impl Decode for Value {
    fn decode(r: &mut Reader<'_>) -> Result<Self, Error> {
        let mut look = r.clone();
        Ok(match look.token()? {
            Token::Array(_) => {
                let len = r.array_len()?.unwrap_or_default();
                r.deeper(|r| {
                    r.spend::<Value>(len)?;
                    let mut items = Vec::with_capacity(Reader::reserve_for::<Value>(len));
                    for _ in 0..len {
                        items.push(Value::decode(r)?);
                    }
                    Ok(Value::Array(items))
                })?
            }
            Token::Map(_) => {
                let len = r.map_len()?.unwrap_or_default();
                r.deeper(|r| {
                    r.spend::<(Value, Value)>(len)?;
                    let mut pairs = Vec::with_capacity(Reader::reserve_for::<(Value, Value)>(len));
                    for _ in 0..len {
                        pairs.push((Value::decode(r)?, Value::decode(r)?));
                    }
                    Ok(Value::Map(pairs))
                })?
            }
            scalar => {
                let at = r.position();
                *r = look;
                match scalar {
                    Token::Nil | Token::Array(_) | Token::Map(_) => Value::Nil,
                    Token::Bool(value) => Value::Bool(value),
                    Token::Int(value) => Value::Int(value),
                    Token::Uint(value) => Value::Uint(value),
                    Token::F32(value) => Value::F32(value),
                    Token::F64(value) => Value::F64(value),
                    Token::Raw(bytes) => Value::Raw(Bytes::copy_from_slice(bytes)),
                    Token::Bin(bytes) => Value::Bin(Bytes::copy_from_slice(bytes)),
                    Token::Ext(..) => {
                        return Err(Error::Invalid {
                            at,
                            what: "extension type",
                        });
                    }
                }
            }
        })
    }
}
