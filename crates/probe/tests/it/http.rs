//! HTTP checks as servers and readers of their output see them.

use super::{check, once, tls};
use parking_lot::Mutex;
use probe::{Health, Kind, Probe};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers by the request line's target and remembers what it was asked.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn new(reply: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = Vec::new();
                let mut piece = [0; 4096];
                while !asked.windows(4).any(|four| four == b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(length @ 1..) => asked.extend_from_slice(&piece[..length]),
                        _ => break,
                    }
                }
                let asked = String::from_utf8_lossy(&asked).into_owned();
                let target = asked.split(' ').nth(1).unwrap_or_default().to_owned();
                log.lock().push(asked);
                let _ = stream.write_all(&reply(&target)).await;
            }
        });
        Self { address, seen }
    }

    fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.address)
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock())
    }
}

fn ok(_: &str) -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_vec()
}

fn moved(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn probe(url: String, headers: &[(&str, &str)]) -> Probe {
    check(Kind::Http {
        url,
        method: String::new(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: String::new(),
        disable_redirects: false,
        tls: tls(),
    })
}

async fn output(url: String) -> String {
    once(probe(url, &[])).await.output
}

#[tokio::test]
async fn what_is_sent() {
    let server = Server::new(ok).await;
    let headers = [
        ("x-lower", "1"),
        ("Content-Length", "7"),
        ("User-Agent", ""),
        ("Accept", ""),
    ];
    let seen = once(probe(server.url("?x=1"), &headers)).await;
    assert_eq!(
        seen.output,
        format!("HTTP GET {}: 200 OK Output: hi", server.url("?x=1"))
    );
    let want = format!(
        "GET /?x=1 HTTP/1.1\r\nHost: {}\r\nUser-Agent: Consul Health Check\r\nAccept: text/plain, text/*, */*\r\n\
         x-lower: 1\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
        server.address
    );
    assert_eq!(server.seen(), [want]);
}

#[tokio::test]
async fn urls_that_are_none() {
    for (url, why) in [
        ("http://127.0.0.1:9/a%b", "invalid URL escape \"%b\""),
        (
            "http://127.0.0.1:http/",
            "invalid port \":http\" after host",
        ),
    ] {
        assert_eq!(output(url.into()).await, format!("parse \"{url}\": {why}"));
    }
    let shown = output("http://u:secret@127.0.0.1:0/".into()).await;
    assert!(
        shown.starts_with("Get \"http://u:***@127.0.0.1:0/\": dial tcp 127.0.0.1:0: connect: "),
        "{shown}"
    );
}

#[tokio::test]
async fn statuses_are_told_as_they_are_sent() {
    for (line, want) in [
        ("299 ", "299  Output: "),
        ("299", "299 Output: "),
        ("200 Very Well", "200 Very Well Output: "),
    ] {
        let reply = format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n");
        let server = Server::new(move |_| reply.clone().into_bytes()).await;
        let seen = output(server.url("/")).await;
        assert_eq!(seen, format!("HTTP GET {}: {want}", server.url("/")));
    }
}

#[tokio::test]
async fn credentials_and_host_stay_behind() {
    let other = Server::new(ok).await;
    // The same machine by another name is another host.
    let away = format!("http://localhost:{}/away", other.address.port());
    let server = Server::new(move |target| match target {
        "/near" => moved("/end"),
        "/far" => moved(&away),
        _ => ok(target),
    })
    .await;
    let own = [
        ("Authorization", "Bearer s"),
        ("Cookie", "s"),
        ("Host", "virtual"),
        ("X-Mine", "m"),
    ];
    once(probe(server.url("/near"), &own)).await;
    let near = server.seen();
    assert!(
        near[1].starts_with("GET /end HTTP/1.1\r\nHost: virtual\r\n"),
        "{near:?}"
    );
    for kept in ["Authorization: Bearer s", "Cookie: s", "X-Mine: m"] {
        assert!(near[1].contains(kept), "{near:?}");
    }
    let referer = format!("Referer: {}\r\n", server.url("/near"));
    assert!(near[1].contains(&referer), "{near:?}");
    once(probe(server.url("/far"), &own)).await;
    let far = other.seen();
    let host = format!("Host: localhost:{}\r\n", other.address.port());
    assert!(
        far[0].contains(&host) && far[0].contains("X-Mine: m"),
        "{far:?}"
    );
    for left in ["Authorization", "Cookie", "virtual"] {
        assert!(!far[0].contains(left), "{far:?}");
    }
}

#[tokio::test]
async fn ten_requests_and_no_more() {
    let server = Server::new(|_| moved("/again")).await;
    let shown = output(server.url("/")).await;
    assert_eq!(shown, "Get \"/again\": stopped after 10 redirects");
    assert_eq!(server.seen().len(), 10);
}

#[tokio::test]
async fn packed_and_chunked_bodies() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(b"unpacked").unwrap();
    let packed = packer.finish().unwrap();
    let server = Server::new(move |target| {
        if target == "/gzip" {
            let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
            return [head.as_bytes(), &packed].concat();
        }
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
          3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: t\r\n\r\nrest"
            .to_vec()
    })
    .await;
    for (target, want) in [("/gzip", "unpacked"), ("/chunked", "abcde")] {
        let shown = output(server.url(target)).await;
        assert!(
            shown.ends_with(&format!(": 200 OK Output: {want}")),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn nothing_a_server_sends_makes_a_long_output() {
    let long = "x".repeat(60_000);
    let server = Server::new(move |target| match target {
        "/reason" => format!("HTTP/1.1 200 {long}\r\nContent-Length: 0\r\n\r\n").into_bytes(),
        "/location" => moved(&format!("http://%zz{long}/")),
        "/loop" => moved(&format!("/loop?{}", &long[..30_000])),
        "/head" => format!("HTTP/1.1 200 OK\r\nA: {long}{long}\r\n\r\n").into_bytes(),
        "/line" => format!("{long}\r\n\r\n").into_bytes(),
        _ if target.starts_with("/loop") => moved(&format!("/loop?{}", &long[..30_000])),
        _ => ok(target),
    })
    .await;
    for target in ["/reason", "/location", "/loop", "/head", "/line"] {
        let shown = output(server.url(target)).await;
        assert!(shown.len() < 64 + 600, "{target}: {}", shown.len());
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_has_a_status() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart";
        stream.write_all(begun).await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut probe = probe(url.clone(), &[]);
    probe.timeout = Duration::from_millis(500);
    let seen = once(probe).await;
    assert_eq!(seen.health, Health::Passing);
    assert_eq!(seen.output, format!("HTTP GET {url}: 200 OK Output: part"));
}

#[tokio::test]
async fn what_is_no_answer() {
    let server = Server::new(|target| match target {
        "/empty" => Vec::new(),
        "/part" => b"HTTP/1.1 200 OK\r\nA".to_vec(),
        _ => b"SSH-2.0-x\r\n\r\n".to_vec(),
    })
    .await;
    let broken = "net/http: HTTP/1.x transport connection broken: ";
    for (target, want) in [
        ("/empty", "EOF".to_owned()),
        ("/part", format!("{broken}unexpected EOF")),
        (
            "/ssh",
            format!("{broken}malformed HTTP response \"SSH-2.0-x\""),
        ),
    ] {
        let url = server.url(target);
        assert_eq!(output(url.clone()).await, format!("Get \"{url}\": {want}"));
    }
    let plain = super::server(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let url = format!("https://{plain}/");
    assert_eq!(
        output(url.clone()).await,
        format!("Get \"{url}\": http: server gave HTTP response to HTTPS client")
    );
}
