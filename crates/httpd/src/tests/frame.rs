//! The frame: requests in, answers out, without a socket.

use super::fake::Fake;
use super::fake_agent::FakeAgent;
use crate::door::Remote;
use crate::request::RequestBody;
use crate::{Config, Door, Ports};
use bytes::Bytes;
use hyper::Response;
use net::Peer;
use ports::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Got {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, value)| value)
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str()).collect()
    }
}

pub(super) struct Bench {
    pub fake: Arc<Fake>,
    pub time: rt::Time,
    pub agent: Arc<FakeAgent>,
    door: Arc<Door>,
}

impl Bench {
    pub fn new(config: Config) -> Self {
        let time = rt::Time::manual();
        let (fake, agent) = (Arc::new(Fake::default()), Arc::new(FakeAgent::default()));
        let door = Door::new(
            config,
            Ports {
                time: time.clone(),
                rpc: fake.clone(),
                operator: None,
                events: None,
                agent: agent.clone(),
                members: agent.clone(),
                process: agent.clone(),
                metrics: telemetry::Metrics::new(telemetry::MetricsConfig {
                    prometheus_retention: std::time::Duration::from_secs(60),
                    ..telemetry::MetricsConfig::default()
                }),
            },
        );
        Self {
            fake,
            time,
            agent,
            door,
        }
    }

    pub fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut request = hyper::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-length", body.len());
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        self.run(head.into(), body)
    }

    fn run(&self, head: crate::h1::Head, body: &str) -> Got {
        let body = RequestBody::Whole(Bytes::copy_from_slice(body.as_bytes()));
        let remote = Remote {
            peer: Peer::Tcp("127.0.0.1:1000".parse().unwrap()),
            loopback: true,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let response: Response<_> = runtime
            .block_on(self.door.handle(head, body, &remote))
            .unwrap();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let status = response.status().as_u16();
        let body = runtime
            .block_on(http_body_util::BodyExt::collect(response.into_body()))
            .unwrap();
        Got {
            status,
            headers,
            body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        }
    }

    /// Asks for a target that only the connection of HTTP/1 lets through.
    pub fn raw(&self, method: &str, target: &str) -> Got {
        self.run(crate::h1::Head::new(method.parse().unwrap(), target), "")
    }

    /// The pieces of a streamed answer as they come; `None` while there is none.
    pub fn frames(&self, target: &str) -> impl Iterator<Item = String> {
        let request = hyper::Request::builder().uri(target).body(()).unwrap();
        let remote = Remote {
            peer: Peer::Tcp("127.0.0.1:1000".parse().unwrap()),
            loopback: true,
        };
        let empty = RequestBody::Whole(Bytes::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let answer = self
            .door
            .handle(request.into_parts().0.into(), empty, &remote);
        let mut body = runtime.block_on(answer).unwrap().into_body();
        std::iter::from_fn(move || {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            match hyper::body::Body::poll_frame(std::pin::Pin::new(&mut body), &mut cx) {
                std::task::Poll::Ready(frame) => {
                    let data = frame?.unwrap().into_data().unwrap();
                    Some(String::from_utf8_lossy(&data).into_owned())
                }
                std::task::Poll::Pending => None,
            }
        })
    }

    pub fn get(&self, target: &str) -> Got {
        self.ask("GET", target, &[], "")
    }
}

#[test]
fn a_key() {
    let bench = Bench::new(Config::default());
    let got = bench.get("/v1/kv/k");
    assert_eq!(
        (got.status, got.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(got.header("x-consul-index"), "7");
    assert_eq!(got.header("x-consul-knownleader"), "true");
    assert_eq!(got.header("x-consul-lastcontact"), "0");
    assert_eq!(got.header("x-consul-query-backend"), "blocking-query");
    assert_eq!(got.header("x-consul-default-acl-policy"), "allow");
    assert_eq!(got.header("vary"), "Accept-Encoding");
    assert_eq!(
        got.body,
        r#"[{"LockIndex":0,"Key":"k","Flags":0,"Value":"dg==","CreateIndex":0,"ModifyIndex":0}]"#
    );
    let got = bench.get("/v1/kv/k?raw");
    assert_eq!(
        (got.body.as_str(), got.header("content-type")),
        ("v", "text/plain")
    );
    assert_eq!(got.header("content-security-policy"), "sandbox");
    let got = bench.get("/v1/kv/none");
    assert_eq!(
        (got.status, got.body.as_str(), got.header("content-type")),
        (404, "", "")
    );
    assert_eq!(got.header("x-consul-index"), "7");
}

#[test]
fn keys_reach_the_port_as_bytes() {
    let bench = Bench::new(Config::default());
    bench.get("/v1/kv/%2Fa%2F%2Fb%ff?stale&index=5&wait=1s");
    let (query, options) = bench.fake.asked.lock().pop().unwrap();
    assert_eq!(
        query.read,
        Read::KvGet {
            key: Bytes::from_static(b"/a//b\xff")
        }
    );
    assert_eq!(options.consistency, ports::Consistency::Stale);
    assert_eq!(
        (options.min_index, options.max_wait),
        (5, Duration::from_secs(1))
    );
}

#[test]
fn pretty_and_compressed() {
    let bench = Bench::new(Config::default());
    assert_eq!(
        bench.get("/v1/status/leader?pretty").body,
        "\"127.0.0.1:8300\"\n"
    );
    let got = bench.ask("GET", "/v1/kv/?keys", &[("accept-encoding", "gzip")], "");
    assert_eq!(got.header("content-encoding"), "gzip");
    let got = bench.ask("GET", "/v1/kv/k", &[("accept-encoding", "gzip")], "");
    assert_eq!(got.header("content-encoding"), "");
    let bench = Bench::new(Config {
        dev_mode: true,
        ..Config::default()
    });
    assert!(
        bench
            .get("/v1/kv/k")
            .body
            .starts_with("[\n    {\n        \"LockIndex\": 0,")
    );
}

#[test]
fn paths_without_a_route() {
    let bench = Bench::new(Config::default());
    let got = bench.get("/v1/nosuch");
    assert_eq!((got.status, got.header("vary")), (404, ""));
    assert_eq!(
        got.body,
        "Invalid URL path: not a recognized HTTP API endpoint\n"
    );
    assert!(bench.get("/nosuch").body.ends_with("starts with '/v1/'\n"));
    assert!(
        bench
            .get("/v1%2Fstatus%2Fleader")
            .body
            .starts_with("Invalid URL path: not a recog")
    );
    assert_eq!(bench.get("/v1/kv/%0A").status, 400);
    let got = bench.get("/v1/kv?keys");
    assert_eq!((got.status, got.header("location")), (301, "/v1/kv/?keys"));
    let got = bench.ask("PUT", "/v1//kv/a", &[], "x");
    assert_eq!((got.status, got.header("location")), (301, "/v1/kv/a"));
    assert!(
        bench
            .get("/")
            .body
            .starts_with("Consul Agent: UI disabled.")
    );
}

#[test]
fn methods() {
    let bench = Bench::new(Config::default());
    let got = bench.ask("OPTIONS", "/v1/kv/x", &[], "");
    assert_eq!(
        (got.status, got.header("allow")),
        (200, "OPTIONS,GET,PUT,DELETE")
    );
    let got = bench.ask("get", "/v1/status/leader", &[], "");
    assert_eq!(
        (got.status, got.body.as_str()),
        (405, "method get not allowed")
    );
    assert_eq!(bench.ask("HEAD", "/v1/kv/x", &[], "").status, 405);
}

#[test]
fn refusals_of_the_frame() {
    let bench = Bench::new(Config {
        block_endpoints: vec!["/v1/kv/secret".into()],
        allow_write_from: vec!["10.0.0.0/8".parse().unwrap()],
        ..Config::default()
    });
    let got = bench.get("/v1/kv/k?a=1;b=2");
    assert_eq!((got.status, got.body.as_str()), (500, ""));
    assert_eq!(
        bench.get("/v1/kv/%73ecrets").body,
        "Endpoint is blocked by agent configuration"
    );
    assert_eq!(
        bench.ask("PUT", "/v1/kv/k", &[], "x").body,
        "Access is restricted"
    );
    assert_eq!(bench.get("/v1/kv/k?stale&consistent").status, 400);
    assert_eq!(bench.get("/v1/kv/k?wait=5").body, "Invalid wait time");
    assert_eq!(bench.get("/v1/kv/k?index=-1").body, "Invalid index");
    let got = bench.ask("GET", "/v1/kv/k", &[("x-consul-namespace", "a")], "");
    assert!(
        got.body
            .starts_with("Invalid header: \"X-Consul-Namespace\"")
    );
    let got = bench.get("/v1/session/list?dc=nowhere");
    assert_eq!(
        (got.status, got.header("x-consul-knownleader")),
        (500, "false")
    );
    let got = bench.get("/v1/kv/k?dc=nowhere");
    assert_eq!(
        (got.body.as_str(), got.header("x-consul-knownleader")),
        ("No path to datacenter", "")
    );
}

#[test]
fn configured_headers() {
    let headers = [
        ("Content-Type", "text/odd"),
        ("X-Custom", "one"),
        ("bad name", "x"),
    ];
    let response_headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    let bench = Bench::new(Config {
        response_headers,
        ..Config::default()
    });
    assert_eq!(bench.get("/v1/kv/none").header("content-type"), "text/odd");
    assert_eq!(bench.get("/nosuch").header("content-type"), "text/odd");
    assert_eq!(
        bench.get("/v1/kv/k").header("content-type"),
        "application/json"
    );
    assert_eq!(bench.get("/v1/kv/k").header("x-custom"), "one");
}

#[test]
fn configured_headers_stand_beside_our_own() {
    let headers = [
        ("Vary", "Origin"),
        ("Access-Control-Allow-Origin", "https://ui.example"),
        ("Content-Length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
    ];
    let bench = Bench::new(Config {
        response_headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
        ..Config::default()
    });
    let got = bench.get("/v1/kv/k");
    assert_eq!(got.all("vary"), ["Origin", "Accept-Encoding"]);
    assert_eq!(
        got.header("access-control-allow-origin"),
        "https://ui.example"
    );
    for name in ["content-length", "transfer-encoding", "connection"] {
        assert_eq!(got.header(name), "", "{name}");
    }
    assert_eq!(bench.get("/nosuch").all("vary"), ["Origin"]);
}

#[test]
fn writing_a_key() {
    let bench = Bench::new(Config {
        kv_max_value_size: 10,
        ..Config::default()
    });
    assert_eq!(
        bench
            .ask("PUT", "/v1/kv/k?flags=3&cas=9", &[], "value")
            .body,
        "true"
    );
    let Some(Write::Kv(request)) = bench.fake.written.lock().pop() else {
        panic!("no write")
    };
    assert_eq!(
        (
            request.op.as_str(),
            request.entry.flags,
            request.entry.indexes.modify_index
        ),
        ("cas", 3, 9)
    );
    assert_eq!(request.entry.value.as_deref(), Some(&b"value"[..]));
    let got = bench.ask("PUT", "/v1/kv/k?release=y&cas=0&pretty", &[], "x");
    assert_eq!(got.body, "Conflicting flags: cas=0&pretty=&release=y\n");
    assert_eq!(bench.ask("PUT", "/v1/kv/k", &[], "0123456789x").status, 413);
    assert_eq!(
        bench.ask("PUT", "/v1/kv/", &[], "x").body,
        "Missing key name"
    );
    let got = bench.ask("PUT", "/v1/kv/k?flags=x", &[], "x");
    assert_eq!(
        (got.status, got.body.as_str()),
        (500, "strconv.ParseUint: parsing \"x\": invalid syntax")
    );
}

#[test]
fn creating_sessions() {
    let bench = Bench::new(Config {
        node_name: "n1".into(),
        ..Config::default()
    });
    let created = |body: &str| {
        bench.ask("PUT", "/v1/session/create", &[], body);
        match bench.fake.written.lock().pop() {
            Some(Write::SessionCreate(session)) => *session,
            other => panic!("{other:?}"),
        }
    };
    let session = created("");
    assert_eq!(
        (session.node.as_str(), session.lock_delay.0),
        ("n1", 15_000_000_000)
    );
    assert_eq!(session.node_checks.as_slice(), ["serfHealth"]);
    let session = created(r#"{"LockDelay":7,"NodeChecks":null,"Bogus":1,"TTL":"10s"}"#);
    assert_eq!(
        (session.lock_delay.0, session.node_checks.is_nil()),
        (7_000_000_000, true)
    );
    let session = created(r#"{"checks":[],"LockDelay":"2s"}"#);
    assert!(session.node_checks.is_empty() && !session.node_checks.is_nil());
    assert_eq!(session.lock_delay.0, 2_000_000_000);
    let got = bench.ask("PUT", "/v1/session/create", &[], "{");
    assert_eq!(
        (got.status, got.body.as_str()),
        (400, "Request decode failed: unexpected EOF")
    );
}

#[test]
fn a_redirect_stays_on_its_host() {
    let bench = Bench::new(Config::default());
    for (target, want) in [
        ("//\\evil.example", "/%5Cevil.example"),
        ("/\\evil.example/../v1//x\\y", "/v1/x%5Cy"),
        ("//v1//kv/a?x=\\", "/v1/kv/a?x=\\"),
    ] {
        let got = bench.raw("GET", target);
        assert_eq!(
            (got.status, got.header("location")),
            (301, want),
            "{target}"
        );
    }
}
