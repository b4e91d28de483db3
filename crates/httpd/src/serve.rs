//! Listeners and connections (spec/http-api.md §1.1).

use crate::budget::{Charge, Meter};
use crate::door::{Door, Remote, Respond};
use crate::h1;
use crate::request::{BodyStream, RequestBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use net::tls::Acceptor;
use net::{Peer, Stream};
use parking_lot::Mutex;
use rt::{Room, Time};
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;

/// How long a client over the limit may take to be told so.
const REFUSAL_DEADLINE: Duration = Duration::from_millis(10);
/// How long a connection over the limit waits for one of its client's to end: a client that closes one and opens the next
/// is not over the limit, though the server may hear of the new one first.
const OVERLAP: Duration = Duration::from_millis(50);
/// Connections that wait so at a time, all clients together; further ones are refused at once.
const OVERLAPS_MAX: usize = 256;
/// How long the first byte of a TLS connection is waited for before the handshake takes over with its own deadline.
const FIRST_BYTE_DEADLINE: Duration = Duration::from_secs(1);
/// What a client gets that speaks plain HTTP to a TLS port.
const PLAIN_ON_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/// Pause after `accept` failed, for instance because there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Streams that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 250;

/// Bytes that a stream may send before somebody reads them, and all streams of a connection together.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// Most bytes of the headers of a stream; they are kept outside the budget of requests, so the limit is lower than in HTTP/1.
const MAX_HEADER_LIST: u32 = 256 << 10;

const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: 81\r\n\
Connection: close\r\n\r\nYour IP is issuing too many concurrent connections, please rate limit your calls\n";

/// A way in: a listening socket, with TLS or without.
pub struct Listener {
    /// The socket.
    pub socket: net::Listener,
    /// The TLS end, for HTTPS.
    pub tls: Option<Arc<Acceptor>>,
}

/// Connections by client; all unix sockets count as one.
#[derive(Default)]
pub(crate) struct Connections {
    counts: Mutex<HashMap<Option<IpAddr>, usize>>,
    /// One has ended.
    ended: Notify,
    /// How many wait for that.
    waiting: AtomicUsize,
}

/// A counted connection.
struct Counted {
    door: Arc<Door>,
    client: Option<IpAddr>,
}

impl Counted {
    /// `None` if the client has as many as it may.
    fn enter(door: &Arc<Door>, peer: &Peer) -> Option<Self> {
        let limit = door.settings().config.max_connections_per_client;
        let client = peer.address().map(|address| address.ip());
        let mut counts = door.connections.counts.lock();
        let count = counts.entry(client).or_default();
        if limit > 0 && *count >= limit {
            return None;
        }
        *count += 1;
        Some(Self {
            door: door.clone(),
            client,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.door.connections.counts.lock();
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
        drop(counts);
        self.door.connections.ended.notify_waiters();
    }
}

/// Serves a listener until the room closes. Connections are tasks of the room: when it begins to close nothing is accepted
/// any more, idle connections are closed, what waits in the door ends with what there is ([`Door::end_waits`]), and other
/// exchanges are finished, as long as the room waits for them. What waits behind a port is to be ended there.
pub fn serve(room: &Room, time: &Time, listener: Listener, door: Arc<Door>) {
    let (inner, time) = (room.clone(), time.clone());
    room.spawn_to_end("http listener", async move {
        let Listener { socket, tls } = listener;
        let address = socket.local_addr();
        let loopback = tls.is_none() && address.is_some_and(|address| address.ip().is_loopback());
        let mut closing = std::pin::pin!(inner.closing());
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = &mut closing => return door.end_waits(),
            };
            let Ok((stream, peer)) = accepted else {
                time.sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let way = Way {
                room: inner.clone(),
                time: time.clone(),
                tls: tls.clone(),
                loopback,
            };
            match Counted::enter(&door, &peer) {
                Some(counted) => way.open(stream, peer, counted),
                None => inner.spawn("http refusal", way.late(door.clone(), stream, peer)),
            }
        }
    });
}

/// What a listener knows of its connections.
struct Way {
    room: Room,
    time: Time,
    tls: Option<Arc<Acceptor>>,
    /// Plain, on a loopback address.
    loopback: bool,
}

impl Way {
    fn open(self, stream: Stream, peer: Peer, counted: Counted) {
        let loopback = self.loopback;
        let remote = Remote { peer, loopback };
        match self.tls {
            // Boxed, since spawning would hold the future several times over.
            None => {
                let connection = Box::pin(plain(self.room.clone(), stream, remote, counted));
                self.room.spawn_to_end("http connection", connection);
            }
            Some(tls) => {
                let connection = encrypted(self.room.clone(), stream, remote, tls, counted);
                self.room
                    .spawn_to_end("https connection", Box::pin(connection));
            }
        }
    }

    /// A connection over the limit: opened as soon as another of its client ends, refused if none does.
    async fn late(self, door: Arc<Door>, stream: Stream, peer: Peer) {
        match place(&door, &self.time, &peer).await {
            Some(counted) => self.open(stream, peer, counted),
            None => refuse(self.time, stream, self.tls).await,
        }
    }
}

/// A place among its client's connections, if there is one soon.
async fn place(door: &Arc<Door>, time: &Time, peer: &Peer) -> Option<Counted> {
    let waiting = &door.connections.waiting;
    let mut found = None;
    if waiting.fetch_add(1, Ordering::Relaxed) < OVERLAPS_MAX {
        let mut over = std::pin::pin!(time.sleep(OVERLAP));
        while found.is_none() {
            let mut ended = std::pin::pin!(door.connections.ended.notified());
            ended.as_mut().enable();
            found = Counted::enter(door, peer);
            if found.is_none() {
                tokio::select! {
                    () = ended => {}
                    () = &mut over => break,
                }
            }
        }
    }
    waiting.fetch_sub(1, Ordering::Relaxed);
    found
}

async fn refuse(time: Time, mut stream: Stream, tls: Option<Arc<Acceptor>>) {
    let answer = async {
        if let Some(tls) = tls {
            stream = tls.accept(stream).await?;
        }
        stream.write_all(TOO_MANY).await?;
        stream.shutdown().await
    };
    tokio::select! {
        _ = answer => {}
        () = time.sleep(REFUSAL_DEADLINE) => {}
    }
}

/// Whether the first byte of a connection to a TLS port is that of a plain HTTP request; a TLS record begins otherwise.
async fn speaks_plainly(stream: &Stream, time: &Time) -> bool {
    let Stream::Tcp(tcp) = stream else {
        return false;
    };
    let mut first = [0];
    tokio::select! {
        seen = tcp.peek(&mut first) => seen.is_ok_and(|length| length == 1) && first[0].is_ascii_uppercase(),
        () = time.sleep(FIRST_BYTE_DEADLINE) => false,
    }
}

/// A connection with TLS, after its handshake in HTTP/1 or HTTP/2. The rare parts are boxed, so that the task of a usual
/// connection is small.
async fn encrypted(
    room: Room,
    mut stream: Stream,
    remote: Remote,
    tls: Arc<Acceptor>,
    counted: Counted,
) {
    let begin = Box::pin(async {
        if speaks_plainly(&stream, &counted.door.ports.time).await {
            // The client is told and hung up on; whether it hears it is its affair.
            let _ = stream.write_all(PLAIN_ON_TLS).await;
            let _ = stream.shutdown().await;
            return None;
        }
        let accepted = tls.accept(stream).await;
        accepted
            .inspect_err(|error| tracing::debug!(%error, "TLS handshake failed"))
            .ok()
    });
    let begun = tokio::select! {
        begun = begin => begun,
        () = room.closing() => None,
    };
    let Some(stream) = begun else {
        return;
    };
    if stream.alpn() != Some(b"h2") {
        return plain(room, stream, remote, counted).await;
    }
    let limit = counted.door.settings().header_limit();
    let service = Endpoint {
        door: counted.door.clone(),
        remote,
    };
    let connection = http2::Builder::new(Tasks(room.clone()))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(
            u32::try_from(limit)
                .unwrap_or(u32::MAX)
                .min(MAX_HEADER_LIST),
        )
        .serve_connection(TokioIo::new(stream), service);
    Box::pin(to_its_end(connection, room)).await;
    drop(counted);
}

/// A connection that speaks HTTP/2.
type Http2 = http2::Connection<TokioIo<Stream>, Endpoint, Tasks>;

/// Runs a connection of HTTP/2; when the room begins to close it takes no more streams and ends with those it has.
async fn to_its_end(connection: Http2, room: Room) {
    let mut connection = std::pin::pin!(connection);
    // An error is a client that went away or does not speak HTTP/2; it has been answered as far as that is possible.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = room.closing() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn plain(room: Room, stream: Stream, remote: Remote, counted: Counted) {
    h1::serve(&counted.door, &room, remote, stream).await;
}

/// One connection's door.
struct Endpoint {
    door: Arc<Door>,
    remote: Remote,
}

impl Service<hyper::Request<Incoming>> for Endpoint {
    type Response = hyper::Response<crate::Body>;
    type Error = std::convert::Infallible;
    type Future = Held;

    fn call(&self, request: hyper::Request<Incoming>) -> Held {
        let (head, incoming) = request.into_parts();
        let client = self.remote.peer.address().map(|address| address.ip());
        let charge = Arc::new(Charge::new(&self.door.budget, client));
        let meter = Meter::new(&self.door.ports.time, charge.clone());
        let body = RequestBody::Stream(BodyStream { incoming, meter });
        Held {
            respond: self.door.handle(head.into(), body, &self.remote),
            _charge: charge,
        }
    }
}

/// An answer; until it is there the request's body may be kept.
struct Held {
    respond: Respond,
    _charge: Arc<Charge>,
}

impl Future for Held {
    type Output = <Respond as Future>::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.respond).poll(cx)
    }
}

/// Streams of HTTP/2 connections run as tasks of the room.
#[derive(Clone)]
struct Tasks(Room);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        // Their connection ends them; what is being answered is answered.
        self.0.spawn_to_end("http stream", task);
    }
}
