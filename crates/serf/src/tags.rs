//! Tags: what a node says of itself, in swim's metadata (spec/wire.md §2.7).

use bytes::Bytes;
use dialect::Dict;
use dialect::msgpack;
use std::collections::BTreeMap;
use thiserror::Error;

/// Names and values.
pub type Tags = BTreeMap<String, String>;

const MAGIC: u8 = 0xff;

/// Tags that do not fit. The text is the reference's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("Encoded length of tags exceeds limit of {} bytes", swim::META_MAX)]
pub struct TooLong;

/// The metadata of these tags.
///
/// # Errors
/// It is longer than metadata may be.
pub fn encode(tags: &Tags) -> Result<Bytes, TooLong> {
    let mut out = vec![MAGIC];
    let mut writer = msgpack::Writer::new(&mut out);
    writer.map(tags.len());
    for (name, value) in tags {
        writer.str(name);
        writer.str(value);
    }
    if out.len() > swim::META_MAX {
        return Err(TooLong);
    }
    Ok(out.into())
}

/// The tags of this metadata. What does not begin as tags do is the value of `role`; what cannot be read gives none.
pub fn decode(meta: &[u8]) -> Tags {
    match meta.split_first() {
        None => Tags::new(),
        Some((&MAGIC, body)) => {
            let dict: Dict<String> = msgpack::from_slice(body).unwrap_or_default();
            dict.iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        }
        Some(_) => {
            let role = String::from_utf8_lossy(meta).into_owned();
            Tags::from([("role".to_owned(), role)])
        }
    }
}
