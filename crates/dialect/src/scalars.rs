//! Both codecs for the plain types, options and pointers.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::base64;
use crate::json::{self, FromJson, Kind, ToJson};
use crate::msgpack::{self, Decode, Encode, Error};

impl Encode for bool {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        w.bool(*self);
    }

    fn is_zero(&self) -> bool {
        !self
    }
}

impl Decode for bool {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
        r.bool()
    }
}

impl ToJson for bool {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        w.bool(*self);
    }

    fn is_empty_json(&self) -> bool {
        !self
    }
}

impl FromJson for bool {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        match r.kind() {
            Kind::Bool => *self = r.bool(),
            Kind::Null => r.skip(),
            _ => r.mismatch("bool"),
        }
    }

    fn go_type() -> Cow<'static, str> {
        "bool".into()
    }
}

/// The number `text` as a whole, or a note that it does not fit.
fn read_whole<T: std::str::FromStr>(r: &mut json::Reader<'_>, target: &mut T, wanted: &str) {
    match r.kind() {
        Kind::Number => {
            let text = r.number();
            // "-0" is 0 for signed types and refused for unsigned ones, by Go as by Rust.
            match text.parse() {
                Ok(value) => *target = value,
                Err(_) => r.mismatch_of(&format!("number {text}"), wanted),
            }
        }
        Kind::Null => r.skip(),
        _ => r.mismatch(wanted),
    }
}

macro_rules! integers {
    ($($kind:ty, $go:literal, $wide:ty, $write:ident, $read:ident;)*) => {$(
        impl Encode for $kind {
            #[inline]
            fn encode(&self, w: &mut msgpack::Writer<'_>) {
                w.$write(<$wide>::from(*self));
            }

            fn is_zero(&self) -> bool {
                *self == 0
            }
        }

        impl Decode for $kind {
            #[inline]
            fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
                let at = r.position();
                <$kind>::try_from(r.$read()?).map_err(|_| Error::Overflow { at, wanted: $go })
            }
        }

        impl ToJson for $kind {
            #[inline]
            fn write_json(&self, w: &mut json::Writer<'_>) {
                w.$write(<$wide>::from(*self));
            }

            fn is_empty_json(&self) -> bool {
                *self == 0
            }
        }

        impl FromJson for $kind {
            fn read_json(&mut self, r: &mut json::Reader<'_>) {
                read_whole(r, self, $go);
            }

            fn go_type() -> Cow<'static, str> {
                $go.into()
            }
        }
    )*};
}

integers! {
    u8, "uint8", u64, uint, uint;
    u16, "uint16", u64, uint, uint;
    u32, "uint32", u64, uint, uint;
    u64, "uint64", u64, uint, uint;
    i8, "int8", i64, int, int;
    i16, "int16", i64, int, int;
    i32, "int32", i64, int, int;
    i64, "int", i64, int, int;
}

impl Encode for f64 {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        w.f64(*self);
    }

    fn is_zero(&self) -> bool {
        *self == 0.0
    }
}

impl Decode for f64 {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
        r.float()
    }
}

impl ToJson for f64 {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        w.f64(*self);
    }

    fn is_empty_json(&self) -> bool {
        *self == 0.0
    }
}

impl FromJson for f64 {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        match r.kind() {
            Kind::Number => {
                let text = r.number();
                match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => *self = value,
                    _ => r.mismatch_of(&format!("number {text}"), "float64"),
                }
            }
            Kind::Null => r.skip(),
            _ => r.mismatch("float64"),
        }
    }

    fn go_type() -> Cow<'static, str> {
        "float64".into()
    }
}

impl Encode for f32 {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        w.f32(*self);
    }

    fn is_zero(&self) -> bool {
        *self == 0.0
    }
}

impl Decode for f32 {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
        Ok(r.float()? as f32)
    }
}

impl ToJson for f32 {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        // The shortest digits of the narrow type, not those of the widened value.
        w.verbatim(
            if self.is_finite() {
                self.to_string()
            } else {
                "null".into()
            }
            .as_bytes(),
        );
    }

    fn is_empty_json(&self) -> bool {
        *self == 0.0
    }
}

impl FromJson for f32 {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        let mut wide = f64::from(*self);
        wide.read_json(r);
        *self = wide as f32;
    }

    fn go_type() -> Cow<'static, str> {
        "float32".into()
    }
}

/// A msgpack string as text. Go strings hold any bytes; ours are UTF-8, so what is not becomes U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

macro_rules! texts {
    ($($kind:ty),*) => {$(
        impl Encode for $kind {
            #[inline]
            fn encode(&self, w: &mut msgpack::Writer<'_>) {
                w.str(self.as_bytes());
            }

            fn is_zero(&self) -> bool {
                self.is_empty()
            }
        }

        impl Decode for $kind {
            #[inline]
            fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
                Ok(text(r.str_bytes()?).into())
            }
        }

        impl ToJson for $kind {
            #[inline]
            fn write_json(&self, w: &mut json::Writer<'_>) {
                w.str(self);
            }

            fn is_empty_json(&self) -> bool {
                self.is_empty()
            }
        }

        impl FromJson for $kind {
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
    )*};
}

texts!(String, Arc<str>, Box<str>);

impl Encode for str {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        w.str(self);
    }
}

impl ToJson for str {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        w.str(self);
    }
}

impl Encode for Bytes {
    /// nil and empty are one here and go out as nil; `Option<Bytes>` keeps them apart.
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        if self.is_empty() {
            w.nil()
        } else {
            w.raw(self)
        }
    }

    fn encode_some(&self, w: &mut msgpack::Writer<'_>) {
        w.raw(self);
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl Decode for Bytes {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
        Ok(r.owned_bytes()?.unwrap_or_default())
    }
}

impl ToJson for Bytes {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        if self.is_empty() {
            w.null()
        } else {
            w.base64(self)
        }
    }

    fn write_json_some(&self, w: &mut json::Writer<'_>) {
        w.base64(self);
    }

    fn is_empty_json(&self) -> bool {
        self.is_empty()
    }
}

impl FromJson for Bytes {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        match r.kind() {
            Kind::String => match base64::decode(r.str().as_bytes()) {
                Ok(bytes) => *self = bytes.into(),
                Err(fault) => r.fail(fault.to_string()),
            },
            // To Go bytes are also a list of small numbers.
            Kind::Array => {
                let mut bytes = Vec::new();
                r.array(|r| {
                    let mut byte = 0u8;
                    byte.read_json(r);
                    bytes.push(byte);
                });
                *self = bytes.into();
            }
            Kind::Null => {
                *self = Bytes::new();
                r.skip();
            }
            _ => r.mismatch("[]uint8"),
        }
    }

    fn go_type() -> Cow<'static, str> {
        "[]uint8".into()
    }
}

impl<T: Encode> Encode for Option<T> {
    #[inline]
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        match self {
            None => w.nil(),
            Some(value) => value.encode_some(w),
        }
    }

    fn is_zero(&self) -> bool {
        self.is_none()
    }
}

impl<T: Decode> Decode for Option<T> {
    #[inline]
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
        if r.take_nil() {
            Ok(None)
        } else {
            T::decode(r).map(Some)
        }
    }
}

impl<T: ToJson> ToJson for Option<T> {
    #[inline]
    fn write_json(&self, w: &mut json::Writer<'_>) {
        match self {
            None => w.null(),
            Some(value) => value.write_json_some(w),
        }
    }

    fn is_empty_json(&self) -> bool {
        self.is_none()
    }
}

impl<T: FromJson + Default> FromJson for Option<T> {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        if r.take_null() {
            *self = None;
        } else {
            self.get_or_insert_with(T::default).read_json(r);
        }
    }

    fn go_type() -> Cow<'static, str> {
        format!("*{}", T::go_type()).into()
    }
}

macro_rules! pointers {
    ($($pointer:ident),*) => {$(
        impl<T: Encode> Encode for $pointer<T> {
            #[inline]
            fn encode(&self, w: &mut msgpack::Writer<'_>) {
                (**self).encode(w);
            }

            fn encode_some(&self, w: &mut msgpack::Writer<'_>) {
                (**self).encode_some(w);
            }

            fn is_zero(&self) -> bool {
                (**self).is_zero()
            }
        }

        impl<T: Decode> Decode for $pointer<T> {
            #[inline]
            fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
                T::decode(r).map($pointer::new)
            }
        }

        impl<T: ToJson> ToJson for $pointer<T> {
            #[inline]
            fn write_json(&self, w: &mut json::Writer<'_>) {
                (**self).write_json(w);
            }

            fn write_json_some(&self, w: &mut json::Writer<'_>) {
                (**self).write_json_some(w);
            }

            fn is_empty_json(&self) -> bool {
                (**self).is_empty_json()
            }
        }
    )*};
}

pointers!(Box, Arc);

impl<T: FromJson> FromJson for Box<T> {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        if r.spend::<T>() {
            (**self).read_json(r);
        }
    }

    fn go_type() -> Cow<'static, str> {
        T::go_type()
    }
}

impl<T: FromJson + Clone> FromJson for Arc<T> {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        if r.spend::<T>() {
            Arc::make_mut(self).read_json(r);
        }
    }

    fn go_type() -> Cow<'static, str> {
        T::go_type()
    }
}
