//! Servers on free ports, and a client agent that knows them.

use parking_lot::Mutex;
use remote::{Place, Remote, Servers, Settings};
use rpcd::{Archive, BoxFuture, Door, Limits, SnapshotRequest, Snapshots, Table};
use rt::{Room, Time};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use wire::rpc::QueryMeta;

/// Longer than anything takes, however loaded the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

/// Saves `state` many times, takes what is as long, and knows one bad token.
struct Echo;

/// Bytes of its archive.
pub const ARCHIVE: usize = 1_000_000;

impl Snapshots for Echo {
    fn save(
        &self,
        request: SnapshotRequest,
        _: SocketAddr,
    ) -> BoxFuture<'_, Result<(QueryMeta, Archive), String>> {
        Box::pin(async move {
            if request.token == "bad" {
                return Err("Permission denied".to_owned());
            }
            let meta = QueryMeta {
                index: 7,
                known_leader: true,
                ..QueryMeta::default()
            };
            let archive: Archive = Box::new(tokio::io::repeat(b's').take(ARCHIVE as u64));
            Ok((meta, archive))
        })
    }

    fn restore(
        &self,
        request: SnapshotRequest,
        _: SocketAddr,
        mut archive: Archive,
    ) -> BoxFuture<'_, Result<QueryMeta, String>> {
        Box::pin(async move {
            if request.token == "bad" {
                return Err("Permission denied".to_owned());
            }
            let mut bytes = Vec::new();
            let read = archive.read_to_end(&mut bytes).await;
            match read.map_err(|error| error.to_string())? {
                ARCHIVE => Ok(QueryMeta::default()),
                other => Err(format!("{other} bytes")),
            }
        })
    }
}

/// A server; it ends with its room.
pub struct Server {
    pub address: SocketAddr,
    pub room: Room,
}

pub fn server(methods: Table) -> Server {
    let room = Room::new("server");
    let time = Time::real(&room);
    let listener = net::bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let net::Listener::Tcp(tcp) = &listener else {
        panic!("not TCP");
    };
    let address = tcp.local_addr().unwrap();
    let door = Door::new(
        Arc::new(methods),
        Arc::new(Echo),
        Vec::new(),
        Limits::default(),
        time,
    );
    room.spawn("rpc", door.serve(listener, room.clone()));
    Server { address, room }
}

/// An address where nobody listens.
pub fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A list that rotates; its servers are called `s0`, `s1`, …
pub struct Fixed(Mutex<VecDeque<Place>>);

impl Servers for Fixed {
    fn first(&self) -> Option<Place> {
        self.0.lock().front().cloned()
    }

    fn failed(&self, name: &str) {
        let mut list = self.0.lock();
        if list.front().is_some_and(|first| first.name == name) {
            list.rotate_left(1);
        }
    }
}

pub struct Agent {
    pub remote: Arc<Remote>,
    pub servers: Arc<Fixed>,
    pub room: Room,
}

pub fn settings(hold: Duration) -> Settings {
    Settings {
        datacenter: "dc1".to_owned(),
        node: "c1".to_owned(),
        hold,
        client_timeout: PATIENCE,
        rate: -1.0,
        burst: 0,
    }
}

pub fn agent(addresses: &[SocketAddr], settings: Settings) -> Agent {
    let places = addresses.iter().enumerate().map(|(at, address)| Place {
        name: format!("s{at}"),
        address: *address,
    });
    let servers = Arc::new(Fixed(Mutex::new(places.collect())));
    let room = Room::new("agent");
    let remote = Remote::new(settings, servers.clone(), 7, Time::real(&room), &room);
    Agent {
        remote,
        servers,
        room,
    }
}
