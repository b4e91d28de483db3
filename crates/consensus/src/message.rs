//! The engine's messages in our own encoding (version byte first). The engine's protobuf decoder never
//! sees a byte from the network; what is decoded here is bounded and typed, [`crate::core`] then checks it
//! against the log.

use bytes::{BufMut, Bytes, BytesMut};
use raft::eraftpb::{Entry, EntryType, Message, MessageType, Snapshot};

use crate::codec::{Malformed, Reader, put_bytes};
use crate::membership::Membership;

/// First byte of every message.
pub const VERSION: u8 = 1;
/// Entries in one message; the engine is told a size limit that keeps far below.
pub const MAX_ENTRIES: usize = 1 << 18;
/// Smallest encoded entry, bytes: bounds what a count may promise.
const MIN_ENTRY: usize = 1 + 8 + 8 + 4;

/// Every kind of message that travels, with its byte.
const KINDS: &[(u8, MessageType)] = &[
    (1, MessageType::MsgAppend),
    (2, MessageType::MsgAppendResponse),
    (3, MessageType::MsgRequestVote),
    (4, MessageType::MsgRequestVoteResponse),
    (5, MessageType::MsgSnapshot),
    (6, MessageType::MsgHeartbeat),
    (7, MessageType::MsgHeartbeatResponse),
    (8, MessageType::MsgTimeoutNow),
    (9, MessageType::MsgRequestPreVote),
    (10, MessageType::MsgRequestPreVoteResponse),
];

/// Whether the payload of `entry` travels and is stored in `context` (membership changes: the engine wants
/// its own encoding in `data` when one is proposed, nobody else does).
pub(crate) fn payload(entry: &Entry) -> &Bytes {
    if entry.get_entry_type() == EntryType::EntryNormal {
        &entry.data
    } else {
        &entry.context
    }
}

/// Builds an entry of the engine from what a record or a message holds.
pub(crate) fn entry(change: bool, index: u64, term: u64, payload: Bytes) -> Entry {
    let mut entry = Entry {
        index,
        term,
        ..Entry::default()
    };
    if change {
        entry.set_entry_type(EntryType::EntryConfChangeV2);
        entry.context = payload;
    } else {
        entry.data = payload;
    }
    entry
}

/// Encodes a message for another server; `None` for kinds that never travel.
/// `membership` is the one of the snapshot a snapshot message speaks of.
#[must_use]
pub fn encode(message: &Message, membership: Option<&Membership>) -> Option<Bytes> {
    let kind = KINDS
        .iter()
        .find(|(_, kind)| *kind == message.get_msg_type())?
        .0;
    let size: usize = message
        .entries
        .iter()
        .map(|e| payload(e).len() + MIN_ENTRY)
        .sum();
    let mut out = BytesMut::with_capacity(128 + size);
    out.put_u8(VERSION);
    out.put_u8(kind);
    for field in [
        message.to,
        message.from,
        message.term,
        message.log_term,
        message.index,
        message.commit,
        message.commit_term,
        message.reject_hint,
        message.request_snapshot,
    ] {
        out.put_u64_le(field);
    }
    out.put_u8(u8::from(message.reject));
    put_bytes(&mut out, &message.context);
    out.put_u32_le(message.entries.len() as u32);
    for entry in message.entries.iter() {
        let change = entry.get_entry_type() != EntryType::EntryNormal;
        out.put_u8(u8::from(change));
        out.put_u64_le(entry.index);
        out.put_u64_le(entry.term);
        put_bytes(&mut out, payload(entry));
    }
    if message.get_msg_type() == MessageType::MsgSnapshot {
        let meta = message.get_snapshot().get_metadata();
        out.put_u64_le(meta.index);
        out.put_u64_le(meta.term);
        membership?.encode(&mut out);
    }
    Some(out.freeze())
}

/// Raft id of who sent an encoded message.
pub(crate) fn sender(bytes: &Bytes) -> Option<u64> {
    let field = bytes.get(10..18)?;
    field.try_into().ok().map(u64::from_le_bytes)
}

/// Whether an encoded message brings entries.
#[must_use]
pub fn is_append(bytes: &Bytes) -> bool {
    bytes.get(1) == Some(&1)
}

/// The term in which an encoded message grants its receiver a vote, if it does.
#[must_use]
pub fn granted(bytes: &Bytes) -> Option<u64> {
    if bytes.get(1) != Some(&4) {
        return None;
    }
    let (message, _) = decode(bytes.clone()).ok()?;
    (!message.reject).then_some(message.term)
}

/// Decodes a message; a snapshot message comes with the membership of its snapshot.
///
/// # Errors
/// [`Malformed`] on anything [`encode`] does not write.
pub fn decode(bytes: Bytes) -> Result<(Message, Option<Membership>), Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != VERSION {
        return Err(Malformed("unknown version of a consensus message"));
    }
    let tag = reader.u8()?;
    let kind = KINDS
        .iter()
        .find(|(byte, _)| *byte == tag)
        .ok_or(Malformed("unknown kind of consensus message"))?
        .1;
    let mut message = Message {
        to: reader.u64()?,
        from: reader.u64()?,
        term: reader.u64()?,
        log_term: reader.u64()?,
        index: reader.u64()?,
        commit: reader.u64()?,
        commit_term: reader.u64()?,
        reject_hint: reader.u64()?,
        request_snapshot: reader.u64()?,
        reject: reader.flag()?,
        context: reader.bytes()?,
        ..Message::default()
    };
    message.set_msg_type(kind);
    let count = reader.u32()? as usize;
    if count > MAX_ENTRIES || count * MIN_ENTRY > reader.left() {
        return Err(Malformed("too many entries"));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let change = reader.flag()?;
        let (index, term) = (reader.u64()?, reader.u64()?);
        entries.push(entry(change, index, term, reader.bytes()?));
    }
    message.set_entries(entries.into());
    let mut membership = None;
    if kind == MessageType::MsgSnapshot {
        let mut snapshot = Snapshot::default();
        let meta = snapshot.mut_metadata();
        meta.index = reader.u64()?;
        meta.term = reader.u64()?;
        let members = Membership::read(&mut reader)?;
        meta.set_conf_state(members.conf_state());
        message.set_snapshot(snapshot);
        membership = Some(members);
    }
    reader.end()?;
    Ok((message, membership))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(
            kind in 0usize..10,
            numbers in proptest::array::uniform9(any::<u64>()),
            reject in any::<bool>(),
            payloads in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..5),
        ) {
            let [to, from, term, log_term, index, commit, commit_term, reject_hint, request_snapshot] = numbers;
            let mut message = Message {
                to, from, term, log_term, index, commit, commit_term, reject_hint, request_snapshot, reject,
                context: Bytes::from_static(b"ctx"),
                ..Message::default()
            };
            message.set_msg_type(KINDS[kind].1);
            let entries: Vec<_> = payloads
                .into_iter()
                .map(|(change, bytes)| entry(change, index ^ 1, term, bytes.into()))
                .collect();
            message.set_entries(entries.into());
            let members = Membership::of_one(5, "id", "name");
            if KINDS[kind].1 == MessageType::MsgSnapshot {
                let mut snapshot = Snapshot::default();
                snapshot.mut_metadata().index = 9;
                snapshot.mut_metadata().set_conf_state(members.conf_state());
                message.set_snapshot(snapshot);
            }
            let bytes = encode(&message, Some(&members)).unwrap();
            let (back, _) = decode(bytes.clone()).unwrap();
            prop_assert_eq!(back, message);
            for cut in 0..bytes.len() {
                prop_assert!(decode(bytes.slice(..cut)).is_err());
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut framed = vec![VERSION];
            framed.extend(bytes);
            let _ = decode(framed.into());
        }
    }
}
