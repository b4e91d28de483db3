//! The door on real sockets.

use super::fake::Fake;
use crate::{Config, Door, Listener, Ports, serve};
use rt::{Room, Time};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(super) struct House {
    pub(super) time: Time,
    pub(super) fake: Arc<Fake>,
    pub(super) address: SocketAddr,
    pub(super) room: Room,
}

fn house(config: Config) -> House {
    let room = Room::new("test");
    let time = Time::real(&room);
    house_in(room, time, config)
}

fn house_in(room: Room, time: Time, config: Config) -> House {
    house_behind(room, time, config, None)
}

pub(super) fn house_behind(
    room: Room,
    time: Time,
    config: Config,
    tls: Option<Arc<net::tls::Acceptor>>,
) -> House {
    let fake = Arc::new(Fake::default());
    let agent = Arc::new(super::fake_agent::FakeAgent::default());
    let ports = Ports {
        time: time.clone(),
        rpc: fake.clone(),
        operator: None,
        events: None,
        agent: agent.clone(),
        members: agent.clone(),
        process: agent,
        metrics: telemetry::Metrics::default(),
    };
    let socket = net::bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    serve(
        &room,
        &time,
        Listener { socket, tls },
        Door::new(config, ports),
    );
    House {
        time,
        fake,
        address,
        room,
    }
}

/// Reads until the other side closes.
async fn all(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads until what came ends so.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let read = stream.read_buf(&mut text).await.unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&text));
    }
    String::from_utf8_lossy(&text).into_owned()
}

impl House {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    pub(super) async fn parked(&self, count: usize) {
        while self.fake.parked.load(Ordering::SeqCst) != count {
            self.fake.moved.notified().await;
        }
    }

    pub(super) async fn close(self) {
        self.room.close(Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test]
async fn several_requests_on_one_connection() {
    let house = house(Config::default());
    let stream = house
        .send(
            "GET /v1/kv/k HTTP/1.1\r\nHost: localhost\r\n\r\n\
             PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n\
             GET /v1/status/leader HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .await;
    let text = all(stream).await;
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{text}");
    // Header names look as Go writes them.
    assert!(
        text.contains("X-Consul-Index: 7\r\n") && text.contains("X-Consul-Knownleader: true\r\n"),
        "{text}"
    );
    let Some(ports::Write::Kv(request)) = house.fake.written.lock().pop() else {
        panic!("no write")
    };
    assert_eq!(request.entry.value.as_deref(), Some(&b"abc"[..]));
    house.close().await;
}

#[tokio::test]
async fn a_stream_of_changes_stays_open_and_ends_with_the_door() {
    let house = house(Config::default());
    let script = [ports::changes::Step::Mark(5)];
    *house.fake.changes.lock() = Some(super::changes::Script(script.into(), 5));
    let mut stream = house
        .send("GET /v1/x/changes?kv= HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let mut text = Vec::new();
    while !text.ends_with(b"\"Index\":5}\n\r\n") {
        assert!(stream.read_buf(&mut text).await.unwrap() > 0);
    }
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("Content-Type: application/x-ndjson\r\n"),
        "{text}"
    );
    house.close().await;
    // Cut off, not ended: a client must not take it for all there is.
    assert!(!all(stream).await.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn a_client_that_leaves_drops_its_wait() {
    let house = house(Config::default());
    let stream = house
        .send("GET /v1/kv/k?index=5000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    house.parked(1).await;
    drop(stream);
    house.parked(0).await;
    house.close().await;
}

#[tokio::test]
async fn too_many_connections_of_one_client() {
    let house = house(Config {
        max_connections_per_client: 1,
        ..Config::default()
    });
    let first = house
        .send("GET /v1/kv/k?index=5000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    house.parked(1).await;
    let refused = all(house.send("").await).await;
    assert!(
        refused.starts_with("HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\n"),
        "{refused}"
    );
    assert!(
        refused.ends_with("please rate limit your calls\n"),
        "{refused}"
    );
    drop(first);
    house.parked(0).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_closes_one_connection_may_open_the_next() {
    let house = house(Config {
        max_connections_per_client: 1,
        ..Config::default()
    });
    for _ in 0..300 {
        let request = "GET /v1/status/leader HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut stream = house.send(request).await;
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        // The server hears of the end when it comes to it; the next connection is there already.
        drop(stream);
    }
    house.close().await;
}

#[tokio::test]
async fn heads_have_a_limit() {
    let house = house(Config {
        max_header_bytes: 1000,
        ..Config::default()
    });
    let long = "a".repeat(20_000);
    let text = all(house
        .send(&format!(
            "GET /v1/kv/{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ))
        .await)
    .await;
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    house.close().await;
}

#[tokio::test]
async fn bodies_that_nobody_reads() {
    let house = house(Config {
        kv_max_value_size: 10,
        ..Config::default()
    });
    let body = "x".repeat(200_000);
    let refused = format!(
        "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let next = "GET /v1/status/leader HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let text = all(house.send(&format!("{refused}{next}")).await).await;
    assert!(
        text.starts_with("HTTP/1.1 413 ") && text.contains("HTTP/1.1 200 OK"),
        "{text}"
    );
    // One too long to be read away closes the connection, after the answer.
    let text = all(house
        .send("PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\nx")
        .await)
    .await;
    assert!(
        text.starts_with("HTTP/1.1 413 ") && text.contains("Connection: close\r\n"),
        "{text}"
    );
    house.close().await;
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked() {
    let house = house(Config::default());
    let head = "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut stream = house.send(head).await;
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ab").await.unwrap();
    let text = all(stream).await;
    assert!(
        text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\ntrue"),
        "{text}"
    );
    house.close().await;
}

#[tokio::test]
async fn large_bodies_both_ways() {
    let house = house(Config {
        kv_max_value_size: 4 << 20,
        ..Config::default()
    });
    let body = "y".repeat(3 << 20);
    let put = format!(
        "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let text = all(house.send(&put).await).await;
    assert!(text.ends_with("true"), "{text}");
    let Some(ports::Write::Kv(request)) = house.fake.written.lock().pop() else {
        panic!("no write")
    };
    assert_eq!(
        request.entry.value.map(|value| value.len()),
        Some(body.len())
    );
    let text = all(house
        .send("GET /v1/kv/long?keys HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await)
    .await;
    assert!(text.ends_with("kk\"]"), "{}", text.len());
    house.close().await;
}

#[tokio::test]
async fn old_clients_and_broken_ones() {
    let house = house(Config::default());
    let text = all(house.send("GET /v1/kv/k?raw HTTP/1.0\r\n\r\n").await).await;
    assert!(
        text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nv"),
        "{text}"
    );
    let text = all(house.send("HEAD /v1/kv/k HTTP/1.0\r\n\r\n").await).await;
    assert!(
        text.starts_with("HTTP/1.1 405 ") && text.ends_with("\r\n\r\n"),
        "{text}"
    );
    let text = all(house.send("nonsense\r\n\r\n").await).await;
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    let chunked =
        "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    let text = all(house.send(chunked).await).await;
    assert!(
        text.starts_with("HTTP/1.1 500 ") && text.contains("invalid byte in chunk length"),
        "{text}"
    );
    // A request that ends with its client is finished if it writes.
    let mut stream = house
        .send("PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
        .await;
    stream.shutdown().await.unwrap();
    assert!(all(stream).await.ends_with("true"));
    house.close().await;
}

#[tokio::test]
async fn a_handshake_on_a_plain_port_is_refused_at_once() {
    let house = house(Config::default());
    // The beginning of a ClientHello: no line feed, and no end that a head could have.
    let text = all(house.send("\u{16}\u{3}\u{1}\0\u{5}").await).await;
    let head = "HTTP/1.1 400 Bad Request\r\n";
    assert!(
        text.starts_with(head) && text.contains("Connection: close\r\n"),
        "{text}"
    );
    assert!(text.ends_with("\r\n\r\n400 Bad Request"), "{text}");
    house.close().await;
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_room_is_closed() {
    let house = house(Config::default());
    let idle = house.send("").await;
    let mut kept = house
        .send("GET /v1/status/leader HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let mut log = house
        .send("GET /v1/agent/monitor?loglevel=trace HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    until(&mut kept, "\r\n\r\n\"127.0.0.1:8300\"").await;
    until(&mut log, "two\n\r\n").await;
    let parked = house
        .send("GET /v1/kv/k?index=5000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    house.parked(1).await;
    house.room.begin_close();
    // None of these waits for the others.
    assert_eq!(all(idle).await, "");
    assert_eq!(all(kept).await, "");
    assert_eq!(all(log).await, "0\r\n\r\n");
    house.fake.release.notify_one();
    let text = all(parked).await;
    assert!(
        text.starts_with("HTTP/1.1 200 OK") && text.contains("Connection: close\r\n"),
        "{text}"
    );
    assert!(TcpStream::connect(house.address).await.is_err());
    house.close().await;
}

#[tokio::test]
async fn values_have_their_limit_however_they_are_framed() {
    let house = house(Config {
        kv_max_value_size: 10,
        ..Config::default()
    });
    let head = "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let text = all(house
        .send(&format!("{head}Content-Length: 11\r\n\r\nabcdefghijk"))
        .await)
    .await;
    assert!(text.contains("max size: 10 bytes. See https://"), "{text}");
    // What is not announced has the default's limit, if that is higher.
    let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    let text = all(house.send(&format!("{head}80001\r\n")).await).await;
    assert!(
        text.starts_with("HTTP/1.1 413 Request Entity Too Large\r\n")
            && text.contains("max size: 524288 bytes. See https://"),
        "{text}"
    );
    let text = all(house
        .send(&format!("{head}6\r\nabcdef\r\n5\r\nabcde\r\n0\r\n\r\n"))
        .await)
    .await;
    assert!(text.ends_with("true"), "{text}");
    assert_eq!(house.fake.written.lock().len(), 1);
    house.close().await;
}

/// Waits until so many timers are set.
pub(super) async fn timers(house: &House, count: usize) {
    while house.time.pending() != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn heads_and_bodies_have_a_deadline() {
    let (room, time) = (Room::new("test"), Time::manual());
    let house = house_in(room, time, Config::default());
    for (begin, status) in [
        (
            "GET /v1/kv/k HTTP/1.1\r\nHo",
            "HTTP/1.1 408 Request Timeout\r\n",
        ),
        (
            "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab",
            "HTTP/1.1 408 Request Timeout\r\n",
        ),
    ] {
        let mut stream = house.send(begin).await;
        timers(&house, 1).await;
        house.time.advance(Duration::from_secs(31));
        let mut text = vec![0; status.len()];
        stream.read_exact(&mut text).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&text), status);
        // What is left of the input is read away for a while.
        drop(stream);
        timers(&house, 0).await;
    }
    // A connection without a request has none.
    let mut idle = house.send("").await;
    house.time.advance(Duration::from_secs(3600));
    idle.write_all(b"GET /v1/kv/k?raw HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(all(idle).await.ends_with("\r\n\r\nv"));
    house.close().await;
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_gives_its_place_back() {
    let house = house(Config {
        max_connections_per_client: 1,
        ..Config::default()
    });
    for sent in ["", "x"] {
        let mut stream = house
            .send(&format!(
                "GET /v1/agent/monitor?loglevel=trace HTTP/1.1\r\nHost: localhost\r\n\r\n{sent}"
            ))
            .await;
        until(&mut stream, "two\n\r\n").await;
        drop(stream);
    }
    // One that keeps sending is cut off.
    let mut stream = house
        .send("GET /v1/agent/monitor?loglevel=trace HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    until(&mut stream, "two\n\r\n").await;
    let flood = vec![b'x'; 64 << 10];
    while stream.write_all(&flood).await.is_ok() {}
    let text = all(house
        .send("GET /v1/status/leader HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await)
    .await;
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    house.close().await;
}

#[tokio::test]
async fn what_is_doubtful_ends_the_connection() {
    let house = house(Config::default());
    let next = "GET /v1/status/leader HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for (request, status) in [
        (
            "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            200,
        ),
        ("GET /v1/kv/k HTTP/1.1\nHost: x\n\n", 200),
        (
            "GET /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n",
            200,
        ),
        (
            "GET /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nHost: y\r\n\r\n",
            400,
        ),
        (
            "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nExpect: y\r\nContent-Length: 0\r\n\r\n",
            417,
        ),
        (
            "PUT /v1/kv/k HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            400,
        ),
        ("\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
    ] {
        let text = all(house.send(&format!("{request}{next}")).await).await;
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {text}"
        );
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{request}: {text}");
        assert!(text.contains("Connection: close\r\n"), "{request}: {text}");
    }
    let text = all(house
        .send(&format!(
            "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n{next}"
        ))
        .await)
    .await;
    assert!(text.matches("HTTP/1.1 200 OK\r\n").count() == 2, "{text}");
    house.close().await;
}
