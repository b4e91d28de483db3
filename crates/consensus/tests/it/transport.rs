//! Connections in memory do what every transport has to, and carry a cluster of whole servers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use consensus::testing::{Network, QUEUE_BYTES, conformance};
use consensus::{Change, Config, Consensus, Inbound, ProposeError, Role, Status, Transport};

use crate::support::{Adder, MemoryDisk};

struct InMemory(Arc<Network>, usize);

impl conformance::Bench for InMemory {
    fn transport(&self, own: u64) -> Arc<dyn Transport> {
        self.0.transport(own)
    }
    fn join(&self, id: u64, inbound: Arc<dyn Inbound>) {
        self.0.join(id, inbound);
    }
    fn cut(&self, from: u64, to: u64, cut: bool) {
        self.0.cut(from, to, cut);
    }
    fn stall(&self, from: u64, to: u64, stalled: bool) {
        self.0.stall(from, to, stalled);
    }
    fn queue_bytes(&self) -> usize {
        self.1
    }
}

#[test]
fn connections_in_memory_do_what_a_transport_has_to() {
    let patience = Duration::from_millis(200);
    conformance::check(&InMemory(Network::new(100_000, patience), 100_000));
}

/// A server whose way out is known once its raft id is.
#[derive(Default)]
struct Later(std::sync::OnceLock<Arc<dyn Transport>>);

impl Transport for Later {
    fn send(&self, to: u64, message: Bytes) {
        if let Some(way) = self.0.get() {
            way.send(to, message);
        }
    }
    fn disconnect(&self, peer: u64) {
        if let Some(way) = self.0.get() {
            way.disconnect(peer);
        }
    }
    fn send_snapshot(
        &self,
        to: u64,
        message: Bytes,
        content: consensus::snapshot::SnapshotFile,
        done: Box<dyn FnOnce(bool) + Send>,
    ) {
        if let Some(way) = self.0.get() {
            way.send_snapshot(to, message, content, done);
        }
    }
}

fn start(network: &Arc<Network>, bootstrap: bool) -> (Consensus<u64>, u64) {
    start_on(&MemoryDisk::default(), network, bootstrap)
}

fn start_on(disk: &MemoryDisk, network: &Arc<Network>, bootstrap: bool) -> (Consensus<u64>, u64) {
    let config = Config {
        disk: Some(Arc::new(disk.clone())),
        bootstrap,
        ..Config::default()
    };
    let way = Arc::new(Later::default());
    let server = Consensus::start(config, Adder::new().0, Some(way.clone())).unwrap();
    let id = server.status().raft_id;
    let _ = way.0.set(network.transport(id));
    network.join(id, Arc::new(server.clone()));
    (server, id)
}

/// One server founds a cluster, another joins it by a snapshot and the log, and votes: threads, lanes and streams as they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_grows_over_connections_in_memory() {
    let network = Network::new(QUEUE_BYTES, Duration::from_secs(30));
    let (one, _) = start(&network, true);
    let mut status = one.watch_status();
    status.wait_for(|s| s.established).await.unwrap();
    for _ in 0..100 {
        one.propose_wait(Bytes::from_static(&[1])).await.unwrap();
    }
    let (two, id) = start(&network, false);
    join(&one, id).await;
    // From here on nothing is committed without the other.
    let (index, sum) = one.propose_wait(Bytes::from_static(&[1])).await.unwrap();
    assert_eq!(sum, 101);
    let until = Instant::now() + Duration::from_secs(60);
    while two.applied_index() < index && Instant::now() < until {
        tokio::task::yield_now().await;
    }
    assert!(two.applied_index() >= index);
    assert_eq!(two.status().membership.members.len(), 2);
    two.shutdown().await;
    one.shutdown().await;
    for id in [one.status().raft_id, id] {
        network.leave(id);
    }
}

/// Adds a voter. The engine hears of a change's end a little after whoever asked for it.
async fn join(leader: &Consensus<u64>, id: u64) {
    let added = Change::AddLearner {
        raft_id: id,
        node_id: id.to_string(),
        node_name: id.to_string(),
    };
    for change in [added, Change::Promote { raft_id: id }] {
        loop {
            match leader.change_membership(change.clone()).await {
                Err(ProposeError::ChangeUnderWay) => tokio::task::yield_now().await,
                done => break assert!(done.unwrap() > 0),
            }
        }
    }
}

/// A leader whose disk is full gives way to those that can write, follows them once it has space, and may lead again.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_space_gives_way_and_follows_once_it_has_some() {
    let network = Network::new(QUEUE_BYTES, Duration::from_secs(30));
    let disk = MemoryDisk::default();
    let (one, first) = start_on(&disk, &network, true);
    let mut status = one.watch_status();
    status.wait_for(|s| s.established).await.unwrap();
    let others = [start(&network, false), start(&network, false)];
    for (_, id) in &others {
        join(&one, *id).await;
    }
    one.propose_wait(Bytes::from_static(&[1])).await.unwrap();
    disk.full.store(true, Ordering::SeqCst);
    let refused = one.propose_wait(Bytes::from_static(&[1])).await;
    assert!(matches!(refused, Err(ProposeError::Disk(_))), "{refused:?}");
    let told = one.status();
    assert!(told.disk_error.is_some() && told.role == Role::Follower && told.leader.is_none());
    let mut watches = others.each_ref().map(|(other, _)| other.watch_status());
    let [a, b] = &mut watches;
    let leads = |s: &Status| s.established;
    let new = tokio::select! {
        led = a.wait_for(leads) => led.map(|_| 0),
        led = b.wait_for(leads) => led.map(|_| 1),
    };
    let (new, id) = &others[new.unwrap()];
    let (index, _) = new.propose_wait(Bytes::from_static(&[1])).await.unwrap();
    disk.full.store(false, Ordering::SeqCst);
    let follows =
        |s: &Status| s.disk_error.is_none() && s.leader.as_ref().is_some_and(|l| l.raft_id == *id);
    status.wait_for(follows).await.unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while one.applied_index() < index && Instant::now() < until {
        tokio::task::yield_now().await;
    }
    assert!(one.applied_index() >= index);
    new.transfer_leadership(first);
    status.wait_for(leads).await.unwrap();
    one.propose_wait(Bytes::from_static(&[1])).await.unwrap();
    for (server, id) in others.iter().map(|(s, id)| (s, *id)).chain([(&one, first)]) {
        server.shutdown().await;
        network.leave(id);
    }
}

/// Nobody speaks for another: what says so is not taken in, and the connection it came over is closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_under_another_ones_name_closes_its_own_connection() {
    let (sender, closed) = std::sync::mpsc::channel();
    let transport = Arc::new(Closes(std::sync::Mutex::new(sender)));
    let server = Consensus::start(Config::default(), Adder::new().0, Some(transport)).unwrap();
    let mut named = vec![1, 6];
    named.extend([0; 100]);
    for bytes in [Bytes::from(named), Bytes::from_static(b"?"), Bytes::new()] {
        assert!(server.deliver(77, bytes));
        assert_eq!(closed.recv_timeout(Duration::from_secs(60)), Ok(77));
    }
    server.shutdown().await;
}

/// Tells which connections are closed.
struct Closes(std::sync::Mutex<std::sync::mpsc::Sender<u64>>);

impl Transport for Closes {
    fn send(&self, _: u64, _: Bytes) {}
    fn disconnect(&self, peer: u64) {
        let _ = self.0.lock().unwrap().send(peer);
    }
    fn send_snapshot(
        &self,
        _: u64,
        _: Bytes,
        _: consensus::snapshot::SnapshotFile,
        _: Box<dyn FnOnce(bool) + Send>,
    ) {
    }
}
