//! Reading a segment's bytes: which records stand in it, and whether what follows them is the tail of an
//! interrupted write (cut) or damage (refused).
//!
//! Every batch is synced before the next one is written, so a crash can tear the last batch only. Sectors
//! are written whole or not at all and the space was zero before. Hence: bytes that no such crash leaves
//! behind are damage, and so is a gap with any record of a later batch behind it.

use crate::record::{self, ALIGN, Found, HEADER, Header};

/// Bytes of a segment's own header.
pub(crate) const SEGMENT_HEADER: usize = 64;
const MAGIC: &[u8; 8] = b"PCRAFTLG";
/// Version of segment and record layout.
const VERSION: u8 = 1;

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Everything in earlier segments is void: a snapshot was installed.
    pub(crate) reset: bool,
    pub(crate) raft_id: u64,
    pub(crate) sequence: u64,
    /// Index of the first entry appended here when nothing is replaced.
    pub(crate) first: u64,
    /// Term of the entry before it.
    pub(crate) prev_term: u64,
    /// Where the records of the segment before this one end; 0 for the first and after a reset.
    pub(crate) prev_end: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut out = [0u8; SEGMENT_HEADER];
        out[0..8].copy_from_slice(MAGIC);
        out[8] = VERSION;
        out[9] = u8::from(self.reset);
        for (at, value) in [
            (16, self.raft_id),
            (24, self.sequence),
            (32, self.first),
            (40, self.prev_term),
            (48, self.prev_end),
        ] {
            out[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let check = crc32c::crc32c(&out[..60]);
        out[60..64].copy_from_slice(&check.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<SegmentHeader, &'static str> {
        let head: &[u8; SEGMENT_HEADER] = bytes
            .get(..SEGMENT_HEADER)
            .and_then(|b| b.try_into().ok())
            .ok_or("the segment header is cut short")?;
        let long = |at: usize| {
            let mut raw = [0u8; 8];
            raw.copy_from_slice(&head[at..at + 8]);
            u64::from_le_bytes(raw)
        };
        if &head[0..8] != MAGIC || (long(56) >> 32) as u32 != crc32c::crc32c(&head[..60]) {
            return Err("the segment header's checksum does not match");
        }
        if head[8] != VERSION {
            return Err("the segment was written by a newer version");
        }
        Ok(SegmentHeader {
            reset: head[9] & 1 != 0,
            raft_id: long(16),
            sequence: long(24),
            first: long(32),
            prev_term: long(40),
            prev_end: long(48),
        })
    }

    /// Start value of the segment's checksums: bytes of another segment never pass here.
    pub(crate) fn seed(&self) -> u32 {
        let mut key = [0u8; 16];
        key[..8].copy_from_slice(&self.raft_id.to_le_bytes());
        key[8..].copy_from_slice(&self.sequence.to_le_bytes());
        crc32c::crc32c(&key)
    }
}

/// The records of one segment.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Position and header of every record of a complete batch, in order.
    pub(crate) records: Vec<(usize, Header)>,
    /// Where the next record goes.
    pub(crate) end: usize,
    /// Number of the last complete batch, 0 if none.
    pub(crate) batch: u32,
    /// Whether something behind `end` has to be cut.
    pub(crate) tail: bool,
}

/// A place that no interrupted write explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) offset: usize,
    pub(crate) reason: &'static str,
}

/// Reads a segment. `end` is given for all but the last one: records must reach exactly there.
pub(crate) fn scan(bytes: &[u8], seed: u32, end: Option<usize>) -> Result<Scan, Damage> {
    let mut records: Vec<(usize, Header)> = Vec::new();
    let mut at = SEGMENT_HEADER;
    let (mut complete, mut complete_end, mut batch) = (0, at, 0);
    let mut open = false;
    let stop = loop {
        if end == Some(at) {
            break Found::Nothing;
        }
        match record::inspect(seed, bytes, at) {
            Found::Valid(header) => {
                let expected = if open { batch } else { batch + 1 };
                if header.batch != expected {
                    return damage(at, "a batch is missing");
                }
                records.push((at, header));
                at += header.span();
                open = !header.last;
                batch = header.batch;
                if header.last {
                    (complete, complete_end) = (records.len(), at);
                }
            }
            other => break other,
        }
    };
    if let Some(end) = end {
        return if at == end && !open {
            Ok(finish(records, at, batch, false))
        } else {
            damage(at, "a record is invalid and a later segment follows it")
        };
    }
    let torn = if open { batch } else { batch + 1 };
    match stop {
        Found::Damaged => return damage(at, "the bytes are no record and no interrupted write"),
        Found::Torn(header) if header.batch != torn => return damage(at, "a batch is missing"),
        _ => {}
    }
    if later_batch(bytes, seed, at + ALIGN, torn) {
        return damage(
            at,
            "an invalid record is followed by a valid one of a later batch",
        );
    }
    records.truncate(complete);
    let batch = if open { batch.saturating_sub(1) } else { batch };
    let tail = bytes
        .get(complete_end..)
        .is_some_and(|rest| rest.iter().any(|byte| *byte != 0));
    Ok(finish(records, complete_end, batch, tail))
}

fn finish(records: Vec<(usize, Header)>, end: usize, batch: u32, tail: bool) -> Scan {
    Scan {
        records,
        end,
        batch,
        tail,
    }
}

fn damage<T>(offset: usize, reason: &'static str) -> Result<T, Damage> {
    Err(Damage { offset, reason })
}

/// Whether a record of a batch after `torn` starts anywhere from `at` on.
fn later_batch(bytes: &[u8], seed: u32, at: usize, torn: u32) -> bool {
    let mut at = at;
    while let Some(head) = bytes.get(at..at + HEADER) {
        if head[3] != 0
            && let Some(header) = record::header(seed, head)
            && header.batch > torn
        {
            return true;
        }
        at += ALIGN;
    }
    false
}
