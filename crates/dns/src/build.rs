//! Answers with their size rules (spec/dns.md §11): records are written once, in order, until no more can fit, and cut
//! back to what does.

use crate::policy::{Policy, UDP_BYTES_MAX, UDP_BYTES_MIN};
use crate::question::{HEADER_BYTES, Question, Transport, rcode, rtype};
use crate::rows::Context;
use crate::writer::{Mark, Owner, Writer};
use smallvec::SmallVec;

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
    /// The client takes at most 512 bytes over UDP: when `answers` is exceeded, length counts without compression.
    small: bool,
    /// The client would take more than `bytes`, so it has to be told of a cut.
    capped: bool,
}

/// Bytes a datagram may have as answer to this question, and whether that is less than its sender takes.
pub(crate) fn datagram_bytes(question: &Question, policy: &Policy) -> (usize, bool) {
    let edns = question.edns.as_ref();
    let wanted = edns
        .map_or(0, |edns| usize::from(edns.udp_bytes))
        .clamp(UDP_BYTES_MIN, UDP_BYTES_MAX);
    let most = policy.udp_bytes_max.clamp(UDP_BYTES_MIN, UDP_BYTES_MAX);
    (wanted.min(most), wanted > most)
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
                    capped: false,
                }
            }
            Transport::Udp => {
                let (bytes, capped) = datagram_bytes(question, policy);
                let small = bytes == UDP_BYTES_MIN && !capped;
                let answers = if small {
                    policy.udp_answer_limit.min(UDP_ANSWERS_SMALL)
                } else {
                    usize::MAX
                };
                Self {
                    answers,
                    bytes: bytes - UDP_RESERVE_BYTES,
                    small,
                    capped,
                }
            }
        }
    }
}

/// How long a message may get.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    bytes: usize,
    /// Length counts without compression.
    plain: bool,
}

impl Room {
    /// Whether what is written so far may be sent.
    pub(crate) fn holds(self, w: &Writer<'_>) -> bool {
        let bytes = if self.plain { w.plain_len() } else { w.len() };
        bytes <= self.bytes
    }
}

/// The extra section a reply would like to have; [`Build::finish`] asks for all of it, or for its parts as they fit.
#[derive(Clone, Copy)]
pub(crate) enum Extent {
    /// Everything.
    Full,
    /// One record for each target of the first so many answers.
    Least(usize),
    /// Of the other records of those targets as many as fit; nothing else.
    Rest(usize, Room),
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
    ///
    /// An answer is what the client came for: metadata goes first, then further records of a target, then OPT; answers last,
    /// each with the one record that makes its target useful.
    pub(crate) fn finish(
        mut self,
        scope_bits: Option<u8>,
        mut extra: impl FnMut(&mut Writer<'o>, Extent) -> u16,
    ) {
        let all = self.answers();
        let mut keep = all.min(self.limits.answers);
        let room = Room {
            bytes: self.limits.bytes,
            plain: self.limits.small && keep < all,
        };
        if self.overflow {
            keep = keep.min(all - 1);
        }
        let mut extras = 0;
        let mut fits = false;
        if keep == all {
            extras = extra(&mut self.w, Extent::Full);
            extras += opt_record(&mut self.w, self.question, scope_bits);
            fits = room.holds(&self.w);
        }
        while !fits {
            self.back_to(keep);
            extras = extra(&mut self.w, Extent::Least(keep));
            fits = room.holds(&self.w);
            if fits {
                if keep == all {
                    extras += self.opt_within(scope_bits, room);
                }
                extras += extra(&mut self.w, Extent::Rest(keep, room));
            } else if keep <= 1 {
                // A single answer is sent whatever its size (spec/dns.md §11), but then alone.
                self.back_to(keep);
                extras = 0;
                break;
            } else {
                keep -= 1;
            }
        }
        let told = self.context.policy.enable_truncate || self.limits.capped;
        let flags = Flags {
            authoritative: true,
            truncated: keep < all && told,
            recursion: self.context.policy.recursion,
        };
        self.w.finish(header(
            self.question,
            rcode::NO_ERROR,
            flags,
            [keep as u16, 0, extras],
        ));
    }

    /// Forgets everything after the first `keep` answers.
    fn back_to(&mut self, keep: usize) {
        if let Some(end) = self.ends.get(keep) {
            self.w.back_to(*end);
        }
    }

    fn opt_within(&mut self, scope_bits: Option<u8>, room: Room) -> u16 {
        let before = self.w.mark();
        let records = opt_record(&mut self.w, self.question, scope_bits);
        if room.holds(&self.w) {
            return records;
        }
        self.w.back_to(before);
        0
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
