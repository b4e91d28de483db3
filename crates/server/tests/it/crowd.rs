//! Many who wait: none is forgotten, none is woken for nothing, equal ones share their work.

use crate::bench::{Bench, done, health, key, prefix, until};
use bytes::Bytes;
use ports::{Answered, Caller, Data, Form, Query, Read, ReadOptions, Rpc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use wire::Command;

const HOUR: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_thousand_watchers_of_one_service_share_one_run_and_one_encoding() {
    let bench = Bench::new().await;
    bench.register("n1", "web", "c", "passing").await;
    let index = bench.now(health("web")).answer.index;
    let timers = bench.time.pending();
    let encodes = Arc::new(AtomicUsize::new(0));
    let options = ReadOptions {
        min_index: index,
        max_wait: HOUR,
        ..ReadOptions::default()
    };
    let watchers: Vec<_> = (0..1000)
        .map(|_| {
            let (server, encodes) = (bench.server.clone(), encodes.clone());
            tokio::spawn(async move {
                let caller = Caller::internal();
                let answered = Rpc::read(&*server, &caller, Query::new(health("web")), options)
                    .await
                    .unwrap();
                answered.answer.encoded(Form::Json, |_| {
                    encodes.fetch_add(1, Ordering::Relaxed);
                    Bytes::from_static(b"body")
                });
                answered
            })
        })
        .collect();
    until("parking", || bench.time.pending() == timers + 1000).await;
    let counters = bench.server.counters().clone();
    let runs = counters.runs.load(Ordering::Relaxed);
    bench.register("n1", "web", "c", "critical").await;
    let mut answers = Vec::new();
    for watcher in watchers {
        answers.push(done("the wake-up", watcher).await);
    }
    assert_eq!(counters.runs.load(Ordering::Relaxed) - runs, 1);
    assert_eq!(encodes.load(Ordering::Relaxed), 1);
    assert_eq!(counters.wakeups.load(Ordering::Relaxed), 1000);
    assert_eq!(counters.spurious.load(Ordering::Relaxed), 0);
    assert!(
        answers
            .iter()
            .all(|answered| Arc::ptr_eq(&answered.answer, &answers[0].answer))
    );
    bench.end().await;
}

#[tokio::test]
async fn answers_nobody_waits_for_are_kept_within_limits() {
    let bench = Bench::new().await;
    for n in 0..6000 {
        bench.now(prefix(&format!("p{n}/")));
    }
    let evictions = bench.server.counters().evictions.load(Ordering::Relaxed);
    assert!(evictions >= 6000 - 4096, "{evictions}");
    // What was dropped is read anew, and rightly.
    bench.kv("set", "p0/x", "1").await;
    let Data::KvEntries(rows) = &bench.now(prefix("p0/")).answer.data else {
        panic!()
    };
    assert_eq!(rows.len(), 1);
    bench.end().await;
}

/// Something that is watched and written at random.
fn what(random: &mut StdRng) -> Read {
    let name = |n: u32| format!("s{n}");
    match random.random_range(0..10) {
        0..=2 => key(&format!(
            "k{}/{}",
            random.random_range(0..4),
            random.random_range(0..5)
        )),
        3..=4 => prefix(&format!("k{}/", random.random_range(0..5))),
        5 => Read::KvKeys {
            prefix: Bytes::from_static(b"k"),
            separator: Bytes::from_static(b"/"),
        },
        6 => health(&name(random.random_range(0..4))),
        7 => Read::ServiceNodes {
            name: name(random.random_range(0..4)),
            tags: Vec::new(),
            connect: false,
            address: String::new(),
        },
        8 => Read::NodeChecks {
            node: format!("n{}", random.random_range(0..3)),
        },
        _ => match random.random_range(0..4) {
            0 => Read::Nodes,
            1 => Read::Services,
            2 => Read::NodeServices {
                node: format!("n{}", random.random_range(0..3)),
            },
            _ => Read::ChecksInState {
                state: "critical".into(),
            },
        },
    }
}

async fn change(bench: &Bench, random: &mut StdRng) {
    let key = format!(
        "k{}/{}",
        random.random_range(0..4),
        random.random_range(0..5)
    );
    let node = format!("n{}", random.random_range(0..3));
    let service = format!("s{}", random.random_range(0..4));
    match random.random_range(0..20) {
        0..=7 => drop(
            bench
                .kv("set", &key, &random.random_range(0..4).to_string())
                .await,
        ),
        8..=10 => drop(bench.kv("delete", &key, "").await),
        11 => drop(
            bench
                .kv(
                    "delete-tree",
                    &format!("k{}/", random.random_range(0..4)),
                    "",
                )
                .await,
        ),
        12..=16 => {
            let status = ["passing", "critical"][random.random_range(0..2)];
            bench
                .register(&node, &service, &format!("c-{service}"), status)
                .await;
        }
        17 => {
            bench
                .register(
                    &node,
                    "",
                    "node-check",
                    ["passing", "warning"][random.random_range(0..2)],
                )
                .await
        }
        18 => bench.deregister(&node, &service).await,
        _ => bench.deregister(&node, "").await,
    }
}

/// Keeps watching one thing, as clients do.
struct Watcher {
    read: Read,
    last: parking_lot::Mutex<Option<Answered>>,
}

async fn watch(bench_server: Arc<server::Server>, watcher: Arc<Watcher>, stop: Arc<AtomicBool>) {
    let caller = Caller::internal();
    let mut index = 0;
    while !stop.load(Ordering::Relaxed) {
        let options = ReadOptions {
            min_index: index,
            max_wait: HOUR,
            ..ReadOptions::default()
        };
        let query = Query::new(watcher.read.clone());
        let Ok(answered) = Rpc::read(&*bench_server, &caller, query, options).await else {
            return;
        };
        // Clients start over when the index falls.
        index = if answered.answer.index < index {
            0
        } else {
            answered.answer.index
        };
        *watcher.last.lock() = Some(answered);
    }
}

/// Runs watchers over random changes; at the end each has seen what there is.
async fn nobody_is_forgotten(seed: u64, watchers: usize, changes: usize, workers: bool) {
    let bench = Bench::new().await;
    let mut random = StdRng::seed_from_u64(seed);
    let stop = Arc::new(AtomicBool::new(false));
    let timers = bench.time.pending();
    let watchers: Vec<_> = (0..watchers)
        .map(|_| {
            Arc::new(Watcher {
                read: what(&mut random),
                last: parking_lot::Mutex::new(None),
            })
        })
        .collect();
    let tasks: Vec<_> = watchers
        .iter()
        .map(|w| tokio::spawn(watch(bench.server.clone(), w.clone(), stop.clone())))
        .collect();
    for n in 0..changes {
        change(&bench, &mut random).await;
        if !workers && n % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    // Whoever has seen everything is parked; a forgotten one is parked as well, on something old.
    until("parking of all", || {
        bench.time.pending() >= timers + watchers.len()
    })
    .await;
    let view = bench.server.clone();
    until("agreement of all", || {
        watchers.iter().all(|watcher| {
            let fresh = view
                .read_now(
                    &Caller::internal(),
                    &Query::new(watcher.read.clone()),
                    &ReadOptions::default(),
                )
                .unwrap()
                .unwrap();
            watcher
                .last
                .lock()
                .as_ref()
                .is_some_and(|last| last.answer.data == fresh.answer.data)
        })
    })
    .await;
    assert_eq!(
        bench.server.counters().spurious.load(Ordering::Relaxed),
        0,
        "seed {seed}"
    );
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.abort();
        let _ = task.await;
    }
    assert_eq!(bench.server.waiting(), 0);
    bench.end().await;
}

#[tokio::test]
async fn thousands_of_watchers_over_random_changes() {
    for seed in [1, 2, 3] {
        nobody_is_forgotten(seed, 2000, 300, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_on_other_threads_than_the_changes() {
    for seed in [4, 5, 6, 7] {
        nobody_is_forgotten(seed, 300, 400, true).await;
    }
}

#[tokio::test]
async fn a_restore_ends_every_wait_with_what_was_last_seen() {
    let bench = Bench::new().await;
    bench.kv("set", "a", "1").await;
    let index = bench.now(key("a")).answer.index;
    let mut archive = Vec::new();
    state::archive::write_stream(&bench.server.unguarded_root(), &mut archive).unwrap();
    bench.kv("set", "a", "2").await;
    let newer = bench.now(key("a")).answer.index;
    let on_key = bench.park(key("a"), newer, HOUR).await;
    let on_prefix = bench.park(prefix("b"), 1 << 40, HOUR).await;
    let on_nodes = bench.park(Read::Nodes, 1 << 40, HOUR).await;
    for command in [
        Command::RestoreBegin(index),
        Command::RestoreChunk(Bytes::from(archive)),
        Command::RestoreCommit,
    ] {
        bench
            .server
            .consensus()
            .propose_wait(command.encode())
            .await
            .unwrap();
    }
    let answered = done("the restore", on_key).await;
    assert_eq!(answered.answer.index, newer);
    assert_eq!(crate::bench::value(&answered).unwrap(), "2");
    done("the restore", on_prefix).await;
    done("the restore", on_nodes).await;
    assert_eq!(crate::bench::value(&bench.now(key("a"))).unwrap(), "1");
    bench.end().await;
}
