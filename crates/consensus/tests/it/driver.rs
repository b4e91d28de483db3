//! One voter on a real directory and on a failing disk.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use consensus::{Config, Consensus, Event, Logged, Observer, ProposeError, Role, StartError};

use crate::support::{Adder, MemoryDisk};

fn config(dir: &Path) -> Config {
    Config {
        dir: Some(dir.to_owned()),
        node_id: "id".to_owned(),
        node_name: "one".to_owned(),
        segment_bytes: 64 << 10,
        ..Config::default()
    }
}

fn number(value: u8) -> Bytes {
    Bytes::copy_from_slice(&[value])
}

async fn leader(consensus: &Consensus<u64>) {
    let mut status = consensus.watch_status();
    status.wait_for(|s| s.established).await.unwrap();
}

#[tokio::test]
async fn writes_survive_a_restart_and_ids_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (machine, ..) = Adder::new();
    let one = Consensus::start(config(dir.path()), machine, None).unwrap();
    leader(&one).await;
    for value in 1..=100 {
        one.propose_wait(number(value)).await.unwrap();
    }
    let id = one.status().raft_id;
    one.shutdown().await;
    assert_eq!(
        one.propose_wait(number(1)).await,
        Err(ProposeError::Shutdown)
    );

    let (machine, sum, replayed) = Adder::new();
    let one = Consensus::start(config(dir.path()), machine, None).unwrap();
    // Who is told that it leads finds everything in place.
    leader(&one).await;
    assert_eq!(sum.load(Ordering::SeqCst), 5050);
    assert!(replayed.load(Ordering::SeqCst));
    let status = one.status();
    assert_eq!((status.raft_id, status.role), (id, Role::Leader));
    assert_eq!(status.leader.unwrap().node_name, "one");
    let (_, after) = one.propose_wait(number(7)).await.unwrap();
    assert_eq!(after, 5057);
    one.shutdown().await;
}

#[tokio::test]
async fn a_snapshot_replaces_the_log_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (machine, ..) = Adder::new();
    let seen = Arc::new(Seen::default());
    let config = || Config {
        snapshot_log_bytes: 200 << 10,
        observer: Some(seen.clone()),
        ..config(dir.path())
    };
    let one = Consensus::start(config(), machine, None).unwrap();
    leader(&one).await;
    let payload = Bytes::from(vec![1u8; 1000]);
    for _ in 0..1000 {
        one.propose_wait(payload.clone()).await.unwrap();
    }
    let until = Instant::now() + Duration::from_secs(10);
    while one.status().snapshot_index == 0 && Instant::now() < until {
        tokio::task::yield_now().await;
    }
    one.shutdown().await;
    let segments = std::fs::read_dir(dir.path())
        .unwrap()
        .filter(|f| f.as_ref().unwrap().path().extension() == Some("log".as_ref()))
        .count();
    assert!(
        segments < 1000 * 1024 / (64 << 10),
        "{segments} segments are left"
    );
    let events = std::mem::take(&mut *seen.0.lock().unwrap());
    let sum = |of: fn(&Logged) -> u64| {
        events
            .iter()
            .filter_map(logged)
            .map(|l| of(&l))
            .sum::<u64>()
    };
    assert!(sum(|l| l.counts.entries) >= 1000);
    assert!(sum(|l| l.counts.bytes) >= 1_000_000);
    assert!((1..=sum(|l| l.counts.entries)).contains(&sum(|l| l.counts.appends)));
    assert!(sum(|l| l.counts.head_cut) > 0 && sum(|l| l.counts.segments) > 0);
    assert_eq!(sum(|l| l.counts.tail_cut), 0);
    let roles: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Role(role) => Some(*role),
            _ => None,
        })
        .collect();
    assert_eq!(roles, [Role::Follower, Role::Candidate, Role::Leader]);
    assert!(events.iter().any(|e| matches!(e, Event::Snapshot { .. })));
    assert!(events.iter().any(|e| matches!(e, Event::Waited(_))));
    assert_eq!(
        events[0],
        Event::Opened {
            entries: 0,
            bytes: 0
        }
    );

    let (machine, sum, _) = Adder::new();
    let one = Consensus::start(config(), machine, None).unwrap();
    leader(&one).await;
    let (_, after) = one.propose_wait(number(1)).await.unwrap();
    assert_eq!((after, sum.load(Ordering::SeqCst)), (1001, 1001));
    one.shutdown().await;
    let Event::Opened { entries, bytes } = seen.0.lock().unwrap()[0] else {
        panic!("opened first");
    };
    assert!(entries > 0 && bytes >= entries.saturating_sub(2) * 1000);
}

/// Every event in order.
#[derive(Default)]
struct Seen(Mutex<Vec<Event>>);

impl Observer for Seen {
    fn saw(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

fn logged(event: &Event) -> Option<Logged> {
    match event {
        Event::Logged(logged) => Some(*logged),
        _ => None,
    }
}

/// Five is in it, then the disk fails, and the next write says so.
async fn failing(disk: &MemoryDisk, fault: &AtomicBool) -> (Consensus<u64>, Arc<AtomicU64>) {
    let (machine, sum, _) = Adder::new();
    let one = Consensus::start(on(disk, 64 << 10), machine, None).unwrap();
    leader(&one).await;
    one.propose_wait(number(5)).await.unwrap();
    fault.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let refused = one.propose_wait(number(6)).await;
        assert!(matches!(refused, Err(ProposeError::Disk(_))), "{refused:?}");
    }
    assert!(one.status().disk_error.is_some());
    let deadline = Instant::now() + Duration::from_secs(60);
    one.read_barrier(deadline).await.unwrap();
    assert_eq!(sum.load(Ordering::SeqCst), 5);
    (one, sum)
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_goes_on_once_there_is_space() {
    let disk = MemoryDisk::default();
    let (one, sum) = failing(&disk, &disk.full).await;
    disk.full.store(false, Ordering::SeqCst);
    let mut status = one.watch_status();
    let writes = status.wait_for(|s| s.disk_error.is_none()).await.unwrap();
    assert!(writes.established);
    drop(writes);
    // The first of the two was under way: its fate was not known, and it is applied now.
    let (_, after) = one.propose_wait(number(1)).await.unwrap();
    assert_eq!((after, sum.load(Ordering::SeqCst)), (12, 12));
    one.shutdown().await;
    let (machine, sum, _) = Adder::new();
    let one = Consensus::start(on(&disk, 64 << 10), machine, None).unwrap();
    leader(&one).await;
    assert_eq!(sum.load(Ordering::SeqCst), 12);
    one.shutdown().await;
}

/// Nobody knows what the medium holds after that.
#[tokio::test]
async fn a_failed_sync_refuses_writes_until_a_restart() {
    let disk = MemoryDisk::default();
    let (one, _) = failing(&disk, &disk.unsynced).await;
    disk.unsynced.store(false, Ordering::SeqCst);
    let refused = one.propose_wait(number(6)).await;
    assert!(matches!(refused, Err(ProposeError::Disk(_))), "{refused:?}");
    one.shutdown().await;

    let (machine, sum, _) = Adder::new();
    let one = Consensus::start(on(&disk, 64 << 10), machine, None).unwrap();
    leader(&one).await;
    // What was under way stands in the log.
    one.propose_wait(number(1)).await.unwrap();
    assert_eq!(sum.load(Ordering::SeqCst), 12);
    one.shutdown().await;
}

#[tokio::test]
async fn every_completion_is_called_even_when_the_last_handle_goes() {
    let (machine, ..) = Adder::new();
    let one = Consensus::start(Config::default(), machine, None).unwrap();
    leader(&one).await;
    let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
    const COUNT: usize = 20_000;
    for _ in 0..COUNT {
        let sender = sender.clone();
        one.propose(
            number(1),
            Box::new(move |result| sender.send(result.is_ok()).unwrap()),
        );
    }
    drop((one, sender));
    let mut answered = 0;
    while answers.recv().await.is_some() {
        answered += 1;
    }
    assert_eq!(answered, COUNT);
}

#[tokio::test]
async fn a_damaged_log_is_refused_by_name() {
    let disk = MemoryDisk::default();
    let config = |disk: &MemoryDisk| Config {
        disk: Some(Arc::new(disk.clone())),
        segment_bytes: 64 << 10,
        ..Config::default()
    };
    let (machine, ..) = Adder::new();
    let one = Consensus::start(config(&disk), machine, None).unwrap();
    leader(&one).await;
    for value in 0..10 {
        one.propose_wait(number(value)).await.unwrap();
    }
    one.shutdown().await;
    disk.edit("0000000000000001.log", |bytes| bytes[300] ^= 4);
    let (machine, ..) = Adder::new();
    let refused = Consensus::start(config(&disk), machine, None);
    let error = refused.err().map(|error: StartError| error.to_string());
    let text = error.unwrap_or_default();
    assert!(
        text.contains("0000000000000001.log at offset 256: "),
        "{text}"
    );
}

fn on(disk: &MemoryDisk, segment_bytes: u64) -> Config {
    Config {
        disk: Some(Arc::new(disk.clone())),
        segment_bytes,
        ..Config::default()
    }
}

/// Adds `count` ones and takes a snapshot.
async fn add_and_snapshot(one: &Consensus<u64>, count: usize) {
    let payload = Bytes::from(vec![1u8; 1000]);
    let mut last = 0;
    for _ in 0..count {
        last = one.propose_wait(payload.clone()).await.unwrap().0;
    }
    one.snapshot_now();
    let until = Instant::now() + Duration::from_secs(30);
    while one.status().snapshot_index < last && Instant::now() < until {
        tokio::task::yield_now().await;
    }
    assert!(one.status().snapshot_index >= last);
}

fn snapshots(disk: &MemoryDisk) -> Vec<String> {
    let names = disk.contents().into_keys();
    names.filter(|name| name.ends_with(".snap")).collect()
}

fn refused(disk: &MemoryDisk, segment_bytes: u64) -> String {
    let started = Consensus::start(on(disk, segment_bytes), Adder::new().0, None);
    started.err().map(|e| e.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn a_damaged_snapshot_is_replaced_by_the_one_before_it_when_the_log_reaches_back() {
    let disk = MemoryDisk::default();
    let one = Consensus::start(on(&disk, 1 << 20), Adder::new().0, None).unwrap();
    leader(&one).await;
    add_and_snapshot(&one, 20).await;
    add_and_snapshot(&one, 20).await;
    one.shutdown().await;
    let names = snapshots(&disk);
    assert_eq!(names.len(), 2);
    for at in 0..disk.contents()[&names[1]].len() {
        let copy = disk.fork();
        copy.edit(&names[1], |bytes| bytes[at] ^= 4);
        let (machine, sum, _) = Adder::new();
        let one = Consensus::start(on(&copy, 1 << 20), machine, None).unwrap();
        leader(&one).await;
        assert_eq!(sum.load(Ordering::SeqCst), 40, "byte {at}");
        one.shutdown().await;
    }
}

#[tokio::test]
async fn a_log_that_continues_a_snapshot_which_is_lost_or_damaged_is_refused() {
    let disk = MemoryDisk::default();
    let one = Consensus::start(on(&disk, 4096), Adder::new().0, None).unwrap();
    leader(&one).await;
    add_and_snapshot(&one, 20).await;
    add_and_snapshot(&one, 20).await;
    one.shutdown().await;
    let names = snapshots(&disk);
    let damaged = disk.fork();
    damaged.edit(&names[1], |bytes| bytes[30] ^= 4);
    let text = refused(&damaged, 4096);
    assert!(text.contains(&names[1]) && text.contains("put"), "{text}");
    // The files are as they were: with the right one back the server starts.
    let right = disk.contents()[&names[1]].clone();
    damaged.edit(&names[1], |bytes| *bytes = right);
    let (machine, sum, _) = Adder::new();
    let one = Consensus::start(on(&damaged, 4096), machine, None).unwrap();
    leader(&one).await;
    assert_eq!(sum.load(Ordering::SeqCst), 40);
    one.shutdown().await;
    // Another one's content under a name is no snapshot of that name.
    let swapped = disk.fork();
    let other = disk.contents()[&names[0]].clone();
    swapped.edit(&names[1], |bytes| *bytes = other);
    let text = refused(&swapped, 4096);
    assert!(text.contains("another one's name"), "{text}");
}

#[tokio::test]
async fn a_command_of_a_newer_version_stops_the_server_and_the_next_start() {
    let disk = MemoryDisk::default();
    let one = Consensus::start(on(&disk, 4096), Adder::new().0, None).unwrap();
    leader(&one).await;
    one.propose_wait(number(3)).await.unwrap();
    let before = disk.fork();
    one.propose_wait(Bytes::from_static(b"newer"))
        .await
        .unwrap_err();
    let mut status = one.watch_status();
    let ended = status
        .wait_for(|s| s.ended.is_some())
        .await
        .unwrap()
        .clone();
    let text = ended.ended.unwrap();
    assert!(
        text.contains("log entry 4 ") && text.contains("upgrade this server"),
        "{text}"
    );
    assert!(ended.leader.is_none() && ended.role == Role::Follower);
    one.propose_wait(number(1)).await.unwrap_err();
    one.shutdown().await;
    assert!(refused(&disk, 4096).contains("upgrade this server"));
    assert_eq!(refused(&before, 4096), "");
}
