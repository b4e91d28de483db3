//! The door over HTTP/2: bodies have the same limits and deadlines as in HTTP/1, and an orderly end answers what is asked.

use super::socket::{House, house_behind, timers};
use crate::Config;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use net::tls::{Acceptor, TlsFiles};
use rt::{Room, Time};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Pieces, then the end, or nothing more for ever.
struct Pieces {
    pieces: VecDeque<Bytes>,
    ends: bool,
}

impl Pieces {
    fn whole(length: usize) -> Self {
        Self::of(length, true)
    }

    fn begun(length: usize) -> Self {
        Self::of(length, false)
    }

    fn of(length: usize, ends: bool) -> Self {
        let piece = Bytes::from(vec![b'x'; length.min(16 << 10)]);
        let mut pieces: VecDeque<Bytes> = (0..length / piece.len().max(1))
            .map(|_| piece.clone())
            .collect();
        pieces.push_back(piece.slice(..length % piece.len().max(1)));
        Self { pieces, ends }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

struct Client {
    send: SendRequest<Pieces>,
    connection: JoinHandle<hyper::Result<()>>,
}

fn house(config: Config) -> House {
    let room = Room::new("test");
    let time = Time::real(&room);
    house_in(room, time, config)
}

fn house_in(room: Room, time: Time, config: Config) -> House {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = TlsFiles {
        cert_file: cert.to_str().unwrap().into(),
        key_file: key.to_str().unwrap().into(),
        ..TlsFiles::default()
    };
    let server = files.server(&[b"h2", b"http/1.1"]).unwrap();
    let acceptor = Acceptor::new(server, Duration::from_secs(5));
    house_behind(room, time, config, Some(Arc::new(acceptor)))
}

async fn client(house: &House) -> Client {
    let tcp = TcpStream::connect(house.address).await.unwrap();
    let config = TlsFiles::default().client(false, &[b"h2"]).unwrap();
    let stream = net::tls::connect(config, "localhost", tcp).await.unwrap();
    let (send, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    Client {
        send,
        connection: tokio::spawn(connection),
    }
}

impl Client {
    /// Status and body; `None` when the stream or the connection was ended instead.
    fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: Pieces,
    ) -> impl Future<Output = Option<(StatusCode, String)>> + Send + use<> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://localhost{path}"))
            .body(body)
            .unwrap();
        let sent = self.send.send_request(request);
        async move {
            let answer = sent.await.ok()?;
            let status = answer.status();
            let body = answer.into_body().collect().await.ok()?;
            Some((
                status,
                String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            ))
        }
    }
}

#[tokio::test]
async fn values_have_their_limit_over_http2() {
    let house = house(Config::default());
    let mut client = client(&house).await;
    let limit = 512 << 10;
    let (status, text) = client
        .ask("PUT", "/v1/kv/k", Pieces::whole(limit + 1))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text.contains("max size: 524288 bytes"), "{text}");
    // The limit holds while the body comes, not at its end.
    let (status, _) = client
        .ask("PUT", "/v1/kv/k", Pieces::begun(limit + 1))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, text) = client
        .ask("PUT", "/v1/kv/k", Pieces::whole(limit))
        .await
        .unwrap();
    assert_eq!((status, &*text), (StatusCode::OK, "true"));
    assert_eq!(house.fake.written.lock().len(), 1);
    drop(client);
    house.close().await;
}

#[tokio::test]
async fn bodies_under_way_share_one_budget_over_http2() {
    let house = house(Config::default());
    let mut clients = [client(&house).await, client(&house).await];
    // Each is below its own limit; all together are 100 MiB, of which one client may have 32.
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let under_way: Vec<_> = (0..200)
        .map(|at| {
            let asked = clients[at % 2].ask("PUT", "/v1/kv/k", Pieces::begun((512 << 10) - 1));
            let answers = answers.clone();
            tokio::spawn(async move {
                let _ = answers.send(asked.await);
            })
        })
        .collect();
    // Those that find no room are answered; the others wait for their last byte.
    for _ in 0..200 - 64 {
        let (status, text) = answered.recv().await.unwrap().unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{text}");
    }
    // Who needs little is served however full the budget is, and what was taken comes back.
    let (status, _) = clients[0]
        .ask("PUT", "/v1/kv/k", Pieces::whole(100))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::OK);
    drop(clients);
    under_way.iter().for_each(JoinHandle::abort);
    let mut again = client(&house).await;
    let mut status = StatusCode::SERVICE_UNAVAILABLE;
    while status != StatusCode::OK {
        let asked = again.ask("PUT", "/v1/kv/k", Pieces::whole(400 << 10)).await;
        status = asked.unwrap().0;
    }
    drop(again);
    house.close().await;
}

#[tokio::test]
async fn bodies_have_a_deadline_over_http2() {
    let (room, time) = (Room::new("test"), Time::manual());
    let house = house_in(room, time, Config::default());
    let mut client = client(&house).await;
    let before = house.time.pending();
    let asked = tokio::spawn(client.ask("PUT", "/v1/kv/k", Pieces::begun(2)));
    timers(&house, before + 1).await;
    house.time.advance(Duration::from_secs(31));
    let (status, text) = asked.await.unwrap().unwrap();
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT, "{text}");
    drop(client);
    house.close().await;
}

#[tokio::test]
async fn what_is_under_way_over_http2_is_answered_before_the_room_is_closed() {
    let house = house(Config::default());
    let mut client = client(&house).await;
    let asked = tokio::spawn(client.ask("GET", "/v1/kv/k?index=5000", Pieces::whole(0)));
    house.parked(1).await;
    house.room.begin_close();
    // The client is told to send no more before the last answer is there.
    while client
        .ask("GET", "/v1/kv/k", Pieces::whole(0))
        .await
        .is_some()
    {}
    house.fake.release.notify_one();
    let (status, _) = asked.await.unwrap().unwrap();
    assert_eq!(status, StatusCode::OK);
    client.connection.await.unwrap().unwrap();
    house.close().await;
}
