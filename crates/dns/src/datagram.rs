//! Replies that are finished but too large to be sent as they are: a recursor's to a client with little room, and any to
//! an address that gets too many large ones.

use crate::build::datagram_bytes;
use crate::name::Name;
use crate::policy::Policy;
use crate::question::{HEADER_BYTES, Question, rtype, u16_at};

/// TC in the third byte of a header.
const TRUNCATED: u8 = 0x02;

/// Cuts a recursor's reply to the datagram its client takes (RFC 1035 §4.2.1, RFC 6891 §6.2.5): the answers that fit, the
/// OPT record and TC. A reply that fits stays as it is.
pub fn fit_forwarded(reply: &mut Vec<u8>, question: &Question, policy: &Policy) {
    let (room, _) = datagram_bytes(question, policy);
    if reply.len() <= room {
        return;
    }
    let Some(mut end) = question_end(reply) else {
        return cut(reply, HEADER_BYTES, [0; 4]);
    };
    let opt = find_opt(reply, end).unwrap_or_default();
    let mut kept = 0;
    for _ in 0..u16_at(reply, 6).unwrap_or(0) {
        match record(reply, end) {
            Some(found) if found.end + opt.len() <= room => end = found.end,
            _ => break,
        }
        kept += 1;
    }
    let opts = u16::from(!opt.is_empty());
    cut(reply, end, [u16::from(end > HEADER_BYTES), kept, 0, opts]);
    reply.extend_from_slice(&opt);
}

/// Leaves of the reply that begins at `start` its header with TC and its question: what tells an honest client to ask again
/// over a stream, and gives nothing to whoever sent the question in another's name.
pub fn cut_to_question(out: &mut Vec<u8>, start: usize) {
    let mut reply = out.split_off(start.min(out.len()));
    match question_end(&reply) {
        Some(end) => cut(&mut reply, end, [1, 0, 0, 0]),
        None => cut(&mut reply, HEADER_BYTES, [0; 4]),
    }
    out.append(&mut reply);
}

/// Keeps the first `end` bytes, sets TC and the counts of the four sections.
fn cut(reply: &mut Vec<u8>, end: usize, counts: [u16; 4]) {
    reply.truncate(end);
    if let Some(bits) = reply.get_mut(2) {
        *bits |= TRUNCATED;
    }
    for (at, count) in (4..).step_by(2).zip(counts) {
        if let Some(place) = reply.get_mut(at..at + 2) {
            place.copy_from_slice(&count.to_be_bytes());
        }
    }
}

/// The position after the one question of a reply.
fn question_end(reply: &[u8]) -> Option<usize> {
    if u16_at(reply, 4)? != 1 {
        return None;
    }
    let end = Name::read(reply, HEADER_BYTES)?.1 + 4;
    (end <= reply.len()).then_some(end)
}

struct Found {
    rtype: u16,
    end: usize,
}

fn record(reply: &[u8], at: usize) -> Option<Found> {
    let (_, head) = Name::read(reply, at)?;
    let end = head + 10 + usize::from(u16_at(reply, head + 8)?);
    (end <= reply.len()).then_some(Found {
        rtype: u16_at(reply, head)?,
        end,
    })
}

/// The OPT record; its owner is the root, so that its bytes mean the same anywhere.
fn find_opt(reply: &[u8], mut at: usize) -> Option<Vec<u8>> {
    // Each record takes bytes, so what the counts promise beyond them ends the search.
    let records = [6, 8, 10]
        .into_iter()
        .filter_map(|count| u16_at(reply, count))
        .fold(0, |sum, count| sum + u32::from(count));
    for _ in 0..records {
        let found = record(reply, at)?;
        if found.rtype == rtype::OPT && reply.get(at) == Some(&0) {
            return reply.get(at..found.end).map(<[u8]>::to_vec);
        }
        at = found.end;
    }
    None
}
