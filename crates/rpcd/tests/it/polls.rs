//! Calls that take long: many at once, large replies, callers who go away.

use crate::support::{door, reply, request, soon};
use bytes::Bytes;
use rpcd::{Limits, Table};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Counts calls that run.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `Health.ServiceNodes` answers when it is told to, `Status.Ping` at once.
fn waiting(release: Arc<Notify>, running: Arc<AtomicUsize>) -> Table {
    Table::default()
        .with("Status.Ping", |_| async { Ok(Bytes::from_static(&[0x80])) })
        .with("Health.ServiceNodes", move |_| {
            let release = release.clone();
            running.fetch_add(1, Ordering::SeqCst);
            let guard = Running(running.clone());
            async move {
                let _guard = guard;
                release.notified().await;
                Ok(Bytes::from_static(&[0x80]))
            }
        })
}

async fn settled(running: &AtomicUsize, wanted: usize) {
    soon(async {
        while running.load(Ordering::SeqCst) != wanted {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_thousand_unanswered_polls_live_for_long_on_one_connection() {
    const POLLS: usize = 1_000;
    let (release, running) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let door = door(waiting(release.clone(), running.clone()), Limits::default());
    let mut client = door.multiplexed().await;
    let quick = client.open();
    let pong = reply(1, "Status.Ping", "");
    let mut polls = Vec::new();
    for n in 0..POLLS {
        let stream = client.open();
        client
            .send(stream, &request(n as u64, "Health.ServiceNodes"))
            .await;
        polls.push(stream);
        // No more wait to be accepted than the protocol allows.
        if n % 100 == 99 {
            assert_eq!(
                client
                    .call(quick, &request(1, "Status.Ping"), pong.len())
                    .await,
                pong
            );
        }
    }
    settled(&running, POLLS).await;
    // Pings of both sides go to and fro, and a stream would have to be acknowledged within 75 s.
    for _ in 0..25 {
        door.time.advance(Duration::from_secs(5));
        assert_eq!(
            client
                .call(quick, &request(1, "Status.Ping"), pong.len())
                .await,
            pong
        );
    }
    assert_eq!(running.load(Ordering::SeqCst), POLLS);
    assert!(client.over.is_empty() && client.got.is_empty());
    release.notify_waiters();
    client.until(|client| client.got.len() == POLLS).await;
    for (n, stream) in polls.iter().enumerate() {
        assert_eq!(
            client.got[stream],
            reply(n as u64, "Health.ServiceNodes", "")
        );
    }
    settled(&running, 0).await;
}

#[tokio::test]
async fn who_goes_away_ends_its_calls() {
    let (release, running) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let door = door(waiting(release, running.clone()), Limits::default());
    let mut client = door.multiplexed().await;
    for n in 0..10 {
        let stream = client.open();
        client
            .send(stream, &request(n, "Health.ServiceNodes"))
            .await;
        if n % 2 == 0 {
            client.session.reset(stream);
            client.flush().await;
        }
    }
    settled(&running, 5).await;
    drop(client);
    settled(&running, 0).await;
    // Of a plain connection too.
    let mut plain = door.connect(0).await;
    tokio::io::AsyncWriteExt::write_all(&mut plain, &request(1, "Health.ServiceNodes"))
        .await
        .unwrap();
    settled(&running, 1).await;
    door.room
        .close(crate::support::PATIENCE)
        .await
        .expect("in time");
    settled(&running, 0).await;
}

#[tokio::test]
async fn a_reply_longer_than_the_window_arrives_whole() {
    let long = Bytes::from([&[0xdb, 0, 0x30, 0, 0][..], &vec![7; 0x30_0000]].concat());
    let said = long.clone();
    let methods = Table::default().with("KVS.Get", move |_| {
        let said = said.clone();
        async move { Ok(said) }
    });
    let door = door(methods, Limits::default());
    let mut client = door.multiplexed().await;
    let streams = [client.open(), client.open()];
    for stream in streams {
        client.send(stream, &request(3, "KVS.Get")).await;
    }
    let mut wanted = reply(3, "KVS.Get", "");
    wanted.pop();
    wanted.extend_from_slice(&long);
    client
        .until(|client| {
            streams.iter().all(|stream| {
                client
                    .got
                    .get(stream)
                    .is_some_and(|got| got.len() >= wanted.len())
            })
        })
        .await;
    for stream in streams {
        assert!(client.got[&stream] == wanted);
    }
}
