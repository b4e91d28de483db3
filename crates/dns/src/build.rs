//! Answers with their size rules (spec/dns.md §11): records are written once, in order, until no more can fit, and cut
//! back to what does.

use crate::policy::Policy;
use crate::question::{HEADER_BYTES, Question, Transport, rcode, rtype};
use crate::rows::Context;
use crate::writer::{Mark, Owner, Writer};
use smallvec::SmallVec;

/// Datagram size every client takes (RFC 1035 §4.2.1).
const UDP_BYTES_MIN: usize = 512;
/// Largest datagram ever sent.
const UDP_BYTES_MAX: usize = 65_467;
/// Room left in every datagram.
const UDP_RESERVE_BYTES: usize = 8;
/// Largest message over a stream.
const TCP_BYTES_MAX: usize = 65_523;
/// Most answers over a stream; SRV records take more room each.
pub(crate) const TCP_ANSWERS: usize = 4096;
const TCP_ANSWERS_SRV: usize = 1024;
/// Most answers in a small datagram whatever the configuration says.
const UDP_ANSWERS_SMALL: usize = 8;

/// The size rules of one reply.
#[derive(Clone, Copy)]
struct Limits {
    answers: usize,
    bytes: usize,
    /// At most 512 bytes over UDP: when `answers` is exceeded, length counts without compression.
    small: bool,
}

impl Limits {
    fn new(question: &Question, policy: &Policy, transport: Transport) -> Self {
        match transport {
            Transport::Tcp => {
                let answers = if question.qtype == rtype::SRV {
                    TCP_ANSWERS_SRV
                } else {
                    TCP_ANSWERS
                };
                Self {
                    answers,
                    bytes: TCP_BYTES_MAX,
                    small: false,
                }
            }
            Transport::Udp => {
                let wanted = question
                    .edns
                    .as_ref()
                    .map_or(0, |edns| usize::from(edns.udp_bytes));
                let bytes = wanted.clamp(UDP_BYTES_MIN, UDP_BYTES_MAX);
                let small = bytes == UDP_BYTES_MIN;
                let answers = if small {
                    policy.udp_answer_limit.min(UDP_ANSWERS_SMALL)
                } else {
                    usize::MAX
                };
                Self {
                    answers,
                    bytes: bytes - UDP_RESERVE_BYTES,
                    small,
                }
            }
        }
    }
}

/// The extra section a reply would like to have; [`Build::finish`] asks for it in one of two extents.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything.
    Full,
    /// Only records of the targets of the first so many answers.
    Targets(usize),
}

/// A reply being built.
pub(crate) struct Build<'o, 'c> {
    pub(crate) w: Writer<'o>,
    question: &'c Question,
    context: &'c Context<'c>,
    limits: Limits,
    /// The end of the question and of each answer.
    ends: SmallVec<[Mark; 16]>,
    /// Least bytes that extra records of the answers so far will take.
    extra_bytes: usize,
    overflow: bool,
}

impl<'o, 'c> Build<'o, 'c> {
    pub(crate) fn new(
        question: &'c Question,
        context: &'c Context<'c>,
        out: &'o mut Vec<u8>,
    ) -> Self {
        let w = Writer::new(
            out,
            question.name.wire(),
            question.qtype,
            question.qclass,
            context.policy.compress,
        );
        let limits = Limits::new(question, context.policy, context.transport);
        let ends = SmallVec::from_slice(&[w.mark()]);
        Self {
            w,
            question,
            context,
            limits,
            ends,
            extra_bytes: 0,
            overflow: false,
        }
    }

    pub(crate) fn answers(&self) -> usize {
        self.ends.len() - 1
    }

    /// To be called after each answer written, with the least number of bytes that extra records for it will take. `false`: more answers cannot be sent.
    pub(crate) fn answered(&mut self, extra_bytes: usize) -> bool {
        self.ends.push(self.w.mark());
        self.extra_bytes += extra_bytes;
        if !self.limits.small
            && self.answers() > 1
            && self.w.len() + self.extra_bytes > self.limits.bytes
        {
            self.overflow = true;
        }
        !self.overflow && self.answers() <= self.limits.answers
    }

    /// Cuts what does not fit, writes the extra section by `extra` (which returns how many records it wrote) and the header.
    pub(crate) fn finish(
        mut self,
        scope_bits: Option<u8>,
        mut extra: impl FnMut(&mut Writer<'o>, Extent) -> u16,
    ) {
        let mut keep = self.answers();
        let mut trimmed = false;
        let mut count_plain = false;
        if keep > self.limits.answers {
            keep = self.limits.answers;
            trimmed = true;
            count_plain = self.limits.small;
        }
        if self.overflow {
            keep = keep.min(self.answers() - 1);
            trimmed = true;
        }
        let mut extras = 0;
        if !trimmed {
            extras = extra(&mut self.w, Extent::Full);
            extras += opt_record(&mut self.w, self.question, scope_bits);
            if keep > 1 && self.w.len() > self.limits.bytes {
                keep -= 1;
                trimmed = true;
            }
        }
        while trimmed && keep <= self.answers() {
            if let Some(end) = self.ends.get(keep) {
                self.w.back_to(*end);
            }
            extras = extra(&mut self.w, Extent::Targets(keep));
            let bytes = if count_plain {
                self.w.plain_len()
            } else {
                self.w.len()
            };
            if bytes <= self.limits.bytes || keep <= 1 {
                break;
            }
            keep -= 1;
        }
        let truncated = trimmed && self.context.policy.enable_truncate;
        let flags = Flags {
            authoritative: true,
            truncated,
            recursion: self.context.policy.recursion,
        };
        self.w.finish(header(
            self.question,
            rcode::NO_ERROR,
            flags,
            [keep as u16, 0, extras],
        ));
    }
}

/// Header bits that depend on the answer.
#[derive(Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) authoritative: bool,
    pub(crate) truncated: bool,
    pub(crate) recursion: bool,
}

/// The header of a reply with one question and these counts of answer, authority and additional records.
pub(crate) fn header(
    question: &Question,
    rcode: u8,
    flags: Flags,
    counts: [u16; 3],
) -> [u8; HEADER_BYTES] {
    let [id_high, id_low] = question.id.to_be_bytes();
    let bit = |set: bool, at: u8| u8::from(set) << at;
    let bits = 0x80
        | question.opcode << 3
        | bit(flags.authoritative, 2)
        | bit(flags.truncated, 1)
        | bit(question.recursion_desired, 0);
    let bits2 = bit(flags.recursion, 7) | bit(question.checking_disabled, 4) | rcode;
    let [[a1, a2], [n1, n2], [x1, x2]] = counts.map(u16::to_be_bytes);
    [id_high, id_low, bits, bits2, 0, 1, a1, a2, n1, n2, x1, x2]
}

/// Writes the OPT record of a reply, if the request had one (spec/dns.md §12); returns how many records that is.
pub(crate) fn opt_record(w: &mut Writer<'_>, question: &Question, scope_bits: Option<u8>) -> u16 {
    let Some(edns) = &question.edns else { return 0 };
    let [size1, size2] = edns.udp_bytes.to_be_bytes();
    w.bytes(&[0, 0, rtype::OPT as u8, size1, size2, 0, 0, 0, 0]);
    let Some(subnet) = &edns.subnet else {
        w.u16(0);
        return 1;
    };
    let option_bytes = 4 + subnet.address.len() as u16;
    w.u16(4 + option_bytes);
    w.u16(8);
    w.u16(option_bytes);
    w.u16(subnet.family);
    w.bytes(&[subnet.source_bits, scope_bits.unwrap_or(0)]);
    w.bytes(&subnet.address);
    1
}

/// Writes an address record.
pub(crate) fn address(w: &mut Writer<'_>, owner: Owner<'_>, ttl: u32, ip: std::net::IpAddr) {
    match ip {
        std::net::IpAddr::V4(ip) => w.record(owner, rtype::A, ttl, &ip.octets()),
        std::net::IpAddr::V6(ip) => w.record(owner, rtype::AAAA, ttl, &ip.octets()),
    }
}
