//! Whole servers of consensus over sockets: growth, a leader that dies, members that come back with other addresses.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use consensus::{
    Change, Config, Consensus, Entry, Inbound, ProposeError, SnapshotSource, StateMachine,
};
use parking_lot::Mutex;
use peers::{Cluster, FIRST_BYTE, Limits, Peers};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(60);

/// Sums the payloads' first bytes.
struct Adder(Arc<AtomicU64>);

impl StateMachine for Adder {
    type Outcome = u64;

    fn apply(&mut self, batch: &[Entry]) -> io::Result<Vec<u64>> {
        let add = |entry: &Entry| {
            let number = u64::from(entry.payload[0]);
            self.0.fetch_add(number, Ordering::SeqCst) + number
        };
        Ok(batch.iter().map(add).collect())
    }

    fn snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(Sum(self.0.load(Ordering::SeqCst)))
    }

    fn restore(&mut self, _: u64, input: &mut dyn Read) -> io::Result<()> {
        let mut bytes = [0; 8];
        input.read_exact(&mut bytes)?;
        self.0.store(u64::from_le_bytes(bytes), Ordering::SeqCst);
        Ok(())
    }
}

struct Sum(u64);

impl SnapshotSource for Sum {
    fn write_to(self: Box<Self>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.0.to_le_bytes())
    }
}

/// Where servers are, as gossip would tell it.
#[derive(Default)]
struct Addresses(Mutex<HashMap<u64, SocketAddr>>);

impl Cluster for Addresses {
    fn id(&self) -> Option<[u8; 16]> {
        None
    }

    fn address(&self, raft_id: u64) -> Option<SocketAddr> {
        self.0.lock().get(&raft_id).copied()
    }

    fn admits(&self, _: u64) -> bool {
        true
    }
}

struct Server {
    consensus: Consensus<u64>,
    peers: Arc<Peers>,
    sum: Arc<AtomicU64>,
    id: u64,
    door: tokio::task::JoinHandle<()>,
    _inbound: Arc<dyn Inbound>,
}

impl Server {
    async fn start(dir: &Path, bootstrap: bool, addresses: &Arc<Addresses>) -> Server {
        let peers = Peers::start(addresses.clone(), Limits::default()).unwrap();
        let sum = Arc::new(AtomicU64::new(0));
        let config = Config {
            dir: Some(dir.to_owned()),
            bootstrap,
            ..Config::default()
        };
        let machine = Adder(sum.clone());
        let consensus = Consensus::start(config, machine, Some(peers.clone())).unwrap();
        let id = consensus.status().raft_id;
        let inbound: Arc<dyn Inbound> = Arc::new(consensus.clone());
        peers.attach(id, &inbound);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses
            .0
            .lock()
            .insert(id, listener.local_addr().unwrap());
        let takes = peers.clone();
        let door = tokio::spawn(async move {
            while let Ok((mut stream, from)) = listener.accept().await {
                if let Ok(FIRST_BYTE) = stream.read_u8().await {
                    takes.accept(stream, from);
                }
            }
        });
        Server {
            consensus,
            peers,
            sum,
            id,
            door,
            _inbound: inbound,
        }
    }

    /// Ends as a process does that is killed, as far as others can tell: nobody is told, the address answers no more.
    async fn die(self) {
        self.door.abort();
        self.peers.close();
        self.consensus.shutdown().await;
    }

    fn leads(&self) -> bool {
        self.consensus.status().established
    }
}

async fn until(what: &str, mut so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    begun.elapsed()
}

/// Adds one, at whoever leads.
async fn add(servers: &[Server]) -> u64 {
    let begun = Instant::now();
    loop {
        for server in servers.iter().filter(|server| server.leads()) {
            let added = server.consensus.propose_wait(Bytes::from_static(&[1]));
            match added.await {
                Ok((_, sum)) => return sum,
                Err(ProposeError::NotLeader { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(begun.elapsed() < LIMIT, "nobody leads");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn join(leader: &Server, id: u64) {
    let learner = Change::AddLearner {
        raft_id: id,
        node_id: format!("{id}"),
        node_name: format!("{id}"),
    };
    for change in [learner, Change::Promote { raft_id: id }] {
        while let Err(error) = leader.consensus.change_membership(change.clone()).await {
            assert_eq!(error, ProposeError::ChangeUnderWay);
            tokio::task::yield_now().await;
        }
    }
}

async fn trio(dirs: &[tempfile::TempDir], addresses: &Arc<Addresses>) -> Vec<Server> {
    let mut servers = Vec::new();
    for (at, dir) in dirs.iter().enumerate() {
        servers.push(Server::start(dir.path(), at == 0, addresses).await);
    }
    until("the first one leads", || servers[0].leads()).await;
    for at in 1..servers.len() {
        join(&servers[0], servers[at].id).await;
    }
    servers
}

fn dirs() -> Vec<tempfile::TempDir> {
    (0..3).map(|_| tempfile::tempdir().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_dies_is_replaced_and_comes_back_under_another_address() {
    let (dirs, addresses) = (dirs(), Arc::<Addresses>::default());
    let mut servers = trio(&dirs, &addresses).await;
    for number in 1..=50 {
        assert_eq!(add(&servers).await, number);
    }
    let leader = servers.iter().position(Server::leads).unwrap();
    let dead = servers.remove(leader);
    let (id, dir) = (dead.id, &dirs[leader]);
    dead.die().await;
    assert_eq!(add(&servers).await, 51, "what was acknowledged is there");
    let back = Server::start(dir.path(), false, &addresses).await;
    assert_eq!(back.id, id);
    until("it has what it missed", || {
        back.sum.load(Ordering::SeqCst) == 51
    })
    .await;
    servers.push(back);
    assert_eq!(add(&servers).await, 52);
    for server in servers {
        server.die().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_them_come_back_under_other_addresses() {
    let (dirs, addresses) = (dirs(), Arc::<Addresses>::default());
    for round in 0..3u64 {
        let mut servers = Vec::new();
        if round == 0 {
            servers = trio(&dirs, &addresses).await;
        } else {
            for dir in &dirs {
                servers.push(Server::start(dir.path(), false, &addresses).await);
            }
        }
        assert_eq!(add(&servers).await, round + 1);
        for server in servers {
            server.die().await;
        }
    }
}
