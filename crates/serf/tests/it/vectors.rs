//! Bytes of spec/wire.md §2 and of recorded traffic, both ways.

use bytes::Bytes;
use serf::messages::{Join, KeyResponse, Leave, Message, Query, QueryResponse, UserEvent};
use serf::{Snapshot, tags};
use std::collections::BTreeMap;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
        .collect()
}

#[test]
fn messages() {
    let vectors = [
        (
            Message::Join(Join {
                time: 1,
                node: "b".into(),
            }),
            "0182a54c54696d6501a44e6f6465a162",
        ),
        (
            Message::Leave(Leave {
                time: 2,
                node: "b".into(),
                prune: false,
            }),
            "0083a54c54696d6502a44e6f6465a162a55072756e65c2",
        ),
        (
            Message::UserEvent(UserEvent {
                time: 1,
                name: "deploy".into(),
                payload: Bytes::from_static(b"payload1"),
                coalesce: false,
            }),
            "0384a24343c2a54c54696d6501a44e616d65a66465706c6f79a75061796c6f6164a87061796c6f616431",
        ),
        (
            Message::Query(Query {
                time: 1,
                id: 1_310_943_900,
                addr: Bytes::from_static(&[127, 0, 0, 1]),
                port: 27946,
                source: "a".into(),
                flags: 1,
                timeout: dialect::Nanos(2_000_000_000),
                name: "ping2".into(),
                payload: Bytes::from_static(b"hello"),
                ..Query::default()
            }),
            "048ba441646472a47f000001a746696c74657273c0a5466c61677301a24944ce4e236a9ca54c54696d6501a44e616d65a570696e6732a75061796c6f6164a568656c6c6fa4506f7274cd6d2aab52656c6179466163746f7200aa536f757263654e6f6465a161a754696d656f7574ce77359400",
        ),
        (
            Message::Response(QueryResponse {
                time: 1,
                id: 1_310_943_900,
                from: "b".into(),
                flags: 1,
                payload: Bytes::new(),
            }),
            "0585a5466c61677301a446726f6da162a24944ce4e236a9ca54c54696d6501a75061796c6f6164c0",
        ),
    ];
    for (message, wire) in vectors {
        let bytes = Bytes::from(unhex(wire));
        assert_eq!(Message::decode(&bytes), Some(message.clone()), "{wire}");
        assert_eq!(message.encode(), bytes, "{wire}");
    }
    let relay = Bytes::from(unhex(
        "0982a8446573744164647283a24950a40a000001a4506f7274cd206da45a6f6e65a0a8446573744e616d65a26e310585a5466c61677301a446726f6da26e32a2494407a54c54696d6504a75061796c6f6164c0",
    ));
    let Some(Message::Relay(head, inner)) = Message::decode(&relay) else {
        panic!("a relay")
    };
    assert_eq!((&*head.name, head.addr.port), ("n1", 8301));
    assert!(matches!(
        Message::decode(&inner),
        Some(Message::Response(_))
    ));
    assert_eq!(Message::Relay(head, inner).encode(), relay);
}

#[test]
fn key_responses() {
    let list = unhex(
        "0884a44b65797391b841414543417751464267634943516f4c4441304f44773d3da74d657373616765a0aa5072696d6172794b6579b841414543417751464267634943516f4c4441304f44773d3da6526573756c74c3",
    );
    let response: KeyResponse = serf::key_response(&list).expect("a response");
    assert!(response.result);
    assert_eq!(response.keys.as_slice(), ["AAECAwQFBgcICQoLDA0ODw=="]);
    assert_eq!(response.primary, "AAECAwQFBgcICQoLDA0ODw==");
    assert_eq!(serf::key_response(b"\x07\x80"), None);
}

#[test]
fn tags_of_nodes() {
    let wire = unhex("ff81a16ba176");
    let own = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    assert_eq!(tags::decode(&wire), own);
    assert_eq!(tags::encode(&own).expect("fits"), wire);
    assert_eq!(
        tags::decode(b"web"),
        BTreeMap::from([("role".to_owned(), "web".to_owned())])
    );
    assert!(tags::decode(b"").is_empty());
    let long = BTreeMap::from([("k".to_owned(), "v".repeat(600))]);
    assert_eq!(
        tags::encode(&long).expect_err("too long").to_string(),
        "Encoded length of tags exceeds limit of 512 bytes"
    );
}

#[test]
fn snapshots() {
    let text = "alive: web 1 127.0.0.1:8301\nalive: gone 127.0.0.1:8302\n# words\nclock: 7\nevent-clock: 8\n\
        query-clock: 9\nnot-alive: gone\ncoordinate: {}\nnonsense\nalive: six [::1]:8301\nclock: 11";
    let read = Snapshot::read(text, false);
    assert_eq!(read.alive.keys().collect::<Vec<_>>(), ["six", "web 1"]);
    assert_eq!((read.clock, read.event_clock, read.query_clock), (7, 8, 9));
    assert_eq!(read.unknown, ["nonsense"]);
    let again = Snapshot::read(&read.write(), false);
    assert_eq!(again.alive, read.alive);
    assert_eq!(again.clock, 7);
    let left = format!("{}leave\n", read.write());
    assert!(Snapshot::read(&left, false).alive.is_empty());
    assert_eq!(Snapshot::read(&left, false).clock, 0);
    assert_eq!(Snapshot::read(&left, true).alive.len(), 2);
    let sly = Snapshot::alive_line("a\nleave", ([127, 0, 0, 1], 1).into());
    assert_eq!(sly.lines().count(), 1);
}
