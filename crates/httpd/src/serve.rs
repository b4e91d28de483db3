//! Listeners and connections (spec/http-api.md §1.1).

use crate::door::{Door, Respond};
use crate::request::RequestBody;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use net::tls::Acceptor;
use net::{Peer, Stream};
use parking_lot::Mutex;
use rt::{Room, Time};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// How long a client over the limit may take to be told so.
const REFUSAL_DEADLINE: Duration = Duration::from_millis(10);
/// Pause after `accept` failed, for instance because there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What the header limit allows beyond itself, as Go's server does.
const HEADER_SLACK: usize = 4096;
/// Default of `http_config.max_header_bytes`.
const MAX_HEADER_BYTES: usize = 1 << 20;
/// Smallest read buffer that the HTTP/1 engine takes.
const MIN_BUFFER: usize = 8192;
/// Streams that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 250;

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
pub(crate) struct Connections(Mutex<HashMap<Option<IpAddr>, usize>>);

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
        let mut counts = door.connections.0.lock();
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
        let mut counts = self.door.connections.0.lock();
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

/// Serves a listener until the room closes. Connections are tasks of the room.
pub fn serve(room: &Room, time: &Time, listener: Listener, door: Arc<Door>) {
    let (inner, time) = (room.clone(), time.clone());
    room.spawn("http listener", async move {
        let Listener { socket, tls } = listener;
        loop {
            let Ok((stream, peer)) = socket.accept().await else {
                time.sleep(ACCEPT_PAUSE).await;
                continue;
            };
            match Counted::enter(&door, &peer) {
                Some(counted) => {
                    let connection = connection(inner.clone(), stream, peer, tls.clone(), counted);
                    inner.spawn("http connection", connection);
                }
                None => inner.spawn("http refusal", refuse(time.clone(), stream, tls.clone())),
            }
        }
    });
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

async fn connection(
    room: Room,
    stream: Stream,
    peer: Peer,
    tls: Option<Arc<Acceptor>>,
    counted: Counted,
) {
    let stream = match tls {
        None => stream,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "TLS handshake failed");
                return;
            }
        },
    };
    let limit = match counted.door.settings().config.max_header_bytes {
        0 => MAX_HEADER_BYTES,
        limit => limit,
    };
    let buffer = limit.saturating_add(HEADER_SLACK).max(MIN_BUFFER);
    let http2 = stream.alpn() == Some(b"h2");
    let service = Endpoint {
        door: counted.door.clone(),
        peer,
    };
    let io = TokioIo::new(stream);
    // An error is a client that went away or does not speak HTTP; it has been answered as far as that is possible.
    if http2 {
        let _ = http2::Builder::new(Tasks(room))
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(buffer).unwrap_or(u32::MAX))
            .serve_connection(io, service)
            .await;
    } else {
        let _ = http1::Builder::new()
            .title_case_headers(true)
            .max_buf_size(buffer)
            .header_read_timeout(None)
            .serve_connection(io, service)
            .await;
    }
    drop(counted);
}

/// One connection's door.
struct Endpoint {
    door: Arc<Door>,
    peer: Peer,
}

impl Service<hyper::Request<Incoming>> for Endpoint {
    type Response = hyper::Response<crate::Body>;
    type Error = std::convert::Infallible;
    type Future = Respond;

    fn call(&self, request: hyper::Request<Incoming>) -> Respond {
        let (head, body) = request.into_parts();
        self.door
            .handle(head, RequestBody::Incoming(body), &self.peer)
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
        self.0.spawn("http stream", task);
    }
}
