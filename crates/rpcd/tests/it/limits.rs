//! Connections that are too many, too slow, or of no kind we speak; the end of the room.

use crate::support::{PATIENCE, door, door_beside, soon};
use bytes::Bytes;
use rpcd::{Limits, Streams, Table};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // Closed with bytes unread it may be reset.
    let _ = soon(stream.read_to_end(&mut rest)).await;
    rest
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let limits = Limits {
        connections_per_peer: 2,
        ..Limits::default()
    };
    let door = door(Table::default(), limits);
    let (mut one, _two) = (door.connect(4).await, door.connect(4).await);
    let mut three = TcpStream::connect(door.address).await.unwrap();
    assert!(closed(&mut three).await.is_empty());
    // Another limit counts at once; those that are there stay.
    door.door.limit_connections(3);
    let mut three = door.connect(4).await;
    three.shutdown().await.unwrap();
    assert!(closed(&mut three).await.is_empty());
    door.door.limit_connections(2);
    // One that ends makes room.
    one.shutdown().await.unwrap();
    assert!(closed(&mut one).await.is_empty());
    soon(async {
        loop {
            let mut again = TcpStream::connect(door.address).await.unwrap();
            let ping = [4, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
            let mut pong = [0; 12];
            // Where there is no room yet it is closed.
            if again.write_all(&ping).await.is_ok() && again.read_exact(&mut pong).await.is_ok() {
                assert_eq!(pong, [0, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9]);
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_byte_is_waited_for_and_must_be_known() {
    let door = door(Table::default(), Limits::default());
    for first in [1, 2, 3, 6, 7, 8, 9, 0x16, 0xff] {
        let mut stream = door.connect(first).await;
        assert!(closed(&mut stream).await.is_empty(), "{first}");
    }
    let mut silent = TcpStream::connect(door.address).await.unwrap();
    let mut byte = [0];
    let early = tokio::select! {
        biased;
        read = silent.read(&mut byte) => Some(read),
        () = async { for _ in 0..100 { tokio::task::yield_now().await } } => None,
    };
    assert!(early.is_none());
    door.time.advance(Duration::from_secs(5));
    assert!(closed(&mut silent).await.is_empty());
}

#[tokio::test]
async fn whoever_breaks_the_protocol_is_closed_and_a_silent_peer_too() {
    let door = door(Table::default(), Limits::default());
    let mut broken = door.connect(4).await;
    broken.write_all(&[9; 12]).await.unwrap();
    assert!(closed(&mut broken).await.starts_with(&[0, 3]));
    let mut silent = door.connect(4).await;
    // A ping to know that the session is there.
    silent
        .write_all(&[0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9])
        .await
        .unwrap();
    let mut frame = [0; 12];
    soon(silent.read_exact(&mut frame)).await.unwrap();
    door.time.advance(Duration::from_secs(30));
    soon(silent.read_exact(&mut frame)).await.unwrap();
    assert_eq!(frame[..4], [0, 2, 0, 1]);
    door.time.advance(Duration::from_secs(10));
    assert!(closed(&mut silent).await.starts_with(&[0, 3]));
}

#[tokio::test]
async fn a_room_that_closes_says_goodbye() {
    let methods =
        Table::default().with("Status.Ping", |_| async { Ok(Bytes::from_static(&[0x80])) });
    let door = door(methods, Limits::default());
    let mut stream = door.connect(4).await;
    stream
        .write_all(&[0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9])
        .await
        .unwrap();
    let mut frame = [0; 12];
    soon(stream.read_exact(&mut frame)).await.unwrap();
    assert_eq!(door.room.close(PATIENCE).await, Ok(()));
    assert_eq!(
        closed(&mut stream).await,
        [0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    let mut late = TcpStream::connect(door.address).await;
    if let Ok(late) = &mut late {
        assert!(closed(late).await.is_empty());
    }
}

/// A protocol that says everything again.
struct Again;

impl Streams for Again {
    fn first_byte(&self) -> u8 {
        b'P'
    }

    fn take(&self, mut stream: TcpStream, _: SocketAddr) {
        tokio::spawn(async move {
            let (mut input, mut output) = stream.split();
            tokio::io::copy(&mut input, &mut output).await
        });
    }
}

#[tokio::test]
async fn another_protocol_has_its_own_byte_and_its_own_limits() {
    let limits = Limits {
        connections_per_peer: 1,
        ..Limits::default()
    };
    let door = door_beside(Table::default(), vec![Arc::new(Again)], limits);
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = door.connect(b'P').await;
        stream.write_all(b"behind it").await.unwrap();
        let mut back = [0; 9];
        soon(stream.read_exact(&mut back)).await.unwrap();
        assert_eq!(&back, b"behind it");
        held.push(stream);
    }
}
