//! Peers that send garbage, or nothing.

use crate::support::{PATIENCE, pool, settings, start, start_at};
use gossip::STREAMS_PER_PEER_MAX;
use rt::{Room, Time};
use serf::Status;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_garbage_costs_the_pool_nobody() {
    let mut nodes = pool(3, |_| {}).await;
    let flood = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = nodes[0].pool.address();
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    for n in 0..20_000usize {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(n as u64);
        let mut packet = seed.to_le_bytes().repeat(1 + n % 150);
        // All types of messages.
        packet[0] = (n % 16) as u8;
        flood.send_to(&packet, to).await.unwrap();
    }
    // It answers still, and nobody was taken for dead.
    let stats = nodes[0].pool.stats().await.expect("runs");
    assert_eq!((stats.members, stats.failed), (3, 0));
    let asked = serf::Ask {
        name: "_serf_ping".into(),
        ack: true,
        timeout: PATIENCE,
        ..serf::Ask::default()
    };
    let mut answers = nodes[1].pool.query(asked).await.expect("short");
    for _ in 0..3 {
        let answer = tokio::time::timeout(PATIENCE, answers.next())
            .await
            .expect("in time");
        assert!(answer.is_some());
    }
    for node in &mut nodes {
        assert_eq!(node.sees("n0"), Some(Status::Alive));
    }
}

#[tokio::test]
async fn silent_streams_are_few_and_end_in_time() {
    let time = Time::manual();
    let node = start_at(settings("a"), Room::new("a"), &time);
    let to = node.pool.address();
    let mut held = Vec::new();
    for _ in 0..STREAMS_PER_PEER_MAX {
        held.push(TcpStream::connect(to).await.unwrap());
    }
    let mut byte = [0];
    let beyond = async {
        // Accepted behind those that are held, for the order of connections is kept.
        let mut beyond = TcpStream::connect(to).await.unwrap();
        beyond.read(&mut byte).await
    };
    let closed = tokio::time::timeout(PATIENCE, beyond)
        .await
        .expect("closed at once");
    assert!(matches!(closed, Ok(0) | Err(_)));
    // The others have until the deadline, whether they trickle or not.
    held[0].write_all(&[6, 0x83]).await.unwrap();
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    time.advance(Duration::from_secs(10));
    for mut stream in held {
        let closed = tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await;
        assert!(matches!(closed.expect("closed in time"), Ok(0) | Err(_)));
    }
    let other = start_at(settings("b"), Room::new("b"), &time);
    other.join(&node).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_and_closed() {
    let node = start(settings("a"));
    for (sent, wanted) in [
        (&[3u8, 0x80][..], "received invalid msgType (3)"),
        (
            &[
                6, 0x83, 0xa5, b'N', b'o', b'd', b'e', b's', 0xce, 0x7f, 0xff, 0xff, 0xff, 0xa4,
                b'J', b'o', b'i', b'n', 0xc2, 0xac, b'U', b's', b'e', b'r', b'S', b't', b'a', b't',
                b'e', b'L', b'e', b'n', 0,
            ],
            "Remote node state is larger than limit (2147483647)",
        ),
    ] {
        let mut stream = TcpStream::connect(node.pool.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        read.expect("closed").expect("read");
        let wrapping = swim::Wrapping::default();
        let mut reader = swim::StreamReader::new(swim::Side::Listener);
        let message = reader.push(&wrapping, &answer).expect("readable");
        let Some(swim::StreamMessage::Error(told)) = message else {
            panic!("{message:?}");
        };
        assert!(told.error.starts_with(wanted), "{}", told.error);
    }
}
