//! The rules of blocking queries (spec/server.md §5.2, §5.3).

use crate::bench::{Bench, done, health, key, prefix, value};
use model::NodeService;
use ports::{Answered, Caller, Consistency, Data, Query, Read, ReadOptions, Rpc, RpcError, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::command::RegisterRequest;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_change_of_what_was_read_ends_the_wait_and_nothing_else_does() {
    let bench = Bench::new().await;
    bench.kv("set", "a", "1").await;
    let index = bench.now(key("a")).answer.index;
    let waiter = bench.park(key("a"), index, MINUTE).await;
    bench.kv("set", "b", "1").await;
    bench.kv("set", "a", "1").await;
    bench.kv("delete", "a/under", "").await;
    bench.register("n1", "web", "c", "passing").await;
    tokio::task::yield_now().await;
    assert!(!waiter.is_finished());
    bench.kv("set", "a", "2").await;
    let answered = done("the wake-up", waiter).await;
    assert_eq!(value(&answered).unwrap(), "2");
    assert!(answered.answer.index > index);
    assert_eq!(bench.server.counters().spurious.load(Ordering::Relaxed), 0);
    bench.end().await;
}

/// An instance named "w" under a service's name.
async fn named(bench: &Bench, name: &str) {
    let request = RegisterRequest {
        node: "n1".into(),
        address: "10.0.0.1".into(),
        service: Some(Box::new(NodeService {
            id: "w".into(),
            service: name.into(),
            ..NodeService::default()
        })),
        ..RegisterRequest::default()
    };
    let written = bench.write(Write::Register(Box::new(request))).await;
    written.unwrap();
}

#[tokio::test]
async fn an_instance_that_took_another_name_is_gone_but_its_readers_are_not_woken() {
    let rows = |answered: &Answered| match &answered.answer.data {
        Data::CheckServiceNodes(rows) => rows.len(),
        other => panic!("not instances: {other:?}"),
    };
    let bench = Bench::new().await;
    named(&bench, "web").await;
    let before = bench.now(health("web"));
    assert_eq!(rows(&before), 1);
    let waiter = bench.park(health("web"), before.answer.index, MINUTE).await;
    named(&bench, "api").await;
    tokio::task::yield_now().await;
    assert!(!waiter.is_finished());
    assert_eq!(rows(&bench.now(health("web"))), 0);
    assert_eq!(rows(&bench.now(health("api"))), 1);
    waiter.abort();
    bench.end().await;
}

#[tokio::test]
async fn an_orderly_end_answers_all_who_wait_and_lets_nobody_wait_again() {
    let bench = Bench::new().await;
    bench.kv("set", "a", "1").await;
    let index = bench.now(key("a")).answer.index;
    let there = bench.park(key("a"), index, MINUTE).await;
    let missing = bench.park(key("none"), index, MINUTE).await;
    bench.server.end_waits();
    let answered = done("who waited", there).await;
    assert_eq!(value(&answered).unwrap(), "1");
    assert_eq!(answered.answer.index, index);
    done("who waited for nothing", missing).await;
    let (read, options) = (
        Query::new(key("a")),
        ReadOptions {
            min_index: index,
            max_wait: MINUTE,
            ..ReadOptions::default()
        },
    );
    let caller = Caller::internal();
    let late = bench.server.read(&caller, read, options).await;
    assert_eq!(value(&late.unwrap()).unwrap(), "1");
    // Writes under way are still done.
    bench.kv("set", "a", "2").await;
    bench.end().await;
}

#[tokio::test]
async fn the_wait_ends_with_what_was_last_seen() {
    let bench = Bench::new().await;
    bench.kv("set", "a", "1").await;
    let index = bench.now(key("a")).answer.index;
    let waiter = bench.park(key("a"), index, MINUTE).await;
    bench.time.advance(MINUTE - Duration::from_millis(1));
    tokio::task::yield_now().await;
    assert!(!waiter.is_finished());
    // The random part is at most a sixteenth.
    bench.time.advance(MINUTE / 16 + Duration::from_millis(2));
    let answered = done("the timeout", waiter).await;
    assert_eq!(answered.answer.index, index);
    // No wait named: the default, even where that is above the maximum.
    for (wait, low, high) in [(Duration::ZERO, 300, 319), (MINUTE * 60, 600, 638)] {
        let waiter = bench.park(key("a"), index, wait).await;
        bench
            .time
            .advance(Duration::from_secs(low) - Duration::from_millis(1));
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        bench
            .time
            .advance(Duration::from_secs(high - low) + Duration::from_millis(2));
        done("the timeout", waiter).await;
    }
    assert_eq!(bench.server.waiting(), 0);
    bench.end().await;
}

#[tokio::test]
async fn a_missing_key_waits_for_itself_and_tells_the_index_of_the_table() {
    let bench = Bench::new().await;
    bench.kv("set", "other", "1").await;
    let index = bench.now(key("none")).answer.index;
    let waiter = bench.park(key("none"), index, MINUTE).await;
    bench.kv("set", "other", "2").await;
    let newest = bench.now(key("other")).answer.index;
    tokio::task::yield_now().await;
    assert!(!waiter.is_finished());
    bench.time.advance(MINUTE * 2);
    let answered = done("the timeout", waiter).await;
    assert_eq!(answered.answer.index, newest);
    assert_eq!(value(&answered), None);
    let waiter = bench.park(key("none"), newest, MINUTE).await;
    bench.kv("set", "none", "here").await;
    assert_eq!(value(&done("the wake-up", waiter).await).unwrap(), "here");
    bench.end().await;
}

#[tokio::test]
async fn an_index_below_or_none_answers_at_once() {
    let bench = Bench::new().await;
    bench.kv("set", "a", "1").await;
    let index = bench.now(key("a")).answer.index;
    for asked in [0, 1, index - 1] {
        let answered = done("the answer", bench.park(key("a"), asked, MINUTE).await).await;
        assert_eq!(answered.answer.index, index);
    }
    assert_eq!(bench.now(Read::Coordinates).answer.index, 1);
    bench.end().await;
}

#[tokio::test]
async fn services_wake_for_their_own_rows_only() {
    let bench = Bench::new().await;
    bench.register("n1", "web", "c1", "passing").await;
    bench.register("n2", "db", "c2", "passing").await;
    let index = bench.now(health("web")).answer.index;
    let waiter = bench.park(health("web"), index, MINUTE).await;
    let nodes = bench.now(Read::Nodes).answer.index;
    let node_waiter = bench.park(Read::Nodes, nodes, MINUTE).await;
    bench.register("n2", "db", "c2", "critical").await;
    bench.register("n1", "web", "c1", "passing").await;
    tokio::task::yield_now().await;
    assert!(!waiter.is_finished());
    bench.register("n1", "web", "c1", "critical").await;
    let answered = done("the wake-up", waiter).await;
    let Data::CheckServiceNodes(rows) = &answered.answer.data else {
        panic!("{:?}", answered.answer.data)
    };
    assert_eq!(rows[0].checks[0].status, "critical");
    assert!(!node_waiter.is_finished());
    // A fresh read of the nodes may tell a higher index than the one that stays parked.
    bench.register("n2", "cache", "", "").await;
    assert!(bench.now(Read::Nodes).answer.index > nodes);
    tokio::task::yield_now().await;
    assert!(!node_waiter.is_finished());
    bench.deregister("n1", "").await;
    done("a node less", node_waiter).await;
    assert_eq!(bench.server.counters().spurious.load(Ordering::Relaxed), 0);
    bench.end().await;
}

#[tokio::test]
async fn a_write_is_seen_by_every_read_that_follows() {
    let bench = Bench::new().await;
    for n in 0..200 {
        let text = n.to_string();
        bench.kv("set", "p/a", &text).await;
        let Data::KvEntries(rows) = &bench.now(prefix("p/")).answer.data else {
            panic!()
        };
        assert_eq!(rows[0].value.as_deref(), Some(text.as_bytes()));
        assert_eq!(value(&bench.now(key("p/a"))).unwrap(), text);
    }
    // Unchanged: the answer at hand, with its bodies.
    let first = bench.now(prefix("p/")).answer;
    bench.kv("set", "q", "1").await;
    let second = bench.now(prefix("p/")).answer;
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    bench.end().await;
}

#[tokio::test]
async fn other_datacenters_and_bad_filters_are_refused() {
    let bench = Bench::new().await;
    let caller = Caller::internal();
    let mut query = Query::new(Read::Nodes);
    query.datacenter = "nowhere".into();
    let read = bench
        .server
        .read(&caller, query.clone(), ReadOptions::default())
        .await;
    assert_eq!(read.unwrap_err(), RpcError::NoPath);
    // Case counts.
    query.datacenter = "DC1".into();
    let read = bench
        .server
        .read(&caller, query.clone(), ReadOptions::default())
        .await;
    assert_eq!(read.unwrap_err(), RpcError::NoPath);
    query.datacenter = "dc1".into();
    assert!(
        bench
            .server
            .read(&caller, query.clone(), ReadOptions::default())
            .await
            .is_ok()
    );
    query.filter = "Bogus == 1".into();
    let refused = bench
        .server
        .read(&caller, query, ReadOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Failed to create boolean expression evaluator: Selector \"Bogus\" is not valid"
    );
    let consistent = ReadOptions {
        consistency: Consistency::Consistent,
        ..ReadOptions::default()
    };
    assert!(
        bench
            .server
            .read(&caller, Query::new(Read::Nodes), consistent)
            .await
            .unwrap()
            .known_leader
    );
    bench.end().await;
}

#[tokio::test]
async fn a_dropped_wait_leaves_nothing_behind() {
    let bench = Bench::new().await;
    bench.kv("set", "a", "1").await;
    let index = bench.now(key("a")).answer.index;
    let timers = bench.time.pending();
    let waiter = bench.park(key("a"), index, MINUTE).await;
    assert_eq!(bench.server.waiting(), 1);
    waiter.abort();
    let _ = waiter.await;
    assert_eq!(bench.server.waiting(), 0);
    assert_eq!(bench.time.pending(), timers);
    bench.end().await;
}

#[tokio::test]
async fn a_filter_hides_a_change_but_not_its_index() {
    let bench = Bench::new().await;
    bench.register("n1", "web", "", "").await;
    let mut query = Query::new(Read::Nodes);
    query.filter = "Node == n1".into();
    let index = bench.now(Read::Nodes).answer.index;
    let options = ReadOptions {
        min_index: index,
        max_wait: MINUTE,
        ..ReadOptions::default()
    };
    let waiter = bench.park_with(query, options).await;
    bench.register("n2", "", "", "").await;
    let answered = done("the wake-up", waiter).await;
    let Data::Nodes(rows) = &answered.answer.data else {
        panic!()
    };
    assert_eq!(rows.len(), 1);
    assert!(answered.answer.index > index);
    bench.end().await;
}
