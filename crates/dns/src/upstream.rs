//! Replies of other name servers: enough understanding to forward them safely and to follow host names.

use crate::name::Name;
use crate::question::{HEADER_BYTES, Question, rcode, rtype, u16_at, u32_at};

/// Most records read from the answer section of one reply.
const RECORDS_MAX: usize = 4096;
/// Most aliases of one chain; others follow as many, and a chain that long is a loop.
const ALIASES_MAX: usize = 16;

/// A record of a chain that a host name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Owner.
    pub name: Name,
    /// Seconds.
    pub ttl: u32,
    /// Type and data.
    pub data: Data,
}

/// The record types that are kept when a host name is followed (spec/dns.md §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "chains are a few records long")]
pub enum Data {
    /// IPv4 address.
    A([u8; 4]),
    /// IPv6 address.
    Aaaa([u8; 16]),
    /// Alias.
    Cname(Name),
}

/// The records of a reply's answer section that are kept, in their order; nothing from what cannot be read.
pub fn read_answers(reply: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let _ = collect(reply, &mut records);
    records
}

/// Those records of a reply that belong to the chain from `host`: its own and those of the names its aliases lead to, in the
/// reply's order. Whatever else an answer section tells was not asked for and proves nothing.
pub fn read_chain(reply: &[u8], host: &Name) -> Vec<Record> {
    let mut records = read_answers(reply);
    let mut chain = vec![*host];
    let mut current = *host;
    while chain.len() <= ALIASES_MAX {
        let target = records.iter().find_map(|record| match record.data {
            Data::Cname(target) if record.name == current => Some(target),
            _ => None,
        });
        match target {
            Some(target) if !chain.contains(&target) => {
                chain.push(target);
                current = target;
            }
            _ => break,
        }
    }
    records.retain(|record| chain.contains(&record.name));
    records
}

fn collect(reply: &[u8], records: &mut Vec<Record>) -> Option<()> {
    let questions = u16_at(reply, 4)?;
    let answers = usize::from(u16_at(reply, 6)?).min(RECORDS_MAX);
    let mut at = HEADER_BYTES;
    for _ in 0..questions.min(1) {
        at = Name::read(reply, at)?.1 + 4;
    }
    for _ in 0..answers {
        let (name, head) = Name::read(reply, at)?;
        let ttl = u32_at(reply, head + 4)?;
        let start = head + 10;
        let end = start + usize::from(u16_at(reply, head + 8)?);
        let data = reply.get(start..end)?;
        let data = match u16_at(reply, head)? {
            rtype::A => data.try_into().ok().map(Data::A),
            rtype::AAAA => data.try_into().ok().map(Data::Aaaa),
            rtype::CNAME => Name::read(reply, start).map(|(target, _)| Data::Cname(target)),
            _ => None,
        };
        records.extend(data.map(|data| Record { name, ttl, data }));
        at = end;
    }
    Some(())
}

/// What a reply from a recursor is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamReply {
    /// NOERROR or NXDOMAIN: forward it as it is.
    Final,
    /// Another response code: ask the next recursor.
    Refused,
    /// Not a reply to this question: keep waiting for one.
    Foreign,
}

/// Judges a packet that came from a recursor as reply to `question` sent under `id`. A wrong ID or another question means
/// forged or late (RFC 5452 §9.1).
pub fn same_question(reply: &[u8], question: &Question, id: u16) -> UpstreamReply {
    let judge = || {
        let bits = u16_at(reply, 2)?;
        if u16_at(reply, 0)? != id || bits & 0x8000 == 0 {
            return None;
        }
        let code = (bits & 0x0f) as u8;
        let same = match u16_at(reply, 4)? {
            // Refusals may come without the question.
            0 => code != rcode::NO_ERROR && code != rcode::NX_DOMAIN,
            1 => {
                let (name, at) = Name::read(reply, HEADER_BYTES)?;
                name == question.name && u16_at(reply, at)? == question.qtype
            }
            _ => false,
        };
        same.then_some(match code {
            rcode::NO_ERROR | rcode::NX_DOMAIN => UpstreamReply::Final,
            _ => UpstreamReply::Refused,
        })
    };
    judge().unwrap_or(UpstreamReply::Foreign)
}

/// The answer when no recursor could help: SERVFAIL with RA and without AA (spec/dns.md §10). Appends to `out`; nothing for
/// a packet that is no question.
pub fn fail_forwarding(question: &Question, out: &mut Vec<u8>) {
    crate::respond::bare(question, rcode::SERV_FAIL, false, true, out);
}
