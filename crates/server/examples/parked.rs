//! What parked watches cost: memory each, and time for a write that concerns none of them.
//!
//! `cargo run --release -p server --example parked -- 200000 1000`: so many watches of so many different services (all
//! different if the second number is left out). A write's cost is CPU time of the whole process. Writes take turns at the
//! server with the watches and at one without, so that whatever else the machine does meets both; their difference is the
//! median of those of neighbouring turns.

use bytes::Bytes;
use model::KvEntry;
use ports::{Caller, Query, Read, ReadOptions, Rpc, Write};
use rt::{Room, Time};
use server::{Config, NodeConfig, Server};
use std::time::{Duration, Instant};
use wire::command::KvsRequest;

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * 4096
}

/// Writes of one turn.
const WRITES: u32 = 1_000;
/// Turns, at each server.
const TURNS: usize = 60;

/// CPU time of the process so far, threads that ended left out.
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let nanos = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

async fn writes(server: &Server, count: u32) -> Duration {
    let start = cpu();
    for n in 0..count {
        let entry = KvEntry {
            key: "unrelated/key".into(),
            value: Some(Bytes::from(n.to_string())),
            ..KvEntry::default()
        };
        let request = KvsRequest {
            op: "set".into(),
            entry,
            ..KvsRequest::default()
        };
        let written = Rpc::write(
            server,
            &Caller::internal(),
            "",
            Write::Kv(Box::new(request)),
        )
        .await;
        assert!(written.is_ok());
    }
    (cpu() - start) / count
}

fn start(room: &Room, time: &Time) -> Option<std::sync::Arc<Server>> {
    let node = NodeConfig {
        name: "n".into(),
        address: "127.0.0.1".into(),
        ..NodeConfig::default()
    };
    let config = Config {
        node,
        ..Config::default()
    };
    Server::start(config, room, time.clone()).ok()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let count: usize = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(200_000);
    let services: usize = std::env::args()
        .nth(2)
        .and_then(|n| n.parse().ok())
        .unwrap_or(count)
        .max(1);
    let room = Room::new("parked");
    let time = Time::real(&room);
    let (Some(server), Some(quiet)) = (start(&room, &time), start(&room, &time)) else {
        return;
    };
    for server in [&server, &quiet] {
        assert!(server.established(Duration::from_secs(10)).await);
        writes(server, 2 * WRITES).await;
    }
    let before = resident();
    let caller: &'static Caller = Box::leak(Box::new(Caller::internal()));
    let server: &'static Server = Box::leak(Box::new(server.clone()));
    for n in 0..count {
        let read = Read::ServiceHealth {
            name: format!("service-{}", n % services),
            tags: Vec::new(),
            passing: ports::HealthFilter::Passing,
            via: ports::Via::Name,
        };
        let options = ReadOptions {
            min_index: u64::MAX,
            max_wait: Duration::from_secs(600),
            ..ReadOptions::default()
        };
        // The task is the read: an async block around it would keep what the read was made of as well.
        tokio::spawn(Rpc::read(server, caller, Query::new(read), options));
        if n % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let future = Rpc::read(
        server,
        caller,
        Query::new(Read::Nodes),
        ReadOptions {
            min_index: 1,
            ..ReadOptions::default()
        },
    );
    println!(
        "future: {} B, query: {} B",
        size_of_val(&*future),
        size_of::<Query>()
    );
    drop(future);
    while server.waiting() < count {
        tokio::task::yield_now().await;
    }
    let parked = resident();
    let (mut alone, mut more) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let without = writes(&quiet, WRITES).await.as_secs_f64() * 1e6;
        let with = writes(server, WRITES).await.as_secs_f64() * 1e6;
        alone.push(without);
        more.push(with - without);
    }
    let alone = median(alone);
    let beside = alone + median(more);
    println!(
        "{count} parked on {services} services: {} B each (task included)",
        (parked - before) / count.max(1) as u64
    );
    println!("an unrelated write: {alone:.2}µs alone, {beside:.2}µs beside them");
    let start = Instant::now();
    const READS: u32 = 1_000_000;
    for _ in 0..READS {
        let query = Query::new(Read::KvGet {
            key: Bytes::from_static(b"unrelated/key"),
        });
        assert!(
            server
                .read_now(caller, &query, &ReadOptions::default())
                .is_some()
        );
    }
    println!("read_now of a key: {:?}", start.elapsed() / READS);
    let query = Query::new(Read::Nodes);
    let start = Instant::now();
    for _ in 0..READS {
        assert!(
            server
                .read_now(caller, &query, &ReadOptions::default())
                .is_some()
        );
    }
    println!(
        "read_now of an unchanged list: {:?}",
        start.elapsed() / READS
    );
    std::process::exit(0);
}
