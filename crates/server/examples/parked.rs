//! What parked watches cost: memory each, and time for a write that concerns none of them.
//!
//! `cargo run --release -p server --example parked -- 200000 1000`: so many watches of so many different services (all
//! different if the second number is left out). A write's cost is CPU time of the whole process.

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

/// Writes per measurement.
const WRITES: u32 = 50_000;

/// CPU time of the process so far; the kernel counts it in steps of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
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
    let node = NodeConfig {
        name: "n".into(),
        address: "127.0.0.1".into(),
        ..NodeConfig::default()
    };
    let Ok(server) = Server::start(
        Config {
            node,
            ..Config::default()
        },
        &room,
        time.clone(),
    ) else {
        return;
    };
    assert!(server.established(Duration::from_secs(10)).await);
    writes(&server, 2000).await;
    let alone = writes(&server, WRITES).await;
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
    let crowded = writes(server, WRITES).await;
    println!(
        "{count} parked on {services} services: {} B each (task included)",
        (parked - before) / count.max(1) as u64
    );
    println!("an unrelated write: {alone:?} alone, {crowded:?} beside them");
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
