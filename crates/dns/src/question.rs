//! Requests: what a datagram asks, and how what cannot be understood is refused.
//!
//! Owns: header bits, the sanity rules of spec/dns.md §1, EDNS (RFC 6891) and client subnet (RFC 7871) on the way in. Must
//! never learn which names exist.

use crate::name::Name;
use smallvec::SmallVec;

/// Bytes of a message header.
pub(crate) const HEADER_BYTES: usize = 12;
/// Most records a request may carry in its additional section; answer and authority may have one each.
const ADDITIONAL_MAX: u16 = 2;

/// Record types and question types by number (IANA).
pub mod rtype {
    #![allow(missing_docs)]
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const AXFR: u16 = 252;
    pub const ANY: u16 = 255;

    /// The mnemonic used as a metric label and in logs; `TYPEn` for types without a name here.
    pub fn text(rtype: u16) -> std::borrow::Cow<'static, str> {
        let known = match rtype {
            A => "A",
            NS => "NS",
            CNAME => "CNAME",
            SOA => "SOA",
            PTR => "PTR",
            15 => "MX",
            TXT => "TXT",
            AAAA => "AAAA",
            SRV => "SRV",
            35 => "NAPTR",
            DS => "DS",
            48 => "DNSKEY",
            64 => "SVCB",
            65 => "HTTPS",
            251 => "IXFR",
            AXFR => "AXFR",
            ANY => "ANY",
            257 => "CAA",
            _ => return format!("TYPE{rtype}").into(),
        };
        known.into()
    }
}

/// Response codes (RFC 1035 §4.1.1).
pub(crate) mod rcode {
    pub const NO_ERROR: u8 = 0;
    pub const FORM_ERR: u8 = 1;
    pub const SERV_FAIL: u8 = 2;
    pub const NX_DOMAIN: u8 = 3;
    pub const NOT_IMP: u8 = 4;
    pub const REFUSED: u8 = 5;
}

const OPCODE_QUERY: u8 = 0;
const OPCODE_NOTIFY: u8 = 4;
const OPTION_CLIENT_SUBNET: u16 = 8;

/// How a request came in; decides the size rules of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One datagram.
    Udp,
    /// A stream with two length bytes before each message.
    Tcp,
}

/// The client subnet option of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    pub(crate) family: u16,
    pub(crate) source_bits: u8,
    pub(crate) address: SmallVec<[u8; 16]>,
}

impl Subnet {
    /// The address with zeros after the prefix; `None` for families other than IPv4 and IPv6.
    pub fn address(&self) -> Option<std::net::IpAddr> {
        fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
            std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(0))
        }
        match self.family {
            1 => Some(padded::<4>(&self.address).into()),
            2 => Some(padded::<16>(&self.address).into()),
            _ => None,
        }
    }
}

/// What a request says in its OPT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edns {
    /// Largest datagram the client takes, as it said (may be below 512).
    pub udp_bytes: u16,
    /// Client subnet, if sent.
    pub subnet: Option<Subnet>,
}

/// A request that can be answered.
#[derive(Clone, Debug)]
pub struct Question {
    /// Message ID.
    pub id: u16,
    pub(crate) opcode: u8,
    pub(crate) recursion_desired: bool,
    pub(crate) checking_disabled: bool,
    /// The name with the client's letter case.
    pub name: Name,
    /// Question type, see [`rtype`].
    pub qtype: u16,
    pub(crate) qclass: u16,
    /// The OPT record, if there was one.
    pub edns: Option<Edns>,
    /// Lower-case escaped text of the name without the final dot.
    pub(crate) text: String,
}

/// What to do with a packet.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every packet is a question, and it lives on the stack"
)]
pub enum Request {
    /// Answer it.
    Question(Question),
    /// Send these bytes: FORMERR or NOTIMP. They carry the question if it could be read and what follows it could not.
    Refuse(Vec<u8>),
    /// Say nothing: shorter than a header, or itself a response.
    Ignore,
}

impl Request {
    /// Understands a packet under the sanity rules of spec/dns.md §1.
    pub fn parse(packet: &[u8]) -> Self {
        let Some(&[id_high, id_low, bits, bits2, ref counts @ ..]) =
            packet.first_chunk::<HEADER_BYTES>()
        else {
            return Self::Ignore;
        };
        if bits & 0x80 != 0 {
            return Self::Ignore;
        }
        let refuse = |rcode: u8| {
            let mut reply = vec![id_high, id_low, 0x80 | bits & 0x79, rcode];
            reply.resize(HEADER_BYTES, 0);
            reply
        };
        let opcode = bits >> 3 & 0x0f;
        if opcode != OPCODE_QUERY && opcode != OPCODE_NOTIFY {
            return Self::Refuse(refuse(rcode::NOT_IMP));
        }
        let &[q1, q2, a1, a2, n1, n2, x1, x2] = counts;
        let [questions, answers, authority, additional] =
            [[q1, q2], [a1, a2], [n1, n2], [x1, x2]].map(u16::from_be_bytes);
        if questions != 1 || answers > 1 || authority > 1 || additional > ADDITIONAL_MAX {
            return Self::Refuse(refuse(rcode::FORM_ERR));
        }
        let Some((mut question, at)) = Question::read(packet) else {
            return Self::Refuse(refuse(rcode::FORM_ERR));
        };
        let records = answers + authority + additional;
        if question.read_records(packet, at, records).is_none() {
            let mut reply = refuse(rcode::FORM_ERR);
            if let Some(count) = reply.get_mut(5) {
                *count = 1;
            }
            question.push_wire(&mut reply);
            return Self::Refuse(reply);
        }
        question.id = u16::from_be_bytes([id_high, id_low]);
        question.opcode = opcode;
        question.recursion_desired = bits & 1 != 0 && opcode == OPCODE_QUERY;
        question.checking_disabled = bits2 & 0x10 != 0;
        Self::Question(question)
    }
}

impl Question {
    /// A question of our own, asked over a stream: the way names of the own domain behind a CNAME are resolved.
    pub fn internal(name: Name, qtype: u16) -> Self {
        let mut question = Self {
            id: 0,
            opcode: OPCODE_QUERY,
            recursion_desired: false,
            checking_disabled: false,
            name,
            qtype,
            qclass: 1,
            edns: None,
            text: String::with_capacity(name.wire().len()),
        };
        question.name.push_text(&mut question.text, true);
        question
    }

    /// The question as a packet with recursion desired, to be sent to another name server.
    pub fn packet(&self) -> Vec<u8> {
        let [id_high, id_low] = self.id.to_be_bytes();
        let mut packet = vec![id_high, id_low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        self.push_wire(&mut packet);
        packet
    }

    /// Appends name, type and class.
    fn push_wire(&self, packet: &mut Vec<u8>) {
        packet.extend_from_slice(self.name.wire());
        packet.extend_from_slice(&self.qtype.to_be_bytes());
        packet.extend_from_slice(&self.qclass.to_be_bytes());
    }

    /// Reads the question section of one question; also gives the position after it.
    fn read(packet: &[u8]) -> Option<(Self, usize)> {
        let (name, at) = Name::read(packet, HEADER_BYTES)?;
        let qtype = u16_at(packet, at)?;
        let qclass = u16_at(packet, at + 2)?;
        let mut question = Self::internal(name, qtype);
        question.qclass = qclass;
        Some((question, at + 4))
    }

    /// Reads the records after the question; `None` if one is malformed.
    fn read_records(&mut self, packet: &[u8], mut at: usize, records: u16) -> Option<()> {
        for _ in 0..records {
            // Fewer records than announced are accepted, a record cut short is not.
            if at == packet.len() {
                break;
            }
            let (owner, head) = Name::read(packet, at)?;
            let rtype = u16_at(packet, head)?;
            let class = u16_at(packet, head + 2)?;
            let data_bytes = usize::from(u16_at(packet, head + 8)?);
            let data = packet.get(head + 10..head + 10 + data_bytes)?;
            if rtype == rtype::OPT && self.edns.is_none() && owner == Name::root() {
                self.edns = Some(Edns {
                    udp_bytes: class,
                    subnet: client_subnet(data)?,
                });
            }
            at = head + 10 + data_bytes;
        }
        Some(())
    }

    /// The name as the catalog compares it: lower case, escaped, without the final dot.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The client subnet among the options; outer `None` when the options are malformed.
fn client_subnet(mut options: &[u8]) -> Option<Option<Subnet>> {
    let mut subnet = None;
    while !options.is_empty() {
        let code = u16_at(options, 0)?;
        let end = 4 + usize::from(u16_at(options, 2)?);
        let body = options.get(4..end)?;
        if code == OPTION_CLIENT_SUBNET && subnet.is_none() {
            let &[f1, f2, source_bits, _scope, ref address @ ..] = body else {
                return None;
            };
            let family = u16::from_be_bytes([f1, f2]);
            let address_max = match family {
                0 => 0,
                1 => 4,
                2 => 16,
                _ => return None,
            };
            if address.len() > address_max || usize::from(source_bits) > 8 * address_max {
                return None;
            }
            subnet = Some(Subnet {
                family,
                source_bits,
                address: SmallVec::from_slice(address),
            });
        }
        options = options.get(end..)?;
    }
    Some(subnet)
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
