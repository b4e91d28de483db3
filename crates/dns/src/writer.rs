//! Messages on the way out: names with compression, records, counts.
//!
//! Besides the bytes it keeps the length the message would have without compression, by which small datagrams are cut
//! (spec/dns.md §11). Must never learn what records mean.

use crate::name::Name;
use crate::question::HEADER_BYTES;
use smallvec::SmallVec;

/// Pointers reach this far (14 bits, RFC 1035 §4.1.4).
pub(crate) const POINTER_REACH: usize = 1 << 14;
/// Name suffixes remembered for compression. More would be searched for nothing: answers share a few suffixes, and the
/// targets of SRV records, of which there may be thousands, are remembered beside their records.
const SUFFIXES_MAX: usize = 32;

/// A name that may stand in the message already.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a> {
    /// The question's name.
    Question,
    /// A name of so many bytes that was written in full at this position.
    At(usize, usize),
    /// Any name, in wire form.
    Name(&'a [u8]),
}

/// A place to go back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    at: usize,
    plain: usize,
}

pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Where the message begins in `out`.
    base: usize,
    compress: bool,
    suffixes: SmallVec<[u16; SUFFIXES_MAX]>,
    /// Length without compression.
    plain: usize,
    question_bytes: usize,
}

impl<'o> Writer<'o> {
    /// Starts a message with an empty header and this question.
    pub(crate) fn new(
        out: &'o mut Vec<u8>,
        name: &[u8],
        qtype: u16,
        qclass: u16,
        compress: bool,
    ) -> Self {
        let base = out.len();
        out.extend_from_slice(&[0; HEADER_BYTES]);
        let mut writer = Self {
            out,
            base,
            compress,
            suffixes: SmallVec::new(),
            plain: HEADER_BYTES,
            question_bytes: name.len(),
        };
        writer.name(name, true);
        writer.u16(qtype);
        writer.u16(qclass);
        writer
    }

    /// Bytes of the message so far.
    pub(crate) fn len(&self) -> usize {
        self.out.len() - self.base
    }

    /// Bytes so far had nothing been compressed.
    pub(crate) fn plain_len(&self) -> usize {
        self.plain
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            at: self.len(),
            plain: self.plain,
        }
    }

    /// Forgets everything after a mark.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.out.truncate(self.base + mark.at);
        self.plain = mark.plain;
        self.suffixes.retain(|at| usize::from(*at) < mark.at);
    }

    /// Fills the header in.
    pub(crate) fn finish(self, header: [u8; HEADER_BYTES]) {
        if let Some(start) = self.out.get_mut(self.base..self.base + HEADER_BYTES) {
            start.copy_from_slice(&header);
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.plain += bytes.len();
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes a name; with `pointers` its known suffixes are replaced. Either way it is remembered for later names.
    pub(crate) fn name(&mut self, wire: &[u8], pointers: bool) {
        self.plain += wire.len();
        if !self.compress {
            self.out.extend_from_slice(wire);
            return;
        }
        let here = self.len();
        let mut at = 0;
        while let Some(&label) = wire.get(at).filter(|label| **label != 0) {
            let suffix = wire.get(at..).unwrap_or_default();
            if let Some(known) = self.find(suffix) {
                if pointers {
                    self.out
                        .extend_from_slice(wire.get(..at).unwrap_or_default());
                    self.out.extend_from_slice(&(0xc000 | known).to_be_bytes());
                    return;
                }
                break;
            }
            self.remember(here + at);
            at += 1 + usize::from(label);
        }
        self.out.extend_from_slice(wire);
    }

    fn remember(&mut self, at: usize) {
        if at < POINTER_REACH && self.suffixes.len() < SUFFIXES_MAX {
            self.suffixes.push(at as u16);
        }
    }

    /// Where this suffix stands, compared with its letter case.
    fn find(&self, suffix: &[u8]) -> Option<u16> {
        self.suffixes
            .iter()
            .copied()
            .find(|at| self.stands_at(usize::from(*at), suffix))
    }

    fn stands_at(&self, mut at: usize, mut suffix: &[u8]) -> bool {
        let message = self.out.get(self.base..).unwrap_or_default();
        // Our own pointers lead strictly backwards, so this ends.
        loop {
            match (message.get(at), suffix.first()) {
                (Some(high @ 0xc0..), _) => {
                    let Some(low) = message.get(at + 1) else {
                        return false;
                    };
                    at = usize::from(high & 0x3f) << 8 | usize::from(*low);
                }
                (Some(0), Some(0)) => return true,
                (Some(label), Some(wanted)) if label == wanted => {
                    let end = 1 + usize::from(*label);
                    if message.get(at..at + end) != suffix.get(..end) {
                        return false;
                    }
                    at += end;
                    suffix = suffix.get(end..).unwrap_or_default();
                }
                _ => return false,
            }
        }
    }

    /// Writes a record's owner, type, class IN and TTL.
    pub(crate) fn head(&mut self, owner: Owner<'_>, rtype: u16, ttl: u32) {
        match owner {
            Owner::Question if self.compress && self.question_bytes > 1 => {
                self.out.extend_from_slice(&[0xc0, HEADER_BYTES as u8]);
                self.plain += self.question_bytes;
            }
            Owner::Question => {
                let start = self.base + HEADER_BYTES;
                self.out
                    .extend_from_within(start..start + self.question_bytes);
                self.plain += self.question_bytes;
            }
            Owner::At(at, bytes) if self.compress && at < POINTER_REACH && bytes > 1 => {
                self.out
                    .extend_from_slice(&(0xc000 | at as u16).to_be_bytes());
                self.plain += bytes;
            }
            Owner::At(at, _) => {
                let known = Name::read(self.out.get(self.base..).unwrap_or_default(), at);
                self.name(known.map_or(Name::root(), |(name, _)| name).wire(), true);
            }
            Owner::Name(wire) => self.name(wire, true),
        }
        let [t1, t2] = rtype.to_be_bytes();
        let [l1, l2, l3, l4] = ttl.to_be_bytes();
        self.bytes(&[t1, t2, 0, 1, l1, l2, l3, l4]);
    }

    /// A record with data of fixed bytes.
    pub(crate) fn record(&mut self, owner: Owner<'_>, rtype: u16, ttl: u32, data: &[u8]) {
        self.head(owner, rtype, ttl);
        self.u16(data.len() as u16);
        self.bytes(data);
    }

    /// A record whose data is written by `data`.
    pub(crate) fn record_with(
        &mut self,
        owner: Owner<'_>,
        rtype: u16,
        ttl: u32,
        data: impl FnOnce(&mut Self),
    ) {
        self.head(owner, rtype, ttl);
        self.u16(0);
        let start = self.out.len();
        data(self);
        let bytes = (self.out.len() - start) as u16;
        if let Some(length) = self.out.get_mut(start - 2..start) {
            length.copy_from_slice(&bytes.to_be_bytes());
        }
    }

    /// Bytes that [`Self::head`] would write for an owner standing at `at`, without type, class and TTL.
    pub(crate) fn owner_bytes(&self, at: usize, wire_bytes: usize) -> usize {
        if self.compress && at < POINTER_REACH {
            2
        } else {
            // A suffix may still be replaced; the shortest outcome keeps the estimate below the truth.
            if self.compress { 3 } else { wire_bytes }
        }
    }
}
