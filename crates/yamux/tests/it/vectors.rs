//! Frames as the specification composes them and as real agents sent them.

use crate::support::{events, hex, output, secs, session};
use bytes::Bytes;
use std::time::Duration;
use yamux::{Event, Role};

#[test]
fn frames_are_those_of_the_specification() {
    let mut client = session(Role::Client);
    let id = client.open(Duration::ZERO).expect("opens");
    assert_eq!(id, 1);
    assert_eq!(hex(&output(&mut client)), "000100010000000100000000");
    client
        .send(id, &mut Bytes::from(vec![7; 45]))
        .expect("sends");
    assert!(hex(&output(&mut client)).starts_with("00000000000000010000002d0707"));
    client.end(id, Duration::ZERO);
    assert_eq!(hex(&output(&mut client)), "000100040000000100000000");
    client.tick(secs(30));
    assert_eq!(hex(&output(&mut client)), "000200010000000000000001");
    client.go_away();
    client.go_away();
    assert_eq!(hex(&output(&mut client)), "000300000000000000000000");

    let mut server = session(Role::Server);
    let opening = [0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
    server.receive(Duration::ZERO, Bytes::copy_from_slice(&opening));
    assert_eq!(events(&mut server), [Event::Opened(1)]);
    server.accept(1);
    server.accept(1);
    assert_eq!(hex(&output(&mut server)), "000100020000000100000000");
    let ping = [0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
    server.receive(Duration::ZERO, Bytes::copy_from_slice(&ping));
    assert_eq!(hex(&output(&mut server)), "000200020000000000000009");
    assert_eq!(server.open(Duration::ZERO), Ok(2));
}

/// What real agents sent each other, played to a server in the order of the streams.
#[test]
fn recorded_control_frames_are_understood() {
    let shared = std::env::var("PROCONSUL_SHARED").map_or_else(
        |_| {
            std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../../shared")
                .to_path_buf()
        },
        std::path::PathBuf::from,
    );
    let path = shared.join("conformance/wire/yamux-control.json");
    let text = std::fs::read_to_string(&path).expect("the recorded frames");
    let recorded: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let frames = recorded["frames"].as_object().expect("frames");
    let mut opened = 0;
    let mut server = session(Role::Server);
    let mut sorted: Vec<&String> = frames.keys().collect();
    // Openings before what follows on the same stream: they differ in the flags, which come first.
    sorted.sort();
    for text in sorted {
        let bytes: Vec<u8> = (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
            .collect();
        opened += usize::from(bytes[3] == 1 && bytes[1] == 1);
        server.receive(Duration::ZERO, Bytes::from(bytes));
    }
    assert_eq!(server.closed(), None);
    let opens = events(&mut server)
        .into_iter()
        .filter(|event| matches!(event, Event::Opened(_)))
        .count();
    assert!(opened > 5 && opens == opened, "{opens} of {opened}");
}
