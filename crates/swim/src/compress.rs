//! The one compression there is: LZW as in GIF, least significant bits first (spec/wire.md §1.5).

use crate::messages::{Compressed, kind, with_kind};
use bytes::Bytes;
use weezl::{BitOrder, LzwStatus, decode::Decoder, encode::Encoder};

const LITERAL_BITS: u8 = 8;
/// Output is made in pieces of this size.
const PIECE: usize = 16 * 1024;

/// Why compressed content cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// No other algorithm exists.
    #[error("Cannot decompress unknown algorithm {0}")]
    Algorithm(u8),
    /// More comes out than the limit allows.
    #[error("decompressed content is larger than limit ({0})")]
    TooLarge(usize),
    /// No such code, or no end.
    #[error("compressed content is damaged")]
    Damaged,
}

/// `message` within a compress message, whether that is shorter or not.
pub(crate) fn compress(message: &[u8]) -> Vec<u8> {
    let packed = Encoder::new(BitOrder::Lsb, LITERAL_BITS).encode(message);
    // Into memory, and of bytes with all eight bits: there is nothing to fail.
    let buf = Bytes::from(packed.unwrap_or_default());
    with_kind(kind::COMPRESS, &Compressed { algo: 0, buf })
}

/// What was compressed, if it is not longer than `limit` bytes.
pub(crate) fn decompress(content: &Compressed, limit: usize) -> Result<Bytes, DecompressError> {
    if content.algo != 0 {
        return Err(DecompressError::Algorithm(content.algo));
    }
    let mut decoder = Decoder::new(BitOrder::Lsb, LITERAL_BITS);
    let mut input: &[u8] = &content.buf;
    let mut out = Vec::new();
    loop {
        let start = out.len();
        out.resize(start + PIECE, 0);
        let made = decoder.decode_bytes(input, &mut out[start..]);
        out.truncate(start + made.consumed_out);
        if out.len() > limit {
            return Err(DecompressError::TooLarge(limit));
        }
        input = input.get(made.consumed_in..).unwrap_or_default();
        match made.status {
            Ok(LzwStatus::Ok) => {}
            Ok(LzwStatus::Done) => return Ok(out.into()),
            Ok(LzwStatus::NoProgress) | Err(_) => return Err(DecompressError::Damaged),
        }
    }
}
