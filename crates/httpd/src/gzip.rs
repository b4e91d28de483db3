//! Content negotiation and compression (spec/http-api.md §1.4).

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::header::{ACCEPT_ENCODING, HeaderMap};
use std::io::Write as _;

/// Bodies below this many bytes are never compressed.
pub(crate) const MIN_SIZE: usize = 1400;

/// Whether the client takes gzip: named, in any case, with a quality above zero. `*` does not count.
pub(crate) fn accepted(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(ACCEPT_ENCODING) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    text.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        if !parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
        {
            return false;
        }
        let quality = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
        quality.is_none_or(|q| q.trim().parse::<f32>().is_ok_and(|q| q > 0.0))
    })
}

/// The body compressed; at the fastest level, since it is paid for once per change on the way to waiting clients.
pub(crate) fn compress(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4 + 64), Compression::fast());
    // Writing to a vector does not fail.
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn negotiation() {
        for (value, want) in [
            ("gzip", true),
            ("gzip, deflate", true),
            ("deflate, gzip;q=0.5", true),
            ("GZIP", true),
            ("gzip;q=0", false),
            ("gzip;q=x", false),
            ("deflate", false),
            ("*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepted(&headers), want, "{value}");
        }
    }

    #[test]
    fn compressed_bodies_come_back() {
        use std::io::Read as _;
        let body = b"abc".repeat(1000);
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(compress(&body).as_ref())
            .read_to_end(&mut back)
            .unwrap();
        assert_eq!(back, body);
    }
}
