//! The engine's protobuf decoder (version 2, unbounded recursion: RUSTSEC-2024-0437) never sees what a peer sent.

use bytes::Bytes;
use consensus::message;
use raft::eraftpb::{Entry, EntryType, Message, MessageType};

/// Groups in groups: what the decoder dies of.
fn deep() -> Bytes {
    vec![0x0b; 4 << 20].into()
}

fn with(kind: MessageType, change: EntryType) -> Message {
    let mut message = Message {
        to: 1,
        from: 2,
        term: 1,
        context: deep(),
        ..Message::default()
    };
    message.set_msg_type(kind);
    let mut entry = Entry {
        index: 2,
        term: 1,
        data: deep(),
        context: deep(),
        ..Entry::default()
    };
    entry.set_entry_type(change);
    message.set_entries(vec![entry].into());
    message
}

/// The engine decodes `data` of a change that is proposed to a leader: neither a proposal nor such `data` can be sent.
#[test]
fn no_message_brings_what_the_engine_decodes() {
    for kind in [MessageType::MsgPropose, MessageType::MsgHup] {
        let sent = message::encode(&with(kind, EntryType::EntryConfChangeV2), None);
        assert!(sent.is_none(), "{kind:?} travels");
    }
    let sent = message::encode(
        &with(MessageType::MsgAppend, EntryType::EntryConfChangeV2),
        None,
    );
    let sent = sent.expect("appends travel");
    for tag in 0..=u8::MAX {
        let mut bytes = sent.to_vec();
        bytes[1] = tag;
        let Ok((message, _)) = message::decode(bytes.into()) else {
            continue;
        };
        assert_ne!(message.get_msg_type(), MessageType::MsgPropose, "tag {tag}");
        for entry in message.get_entries() {
            let change = entry.get_entry_type() != EntryType::EntryNormal;
            assert!(!change || entry.data.is_empty(), "tag {tag}");
        }
    }
}

/// A follower takes such entries and becomes a leader with them: nothing decodes them on the way.
#[test]
fn entries_that_the_decoder_dies_of_are_carried_along() {
    let mut server = crate::core::server(1, &[1, 2, 3]);
    for change in [EntryType::EntryNormal, EntryType::EntryConfChangeV2] {
        let mut append = with(MessageType::MsgAppend, change);
        (append.index, append.log_term) = (1, 1);
        append.commit = 1;
        let sent = message::encode(&append, None).expect("appends travel");
        // Refused or taken, but never decoded by the engine, which would end this process.
        let _ = server.step(sent);
        let _ = server.output();
    }
    for _ in 0..200 {
        server.tick();
        let _ = server.output();
    }
    server.campaign();
    let _ = server.output();
}

/// In our own sources the decoder has no name. Encoding is another matter: the engine wants a proposal's change so.
#[test]
fn no_source_calls_the_decoder() {
    let mut pending = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let (mut read, mut encodes) = (0, 0);
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for call in [
            "merge_from",
            "parse_from",
            "CodedInputStream",
            "read_message",
        ] {
            assert!(!text.contains(call), "{}: {call}", path.display());
        }
        encodes += text.matches("protobuf::").count();
        read += 1;
    }
    assert!(read > 10, "the sources are elsewhere");
    assert_eq!(
        encodes, 1,
        "protobuf is used in one more place: may it see bytes of a peer?"
    );
}
