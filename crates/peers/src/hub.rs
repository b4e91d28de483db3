//! What everything around one server's connections shares.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use consensus::Inbound;
use parking_lot::{Mutex, RwLock};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::greeting::{Greeting, Lane, Refusal};
use crate::limits::{GREETINGS_MAX, Limits};
use crate::queue::Link;

/// What the way to the others has to be told, at every connection anew: addresses change, members come and go. Must not block.
pub trait Cluster: Send + Sync + 'static {
    /// The cluster's identity, once this server knows it. Servers that both know theirs and differ do not talk.
    fn id(&self) -> Option<[u8; 16]>;
    /// Where the server port of this raft id is now.
    fn address(&self, raft_id: u64) -> Option<SocketAddr>;
    /// Whether this raft id may speak: it is a member, or this server knows of no members yet.
    fn admits(&self, raft_id: u64) -> bool;
}

pub struct Hub {
    pub limits: Limits,
    pub greetings: Arc<Semaphore>,
    cluster: Arc<dyn Cluster>,
    /// This server's raft id, 0 until it is known.
    own: AtomicU64,
    inbound: RwLock<Option<Weak<dyn Inbound>>>,
    links: Mutex<HashMap<(u64, Lane), Arc<Link>>>,
    /// Who reads what a peer sends, by peer and lane, and when it came.
    readers: Mutex<Readers>,
}

#[derive(Default)]
struct Readers {
    tasks: HashMap<(u64, Lane), (u64, AbortHandle)>,
    count: u64,
}

impl Hub {
    pub fn new(cluster: Arc<dyn Cluster>, limits: Limits) -> Arc<Hub> {
        Arc::new(Hub {
            limits,
            greetings: Arc::new(Semaphore::new(GREETINGS_MAX)),
            cluster,
            own: AtomicU64::new(0),
            inbound: RwLock::new(None),
            links: Mutex::default(),
            readers: Mutex::default(),
        })
    }

    /// From now on this server is `own`, and what it is sent goes to `inbound`.
    pub fn attach(&self, own: u64, inbound: Weak<dyn Inbound>) {
        *self.inbound.write() = Some(inbound);
        self.own.store(own, Ordering::Release);
    }

    /// What waits for a peer; `begin` is called with a new one, for somebody to empty it.
    pub fn link(&self, to: u64, lane: Lane, begin: impl FnOnce(Arc<Link>)) -> Arc<Link> {
        let mut links = self.links.lock();
        if let Some(link) = links.get(&(to, lane)) {
            return link.clone();
        }
        let link: Arc<Link> = Arc::default();
        links.insert((to, lane), link.clone());
        begin(link.clone());
        link
    }

    /// `link` has ended; whoever wants to send makes another.
    pub fn forget(&self, to: u64, lane: Lane, link: &Arc<Link>) {
        let mut links = self.links.lock();
        if links
            .get(&(to, lane))
            .is_some_and(|held| Arc::ptr_eq(held, link))
        {
            links.remove(&(to, lane));
        }
    }

    /// A connection to where `peer` is now, greeted and welcome.
    pub async fn connect(&self, peer: u64, lane: Lane) -> io::Result<TcpStream> {
        let address = self.cluster.address(peer).ok_or_else(|| {
            io::Error::new(io::ErrorKind::AddrNotAvailable, "its address is not known")
        })?;
        let greeting = Greeting {
            cluster: self.cluster.id(),
            from: self.own.load(Ordering::Acquire),
            to: peer,
            lane,
        };
        let made = async {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4(),
                SocketAddr::V6(_) => TcpSocket::new_v6(),
            }?;
            if let Some(bytes) = self.limits.socket_bytes {
                socket.set_send_buffer_size(bytes)?;
                socket.set_recv_buffer_size(bytes)?;
            }
            let mut stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            greeting.send(&mut stream).await?;
            Ok(stream)
        };
        timeout(self.limits.greeting, made).await?
    }

    /// Why a caller is not let in, if it is not.
    pub fn refuses(&self, greeting: Option<&Greeting>) -> Option<Refusal> {
        let Some(greeting) = greeting else {
            return Some(Refusal::Version);
        };
        let own = self.own.load(Ordering::Acquire);
        let other = |own: [u8; 16]| greeting.cluster.is_some_and(|cluster| cluster != own);
        if own == 0 {
            Some(Refusal::Starting)
        } else if greeting.to != own {
            Some(Refusal::OtherServer)
        } else if self.cluster.id().is_some_and(other) {
            Some(Refusal::OtherCluster)
        } else if greeting.from == own || !self.cluster.admits(greeting.from) {
            Some(Refusal::NotMember)
        } else {
            None
        }
    }

    /// Who takes in what arrives; `None` when nobody does any more.
    pub fn inbound(&self) -> Option<Arc<dyn Inbound>> {
        self.inbound.read().as_ref()?.upgrade()
    }

    /// A peer called: it is there, so what waits for it need not wait longer.
    pub fn heard(&self, peer: u64) {
        let links = self.links.lock();
        for lane in [Lane::Urgent, Lane::Entries] {
            if let Some(link) = links.get(&(peer, lane)) {
                link.hear();
            }
        }
    }

    /// Nobody is there where `peer` was.
    pub fn gone(&self, peer: u64) {
        if let Some(inbound) = self.inbound() {
            inbound.peer_gone(peer);
        }
    }

    /// The current task reads what `peer` sends on `lane`; who did before ends. The number ends it again.
    pub fn reads(&self, peer: u64, lane: Lane, task: AbortHandle) -> u64 {
        let mut readers = self.readers.lock();
        readers.count += 1;
        let number = readers.count;
        if let Some((_, before)) = readers.tasks.insert((peer, lane), (number, task)) {
            before.abort();
        }
        number
    }

    /// The reader with this number has ended.
    pub fn read(&self, peer: u64, lane: Lane, number: u64) {
        let mut readers = self.readers.lock();
        if readers
            .tasks
            .get(&(peer, lane))
            .is_some_and(|(held, _)| *held == number)
        {
            readers.tasks.remove(&(peer, lane));
        }
    }

    /// Closes what `peer` speaks over.
    pub fn disconnect(&self, peer: u64) {
        let mut readers = self.readers.lock();
        for (_, (_, task)) in readers.tasks.extract_if(|(from, _), _| *from == peer) {
            task.abort();
        }
    }
}
