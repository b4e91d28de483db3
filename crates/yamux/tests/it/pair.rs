//! Two ends: windows, half-closes, limits, clocks.

use crate::support::{carry, events, frame, hex, output, secs, session};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use yamux::{Closed, Event, Limits, OpenError, Role, SendError, Session};

const NOW: Duration = Duration::ZERO;
const WINDOW: usize = 256 * 1024;

fn joined() -> (Session, Session, u32) {
    let (mut client, mut server) = (session(Role::Client), session(Role::Server));
    let id = client.open(NOW).expect("opens");
    carry(&mut client, &mut server, 5, NOW);
    assert_eq!(events(&mut server), [Event::Opened(id)]);
    server.accept(id);
    carry(&mut server, &mut client, 7, NOW);
    (client, server, id)
}

#[test]
fn a_window_is_filled_and_refilled_by_reading() {
    let (mut client, mut server, id) = joined();
    let mut data = Bytes::from(vec![1; WINDOW + 1000]);
    client.send(id, &mut data).expect("sends");
    assert_eq!(data.len(), 1000);
    carry(&mut client, &mut server, 1000, NOW);
    let got: usize = events(&mut server)
        .iter()
        .map(|event| match event {
            Event::Data(_, piece) => piece.len(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(got, WINDOW);
    // Less than half a window is not worth a frame.
    server.consumed(id, WINDOW / 2 - 1);
    assert!(output(&mut server).is_empty());
    server.consumed(id, 1);
    assert!(carry(&mut server, &mut client, 3, NOW));
    assert_eq!(events(&mut client), [Event::Writable(id)]);
    client.send(id, &mut data).expect("sends");
    assert!(data.is_empty());
    carry(&mut client, &mut server, 4096, NOW);
    assert_eq!(
        events(&mut server),
        [Event::Data(id, Bytes::from(vec![1; 1000]))]
    );
}

#[test]
fn each_side_ends_by_itself() {
    let (mut client, mut server, id) = joined();
    client.end(id, NOW);
    client.end(id, NOW);
    assert_eq!(
        client.send(id, &mut Bytes::from_static(b"late")),
        Err(SendError::Ended)
    );
    carry(&mut client, &mut server, 1, NOW);
    assert_eq!(events(&mut server), [Event::Ended(id)]);
    server
        .send(id, &mut Bytes::from_static(b"answer"))
        .expect("half open");
    server.end(id, NOW);
    carry(&mut server, &mut client, 1, NOW);
    let got = events(&mut client);
    assert_eq!(got.last(), Some(&Event::Ended(id)));
    assert_eq!((client.streams(), server.streams()), (0, 0));
    // Nothing waits for a stream that is over.
    assert_eq!(client.deadline(), Some(secs(30)));
}

#[test]
fn an_end_comes_behind_the_data_of_its_own_frame() {
    let (_, mut server, id) = joined();
    let mut bytes = frame(0, 4, id, 3);
    bytes.extend(b"abc");
    for byte in bytes {
        server.receive(NOW, Bytes::from(vec![byte]));
    }
    let got = events(&mut server);
    assert_eq!(got.len(), 4, "{got:?}");
    assert_eq!(got.last(), Some(&Event::Ended(id)));
}

#[test]
fn more_than_the_window_ends_the_session() {
    let (_, mut server, id) = joined();
    server.receive(NOW, Bytes::from(frame(0, 0, id, WINDOW as u32 + 1)));
    let why = Closed::Protocol("data beyond the window");
    assert_eq!(events(&mut server), [Event::Closed(why)]);
    assert_eq!(hex(&output(&mut server)), "000300000000000000000001");
    assert_eq!(server.open(NOW), Err(OpenError::Closed));
    assert!(!server.wants_input());
    assert_eq!(server.deadline(), None);
}

#[test]
fn a_number_twice_or_of_the_wrong_side_ends_the_session() {
    for id in [1, 2, 0] {
        let (_, mut server, first) = joined();
        assert_eq!(first, 1);
        server.receive(NOW, Bytes::from(frame(1, 1, id, 0)));
        assert!(matches!(server.closed(), Some(Closed::Protocol(_))), "{id}");
    }
}

#[test]
fn openings_nobody_accepts_are_reset_beyond_the_backlog() {
    let mut server = session(Role::Server);
    for n in 0..257 {
        server.receive(NOW, Bytes::from(frame(1, 1, 2 * n + 1, 0)));
    }
    assert_eq!(events(&mut server).len(), 256);
    assert_eq!(hex(&output(&mut server)), "000100080000020100000000");
    // What follows on the refused stream is dropped.
    let mut bytes = frame(0, 0, 513, 4);
    bytes.extend(b"lost");
    server.receive(NOW, Bytes::from(bytes));
    assert!(events(&mut server).is_empty());
    // One accepted makes room for one.
    server.accept(1);
    output(&mut server);
    server.receive(NOW, Bytes::from(frame(1, 1, 515, 0)));
    assert_eq!(events(&mut server), [Event::Opened(515)]);
}

#[test]
fn an_opener_waits_for_acknowledgements() {
    let mut client = session(Role::Client);
    for _ in 0..256 {
        client.open(NOW).expect("opens");
    }
    assert_eq!(client.open(NOW), Err(OpenError::Busy));
    client.receive(NOW, Bytes::from(frame(1, 2, 1, 0)));
    assert!(client.open(NOW).is_ok());
}

#[test]
fn who_goes_away_takes_nothing_new() {
    let (mut client, mut server, id) = joined();
    server.go_away();
    carry(&mut server, &mut client, 12, NOW);
    assert_eq!(events(&mut client), [Event::GoAway]);
    assert_eq!(client.open(NOW), Err(OpenError::GoAway));
    client
        .send(id, &mut Bytes::from_static(b"goes on"))
        .expect("sends");
    carry(&mut client, &mut server, 12, NOW);
    let whole = Event::Data(id, Bytes::from_static(b"goes on"));
    assert_eq!(events(&mut server), [whole]);
    server.receive(NOW, Bytes::from(frame(1, 1, 3, 0)));
    assert_eq!(hex(&output(&mut server)), "000100080000000300000000");
}

#[test]
fn silence_ends_the_session() {
    let mut client = session(Role::Client);
    client.tick(secs(29));
    assert!(output(&mut client).is_empty());
    client.tick(secs(30));
    assert_eq!(client.deadline(), Some(secs(40)));
    client.receive(secs(35), Bytes::from(frame(2, 2, 0, 1)));
    assert_eq!(client.deadline(), Some(secs(65)));
    client.tick(secs(65));
    client.tick(secs(75));
    assert_eq!(client.closed(), Some(Closed::Keepalive));
}

#[test]
fn an_opening_that_is_not_acknowledged_ends_the_session() {
    let (mut client, _, _) = joined();
    client.open(secs(1)).expect("opens");
    client.tick(secs(75));
    client.receive(secs(75), Bytes::from(frame(2, 2, 0, 1)));
    client.tick(secs(76));
    assert_eq!(client.closed(), Some(Closed::Unacknowledged));
}

/// The reference's client tears its session down when long polls are not acknowledged; acknowledged ones live for ever.
#[test]
fn a_thousand_long_polls_live() {
    let (mut client, mut server) = (session(Role::Client), session(Role::Server));
    for _ in 0..1000 {
        let id = client.open(NOW).expect("opens");
        let mut request = Bytes::from_static(b"request");
        client.send(id, &mut request).expect("sends");
        carry(&mut client, &mut server, 4096, NOW);
        server.accept(id);
        carry(&mut server, &mut client, 4096, NOW);
    }
    for second in 1..=100 {
        let now = secs(second);
        for end in [&mut client, &mut server] {
            end.tick(now);
        }
        carry(&mut client, &mut server, 4096, now);
        carry(&mut server, &mut client, 4096, now);
        carry(&mut client, &mut server, 4096, now);
    }
    assert_eq!((client.closed(), server.closed()), (None, None));
    assert_eq!((client.streams(), server.streams()), (1000, 1000));
}

#[test]
fn a_stream_that_only_we_ended_is_reset_at_last() {
    let (mut client, _, id) = joined();
    client.end(id, secs(1));
    output(&mut client);
    let mut now = 1;
    while client.streams() > 0 {
        now += 1;
        client.tick(secs(now));
        // The peer lives.
        client.receive(secs(now), Bytes::from(frame(2, 2, 0, 0)));
        assert!(now <= 301, "not reset");
    }
    assert_eq!(now, 301);
    assert_eq!(events(&mut client), [Event::Reset(id)]);
    assert!(hex(&output(&mut client)).ends_with("000100080000000100000000"));
}

#[test]
fn unread_bytes_have_one_budget() {
    let limits = Limits {
        unread: 1000,
        ..Limits::default()
    };
    let mut server = Session::new(Role::Server, limits, NOW);
    for id in [1, 3] {
        server.receive(NOW, Bytes::from(frame(1, 1, id, 0)));
        server.accept(id);
        let mut bytes = frame(0, 0, id, 600);
        bytes.extend([0; 600]);
        server.receive(NOW, Bytes::from(bytes));
    }
    let got = events(&mut server);
    assert_eq!(got.last(), Some(&Event::Reset(3)));
    assert_eq!((server.streams(), server.closed()), (1, None));
}

#[test]
fn output_nobody_takes_stops_sending_and_reading() {
    let limits = Limits {
        output: 10_000,
        ..Limits::default()
    };
    let mut client = Session::new(Role::Client, limits, NOW);
    let ids: Vec<u32> = (0..3).map(|_| client.open(NOW).expect("opens")).collect();
    let mut left = Vec::new();
    for id in &ids {
        let mut data = Bytes::from(vec![0; 20_000]);
        client.send(*id, &mut data).expect("sends");
        left.push(data.len());
    }
    assert_eq!(left, [0, 20_000, 20_000]);
    assert!(!client.wants_input());
    output(&mut client);
    assert!(client.wants_input());
    assert_eq!(
        events(&mut client),
        [Event::Writable(ids[1]), Event::Writable(ids[2])]
    );
}

/// What one end sent, by stream.
type Sent = BTreeMap<u32, Vec<u8>>;

/// Takes events of `end`, reads at once, notes what came, opens windows.
fn settle(end: &mut Session, got: &mut Sent) {
    for event in events(end) {
        match event {
            Event::Opened(id) => end.accept(id),
            Event::Data(id, piece) => {
                got.entry(id).or_default().extend_from_slice(&piece);
                end.consumed(id, piece.len());
            }
            Event::Closed(why) => panic!("{why}"),
            _ => {}
        }
    }
}

proptest! {
    /// Whatever is written in whatever pieces arrives whole and in order, and both ends forget what is over.
    #[test]
    fn everything_arrives(
        writes in proptest::collection::vec((0_usize..6, 0_usize..90_000), 1..40),
        cut in 1_usize..70_000,
    ) {
        let (mut client, mut server) = (session(Role::Client), session(Role::Server));
        let ids: Vec<u32> = (0..6).map(|_| client.open(NOW).expect("opens")).collect();
        let mut sent = Sent::new();
        let mut pending: BTreeMap<u32, Bytes> = BTreeMap::new();
        let mut got = Sent::new();
        let mut back = Sent::new();
        for (n, (which, len)) in writes.into_iter().enumerate() {
            let id = ids[which];
            let data: Vec<u8> = (0..len).map(|at| (at * 31 + n) as u8).collect();
            sent.entry(id).or_default().extend_from_slice(&data);
            let mut all = pending.remove(&id).unwrap_or_default().to_vec();
            all.extend(data);
            pending.insert(id, Bytes::from(all));
            loop {
                for (id, data) in &mut pending {
                    client.send(*id, data).expect("sends");
                }
                let moved = carry(&mut client, &mut server, cut, NOW);
                settle(&mut server, &mut got);
                let answered = carry(&mut server, &mut client, cut, NOW);
                settle(&mut client, &mut back);
                if !moved && !answered {
                    break;
                }
            }
        }
        prop_assert!(pending.values().all(Bytes::is_empty));
        sent.retain(|_, data| !data.is_empty());
        prop_assert_eq!(sent, got);
        for id in ids {
            client.end(id, NOW);
            server.end(id, NOW);
        }
        carry(&mut client, &mut server, cut, NOW);
        carry(&mut server, &mut client, cut, NOW);
        prop_assert_eq!((client.streams(), server.streams()), (0, 0));
    }
}
