//! Calls: what comes back, whom it is asked of, when it is asked again.

use crate::support::{PATIENCE, agent, nobody, server, settings, soon};
use bytes::Bytes;
use dialect::msgpack;
use model::KvEntry;
use ports::{Caller, Consistency, Data, Query, Read, ReadOptions, Rpc as _, RpcError, Write};
use remote::Servers as _;
use rpcd::{Failure, Table};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use wire::Outcome;
use wire::command::KvsRequest;
use wire::rpc::{IndexedDirEntries, QueryMeta};

/// A reply to `KVS.Get` with a value of so many bytes.
fn entry(bytes: usize) -> Bytes {
    msgpack::to_bytes(&IndexedDirEntries {
        entries: [Arc::new(KvEntry {
            key: "k".into(),
            value: Some(vec![b'v'; bytes].into()),
            ..KvEntry::default()
        })]
        .into(),
        meta: QueryMeta {
            index: 9,
            known_leader: true,
            ..QueryMeta::default()
        },
    })
}

fn get() -> Query {
    Query::new(Read::KvGet {
        key: Bytes::from_static(b"k"),
    })
}

fn set() -> Write {
    Write::Kv(Box::new(KvsRequest {
        op: "set".to_owned(),
        ..KvsRequest::default()
    }))
}

fn refusing(why: &'static str, times: usize, asked: Arc<AtomicUsize>) -> Table {
    Table::default().with("KVS.Get", move |_| {
        let refuse = asked.fetch_add(1, Ordering::SeqCst) < times;
        async move {
            if refuse {
                Err(Failure::Method(why.to_owned()))
            } else {
                Ok(entry(1))
            }
        }
    })
}

#[tokio::test]
async fn answers_of_any_size_come_back() {
    for bytes in [0, 1, 400_000, 3_000_000] {
        let methods = Table::default().with("KVS.Get", move |_| async move { Ok(entry(bytes)) });
        let server = server(methods);
        let agent = agent(&[server.address], settings(PATIENCE));
        for _ in 0..3 {
            let caller = Caller::internal();
            let answered = soon(agent.remote.read(&caller, get(), ReadOptions::default()))
                .await
                .unwrap();
            assert_eq!((answered.answer.index, answered.known_leader), (9, true));
            let Data::KvEntry(Some(entry)) = &answered.answer.data else {
                panic!("no entry");
            };
            assert_eq!(entry.value.as_ref().map_or(0, |value| value.len()), bytes);
        }
        assert_eq!(agent.room.close(PATIENCE).await, Ok(()));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_left_for_another() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = server(refusing("", 0, asked));
    let agent = agent(&[nobody(), server.address], settings(PATIENCE));
    let caller = Caller::internal();
    soon(agent.remote.read(&caller, get(), ReadOptions::default()))
        .await
        .unwrap();
    assert_eq!(agent.servers.first().unwrap().name, "s1");
}

#[tokio::test]
async fn no_leader_is_waited_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = server(refusing("No cluster leader", 3, asked.clone()));
    let agent = agent(&[server.address], settings(Duration::from_millis(160)));
    let caller = Caller::internal();
    // Tried anew for as long as the hold time lasts; on a slow machine it may be over sooner, then the user asks again.
    soon(async {
        while agent
            .remote
            .read(&caller, get(), ReadOptions::default())
            .await
            .is_err()
        {}
    })
    .await;
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn errors_say_what_the_server_said_or_who_was_tried() {
    let caller = Caller::internal();
    let asked = Arc::new(AtomicUsize::new(0));
    let refused = server(refusing("Permission denied", usize::MAX, asked.clone()));
    let agent_ = agent(&[refused.address], settings(PATIENCE));
    let error = soon(agent_.remote.read(&caller, get(), ReadOptions::default())).await;
    let wanted = "rpc error making call: Permission denied".to_owned();
    assert_eq!(error.unwrap_err(), RpcError::Denied(wanted));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "asked once");

    let (one, two) = (nobody(), nobody());
    let lonely = agent(&[one, two], settings(Duration::from_secs(2)));
    let error = soon(lonely.remote.read(&caller, get(), ReadOptions::default()))
        .await
        .unwrap_err()
        .to_string();
    let begins = "rpc error getting client: failed to get conn: dial tcp ";
    assert!(error.starts_with(begins), "{error}");
    let ends = format!("(tried s0 at {one}, s1 at {two})");
    assert!(error.ends_with(&ends), "{error}");

    let none = agent(&[], settings(PATIENCE));
    let error = soon(none.remote.read(&caller, get(), ReadOptions::default())).await;
    let wanted = "No known Consul servers".to_owned();
    assert_eq!(error.unwrap_err(), RpcError::Unavailable(wanted));
}

#[tokio::test]
async fn stale_reads_are_answered_when_no_server_is_left() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = server(refusing("", 0, asked));
    let agent = agent(&[server.address, nobody()], settings(PATIENCE));
    let caller = Caller::internal();
    let stale = ReadOptions {
        consistency: Consistency::Stale,
        ..ReadOptions::default()
    };
    let fresh = soon(agent.remote.read(&caller, get(), stale))
        .await
        .unwrap();
    assert!(fresh.known_leader);
    assert_eq!(server.room.close(PATIENCE).await, Ok(()));
    for _ in 0..2 {
        // At once, though the hold time is a minute.
        let told = soon(agent.remote.read(&caller, get(), stale))
            .await
            .unwrap();
        assert!(Arc::ptr_eq(&told.answer, &fresh.answer));
        assert!(!told.known_leader && told.last_contact > Duration::ZERO);
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_made_again() {
    let (asked, came) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (count, told) = (asked.clone(), came.clone());
    let methods = Table::default().with("KVS.Apply", move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        told.notify_one();
        std::future::pending()
    });
    let server = server(methods);
    let agent = agent(&[server.address], settings(PATIENCE));
    let caller = Caller::internal();
    let write = agent.remote.write(&caller, "", set());
    let ends = async {
        came.notified().await;
        assert_eq!(server.room.close(PATIENCE).await, Ok(()));
    };
    let (outcome, ()) = soon(async { tokio::join!(write, ends) }).await;
    assert!(
        matches!(outcome, Err(RpcError::Unavailable(_))),
        "{outcome:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_write_is_finished_whatever_happens_to_who_asked() {
    let (came, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let release = Arc::new(Notify::new());
    let (told, finished, wait) = (came.clone(), done.clone(), release.clone());
    let methods = Table::default().with("KVS.Apply", move |_| {
        told.notify_one();
        let (finished, wait) = (finished.clone(), wait.clone());
        async move {
            wait.notified().await;
            finished.notify_one();
            Ok(Bytes::from_static(&[0xc2]))
        }
    });
    let server = server(methods);
    let agent = agent(&[server.address], settings(PATIENCE));
    let caller = Caller::internal();
    drop(agent.remote.write(&caller, "", set()));
    soon(came.notified()).await;
    release.notify_one();
    soon(done.notified()).await;
    release.notify_one();
    // What "set" says on the wire is always false; it means that it was done.
    let outcome = soon(agent.remote.write(&caller, "", set())).await;
    assert_eq!(outcome, Ok(Outcome::Bool(true)));
}

#[tokio::test]
async fn the_agent_limits_its_own_calls() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = server(refusing("", 0, asked.clone()));
    let mut limited = settings(PATIENCE);
    (limited.rate, limited.burst) = (0.0, 2);
    let agent = agent(&[server.address], limited);
    let caller = Caller::internal();
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let read = agent.remote.read(&caller, get(), ReadOptions::default());
        outcomes.push(soon(read).await.err());
    }
    let limited = RpcError::Limited("RPC rate limit exceeded".to_owned());
    assert_eq!(outcomes, [None, None, Some(limited)]);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    agent.remote.limit(-1.0, 0);
    let read = agent.remote.read(&caller, get(), ReadOptions::default());
    soon(read).await.unwrap();
}
