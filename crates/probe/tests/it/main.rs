//! Every kind of check against real programs and small servers on loopback.

mod http;

use parking_lot::Mutex;
use probe::{DockerHost, Health, Kind, Observation, Probe, ProbeTls, Prober, ProberConfig, Sink};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;

struct Report(Mutex<mpsc::UnboundedSender<(u64, Observation)>>);

impl Sink for Report {
    fn observed(&self, _: &str, generation: u64, observation: Observation) {
        let _ = self.0.lock().send((generation, observation));
    }
}

fn prober(
    config: ProberConfig,
) -> (
    Prober,
    mpsc::UnboundedReceiver<(u64, Observation)>,
    rt::Room,
) {
    let room = rt::Room::new("test");
    let (send, receive) = mpsc::unbounded_channel();
    let time = rt::Time::real(&room);
    (
        Prober::new(
            room.clone(),
            time,
            Arc::new(Report(Mutex::new(send))),
            config,
        ),
        receive,
        room,
    )
}

fn check(kind: Kind) -> Probe {
    Probe {
        kind,
        interval: Duration::from_secs(60),
        timeout: Duration::ZERO,
        output_max: 64,
    }
}

async fn once(probe: Probe) -> Observation {
    with(probe, ProberConfig::default()).await
}

async fn with(probe: Probe, config: ProberConfig) -> Observation {
    let (prober, mut reports, _room) = prober(config);
    let _running = prober.start("c".into(), 7, probe, Duration::ZERO);
    let (generation, observation) = reports.recv().await.unwrap();
    assert_eq!(generation, 7);
    observation
}

fn tls() -> ProbeTls {
    ProbeTls {
        config: net::tls::TlsFiles::default().client(false, &[]).unwrap(),
        server_name: String::new(),
    }
}

fn script(text: &str) -> Kind {
    Kind::Script {
        args: vec!["/bin/sh".into(), "-c".into(), text.into()],
    }
}

fn http(url: String) -> Kind {
    Kind::Http {
        url,
        method: String::new(),
        headers: vec![],
        body: String::new(),
        disable_redirects: false,
        tls: tls(),
    }
}

/// Answers every connection with these bytes and closes.
async fn server(reply: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(reply).await;
        }
    });
    address
}

/// A port on which nothing listens.
async fn closed() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn exit_codes_of_scripts() {
    for (code, health) in [
        (0, Health::Passing),
        (1, Health::Warning),
        (2, Health::Critical),
        (255, Health::Critical),
    ] {
        let seen = once(check(script(&format!(
            "echo out; echo err >&2; exit {code}"
        ))))
        .await;
        assert_eq!(
            seen,
            Observation {
                health,
                output: "out\nerr\n".into(),
                immediate: false
            }
        );
    }
}

#[tokio::test]
async fn endless_output_is_cut_and_the_group_killed() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let text = format!(
        "sh -c 'echo $$ > {}; exec yes 0123456' & wait",
        pid.display()
    );
    let mut probe = check(script(&text));
    probe.timeout = Duration::from_millis(300);
    let seen = once(probe).await;
    assert_eq!(seen.health, Health::Critical);
    assert!(seen.immediate);
    assert!(
        seen.output
            .starts_with("Timed out (300ms) running check\n\nCaptured 64 of "),
        "{}",
        seen.output
    );
    let child = std::fs::read_to_string(pid).unwrap();
    // A killed process may be a zombie of init for a moment; a running one has another state.
    let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[tokio::test]
async fn scripts_that_cannot_start() {
    let seen = once(check(Kind::Script {
        args: vec!["/nonexistent/x".into()],
    }))
    .await;
    assert_eq!(
        seen.output,
        "fork/exec /nonexistent/x: no such file or directory"
    );
    assert!(seen.immediate);
    let seen = once(check(Kind::Script {
        args: vec!["no-such-program-here".into()],
    }))
    .await;
    assert_eq!(
        seen.output,
        "exec: \"no-such-program-here\": executable file not found in $PATH"
    );
}

#[tokio::test]
async fn http_statuses() {
    let ok = server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let seen = once(check(http(format!("http://{ok}/x")))).await;
    assert_eq!(
        seen,
        Observation {
            health: Health::Passing,
            output: format!("HTTP GET http://{ok}/x: 200 OK Output: hi"),
            immediate: false
        }
    );
    let busy = server(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(
        once(check(http(format!("http://{busy}/")))).await.health,
        Health::Warning
    );
    let bad = server(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(
        once(check(http(format!("http://{bad}/")))).await.health,
        Health::Critical
    );
}

#[tokio::test]
async fn http_failures_read_like_go() {
    let none = closed().await;
    let seen = once(check(http(format!("http://{none}/x")))).await;
    assert_eq!(
        seen.output,
        format!("Get \"http://{none}/x\": dial tcp {none}: connect: connection refused")
    );
    let seen = once(check(http("gopher://x/".into()))).await;
    assert_eq!(
        seen.output,
        "Get \"gopher://x/\": unsupported protocol scheme \"gopher\""
    );
    let redirect =
        server(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n").await;
    let seen = once(check(http(format!("http://{redirect}/")))).await;
    assert!(
        seen.output.ends_with("stopped after 10 redirects"),
        "{}",
        seen.output
    );
}

#[tokio::test]
async fn a_silent_http_server_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut probe = check(http(url.clone()));
    probe.timeout = Duration::from_millis(100);
    let seen = once(probe).await;
    assert_eq!(
        seen.output,
        format!(
            "Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        )
    );
}

#[tokio::test]
async fn tcp_and_udp() {
    let open = server(b"").await;
    let seen = once(check(Kind::Tcp {
        address: open.to_string(),
        tls: None,
    }))
    .await;
    assert_eq!(seen.output, format!("TCP connect {open}: Success"));
    let none = closed().await;
    let seen = once(check(Kind::Tcp {
        address: none.to_string(),
        tls: None,
    }))
    .await;
    assert_eq!(
        seen.output,
        format!("dial tcp {none}: connect: connection refused")
    );
    let seen = once(check(Kind::Udp {
        address: none.to_string(),
    }))
    .await;
    assert_eq!(seen.health, Health::Critical);
    assert!(
        seen.output.ends_with("connection refused"),
        "{}",
        seen.output
    );
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut probe = check(Kind::Udp {
        address: silent.local_addr().unwrap().to_string(),
    });
    probe.timeout = Duration::from_millis(100);
    assert_eq!(once(probe).await.health, Health::Passing);
}

#[tokio::test]
async fn h2_ping_needs_http2() {
    let plain = server(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let seen = once(check(Kind::H2Ping {
        address: plain.to_string(),
        tls: None,
    }))
    .await;
    assert_eq!(seen.health, Health::Critical);
    let none = closed().await;
    let seen = once(check(Kind::H2Ping {
        address: none.to_string(),
        tls: None,
    }))
    .await;
    assert_eq!(
        seen.output,
        format!("Failed to dial to {none}: dial tcp {none}: connect: connection refused")
    );
    let seen = once(check(Kind::Grpc {
        target: none.to_string(),
        tls: None,
    }))
    .await;
    assert!(
        seen.output.starts_with("rpc error: code = Unavailable"),
        "{}",
        seen.output
    );
}

#[tokio::test]
async fn docker_through_a_fake_engine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let text = String::from_utf8_lossy(&head[..length]).into_owned();
            let (status, body): (&str, &[u8]) = if text.starts_with("POST /containers/gone/") {
                ("404 Not Found", b"{}")
            } else if text.starts_with("POST /containers/") {
                ("201 Created", b"{\"Id\":\"e1\"}")
            } else if text.starts_with("POST /exec/e1/start") {
                ("200 OK", b"\x01\0\0\0\0\0\0\x05hello")
            } else {
                ("200 OK", b"{\"ExitCode\":1}")
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body).await.unwrap();
        }
    });
    let config = ProberConfig {
        docker: DockerHost::parse(&format!("unix://{}", path.display())),
        ..ProberConfig::default()
    };
    let docker = |container: &str| {
        check(Kind::Docker {
            container: container.into(),
            args: vec!["sh".into()],
        })
    };
    let seen = with(docker("c1"), config.clone()).await;
    assert_eq!(
        seen,
        Observation {
            health: Health::Warning,
            output: "hello".into(),
            immediate: false
        }
    );
    let seen = with(docker("gone"), config).await;
    assert_eq!(seen.output, "create exec failed for unknown container gone");
}

#[tokio::test]
async fn a_dropped_check_stops_and_leaves_no_task() {
    let (prober, mut reports, room) = prober(ProberConfig::default());
    let mut probe = check(script("exec sleep 60"));
    probe.interval = Duration::from_secs(1);
    let running = prober.start("c".into(), 1, probe, Duration::ZERO);
    let other = prober.start("d".into(), 2, check(script("exit 0")), Duration::ZERO);
    assert_eq!(reports.recv().await.unwrap().0, 2);
    drop((running, other, prober));
    room.close(Duration::from_secs(5)).await.unwrap();
    assert!(reports.recv().await.is_none());
}
