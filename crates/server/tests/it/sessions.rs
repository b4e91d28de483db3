//! Sessions by the clock: time to live, lock delay, tombstones.

use crate::bench::{Bench, key, until, value};
use dialect::Nanos;
use model::{KvEntry, Session};
use ports::{Caller, Data, Operator, Read, Rpc, RpcError, Write};
use std::time::Duration;
use wire::Outcome;
use wire::command::{TxnKvOp, TxnOp, TxnRequest};

async fn create(bench: &Bench, ttl: &str, delay: u64) -> String {
    let session = Session {
        node: "server1".into(),
        ttl: ttl.into(),
        lock_delay: Nanos::from_duration(Duration::from_secs(delay)),
        ..Session::default()
    };
    match bench
        .write(Write::SessionCreate(Box::new(session)))
        .await
        .unwrap()
    {
        Outcome::Id(id) => id,
        other => panic!("{other:?}"),
    }
}

fn alive(bench: &Bench, id: &str) -> bool {
    matches!(&bench.now(Read::SessionGet { id: id.into() }).answer.data, Data::Sessions(rows) if !rows.is_empty())
}

#[tokio::test]
async fn a_session_lives_twice_its_ttl_after_the_last_renewal() {
    let bench = Bench::new().await;
    let id = create(&bench, "10s", 0).await;
    let plain = create(&bench, "", 0).await;
    assert_eq!(bench.server.session_timers(), 1);
    assert_eq!(
        bench.kv_as("lock", "k", "v", &id).await.unwrap(),
        Outcome::Bool(true)
    );
    bench.time.advance(Duration::from_secs(19));
    assert!(alive(&bench, &id));
    let renewed = bench
        .server
        .session_renew(&Caller::internal(), "", &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(renewed.id, id);
    bench.time.advance(Duration::from_secs(19));
    tokio::task::yield_now().await;
    assert!(alive(&bench, &id));
    bench.time.advance(Duration::from_secs(2));
    until("the end of the session", || !alive(&bench, &id)).await;
    assert!(alive(&bench, &plain));
    let Data::KvEntry(Some(entry)) = &bench.now(key("k")).answer.data else {
        panic!()
    };
    assert_eq!((&*entry.session, entry.lock_index), ("", 1));
    assert_eq!(bench.server.session_timers(), 0);
    assert!(
        bench
            .server
            .session_renew(&Caller::internal(), "", &id)
            .await
            .unwrap()
            .is_none()
    );
    bench.end().await;
}

#[tokio::test]
async fn destroying_a_session_stops_its_timer_and_delays_the_next_lock() {
    let bench = Bench::new().await;
    let (one, two) = (create(&bench, "30s", 15).await, create(&bench, "", 0).await);
    bench.kv_as("lock", "k", "1", &one).await.unwrap();
    assert_eq!(
        bench.kv_as("lock", "k", "2", &two).await.unwrap(),
        Outcome::Bool(false)
    );
    bench.write(Write::SessionDestroy(one)).await.unwrap();
    assert_eq!(bench.server.session_timers(), 0);
    assert_eq!(
        bench.kv_as("lock", "k", "2", &two).await.unwrap(),
        Outcome::Bool(false)
    );
    let entry = KvEntry {
        key: "k".into(),
        session: two.clone(),
        ..KvEntry::default()
    };
    let op = TxnOp {
        kv: Some(Box::new(TxnKvOp {
            verb: "lock".into(),
            entry,
        })),
        ..TxnOp::default()
    };
    let request = TxnRequest {
        ops: vec![op].into(),
        ..TxnRequest::default()
    };
    let Outcome::Txn(response) = bench.write(Write::Txn(Box::new(request))).await.unwrap() else {
        panic!()
    };
    assert_eq!(
        response.errors[0].what,
        "failed to lock key \"k\" due to lock delay"
    );
    bench.time.advance(Duration::from_secs(15));
    assert_eq!(
        bench.kv_as("lock", "k", "2", &two).await.unwrap(),
        Outcome::Bool(true)
    );
    assert_eq!(value(&bench.now(key("k"))).unwrap(), "2");
    bench.end().await;
}

#[tokio::test]
async fn creation_is_checked_before_and_in_the_tables() {
    let bench = Bench::new().await;
    let refused =
        async |session: Session| match bench.write(Write::SessionCreate(Box::new(session))).await {
            Err(RpcError::Refused(text)) => text,
            other => panic!("{other:?}"),
        };
    let node = || Session {
        node: "server1".into(),
        ..Session::default()
    };
    assert_eq!(refused(Session::default()).await, "Must provide Node");
    assert_eq!(
        refused(Session {
            node: "nosuch".into(),
            ..Session::default()
        })
        .await,
        "apply failed: Missing node registration"
    );
    assert_eq!(
        refused(Session {
            behavior: "Release".into(),
            ..node()
        })
        .await,
        "Invalid Behavior setting 'Release'"
    );
    assert_eq!(
        refused(Session {
            ttl: "5s".into(),
            ..node()
        })
        .await,
        "Invalid Session TTL '5000000000', must be between [10s=24h0m0s]"
    );
    assert_eq!(
        refused(Session {
            ttl: "soon".into(),
            ..node()
        })
        .await,
        "Session TTL 'soon' invalid: time: invalid duration \"soon\""
    );
    bench.end().await;
}

#[tokio::test]
async fn tombstones_go_after_their_time() {
    let bench = Bench::new().await;
    bench.kv("set", "p/a", "1").await;
    bench.kv("set", "p/b", "1").await;
    bench.kv("delete", "p/a", "").await;
    let list = || bench.now(crate::bench::prefix("p/")).answer.index;
    let with = list();
    bench.time.advance(Duration::from_secs(14 * 60));
    tokio::task::yield_now().await;
    assert_eq!(list(), with);
    bench.time.advance(Duration::from_secs(2 * 60));
    // What is left tells the index of the row that remains.
    until("reaping", || list() < with).await;
    bench.end().await;
}

#[tokio::test]
async fn a_restored_session_ends_when_its_time_is_over() {
    let bench = Bench::new().await;
    let caller = Caller::internal();
    let id = create(&bench, "10s", 0).await;
    bench.kv_as("lock", "k", "v", &id).await.unwrap();
    let saved = bench.server.snapshot_save(&caller, "", false).await;
    let archive = saved.unwrap().archive;
    bench
        .write(Write::SessionDestroy(id.clone()))
        .await
        .unwrap();
    let later = create(&bench, "10s", 0).await;
    let restored = bench.server.snapshot_restore(&caller, "", archive).await;
    restored.unwrap();
    assert!(alive(&bench, &id) && !alive(&bench, &later));
    assert_eq!(bench.server.session_timers(), 1);
    bench.time.advance(Duration::from_secs(21));
    until("the end of the session", || !alive(&bench, &id)).await;
    bench.end().await;
}

#[tokio::test]
async fn a_lock_with_a_session_that_a_restore_took_away_is_refused() {
    let bench = Bench::new().await;
    let caller = Caller::internal();
    let saved = bench.server.snapshot_save(&caller, "", false).await;
    let archive = saved.unwrap().archive;
    let id = create(&bench, "", 15).await;
    let other = create(&bench, "", 15).await;
    bench.kv_as("lock", "k", "v", &id).await.unwrap();
    bench
        .write(Write::SessionDestroy(id.clone()))
        .await
        .unwrap();
    let locked = bench.kv_as("lock", "k", "v", &other).await.unwrap();
    assert_eq!(locked, Outcome::Bool(false), "the delay is on");
    let restored = bench.server.snapshot_restore(&caller, "", archive).await;
    restored.unwrap();
    for gone in [&id, &other] {
        let error = bench.kv_as("lock", "k", "v", gone).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("raft apply failed: invalid session \"{gone}\"")
        );
    }
    let fresh = create(&bench, "", 15).await;
    assert_eq!(
        bench.kv_as("lock", "k", "v", &fresh).await.unwrap(),
        Outcome::Bool(true),
        "nobody held the key in this state"
    );
    bench.end().await;
}

#[tokio::test]
async fn restores_at_the_same_time_come_one_after_the_other() {
    let bench = Bench::new().await;
    let caller = Caller::internal();
    let mut archives = Vec::new();
    for word in ["first", "second", "third"] {
        // Some pieces long each.
        for n in 0..10 {
            let value = format!("{word}{}", "x".repeat(30_000));
            bench.kv("set", &format!("k{n}"), &value).await;
        }
        let saved = bench.server.snapshot_save(&caller, "", false).await;
        archives.push(saved.unwrap().archive);
    }
    let restore = |archive| bench.server.snapshot_restore(&caller, "", archive);
    let [first, second, third]: [_; 3] = archives.try_into().ok().unwrap();
    let restored = tokio::join!(restore(first), restore(second), restore(third));
    restored.0.and(restored.1).and(restored.2).unwrap();
    let values: Vec<_> = (0..10)
        .map(|n| value(&bench.now(key(&format!("k{n}")))).unwrap())
        .collect();
    assert!(values.iter().all(|value| *value == values[0]));
    bench.end().await;
}

/// A lock whose session was ended stays refused for the delay, over a restart too: from the log, and from a snapshot that took
/// the place of the log.
#[tokio::test]
async fn a_lock_delay_outlives_a_restart() {
    for snapshot in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let config = || server::Config {
            data_dir: Some(dir.path().to_owned()),
            ..crate::bench::config()
        };
        let bench = Bench::with(config()).await;
        let (one, two) = (create(&bench, "", 15).await, create(&bench, "", 0).await);
        bench.kv_as("lock", "free", "1", &one).await.unwrap();
        bench.write(Write::SessionDestroy(one)).await.unwrap();
        bench.time.advance(Duration::from_secs(5));
        if snapshot {
            let consensus = bench.server.consensus();
            let applied = consensus.applied_index();
            consensus.snapshot_now();
            until("a snapshot", || {
                consensus.status().snapshot_index >= applied
            })
            .await;
        }
        bench.end().await;
        let bench = Bench::with(config()).await;
        let lock = || bench.kv_as("lock", "free", "2", &two);
        assert_eq!(lock().await.unwrap(), Outcome::Bool(false));
        bench
            .time
            .advance(Duration::from_secs(if snapshot { 9 } else { 14 }));
        assert_eq!(lock().await.unwrap(), Outcome::Bool(false));
        bench.time.advance(Duration::from_secs(1));
        assert_eq!(lock().await.unwrap(), Outcome::Bool(true));
        bench.end().await;
        // The delay is over and the key held: the next start does not keep its holder out.
        let bench = Bench::with(config()).await;
        let again = bench.kv_as("lock", "free", "3", &two).await;
        assert_eq!(again.unwrap(), Outcome::Bool(true));
        bench.end().await;
    }
}

#[tokio::test]
async fn session_timers_and_tombstones_are_armed_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = || server::Config {
        data_dir: Some(dir.path().to_owned()),
        ..crate::bench::config()
    };
    let bench = Bench::with(config()).await;
    let id = create(&bench, "10s", 0).await;
    bench.kv("set", "p/a", "1").await;
    bench.kv("set", "p/b", "1").await;
    bench.kv("delete", "p/a", "").await;
    bench.end().await;
    let bench = Bench::with(config()).await;
    let list = || bench.now(crate::bench::prefix("p/")).answer.index;
    let with = list();
    assert_eq!(bench.server.session_timers(), 1);
    bench.time.advance(Duration::from_secs(21));
    until("the end of the session", || !alive(&bench, &id)).await;
    bench.time.advance(Duration::from_secs(16 * 60));
    until("reaping", || list() < with).await;
    bench.end().await;
}
