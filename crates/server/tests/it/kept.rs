//! Answers that are kept for queries nobody waits for: bounded by bytes, and not for long.

use crate::bench::{Bench, done, health, prefix, until};
use bytes::Bytes;
use ports::{Answered, Caller, Form, Query, ReadOptions, Rpc, RpcError};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the server keeps at most, bytes (`server::group`), and what one answer more may take beside it here.
const LIMIT: usize = 32 << 20;
const BODY: usize = 1 << 20;

async fn ask(bench: &Bench, filter: &str) -> Result<Answered, RpcError> {
    let query = Query {
        filter: filter.to_owned(),
        ..Query::new(health("web"))
    };
    let options = ReadOptions::default();
    let caller = Caller::internal();
    if let Some(now) = Rpc::read_now(&*bench.server, &caller, &query, &options) {
        return now;
    }
    Rpc::read(&*bench.server, &caller, query, options).await
}

fn runs(bench: &Bench) -> u64 {
    bench.server.counters().runs.load(Ordering::Relaxed)
}

/// Turns the clock until the answers were looked at once more.
async fn look(bench: &Bench) {
    let timers = bench.time.pending();
    bench.time.advance(Duration::from_secs(25));
    until("the next look", || bench.time.pending() >= timers).await;
}

#[tokio::test]
async fn bodies_that_are_encoded_later_count() {
    let bench = Bench::new().await;
    for n in 0..200 {
        let answered = bench.now(prefix(&format!("p{n}/")));
        let body = answered
            .answer
            .encoded(Form::Json, |_| Bytes::from(vec![b'x'; BODY]));
        assert_eq!(body.len(), BODY);
        let kept = bench.server.idle_bytes();
        assert!(kept <= LIMIT + 2 * BODY, "{n}: {kept}");
    }
    assert!(bench.server.idle_bytes() > LIMIT / 2);
    bench.end().await;
}

#[tokio::test]
async fn what_a_filter_let_through_is_kept_from_the_second_time_on() {
    let bench = Bench::new().await;
    for n in 0..50 {
        bench
            .register(&format!("n{n}"), "web", "c", "passing")
            .await;
    }
    for filter in ["Node.Node == n1", "Node.Node matches `^n1$`"] {
        let before = runs(&bench);
        let empty = bench.server.idle_bytes();
        ask(&bench, filter).await.expect("answers");
        let shell = bench.server.idle_bytes() - empty;
        assert!(shell > 0 && shell < 32 << 10, "{filter}: {shell}");
        assert_eq!(runs(&bench) - before, 1);
        ask(&bench, filter).await.expect("answers");
        assert_eq!(runs(&bench) - before, 2);
        ask(&bench, filter).await.expect("answers");
        assert_eq!(runs(&bench) - before, 2, "{filter}");
    }
    bench.end().await;
}

#[tokio::test]
async fn answers_that_nobody_asks_for_go() {
    let bench = Bench::new().await;
    bench.register("n1", "web", "c", "passing").await;
    bench.now(prefix("a/"));
    ask(&bench, "Node.Node == n1").await.expect("answers");
    assert!(bench.server.idle_bytes() > 0);
    for _ in 0..4 {
        look(&bench).await;
        bench.now(health("web"));
    }
    let evicted = bench.server.counters().evictions.load(Ordering::Relaxed);
    assert_eq!(evicted, 2);
    let before = runs(&bench);
    bench.now(health("web"));
    assert_eq!(runs(&bench), before, "what is asked for stays");
    for _ in 0..3 {
        look(&bench).await;
    }
    assert_eq!(bench.server.idle_bytes(), 0);
    bench.end().await;
}

#[tokio::test]
async fn a_change_replaces_what_is_charged() {
    let bench = Bench::new().await;
    bench.now(prefix("a/"));
    for n in 0..20 {
        bench.kv("set", "a/x", &format!("{n}")).await;
        let answered = bench.now(prefix("a/"));
        answered
            .answer
            .encoded(Form::Json, |_| Bytes::from(vec![b'x'; BODY]));
        let kept = bench.server.idle_bytes();
        assert!((BODY..2 * BODY).contains(&kept), "{n}: {kept}");
    }
    bench.end().await;
}

#[tokio::test]
async fn who_waits_with_a_pattern_is_answered() {
    let bench = Bench::new().await;
    bench.register("n1", "web", "c", "passing").await;
    let index = bench.now(health("web")).answer.index;
    let server = bench.server.clone();
    let timers = bench.time.pending();
    let watcher = tokio::spawn(async move {
        let query = Query {
            filter: "Node.Node matches `^n`".to_owned(),
            ..Query::new(health("web"))
        };
        let options = ReadOptions {
            min_index: index,
            max_wait: Duration::from_secs(600),
            ..ReadOptions::default()
        };
        let caller = Caller::internal();
        let read = Rpc::read(&*server, &caller, query, options);
        read.await.expect("answers")
    });
    until("parking", || bench.time.pending() > timers).await;
    bench.register("n2", "web", "c", "passing").await;
    let answered = done("the wake-up", watcher).await;
    assert!(answered.answer.index > index);
    bench.end().await;
}

#[tokio::test]
async fn a_pattern_too_large_is_refused() {
    let bench = Bench::new().await;
    let refused = ask(&bench, r"Node.Node matches `(?:\pL{500}){2}`").await;
    let Err(RpcError::Refused(text)) = refused else {
        panic!("taken")
    };
    assert!(text.contains("error parsing regexp: expression too large: `"));
    bench.end().await;
}
