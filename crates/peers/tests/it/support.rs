//! Servers on loopback, and a machine between each two of them that can cut and stall.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use consensus::{Inbound, Transport};
use parking_lot::{Mutex, RwLock};
use peers::{Cluster, FIRST_BYTE, Limits, Peers};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Bytes the kernel keeps for a connection.
const SOCKET_BYTES: u32 = 32 << 10;
/// Bytes of a connection that pass a stalled proxy: its greeting and the first message.
const BEFORE_STALL: usize = 2 << 10;

pub fn limits() -> Limits {
    Limits {
        queue_bytes: 4 << 20,
        patience: Duration::from_secs(1),
        socket_bytes: Some(SOCKET_BYTES),
        ..Limits::default()
    }
}

/// What a proxy does.
#[derive(Clone, Copy, Default, PartialEq)]
struct Weather {
    cut: bool,
    stalled: bool,
}

/// Where servers are, seen from one of them.
pub struct View {
    own: u64,
    servers: Arc<Servers>,
    pub id: Option<[u8; 16]>,
    pub members: Mutex<Option<Vec<u64>>>,
}

impl Cluster for View {
    fn id(&self) -> Option<[u8; 16]> {
        self.id
    }

    fn address(&self, raft_id: u64) -> Option<SocketAddr> {
        self.servers.way(self.own, raft_id)
    }

    fn admits(&self, raft_id: u64) -> bool {
        let members = self.members.lock();
        members.as_ref().is_none_or(|all| all.contains(&raft_id))
    }
}

/// Hands on to whoever is there now.
#[derive(Default)]
struct Switch(RwLock<Option<Arc<dyn Inbound>>>);

impl Switch {
    fn now(&self) -> Option<Arc<dyn Inbound>> {
        self.0.read().clone()
    }
}

impl Inbound for Switch {
    fn deliver(&self, from: u64, message: Bytes) -> bool {
        self.now()
            .is_some_and(|inbound| inbound.deliver(from, message))
    }

    fn receive_snapshot(
        &self,
        from: u64,
        message: Bytes,
        content: &mut dyn std::io::Read,
    ) -> std::io::Result<()> {
        let inbound = self.now().ok_or(std::io::ErrorKind::NotConnected)?;
        inbound.receive_snapshot(from, message, content)
    }

    fn peer_gone(&self, peer: u64) {
        if let Some(inbound) = self.now() {
            inbound.peer_gone(peer);
        }
    }
}

pub struct Server {
    pub peers: Arc<Peers>,
    pub view: Arc<View>,
    switch: Arc<Switch>,
    _inbound: Arc<dyn Inbound>,
    address: SocketAddr,
}

/// Where a proxy listens, and how it is told what to do.
type Proxy = (SocketAddr, watch::Sender<Weather>);

/// The servers of a test.
pub struct Servers {
    runtime: Runtime,
    limits: Limits,
    servers: Mutex<HashMap<u64, Arc<Server>>>,
    proxies: Mutex<HashMap<(u64, u64), Proxy>>,
}

impl Servers {
    pub fn new(limits: Limits) -> Arc<Servers> {
        Arc::new(Servers {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            limits,
            servers: Mutex::default(),
            proxies: Mutex::default(),
        })
    }

    /// The server with this raft id, started when it is first asked for.
    pub fn server(self: &Arc<Self>, id: u64) -> Arc<Server> {
        self.server_of(id, None)
    }

    pub fn server_of(self: &Arc<Self>, id: u64, cluster: Option<[u8; 16]>) -> Arc<Server> {
        let mut servers = self.servers.lock();
        if let Some(server) = servers.get(&id) {
            return server.clone();
        }
        let view = Arc::new(View {
            own: id,
            servers: self.clone(),
            id: cluster,
            members: Mutex::new(None),
        });
        let peers = Peers::start(view.clone(), self.limits).unwrap();
        let switch: Arc<Switch> = Arc::default();
        let inbound: Arc<dyn Inbound> = switch.clone();
        peers.attach(id, &inbound);
        let (listener, address) = self.listen();
        let door = Arc::downgrade(&peers);
        self.runtime.spawn(async move {
            while let Ok((mut stream, from)) = listener.accept().await {
                let Ok(FIRST_BYTE) = stream.read_u8().await else {
                    continue;
                };
                let Some(peers) = door.upgrade() else { return };
                peers.accept(stream, from);
            }
        });
        let server = Arc::new(Server {
            peers,
            view,
            switch,
            _inbound: inbound,
            address,
        });
        servers.insert(id, server.clone());
        server
    }

    pub fn join(self: &Arc<Self>, id: u64, inbound: Arc<dyn Inbound>) {
        *self.server(id).switch.0.write() = Some(inbound);
    }

    pub fn transport(self: &Arc<Self>, id: u64) -> Arc<dyn Transport> {
        self.server(id).peers.clone()
    }

    /// Makes the way from one server to another lead to a third.
    pub fn divert(self: &Arc<Self>, from: u64, to: u64, instead: u64) {
        let address = self.server(instead).address;
        let (weather, _) = watch::channel(Weather::default());
        self.proxies.lock().insert((from, to), (address, weather));
    }

    pub fn cut(&self, from: u64, to: u64, cut: bool) {
        self.turn(from, to, |weather| weather.cut = cut);
    }

    pub fn stall(&self, from: u64, to: u64, stalled: bool) {
        self.turn(from, to, |weather| weather.stalled = stalled);
    }

    fn turn(&self, from: u64, to: u64, change: impl FnOnce(&mut Weather)) {
        let proxies = self.proxies.lock();
        let (_, weather) = proxies.get(&(from, to)).expect("there was traffic before");
        weather.send_modify(change);
    }

    fn listen(&self) -> (tokio::net::TcpListener, SocketAddr) {
        let _in = self.runtime.enter();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SOCKET_BYTES).unwrap();
        socket.set_send_buffer_size(SOCKET_BYTES).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// Where `from` finds `to`: at a proxy of their own.
    fn way(&self, from: u64, to: u64) -> Option<SocketAddr> {
        let mut proxies = self.proxies.lock();
        if let Some((address, _)) = proxies.get(&(from, to)) {
            return Some(*address);
        }
        let target = self.servers.lock().get(&to)?.address;
        let (listener, address) = self.listen();
        let (weather, watched) = watch::channel(Weather::default());
        proxies.insert((from, to), (address, weather));
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if !watched.borrow().cut {
                    tokio::spawn(pass(stream, target, watched.clone()));
                }
            }
        });
        Some(address)
    }
}

/// Passes bytes both ways until one side ends or the way is cut.
async fn pass(mut near: TcpStream, target: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(SOCKET_BYTES).unwrap();
    socket.set_recv_buffer_size(SOCKET_BYTES).unwrap();
    let Ok(mut far) = socket.connect(target).await else {
        return;
    };
    let mut stalls = weather.clone();
    let (mut near_in, mut near_out) = near.split();
    let (mut far_in, mut far_out) = far.split();
    let there = async {
        let mut piece = vec![0; 1024];
        let mut passed = 0;
        loop {
            if passed >= BEFORE_STALL && stalls.wait_for(|weather| !weather.stalled).await.is_err()
            {
                return;
            }
            match near_in.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(read) => {
                    passed += read;
                    if far_out.write_all(&piece[..read]).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    let back = tokio::io::copy(&mut far_in, &mut near_out);
    tokio::select! {
        () = there => {}
        _ = back => {}
        _ = weather.wait_for(|weather| weather.cut) => {}
    }
}

/// Waits, without a limit but that of the test run, until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    static BEGUN: OnceLock<std::time::Instant> = OnceLock::new();
    let begun = BEGUN.get_or_init(std::time::Instant::now);
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Set by whoever saw something.
#[derive(Default)]
pub struct Flag(AtomicBool);

impl Flag {
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
