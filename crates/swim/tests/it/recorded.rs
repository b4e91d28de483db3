//! What real agents sent each other: it is read, and written again it is the same.

use crate::support::{hex, recording, unhex};
use base64::Engine;
use bytes::Bytes;
use swim::{Keyring, Message, Side, StreamMessage, StreamReader, Wrapping};

fn sealed(recorded: &serde_json::Value) -> Wrapping {
    let key = recorded["key"].as_str().expect("a key");
    let key = base64::engine::general_purpose::STANDARD
        .decode(key)
        .expect("base64");
    Wrapping {
        keyring: Keyring::new(&key).expect("a key"),
        ..Wrapping::default()
    }
}

/// Every packet is read; what kinds of messages there were.
fn packets(recorded: &serde_json::Value, wrapping: &Wrapping) -> Vec<Message> {
    let mut all = Vec::new();
    for packet in recorded["packets"].as_array().expect("packets") {
        let wire = unhex(packet["hex"].as_str().expect("hex"));
        let mut messages = Vec::new();
        let read = wrapping.unpack(Bytes::from(wire.clone()), &mut messages);
        assert_eq!(read, Ok(()), "{}", hex(&wire));
        assert!(!messages.is_empty());
        rewrite(&wire, &messages, wrapping);
        all.extend(messages);
    }
    all
}

/// Packed again: the same bytes, but for compressed content, which may be packed in other ways, and sealed ones, whose nonce
/// must be the recorded one.
fn rewrite(wire: &[u8], messages: &[Message], wrapping: &Wrapping) {
    let encoded: Vec<Vec<u8>> = messages.iter().map(Message::encode).collect();
    let sealed = !wrapping.keyring.is_empty();
    let nonce = if sealed {
        wire[1..13].try_into().expect("twelve bytes")
    } else {
        [0; 12]
    };
    let inner = if sealed {
        wrapping.keyring.open(wire, b"").expect("opens")
    } else {
        Bytes::copy_from_slice(wire)
    };
    let crc = inner[0] == 12;
    let content = if crc { &inner[5..] } else { &inner[..] };
    let packed = wrapping.pack(&encoded, crc, nonce);
    if content[0] == 9 {
        let mut again = Vec::new();
        let read = wrapping.unpack(Bytes::from(packed), &mut again);
        assert_eq!(read, Ok(()));
        assert_eq!(again, messages);
    } else {
        let unpacked = Wrapping {
            compress: false,
            keyring: Keyring::default(),
            ..Wrapping::default()
        };
        let bare = unpacked.pack(&encoded, crc, nonce);
        assert_eq!(hex(&bare), hex(&inner));
        // Of what does not shrink the reference makes the same choice.
        assert_eq!(hex(&packed), hex(wire));
    }
}

fn count(messages: &[Message], wanted: fn(&Message) -> bool) -> usize {
    messages.iter().filter(|message| wanted(message)).count()
}

#[test]
fn plain_packets() {
    let recorded = recording("gossip-plain.json");
    let messages = packets(&recorded, &Wrapping::default());
    for (what, wanted) in [
        (
            "pings",
            (|m| matches!(m, Message::Ping(_))) as fn(&Message) -> bool,
        ),
        ("acks", |m| matches!(m, Message::Ack(_))),
        ("alives", |m| matches!(m, Message::Alive(_))),
        ("suspects", |m| matches!(m, Message::Suspect(_))),
        ("deads", |m| matches!(m, Message::Dead(_))),
        ("users", |m| matches!(m, Message::User(_))),
    ] {
        assert!(count(&messages, wanted) > 0, "no {what}");
    }
}

#[test]
fn sealed_packets() {
    let recorded = recording("gossip-encrypted.json");
    let messages = packets(&recorded, &sealed(&recorded));
    assert!(count(&messages, |m| matches!(m, Message::Ping(_))) > 0);
}

/// Each direction of a stream, in pieces of any size, gives one message; packed again it gives the same message.
fn streams(recorded: &serde_json::Value, wrapping: &Wrapping) -> Vec<StreamMessage> {
    let mut all = Vec::new();
    for stream in recorded["streams"].as_array().expect("streams") {
        let wire = unhex(stream["hex"].as_str().expect("hex"));
        let side = match stream["frm"].as_str() {
            Some("dialer") => Side::Dialer,
            _ => Side::Listener,
        };
        let mut reads = Vec::new();
        for piece in [1, 7, 100_000] {
            let mut reader = StreamReader::new(side);
            let mut read = None;
            for bytes in wire.chunks(piece) {
                assert_eq!(read, None, "early");
                read = reader.push(wrapping, bytes).expect("readable");
            }
            reads.push(read.expect("whole"));
        }
        assert!(reads.windows(2).all(|pair| pair[0] == pair[1]));
        let message = reads.remove(0);
        let again = wrapping.frame(&message, side, [7; 12]);
        let mut reader = StreamReader::new(side);
        assert_eq!(reader.push(wrapping, &again), Ok(Some(message.clone())));
        all.push(message);
    }
    all
}

#[test]
fn plain_and_sealed_streams() {
    let plain = recording("gossip-streams.json");
    let sealed_ones = recording("gossip-encrypted.json");
    let mut messages = streams(&plain, &Wrapping::default());
    messages.extend(streams(&sealed_ones, &sealed(&sealed_ones)));
    let exchanges: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            StreamMessage::PushPull(exchange) => Some(exchange),
            _ => None,
        })
        .collect();
    assert!(exchanges.len() >= 4);
    for exchange in exchanges {
        assert!(!exchange.nodes.is_empty());
        assert!(exchange.user_state.len() > 500);
        let known = |node: &swim::NodeState| swim::State::of(node.state).is_some();
        assert!(exchange.nodes.iter().all(known));
    }
}
