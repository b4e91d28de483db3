//! The vectors of spec/wire.md §1, both ways.

use crate::support::{NONCE, hex, key, unhex, unpack};
use bytes::Bytes;
use swim::{
    Ack, Alive, Dead, IndirectPing, Keyring, Message, Nack, PacketError, Ping, Side, StreamMessage,
    StreamReader, Suspect, Versions, Wrapping,
};

fn plain() -> Wrapping {
    Wrapping {
        compress: false,
        ..Wrapping::default()
    }
}

fn sealed() -> Wrapping {
    Wrapping {
        keyring: Keyring::new(&key()).expect("a key"),
        ..plain()
    }
}

fn alive(node: &str, port: u16, meta: &str) -> Message {
    Message::Alive(Alive {
        incarnation: 1,
        node: node.into(),
        addr: Bytes::from_static(&[127, 0, 0, 1]),
        port,
        meta: unhex(meta).into(),
        vsn: Versions::speaking(5).bytes(),
    })
}

#[test]
fn messages() {
    let ping = Ping {
        seq: 1,
        node: "a".into(),
        source_addr: Bytes::from_static(&[127, 0, 0, 1]),
        source_port: 27947,
        source_node: "b".into(),
    };
    let indirect = IndirectPing {
        seq: 9,
        target: Bytes::from_static(&[10, 0, 0, 2]),
        port: 8301,
        node: "n2".into(),
        nack: true,
        source_addr: Bytes::from_static(&[10, 0, 0, 1]),
        source_port: 8301,
        source_node: "n1".into(),
    };
    let vectors = [
        (
            Message::Ping(ping),
            "0085a44e6f6465a161a55365714e6f01aa536f7572636541646472a47f000001aa536f757263654e6f6465a162aa536f75726365506f7274cd6d2b",
        ),
        (
            alive("b", 27947, "ff81a16ba176"),
            "0486a441646472a47f000001ab496e6361726e6174696f6e01a44d657461a6ff81a16ba176a44e6f6465a162a4506f7274cd6d2ba356736ea6010502020505",
        ),
        (
            Message::Suspect(Suspect {
                incarnation: 1,
                node: "py1".into(),
                from: "a".into(),
            }),
            "0383a446726f6da161ab496e6361726e6174696f6e01a44e6f6465a3707931",
        ),
        (
            Message::Dead(Dead {
                incarnation: 1,
                node: "b".into(),
                from: "b".into(),
            }),
            "0583a446726f6da162ab496e6361726e6174696f6e01a44e6f6465a162",
        ),
        (
            Message::IndirectPing(indirect),
            "0188a44e61636bc3a44e6f6465a26e32a4506f7274cd206da55365714e6f09aa536f7572636541646472a40a000001aa536f757263654e6f6465a26e31aa536f75726365506f7274cd206da6546172676574a40a000002",
        ),
        (Message::Nack(Nack { seq: 9 }), "0b81a55365714e6f09"),
        (
            Message::Ack(Ack {
                seq: 9,
                payload: Bytes::new(),
            }),
            "0282a75061796c6f6164c0a55365714e6f09",
        ),
        (Message::User(Bytes::from_static(b"abc")), "08616263"),
    ];
    for (message, wire) in vectors {
        assert_eq!(hex(&message.encode()), wire);
        assert_eq!(unpack(&plain(), &unhex(wire)), Ok(vec![message]));
    }
}

#[test]
fn a_compound_with_a_checksum() {
    let wire = "0c42c08b2a 07 02 004e 003f\
        0486a441646472a47f000001ab496e6361726e6174696f6e01a44d657461b5ff82a4726f6c65a6636f6e73756ca26463a3646331a44e6f6465a161a4506f7274cd6d2aa356736ea6010502020505\
        0486a441646472a47f000001ab496e6361726e6174696f6e01a44d657461a6ff81a16ba176a44e6f6465a162a4506f7274cd6d2ba356736ea6010502020505";
    let wire = unhex(wire);
    let messages = vec![
        alive("a", 27946, "ff82a4726f6c65a6636f6e73756ca26463a3646331"),
        alive("b", 27947, "ff81a16ba176"),
    ];
    assert_eq!(unpack(&plain(), &wire), Ok(messages.clone()));
    let encoded: Vec<Vec<u8>> = messages.iter().map(Message::encode).collect();
    assert_eq!(hex(&plain().pack(&encoded, true, NONCE)), hex(&wire));

    let mut damaged = wire.clone();
    damaged[30] ^= 1;
    assert_eq!(unpack(&plain(), &damaged), Err(PacketError::Checksum));
    // Cut off: what is whole is read, the rest is counted.
    let mut out = Vec::new();
    let cut = Bytes::from(wire).slice(5..100);
    assert_eq!(
        plain().unpack(cut, &mut out),
        Err(PacketError::Truncated(1))
    );
    assert_eq!(out, messages[..1]);
}

fn short_ping(seq: u32) -> Message {
    Message::Ping(Ping {
        seq,
        node: "n1".into(),
        ..Ping::default()
    })
}

#[test]
fn sealed_packets() {
    let mut wrapping = sealed();
    // The specification's plain text, which it names by its bytes.
    let ping = unhex("0082a44e6f6465a4656e6331a55365714e6f07");
    let wire = "01000102030405060708090a0b93ee0380097f92f02ebc02bb93f01579fd491d075778d2666751520489415416baee06";
    assert_eq!(
        hex(&wrapping.pack(std::slice::from_ref(&ping), false, NONCE)),
        wire
    );
    let [Message::Ping(read)] = &unpack(&wrapping, &unhex(wire)).expect("opens")[..] else {
        panic!("a ping")
    };
    assert_eq!((read.seq, &*read.node), (7, "enc1"));
    let padded = "00000102030405060708090a0b93ee0380097f92f02ebc02bb93f01579fd4912eb5ee0f0fbeb2cfc201949af61054dd21fab4bdc7bde0de6d2700f1496";
    let [Message::Ping(read)] = &unpack(&wrapping, &unhex(padded)).expect("opens")[..] else {
        panic!("a ping")
    };
    assert_eq!(read.seq, 8);
    wrapping.label = Bytes::from_static(b"blue");
    let labelled = "f404626c756501000102030405060708090a0b93ee0380097f92f02ebc02bb93f01579fd491d8f555fc6759b0370bad8f4fc8b04da90";
    assert_eq!(hex(&wrapping.pack(&[ping], false, NONCE)), labelled);
    assert!(unpack(&wrapping, &unhex(labelled)).is_ok());
    assert_eq!(
        unpack(&wrapping, &unhex(wire)),
        Err(PacketError::Label(String::new()))
    );
    assert_eq!(
        unpack(&sealed(), &unhex(labelled)),
        Err(PacketError::Label("blue".into()))
    );
}

#[test]
fn plain_packets_where_all_are_sealed() {
    let mut wrapping = sealed();
    let packet = short_ping(1).encode();
    assert!(matches!(
        unpack(&wrapping, &packet),
        Err(PacketError::Sealed(_))
    ));
    wrapping.verify_incoming = false;
    assert_eq!(unpack(&wrapping, &packet), Ok(vec![short_ping(1)]));
    wrapping.verify_outgoing = false;
    assert_eq!(
        wrapping.pack(std::slice::from_ref(&packet), false, NONCE),
        packet
    );
}

#[test]
fn compressed_content() {
    let wrapping = Wrapping::default();
    let text = [b'a'; 20];
    let wire = "0982a4416c676f00a3427566a900c3081c48b060c180";
    // Wrapped in a user message, for packets carry no bare text.
    let user = Message::User(Bytes::copy_from_slice(&[b'a'; 200]));
    let packed = wrapping.pack(&[user.encode()], false, NONCE);
    assert_eq!(packed[0], 9);
    assert!(packed.len() < 100);
    assert_eq!(unpack(&wrapping, &packed), Ok(vec![user]));
    // What would grow stays as it is.
    let short = short_ping(3).encode();
    assert_eq!(
        wrapping.pack(std::slice::from_ref(&short), false, NONCE),
        short
    );
    // 'a' is no type of message; that it is found shows that the content was read.
    assert_eq!(
        unpack(&wrapping, &unhex(wire)),
        Err(PacketError::Kind(b'a'))
    );
    assert_eq!(text.len(), 20);
    let reply = "0982a4416c676f00a3427566b70005083a05254c1e366fc29001566a4a99384ede240808";
    let mut reader = StreamReader::new(Side::Listener);
    let ack = Ack {
        seq: 9,
        payload: Bytes::new(),
    };
    let read = reader.push(&wrapping, &unhex(reply));
    assert_eq!(read, Ok(Some(StreamMessage::Ack(ack))));
}

#[test]
fn streams() {
    let ping = StreamMessage::Ping(Ping {
        seq: 9,
        node: "enc1".into(),
        ..Ping::default()
    });
    let wire = "0a0000003001000102030405060708090a0b93ee0380097f92f02ebc02bb93f01579fd4913836ad32bc96a1ce290bad81bd3cb0e94";
    assert_eq!(hex(&sealed().frame(&ping, Side::Dialer, NONCE)), wire);
    let mut reader = StreamReader::new(Side::Dialer);
    assert_eq!(reader.push(&sealed(), &unhex(wire)), Ok(Some(ping)));

    let user = StreamMessage::User(Bytes::from_static(b"abc"));
    let wire = "0881aa557365724d73674c656e03616263";
    assert_eq!(hex(&plain().frame(&user, Side::Dialer, NONCE)), wire);
    // Whatever the pieces.
    let mut reader = StreamReader::new(Side::Dialer);
    let bytes = unhex(wire);
    let (last, first) = bytes.split_last().expect("bytes");
    for byte in first {
        assert_eq!(reader.push(&plain(), &[*byte]), Ok(None));
    }
    assert_eq!(reader.push(&plain(), &[*last]), Ok(Some(user)));
}

#[test]
fn a_labelled_stream_says_its_label_once() {
    let wrapping = Wrapping {
        label: Bytes::from_static(b"blue"),
        ..sealed()
    };
    let ping = StreamMessage::Ping(Ping::default());
    let asked = wrapping.frame(&ping, Side::Dialer, NONCE);
    let answered = wrapping.frame(&ping, Side::Listener, NONCE);
    assert!(asked.starts_with(b"\xf4\x04blue\x0a"));
    assert!(answered.starts_with(b"\x0a"));
    for (bytes, side) in [(asked, Side::Dialer), (answered, Side::Listener)] {
        let mut reader = StreamReader::new(side);
        let (first, second) = bytes.split_at(3);
        assert_eq!(reader.push(&wrapping, first), Ok(None));
        assert_eq!(reader.push(&wrapping, second), Ok(Some(ping.clone())));
    }
}

#[test]
fn encryption_on_one_side_only() {
    let ping = StreamMessage::Ping(Ping::default());
    let mut reader = StreamReader::new(Side::Dialer);
    let error = reader.push(&sealed(), &plain().frame(&ping, Side::Dialer, NONCE));
    assert_eq!(
        error.expect_err("plain").to_string(),
        "Encryption is configured but remote state is not encrypted"
    );
    let mut reader = StreamReader::new(Side::Dialer);
    let error = reader.push(&plain(), &sealed().frame(&ping, Side::Dialer, NONCE));
    assert_eq!(
        error.expect_err("sealed").to_string(),
        "Remote state is encrypted and encryption is not configured"
    );
}
