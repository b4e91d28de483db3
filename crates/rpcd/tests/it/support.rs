//! A door on a free port, and clients of both forms.

use bytes::Bytes;
use rpcd::{Archive, BoxFuture, Door, Limits, SnapshotRequest, Snapshots, Streams, Table};
use rt::{Room, Time};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::rpc::QueryMeta;
use yamux::{Event, Role, Session, StreamId};

/// Longer than anything takes, however loaded the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

/// Saves `the state`, takes any archive and says how long it is.
pub struct Echo;

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
            let archive: Archive = Box::new(&b"the state"[..]);
            let meta = QueryMeta {
                index: 7,
                ..QueryMeta::default()
            };
            Ok((meta, archive))
        })
    }

    fn restore(
        &self,
        _: SnapshotRequest,
        _: SocketAddr,
        mut archive: Archive,
    ) -> BoxFuture<'_, Result<QueryMeta, String>> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            archive
                .read_to_end(&mut bytes)
                .await
                .map_err(|error| error.to_string())?;
            let index = bytes.len() as u64;
            Ok(QueryMeta {
                index,
                ..QueryMeta::default()
            })
        })
    }
}

pub struct Running {
    pub address: SocketAddr,
    pub room: Room,
    pub time: Time,
    pub door: Arc<Door>,
}

pub fn door(methods: Table, limits: Limits) -> Running {
    door_beside(methods, Vec::new(), limits)
}

pub fn door_beside(methods: Table, others: Vec<Arc<dyn Streams>>, limits: Limits) -> Running {
    let room = Room::new("test");
    let time = Time::manual();
    let listener = net::bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0))).expect("binds");
    let net::Listener::Tcp(tcp) = &listener else {
        panic!("not TCP");
    };
    let address = tcp.local_addr().expect("an address");
    let door = Door::new(
        Arc::new(methods),
        Arc::new(Echo),
        others,
        limits,
        time.clone(),
    );
    room.spawn("rpc", door.clone().serve(listener, room.clone()));
    Running {
        door,
        address,
        room,
        time,
    }
}

impl Running {
    /// A connection that has said its first byte.
    pub async fn connect(&self, first: u8) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("connects");
        stream.write_all(&[first]).await.expect("writes");
        stream
    }

    pub async fn multiplexed(&self) -> Client {
        let stream = self.connect(4).await;
        let now = Duration::from_nanos(self.time.now().nanos());
        Client {
            stream,
            session: Session::new(Role::Client, yamux::Limits::default(), now),
            time: self.time.clone(),
            got: HashMap::new(),
            over: Vec::new(),
        }
    }
}

/// The dialling end of a multiplexed connection.
pub struct Client {
    stream: TcpStream,
    pub session: Session,
    time: Time,
    /// What came, by stream.
    pub got: HashMap<StreamId, Vec<u8>>,
    /// Streams that the other end ended or reset.
    pub over: Vec<StreamId>,
}

impl Client {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.time.now().nanos())
    }

    pub fn open(&mut self) -> StreamId {
        self.session.open(self.now()).expect("opens")
    }

    pub async fn send(&mut self, id: StreamId, bytes: &[u8]) {
        let mut bytes = Bytes::copy_from_slice(bytes);
        self.session.send(id, &mut bytes).expect("sends");
        assert!(bytes.is_empty(), "beyond the window");
        self.flush().await;
    }

    pub async fn flush(&mut self) {
        while let Some(piece) = self.session.take_output() {
            self.stream.write_all(&piece).await.expect("writes");
        }
    }

    /// Goes on until something is so, or the connection is over.
    pub async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        soon(self.pump(done)).await;
    }

    async fn pump(&mut self, done: impl Fn(&Self) -> bool) {
        let mut piece = vec![0; 64 * 1024];
        loop {
            self.session.tick(self.now());
            while let Some(event) = self.session.next_event() {
                match event {
                    Event::Data(id, data) => {
                        self.session.consumed(id, data.len());
                        self.got.entry(id).or_default().extend_from_slice(&data);
                    }
                    Event::Ended(id) | Event::Reset(id) => self.over.push(id),
                    Event::Closed(why) => panic!("closed: {why}"),
                    _ => {}
                }
            }
            self.flush().await;
            if done(self) {
                return;
            }
            let count = self.stream.read(&mut piece).await.expect("reads");
            assert_ne!(count, 0, "the connection was closed");
            self.session
                .receive(self.now(), Bytes::copy_from_slice(&piece[..count]));
        }
    }

    /// Calls, and takes a reply of that many bytes.
    pub async fn call(&mut self, id: StreamId, request: &[u8], len: usize) -> Vec<u8> {
        self.send(id, request).await;
        self.until(|client| client.got.get(&id).is_some_and(|got| got.len() >= len))
            .await;
        self.got.remove(&id).unwrap_or_default()
    }
}

/// A call without arguments.
pub fn request(seq: u64, method: &str) -> Vec<u8> {
    let mut bytes = dialect::msgpack::to_vec(&wire::rpc::RequestHeader {
        seq,
        service_method: method.to_owned(),
    });
    bytes.push(0x80);
    bytes
}

/// Its reply with this error and an empty body.
pub fn reply(seq: u64, method: &str, error: &str) -> Vec<u8> {
    let mut bytes = dialect::msgpack::to_vec(&wire::rpc::ResponseHeader {
        error: error.to_owned(),
        seq,
        service_method: method.to_owned(),
    });
    bytes.push(0x80);
    bytes
}
