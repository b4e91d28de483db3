//! One record of the log: its bytes, its checksums, and what a place that holds no valid record tells.
//!
//! Owns: the layout. Must never learn: files and segments. Layout (little endian; docs/decisions/0003):
//!
//! ```text
//! 0  payload length (24 bits) | kind (low 7 bits of the top byte) | top bit: last record of its batch
//! 4  crc32c (from the segment's seed) over bytes 0..4, 12..32 and the payload
//! 8  crc32c (from the segment's seed) over bytes 0..4 and 12..32: the length may be trusted before the
//!    payload is read
//! 12 batch number within the segment, from 1
//! 16 index
//! 24 term
//! 32 payload, then zeros up to a multiple of 32
//! ```
//!
//! Records start at multiples of 32, so a header never crosses a sector: after a crash it is there as a
//! whole or reads as zeros. Anything between is damage, not a torn write.

use bytes::{BufMut, BytesMut};

/// Bytes before the payload.
pub const HEADER: usize = 32;
/// Records start at multiples of this.
pub const ALIGN: usize = 32;
/// The unit a medium writes whole or not at all.
pub const SECTOR: u64 = 512;
/// Largest payload of one record, bytes.
pub const MAX_PAYLOAD: usize = (1 << 24) - 1;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A command for the state machine.
    Command = 1,
    /// A membership change; the payload is a [`crate::Change`].
    Change = 2,
    /// Term, vote and commit.
    HardState = 3,
    /// The first membership, written once by the server that bootstraps.
    Membership = 4,
    /// Everything before this was synced; written when the log is closed in order.
    Seal = 5,
}

impl Kind {
    fn from_bits(bits: u8) -> Option<Kind> {
        Some(match bits {
            1 => Kind::Command,
            2 => Kind::Change,
            3 => Kind::HardState,
            4 => Kind::Membership,
            5 => Kind::Seal,
            _ => return None,
        })
    }
}

/// A decoded header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Payload bytes.
    pub len: usize,
    /// What the payload is.
    pub kind: Kind,
    /// Whether the batch ends here.
    pub last: bool,
    /// Which batch of the segment.
    pub batch: u32,
    /// Log index; 0 where it means nothing.
    pub index: u64,
    /// Term; 0 where it means nothing.
    pub term: u64,
}

impl Header {
    /// Bytes the record takes, padding included.
    #[must_use]
    pub fn span(&self) -> usize {
        span(self.len)
    }
}

/// Bytes a record with `len` payload bytes takes.
#[must_use]
pub fn span(len: usize) -> usize {
    (HEADER + len).next_multiple_of(ALIGN)
}

/// Appends one record. The payload must not exceed [`MAX_PAYLOAD`]; callers check where it comes in.
pub fn encode(out: &mut BytesMut, seed: u32, header: &Header, payload: &[u8]) {
    let mut head = [0u8; HEADER];
    let kind = (header.kind as u8) | if header.last { 0x80 } else { 0 };
    let word = (payload.len() as u32 & 0x00ff_ffff) | (u32::from(kind) << 24);
    head[0..4].copy_from_slice(&word.to_le_bytes());
    head[12..16].copy_from_slice(&header.batch.to_le_bytes());
    head[16..24].copy_from_slice(&header.index.to_le_bytes());
    head[24..32].copy_from_slice(&header.term.to_le_bytes());
    let check = header_check(seed, &head);
    head[4..8].copy_from_slice(&crc32c::crc32c_append(check, payload).to_le_bytes());
    head[8..12].copy_from_slice(&check.to_le_bytes());
    let span = span(payload.len());
    out.reserve(span);
    out.put_slice(&head);
    out.put_slice(payload);
    out.put_bytes(0, span - HEADER - payload.len());
}

fn header_check(seed: u32, head: &[u8; HEADER]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &head[0..4]), &head[12..32])
}

/// What stands at a record's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A whole, valid record.
    Valid(Header),
    /// Nothing was written here (zeros, or the file ends inside the header).
    Nothing,
    /// A valid header whose payload is missing in whole sectors or cut by the end of the file.
    Torn(Header),
    /// Bytes that no interrupted write leaves behind.
    Damaged,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// The header at the start of `bytes`, when its own checksum holds.
#[must_use]
pub fn header(seed: u32, bytes: &[u8]) -> Option<Header> {
    let head: &[u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
    if word(head, 8) != header_check(seed, head) {
        return None;
    }
    let first = word(head, 0);
    let kind = (first >> 24) as u8;
    Some(Header {
        len: (first & 0x00ff_ffff) as usize,
        kind: Kind::from_bits(kind & 0x7f)?,
        last: kind & 0x80 != 0,
        batch: word(head, 12),
        index: long(head, 16),
        term: long(head, 24),
    })
}

/// Looks at the record that starts at `at` (a multiple of [`ALIGN`]) of a segment's bytes.
#[must_use]
pub fn inspect(seed: u32, segment: &[u8], at: usize) -> Found {
    let Some(rest) = segment.get(at..) else {
        return Found::Nothing;
    };
    let Some(head) = rest.get(..HEADER) else {
        return Found::Nothing;
    };
    let Some(header) = header(seed, head) else {
        // One stray byte in reserved space is no record: a real header always has more of them.
        let written = head.iter().filter(|byte| **byte != 0).count();
        return if written <= 1 {
            Found::Nothing
        } else {
            Found::Damaged
        };
    };
    let Some(payload) = rest.get(HEADER..HEADER + header.len) else {
        return Found::Torn(header);
    };
    let check = crc32c::crc32c_append(word(head, 8), payload);
    if check == word(head, 4) {
        return Found::Valid(header);
    }
    if missing_sector(segment, at, at + HEADER + header.len) {
        Found::Torn(header)
    } else {
        Found::Damaged
    }
}

/// Whether some whole piece of `from..to` between sector borders, after the header's own sector, is zero.
fn missing_sector(segment: &[u8], from: usize, to: usize) -> bool {
    let sector = SECTOR as usize;
    let mut start = (from / sector + 1) * sector;
    while start < to {
        let end = (start + sector).min(to);
        if segment
            .get(start..end)
            .is_some_and(|piece| piece.iter().all(|byte| *byte == 0))
        {
            return true;
        }
        start += sector;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(payload: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        let header = Header {
            len: payload.len(),
            kind: Kind::Command,
            last: true,
            batch: 7,
            index: 42,
            term: 3,
        };
        encode(&mut out, 1, &header, payload);
        out
    }

    #[test]
    fn a_payload_missing_a_sector_is_torn_and_a_flipped_one_damaged() {
        let mut bytes = sample(&[9; 2000]);
        bytes[512..1024].fill(0);
        assert!(matches!(inspect(1, &bytes, 0), Found::Torn(_)));
        let mut bytes = sample(&[9; 2000]);
        bytes[700] ^= 1;
        assert_eq!(inspect(1, &bytes, 0), Found::Damaged);
        bytes[0] ^= 1;
        assert_eq!(inspect(1, &bytes, 0), Found::Damaged);
    }

    #[test]
    fn a_cut_record_is_never_valid() {
        let bytes = sample(b"some payload that is longer than its header");
        for cut in 0..HEADER + 43 {
            let found = inspect(1, &bytes[..cut], 0);
            assert!(
                matches!(found, Found::Nothing | Found::Torn(_)),
                "{cut}: {found:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn round_trip(payload in proptest::collection::vec(any::<u8>(), 0..1500), flip in any::<usize>()) {
            let mut bytes = sample(&payload);
            prop_assert_eq!(bytes.len(), span(payload.len()));
            let found = inspect(1, &bytes, 0);
            prop_assert!(matches!(found, Found::Valid(h) if h.len == payload.len() && h.index == 42 && h.last));
            let covered = HEADER + payload.len();
            bytes[flip % covered] ^= 1 << (flip % 8);
            prop_assert!(!matches!(inspect(1, &bytes, 0), Found::Valid(_)));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..8) {
            let _ = inspect(1, &bytes, at * ALIGN);
        }
    }
}
