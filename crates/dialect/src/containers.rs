//! Both codecs for lists and maps.

use std::borrow::Cow;

use crate::json::{self, FromJson, Kind, ToJson};
use crate::msgpack::{self, Decode, Encode, Error};
use crate::scalars::text;
use crate::{Dict, List};

impl<T: Encode> Encode for [T] {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        w.array(self.len());
        self.iter().for_each(|item| item.encode(w));
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        w.begin_array();
        for item in self {
            w.item();
            item.write_json(w);
        }
        w.end_array();
    }

    fn is_empty_json(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Encode> Encode for List<T> {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        if self.is_nil() {
            w.nil()
        } else {
            self.as_slice().encode(w)
        }
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Decode> Decode for List<T> {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
        let Some(len) = r.array_len()? else {
            return Ok(List::nil());
        };
        r.deeper(|r| {
            r.spend::<T>(len)?;
            let mut items = Vec::with_capacity(msgpack::Reader::reserve_for::<T>(len));
            for _ in 0..len {
                items.push(T::decode(r)?);
            }
            Ok(items.into())
        })
    }
}

impl<T: ToJson> ToJson for List<T> {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        if self.is_nil() {
            w.null()
        } else {
            self.as_slice().write_json(w)
        }
    }

    fn write_json_nil_empty(&self, w: &mut json::Writer<'_>) {
        self.as_slice().write_json(w);
    }

    fn is_empty_json(&self) -> bool {
        self.is_empty()
    }
}

impl<T: FromJson + Default> FromJson for List<T> {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        match r.kind() {
            Kind::Array => {
                let mut items = Vec::new();
                r.array(|r| {
                    if r.spend::<T>() {
                        let mut item = T::default();
                        item.read_json(r);
                        items.push(item);
                    }
                });
                *self = items.into();
            }
            Kind::Null => {
                *self = List::nil();
                r.skip();
            }
            _ => r.mismatch(&Self::go_type()),
        }
    }

    fn go_type() -> Cow<'static, str> {
        format!("[]{}", T::go_type()).into()
    }
}

impl<V: Encode> Encode for Dict<V> {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        if self.is_nil() {
            return w.nil();
        }
        w.map(self.len());
        for (key, value) in self {
            w.str(key);
            value.encode(w);
        }
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl<V: Decode> Decode for Dict<V> {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, Error> {
        let Some(len) = r.map_len()? else {
            return Ok(Dict::nil());
        };
        r.deeper(|r| {
            r.spend::<(String, V)>(len)?;
            let mut map = Dict::empty();
            for _ in 0..len {
                let key = text(r.str_bytes()?);
                map.insert(key, V::decode(r)?);
            }
            Ok(map)
        })
    }
}

impl<V: ToJson> ToJson for Dict<V> {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        if self.is_nil() {
            w.null()
        } else {
            self.write_json_nil_empty(w)
        }
    }

    fn write_json_nil_empty(&self, w: &mut json::Writer<'_>) {
        w.begin_object();
        for (key, value) in self {
            w.key_escaped(key);
            value.write_json(w);
        }
        w.end_object();
    }

    fn is_empty_json(&self) -> bool {
        self.is_empty()
    }
}

impl<V: FromJson + Default> FromJson for Dict<V> {
    /// As in Go, members are added to what the map already holds.
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        match r.kind() {
            Kind::Object => {
                let map = self.make_mut();
                r.object(|r, key| {
                    if r.spend::<(String, V)>() {
                        let mut value = V::default();
                        value.read_json(r);
                        map.insert(key.to_owned(), value);
                    }
                });
            }
            Kind::Null => {
                *self = Dict::nil();
                r.skip();
            }
            _ => r.mismatch(&Self::go_type()),
        }
    }

    fn go_type() -> Cow<'static, str> {
        format!("map[string]{}", V::go_type()).into()
    }
}
