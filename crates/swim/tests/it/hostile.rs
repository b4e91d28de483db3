//! Bytes of no sense: no panic, and nothing grows beyond its limit.

use crate::support::{NONCE, key, unpack};
use bytes::Bytes;
use proptest::prelude::*;
use swim::{
    Keyring, MESSAGES_MAX, Message, PACKET_MAX, PacketError, Side, StreamError, StreamMessage,
    StreamReader, Wrapping,
};

fn plain() -> Wrapping {
    Wrapping {
        compress: false,
        ..Wrapping::default()
    }
}

/// `content` in a compress message, by way of a packet that shrinks.
fn compressed(content: &[u8]) -> Vec<u8> {
    let packed = Wrapping::default().pack(&[content.to_vec()], false, NONCE);
    assert_eq!(packed[0], 9, "it shrinks");
    packed
}

#[test]
fn wrappers_within_wrappers_end() {
    let mut packet = Message::User(Bytes::from_static(b"x")).encode();
    for _ in 0..5_000 {
        let len = (packet.len() as u16).to_be_bytes();
        packet = [&[7, 1][..], &len, &packet].concat();
        if packet.len() > 60_000 {
            break;
        }
    }
    assert_eq!(unpack(&plain(), &packet), Err(PacketError::TooMuch));
}

#[test]
fn a_small_packet_does_not_become_a_large_one() {
    let mut content = vec![8; 1];
    content.resize(PACKET_MAX, 0);
    assert!(unpack(&plain(), &compressed(&content)).is_ok());
    content.resize(PACKET_MAX + 1, 0);
    assert!(matches!(
        unpack(&plain(), &compressed(&content)),
        Err(PacketError::Compressed(_))
    ));
    // Nor do many small parts together.
    content.resize(40_000, 0);
    let part = compressed(&content);
    let two = plain().pack(&[part.clone(), part], false, NONCE);
    assert!(matches!(
        unpack(&plain(), &two),
        Err(PacketError::Compressed(_))
    ));
}

#[test]
fn messages_of_a_packet_are_counted() {
    let parts = vec![vec![8]; 255];
    let compound = plain().pack(&parts, false, NONCE);
    let many = plain().pack(&vec![compound; 6], false, NONCE);
    let mut out = Vec::new();
    let read = plain().unpack(Bytes::from(many), &mut out);
    assert_eq!(read, Err(PacketError::TooMuch));
    assert_eq!(out.len(), MESSAGES_MAX);
}

#[test]
fn a_stream_that_never_ends_is_refused() {
    // A ping with a member that goes on and on.
    let mut reader = StreamReader::new(Side::Dialer);
    let mut error = None;
    for _ in 0..100 {
        let piece = [b"\x00\xdf\xff\xff\xff\xff".as_slice(), &[0; 1000]].concat();
        match reader.push(&plain(), &piece) {
            Ok(None) => {}
            Ok(Some(message)) => panic!("{message:?}"),
            Err(refused) => {
                error = Some(refused);
                break;
            }
        }
    }
    assert_eq!(error, Some(StreamError::Claims));
    assert!(reader.buffered() < 20_000);
    // Claims that are refused before anything arrives.
    let head = |nodes: i64, state: i64| {
        let mut bytes = b"\x06\x83\xa4Join\xc3\xa5Nodes".to_vec();
        let mut writer = dialect_writer(&mut bytes);
        writer.int(nodes);
        writer.str("UserStateLen");
        writer.int(state);
        bytes
    };
    for (nodes, state) in [(-1, 0), (0, -1), (i64::MAX, 0), (0, i64::MAX), (200_000, 0)] {
        let mut reader = StreamReader::new(Side::Dialer);
        assert!(
            reader.push(&plain(), &head(nodes, state)).is_err(),
            "{nodes} {state}"
        );
    }
    let ring = Wrapping {
        keyring: Keyring::new(&key()).expect("a key"),
        ..plain()
    };
    let mut reader = StreamReader::new(Side::Dialer);
    assert!(matches!(
        reader.push(&ring, &[10, 255, 255, 255, 255]),
        Err(StreamError::TooLarge(_))
    ));
}

fn dialect_writer(out: &mut Vec<u8>) -> dialect::msgpack::Writer<'_> {
    dialect::msgpack::Writer::new(out)
}

/// A message with a byte changed, so that it nearly makes sense.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![
        Just(b"\x00\x82\xa4Node\xa1a\xa5SeqNo\x01".to_vec()),
        Just(b"\x0c\x42\xc0\x8b\x2a\x07\x02\x00\x02\x00\x02\x08a\x08b".to_vec()),
        Just(b"\x09\x82\xa4Algo\x00\xa3Buf\xa9\x00\xc3\x08\x1c\x48\xb0\x60\xc1\x80".to_vec()),
        Just(b"\x06\x83\xa4Join\xc3\xa5Nodes\x01\xacUserStateLen\x02\x80ab".to_vec()),
        Just(b"\xf4\x04blue\x08hello".to_vec()),
    ];
    (whole, any::<usize>(), any::<u8>(), any::<usize>()).prop_map(|(mut bytes, at, byte, cut)| {
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(1 + cut % bytes.len());
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn bytes_of_no_sense(
        bytes in prop_oneof![nearly(), proptest::collection::vec(any::<u8>(), 0..300)],
        piece in 1_usize..40,
        sealed in any::<bool>(),
        listener in any::<bool>(),
    ) {
        let mut wrapping = plain();
        if sealed {
            wrapping.keyring = Keyring::new(&key()).expect("a key");
            wrapping.verify_incoming = false;
        }
        if let Ok(messages) = unpack(&wrapping, &bytes) {
            for message in messages {
                let again = unpack(&plain(), &message.encode());
                prop_assert_eq!(again, Ok(vec![message]));
            }
        }
        let mut reader = StreamReader::new(if listener { Side::Listener } else { Side::Dialer });
        for part in bytes.chunks(piece) {
            match reader.push(&wrapping, part) {
                Ok(None) => {}
                Ok(Some(message)) => {
                    let whole: StreamMessage = message;
                    let frame = wrapping.frame(&whole, Side::Listener, NONCE);
                    prop_assert!(!frame.is_empty());
                    break;
                }
                Err(_) => break,
            }
        }
    }
}
