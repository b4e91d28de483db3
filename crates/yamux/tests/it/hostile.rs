//! Bytes of no sense: no panic, and nothing grows beyond its limit.

use crate::support::{frame, output};
use bytes::Bytes;
use proptest::prelude::*;
use std::time::Duration;
use yamux::{Event, Limits, Role, Session};

const LIMITS: Limits = Limits {
    streams: 40,
    unread: 5_000,
    output: 4_000,
    keepalive: Duration::from_secs(30),
    ping_timeout: Duration::from_secs(10),
    open_timeout: Duration::from_secs(75),
    close_timeout: Duration::from_secs(300),
};

/// Frames that nearly make sense.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let one = (0_u8..5, 0_u16..16, 0_u32..60, 0_u32..3_000, any::<bool>()).prop_map(
        |(kind, flags, stream, length, whole)| {
            let mut bytes = frame(kind, flags, stream, length);
            if kind == 0 && whole {
                bytes.resize(bytes.len() + length as usize, 7);
            }
            bytes
        },
    );
    proptest::collection::vec(one, 0..60).prop_map(|frames| frames.concat())
}

fn feed(role: Role, bytes: &[u8], cut: usize) {
    let mut session = Session::new(role, LIMITS, Duration::ZERO);
    for (n, piece) in bytes.chunks(cut.max(1)).enumerate() {
        let now = Duration::from_secs(n as u64);
        session.receive(now, Bytes::copy_from_slice(piece));
        session.tick(now);
        while let Some(event) = session.next_event() {
            match event {
                Event::Opened(id) if id % 3 == 0 => session.accept(id),
                Event::Opened(id) if id % 3 == 1 => session.reset(id),
                Event::Data(id, piece) if id % 2 == 0 => session.consumed(id, piece.len() + 1),
                Event::Ended(id) => session.end(id, now),
                _ => {}
            }
        }
        let _ = session.open(now);
        assert!(session.streams() <= LIMITS.streams);
        if n % 4 == 0 {
            output(&mut session);
        }
    }
    if session.closed().is_some() {
        assert_eq!(session.streams(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn frames_of_no_sense(bytes in frames(), cut in 1_usize..200, server in any::<bool>()) {
        feed(if server { Role::Server } else { Role::Client }, &bytes, cut);
    }

    #[test]
    fn bytes_of_no_sense(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 1_usize..50) {
        feed(Role::Server, &bytes, cut);
    }
}
