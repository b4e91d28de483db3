//! The stream of changes as text, and deregistration at the owner.

use super::frame::{Bench, Got};
use crate::Config;
use bytes::Bytes;
use model::{HealthCheck, KvEntry, Node, NodeService, RaftIndex};
use ports::BoxFuture;
use ports::changes::{ChangeStream, Reset, Row, Step, Subject};
use std::collections::VecDeque;
use std::sync::Arc;

/// Tells what it was given.
pub(super) struct Script(pub VecDeque<Step>, pub u64);

impl ChangeStream for Script {
    fn step(&mut self) -> Step {
        self.0.pop_front().unwrap_or(Step::Idle)
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn index(&self) -> u64 {
        self.1
    }
}

fn indexes(at: u64) -> RaftIndex {
    RaftIndex {
        create_index: at,
        modify_index: at,
    }
}

fn steps() -> Vec<Step> {
    let key = |key: &'static str, row| Row::Kv {
        key: Bytes::from_static(key.as_bytes()),
        row,
    };
    let entry = KvEntry {
        key: "a".into(),
        value: Some(Bytes::from_static(b"v")),
        indexes: indexes(3),
        ..KvEntry::default()
    };
    vec![
        Step::Reset(Reset::Begin),
        Step::Rows(vec![(3, key("a", Some(Arc::new(entry))))]),
        Step::Mark(5),
        Step::Rows(vec![(6, key("<", None))]),
        Step::Mark(6),
        Step::Behind(6),
    ]
}

fn told(target: &str, headers: &[(&str, &str)], steps: Vec<Step>) -> (Got, Bench) {
    let bench = Bench::new(Config::default());
    *bench.fake.changes.lock() = Some(Script(steps.into(), 0));
    let got = bench.ask("GET", target, headers, "");
    (got, bench)
}

#[test]
fn lines() {
    let (got, bench) = told("/v1/x/changes?kv=a&index=4", &[], steps());
    assert_eq!(
        (got.status, got.header("content-type")),
        (200, "application/x-ndjson")
    );
    assert_eq!(
        got.body,
        r#"{"Event":"reset","Reason":"begin"}
{"Event":"upsert","Kind":"kv","Key":"a","Index":3,"Row":{"LockIndex":0,"Key":"a","Flags":0,"Value":"dg==","CreateIndex":3,"ModifyIndex":3}}
{"Event":"mark","Index":5}
{"Event":"delete","Kind":"kv","Key":"\u003c","Index":6}
{"Event":"mark","Index":6}
{"Event":"end","Reason":"the client reads too slowly: more has changed than is kept for it","Index":6}
"#
    );
    let asked = bench.fake.streamed.lock().pop().unwrap();
    assert_eq!(
        asked,
        (vec![Subject::Kv(Bytes::from_static(b"a"))], Some(4))
    );
}

#[test]
fn server_sent_events() {
    let all = "/v1/x/changes?kv=&service=web&service=*&node=n&check=c&service-check=api&index=4";
    let headers = [("accept", "text/event-stream"), ("last-event-id", "5")];
    let (got, bench) = told(all, &headers, steps());
    assert_eq!(got.header("content-type"), "text/event-stream");
    assert_eq!(got.header("cache-control"), "no-cache");
    let begin = "event: reset\nid: 0\ndata: {\"Event\":\"reset\",\"Reason\":\"begin\"}\n\nevent: upsert\ndata: {";
    assert!(got.body.starts_with(begin), "{}", got.body);
    let mark =
        "\n\nevent: mark\nid: 5\ndata: {\"Event\":\"mark\",\"Index\":5}\n\nevent: delete\ndata: ";
    assert!(got.body.contains(mark), "{}", got.body);
    let asked = bench.fake.streamed.lock().pop().unwrap();
    assert_eq!(
        asked,
        (
            vec![
                Subject::Kv(Bytes::new()),
                Subject::Service(Some("web".into())),
                Subject::Service(None),
                Subject::Node(Some("n".into())),
                Subject::Check(Some("c".into())),
                Subject::ServiceChecks("api".into()),
            ],
            Some(5)
        )
    );
}

#[test]
fn rows_look_as_elsewhere() {
    let node = Arc::new(Node {
        node: "N1".into(),
        indexes: indexes(1),
        ..Node::default()
    });
    let service = NodeService {
        id: "Web1".into(),
        service: "web".into(),
        indexes: indexes(2),
        ..NodeService::default()
    };
    let check = HealthCheck {
        check_id: "c".into(),
        ..HealthCheck::default()
    };
    let gone = Row::Check {
        node: "n1".into(),
        id: "d".into(),
        row: None,
    };
    let rows = vec![
        (
            1,
            Row::Node {
                node: "n1".into(),
                row: Some(node.clone()),
            },
        ),
        (
            2,
            Row::Service {
                node: "n1".into(),
                id: "web1".into(),
                row: Some((node, Arc::new(service))),
            },
        ),
        (
            3,
            Row::Check {
                node: "n1".into(),
                id: "c".into(),
                row: Some(Arc::new(check)),
            },
        ),
        (4, gone),
    ];
    let (got, _) = told(
        "/v1/x/changes?node=*&format=ndjson",
        &[("accept", "text/event-stream")],
        vec![Step::Rows(rows), Step::Behind(4)],
    );
    let lines: Vec<&str> = got.body.lines().collect();
    for (line, head) in lines.iter().zip([
        r#"{"Event":"upsert","Kind":"node","Node":"n1","Index":1,"Row":{"ID":"","Node":"N1","#,
        r#"{"Event":"upsert","Kind":"service","Node":"n1","ID":"web1","Index":2,"Row":{"ID":"","Node":"N1","Address":"","#,
        r#"{"Event":"upsert","Kind":"check","Node":"n1","ID":"c","Index":3,"Row":{"Node":"","CheckID":"c","#,
        r#"{"Event":"delete","Kind":"check","Node":"n1","ID":"d","Index":4}"#,
    ]) {
        assert!(line.starts_with(head), "{line}");
    }
    assert_eq!(lines.len(), 5);
}

#[test]
fn what_is_asked_wrongly() {
    let bench = Bench::new(Config::default());
    let many = format!("/v1/x/changes?{}", "kv=a&".repeat(65));
    for (target, text) in [
        (
            "/v1/x/changes",
            "Missing subject: give at least one of kv, service, node, check, service-check",
        ),
        (
            "/v1/x/changes?service=",
            "Empty value of \"service\": give a name, or * for all",
        ),
        (
            "/v1/x/changes?kv=a&service-check",
            "Empty value of \"service-check\": give a name, or * for all",
        ),
        (
            "/v1/x/changes?kv=a&index=-1",
            "Invalid index: \"-1\" is not a number that a mark told",
        ),
        (
            "/v1/x/changes?kv=a&format=xml",
            "Invalid format: \"xml\" is neither ndjson nor sse",
        ),
        (&many, "Too many subjects: 65 (limit 64)"),
    ] {
        let got = bench.get(target);
        assert_eq!((got.status, &*got.body), (400, text), "{target}");
    }
    let got = bench.ask("GET", "/v1/x/changes?kv=a", &[("last-event-id", "x")], "");
    assert_eq!(
        (got.status, &*got.body),
        (
            400,
            "Invalid Last-Event-ID: \"x\" is not a number that a mark told"
        )
    );
    // An agent that has no stream says so.
    assert_eq!(bench.get("/v1/x/changes?kv=a").status, 500);
}

#[test]
fn a_quiet_stream_gives_signs_of_life() {
    let bench = Bench::new(Config::default());
    *bench.fake.changes.lock() = Some(Script(
        [Step::Mark(5), Step::Idle, Step::Idle, Step::Idle].into(),
        9,
    ));
    let mut frames = bench.frames("/v1/x/changes?kv=a");
    assert_eq!(
        frames.next().as_deref(),
        Some("{\"Event\":\"mark\",\"Index\":5}\n")
    );
    assert_eq!(frames.next(), None);
    bench.time.advance(std::time::Duration::from_secs(15));
    assert_eq!(
        frames.next().as_deref(),
        Some("{\"Event\":\"mark\",\"Index\":9}\n")
    );
    assert_eq!(frames.next(), None);
    bench.time.advance(std::time::Duration::from_secs(15));
    assert_eq!(frames.next().as_deref(), Some("\n"));
}

#[test]
fn deregistration_says_who_registers_again() {
    let bench = Bench::new(Config::default());
    let put = |path: &str, body: &str| bench.ask("PUT", path, &[], body);
    let mine = put(
        "/v1/catalog/deregister",
        r#"{"Node":"Agent1","ServiceID":"WEB"}"#,
    );
    assert_eq!((mine.status, &*mine.body), (200, "true"));
    assert_eq!(
        mine.header("x-proconsul-owner"),
        "this agent registers service \"web\" again; PUT /v1/x/catalog/deregister removes it at its owner"
    );
    let check = put(
        "/v1/catalog/deregister",
        r#"{"Node":"agent1","CheckID":"c"}"#,
    );
    assert!(check.header("x-proconsul-owner").contains("check \"c\""));
    let node = put("/v1/catalog/deregister", r#"{"Node":"agent1"}"#);
    assert!(node.header("x-proconsul-owner").contains("node \"agent1\""));
    for other in [
        r#"{"Node":"other","ServiceID":"web"}"#,
        r#"{"Node":"agent1","ServiceID":"api"}"#,
        r#"{"Node":"agent1","ServiceID":"web","PeerName":"p"}"#,
    ] {
        let got = put("/v1/catalog/deregister", other);
        assert_eq!((got.status, got.header("x-proconsul-owner")), (200, ""));
    }
    assert!(bench.agent.told.lock().is_empty());
    assert_eq!(bench.fake.written.lock().len(), 6);
}

#[test]
fn deregistration_at_the_owner() {
    let bench = Bench::new(Config::default());
    let put = |body: &str| bench.ask("PUT", "/v1/x/catalog/deregister", &[], body);
    for body in [
        r#"{"Node":"AGENT1","ServiceID":"Web"}"#,
        r#"{"Node":"agent1","CheckID":"c"}"#,
        // Not the agent's: only the catalog has it.
        r#"{"Node":"agent1","ServiceID":"api"}"#,
        // A node without an agent.
        r#"{"Node":"outside"}"#,
    ] {
        let got = put(body);
        assert_eq!((got.status, &*got.body), (200, "true"), "{body}");
    }
    assert_eq!(*bench.agent.told.lock(), ["without web", "without check c"]);
    assert_eq!(bench.fake.written.lock().len(), 4);
    for (body, text) in [
        (r#"{"ServiceID":"web"}"#, "Missing node name"),
        (
            r#"{"Node":"agent1"}"#,
            "Node \"agent1\" is this agent's own and stays for as long as it runs; let the agent leave instead",
        ),
        (
            r#"{"Node":"agent2","ServiceID":"web"}"#,
            "Node \"agent2\" has an agent of its own, which cannot be reached from here; ask that agent",
        ),
    ] {
        let got = put(body);
        assert_eq!((got.status, &*got.body), (400, text), "{body}");
    }
    assert_eq!(bench.fake.written.lock().len(), 4);
}
