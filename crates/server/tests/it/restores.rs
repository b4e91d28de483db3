//! Restores that do not come to their end: whose client goes away, whose server does, whose pieces are another's.

use crate::bench::{Bench, config, key, until, value};
use bytes::Bytes;
use ports::{Caller, Operator, RpcError};
use std::task::Poll;
use wire::command::RestorePlace;
use wire::{Command, Outcome};

/// Keys of 30 KB: an archive of so many pieces that no single poll takes all of them, for the runtime makes a task yield after
/// 128 steps even when every answer is there at once.
const KEYS: usize = 400;

/// An archive that is many pieces long, and a key that is not in it.
async fn with_archive(bench: &Bench) -> ports::Snapshot {
    for n in 0..KEYS {
        bench.kv("set", &format!("k{n}"), &"x".repeat(30_000)).await;
    }
    let caller = Caller::internal();
    let saved = bench
        .server
        .snapshot_save(&caller, "", false)
        .await
        .unwrap();
    bench.kv("set", "later", "kept").await;
    saved
}

async fn propose(bench: &Bench, command: Command) -> Outcome {
    let proposed = bench.server.consensus().propose_wait(command.encode());
    proposed.await.unwrap().1
}

#[tokio::test]
async fn what_a_client_that_left_had_restored_is_let_go() {
    let bench = Bench::new().await;
    let (first, second) = (with_archive(&bench).await, with_archive(&bench).await);
    let caller = Caller::internal();
    {
        let mut restore = bench.server.snapshot_restore(&caller, "", first.archive);
        std::future::poll_fn(|context| {
            if bench.server.is_restoring() {
                return Poll::Ready(());
            }
            if let Poll::Ready(done) = restore.as_mut().poll(context) {
                panic!("it ended before it was seen: {done:?}");
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
    until("the end of the restore", || !bench.server.is_restoring()).await;
    assert_eq!(value(&bench.now(key("later"))).unwrap(), "kept");
    // The way is free for another.
    let restored = bench.server.snapshot_restore(&caller, "", second.archive);
    restored.await.unwrap();
    assert!(value(&bench.now(key("k1"))).is_some());
    assert!(!bench.server.is_restoring());
    bench.end().await;
}

#[tokio::test]
async fn what_was_restored_before_a_restart_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let config = || server::Config {
        data_dir: Some(dir.path().to_owned()),
        ..config()
    };
    let bench = Bench::with(config()).await;
    bench.kv("set", "later", "kept").await;
    propose(&bench, Command::RestoreBegin(7)).await;
    assert!(bench.server.is_restoring());
    bench.end().await;
    let bench = Bench::with(config()).await;
    until("the end of the restore", || !bench.server.is_restoring()).await;
    assert_eq!(value(&bench.now(key("later"))).unwrap(), "kept");
    bench.end().await;
}

#[tokio::test]
async fn pieces_of_another_restore_do_not_mix() {
    let bench = Bench::new().await;
    bench.kv("set", "own", "v").await;
    let mut archive = Vec::new();
    state::archive::write_stream(&bench.server.unguarded_root(), &mut archive).unwrap();
    let archive = Bytes::from(archive);
    let Outcome::Index(first) = propose(&bench, Command::RestoreBegin(7)).await else {
        panic!("a begin tells its place");
    };
    let place = |restore, sequence| RestorePlace { restore, sequence };
    let half = archive.slice(..archive.len() / 2);
    let piece = Command::RestorePiece(place(first, 0), half.clone());
    assert_eq!(propose(&bench, piece).await, Outcome::Nil);
    // Another leader begins; what the first one still sends is refused and changes nothing.
    let Outcome::Index(second) = propose(&bench, Command::RestoreBegin(8)).await else {
        panic!("a begin tells its place");
    };
    assert!(second > first);
    let whole = Command::RestorePiece(place(second, 0), archive);
    assert_eq!(propose(&bench, whole).await, Outcome::Nil);
    for stray in [
        Command::RestorePiece(place(first, 1), half.clone()),
        Command::RestoreEnd(place(first, 2)),
        // One piece too early, and twice.
        Command::RestorePiece(place(second, 2), half.clone()),
        Command::RestorePiece(place(second, 0), half.clone()),
        Command::RestoreEnd(place(second, 2)),
        // As logs of before have them.
        Command::RestoreChunk(half),
        Command::RestoreCommit,
    ] {
        let outcome = propose(&bench, stray).await;
        assert!(
            matches!(&outcome, Outcome::Error(text) if text.starts_with("another restore began")),
            "{outcome:?}"
        );
    }
    let end = Command::RestoreEnd(place(second, 1));
    assert_eq!(propose(&bench, end).await, Outcome::Index(8));
    assert_eq!(value(&bench.now(key("own"))).unwrap(), "v");
    bench.end().await;
}

/// Archives take a file as large as the state: so many are under way, and not all of them for one client.
#[tokio::test]
async fn archives_under_way_have_a_limit() {
    let bench = Bench::new().await;
    let mut held = Vec::new();
    for client in 1..=3 {
        let caller = Caller {
            remote: Some(([192, 0, 2, client], 4711).into()),
            ..Caller::internal()
        };
        let before = held.len();
        let refused = loop {
            match bench.server.snapshot_save(&caller, "", false).await {
                Ok(archive) => held.push(archive),
                Err(error) => break error,
            }
        };
        let (taken, why) = match client {
            1 => (8, "too many archives of one client under way (limit 8)"),
            2 => (8, "too many archives under way (limit 16)"),
            _ => (0, "too many archives under way (limit 16)"),
        };
        assert_eq!(held.len() - before, taken, "client {client}");
        assert_eq!(refused, RpcError::Limited(why.into()), "client {client}");
    }
    let restored = held.pop().expect("sixteen");
    let caller = Caller::internal();
    // A restore takes a place as well.
    let refused = bench.server.snapshot_restore(&caller, "", restored.archive);
    let refused = refused.await;
    assert!(matches!(refused, Err(RpcError::Limited(_))), "{refused:?}");
    held.clear();
    assert!(bench.server.snapshot_save(&caller, "", false).await.is_ok());
    bench.end().await;
}
