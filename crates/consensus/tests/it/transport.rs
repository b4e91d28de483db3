//! Connections in memory do what every transport has to, and carry a cluster of whole servers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use consensus::testing::{Network, QUEUE_BYTES, conformance};
use consensus::{Change, Config, Consensus, Inbound, Transport};

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
    let config = Config {
        disk: Some(Arc::new(MemoryDisk::default())),
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
    let added = Change::AddLearner {
        raft_id: id,
        node_id: "two".to_owned(),
        node_name: "two".to_owned(),
    };
    one.change_membership(added).await.unwrap();
    one.change_membership(Change::Promote { raft_id: id })
        .await
        .unwrap();
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
