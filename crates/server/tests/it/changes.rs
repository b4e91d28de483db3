//! The stream of changes: what its client holds at a mark is what the tables held.

use crate::bench::{Bench, patiently};
use bytes::Bytes;
use model::KvEntry;
use ports::changes::{ChangeStream, Reset, Row, Step, Subject};
use ports::{Caller, Rpc, RpcError, Write};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use wire::command::{TxnKvOp, TxnOp, TxnRequest};

/// What a client makes of a stream: every row by what tells it from others, with its index.
#[derive(Default)]
struct Told {
    rows: BTreeMap<String, u64>,
    values: BTreeMap<String, Bytes>,
    resets: Vec<Reset>,
    marks: Vec<u64>,
    told: usize,
}

fn name(row: &Row) -> (String, Option<u64>) {
    match row {
        Row::Kv { key, row } => (
            format!("kv {}", String::from_utf8_lossy(key)),
            row.as_ref().map(|row| row.indexes.modify_index),
        ),
        Row::Node { node, row } => (
            format!("node {node}"),
            row.as_ref().map(|row| row.indexes.modify_index),
        ),
        Row::Service { node, id, row } => (
            format!("service {node} {id}"),
            row.as_ref().map(|(node, row)| {
                // The node's row is part of it.
                row.indexes.modify_index * 1_000_000 + node.indexes.modify_index
            }),
        ),
        Row::Check { node, id, row } => (
            format!("check {node} {id}"),
            row.as_ref().map(|row| row.indexes.modify_index),
        ),
    }
}

impl Told {
    /// Applies a step; whether there may be more at once.
    fn take(&mut self, step: Step) -> bool {
        match step {
            Step::Reset(why) => {
                self.rows.clear();
                self.values.clear();
                self.resets.push(why);
            }
            Step::Rows(rows) => {
                assert!(!rows.is_empty());
                self.told += rows.len();
                for (index, row) in rows {
                    assert!(index > 0);
                    if let Row::Kv {
                        row: Some(entry), ..
                    } = &row
                    {
                        let value = entry.value.clone().unwrap_or_default();
                        self.values.insert(entry.key.to_string(), value);
                    }
                    match name(&row) {
                        (name, Some(index)) => drop(self.rows.insert(name, index)),
                        (name, None) => drop(self.rows.remove(&name)),
                    }
                }
            }
            Step::Mark(index) => {
                assert!(self.marks.last().is_none_or(|last| *last <= index));
                self.marks.push(index);
            }
            Step::Idle => return false,
            Step::Behind(index) => panic!("fell behind {index}"),
        }
        true
    }

    fn drain(&mut self, stream: &mut dyn ChangeStream) {
        while self.take(stream.step()) {}
    }
}

fn all() -> Vec<Subject> {
    vec![
        Subject::Kv(Bytes::new()),
        Subject::Service(None),
        Subject::Node(None),
        Subject::Check(None),
    ]
}

fn some() -> Vec<Subject> {
    vec![
        Subject::Kv(Bytes::from_static(b"a/")),
        Subject::Service(Some("Web".into())),
        Subject::Node(Some("N1".into())),
        Subject::Check(Some("c1".into())),
        Subject::ServiceChecks("api".into()),
    ]
}

async fn open(
    bench: &Bench,
    subjects: Vec<Subject>,
    since: Option<u64>,
) -> Result<Box<dyn ChangeStream>, RpcError> {
    open_from(bench, None, subjects, since).await
}

/// The same from somewhere on the network.
async fn open_from(
    bench: &Bench,
    from: Option<[u8; 4]>,
    subjects: Vec<Subject>,
    since: Option<u64>,
) -> Result<Box<dyn ChangeStream>, RpcError> {
    let caller = Caller {
        remote: from.map(|ip| (ip, 4711).into()),
        ..Caller::internal()
    };
    patiently(
        "a stream",
        bench.server.changes(&caller, "", subjects, since),
    )
    .await
}

/// The rows of the tables as [`Told`] names them.
fn expected(bench: &Bench, wanted: impl Fn(&Row) -> bool) -> BTreeMap<String, u64> {
    let root = bench.server.unguarded_root();
    let fold = |name: &str| model::folded(name).into_owned();
    let mut rows: Vec<Row> = Vec::new();
    for row in root.kv_list(b"").rows {
        let key = Bytes::copy_from_slice(row.key.as_bytes());
        rows.push(Row::Kv {
            key,
            row: Some(row),
        });
    }
    for row in root.nodes("", &[]).rows {
        rows.push(Row::Node {
            node: fold(&row.node),
            row: Some(row),
        });
    }
    for row in root.service_dump("", None).rows {
        rows.push(Row::Service {
            node: fold(&row.node.node),
            id: fold(&row.service.id),
            row: Some((row.node, row.service)),
        });
    }
    for row in root.checks_in_state("", "any", &[]).rows {
        rows.push(Row::Check {
            node: fold(&row.node),
            id: fold(&row.check_id),
            row: Some(row),
        });
    }
    rows.retain(wanted);
    let pairs = rows.iter().map(name);
    pairs
        .map(|(name, index)| (name, index.unwrap_or_default()))
        .collect()
}

fn is_some_of(row: &Row) -> bool {
    match row {
        Row::Kv { key, .. } => key.starts_with(b"a/"),
        Row::Node { node, .. } => node == "n1",
        Row::Service { row, .. } => row.as_ref().is_some_and(|(_, row)| row.service == "web"),
        Row::Check { row, .. } => row
            .as_ref()
            .is_some_and(|row| row.check_id == "c1" || row.service_name == "api"),
    }
}

/// One random write.
async fn scribble(bench: &Bench, rng: &mut StdRng) {
    let key = format!(
        "{}/{}",
        ["a", "a/b", "c"][rng.random_range(0..3)],
        rng.random_range(0..6)
    );
    let node = ["n1", "n2", "N1"][rng.random_range(0..3)];
    let service = ["web", "api", ""][rng.random_range(0..3)];
    let check = ["c1", "c2", ""][rng.random_range(0..3)];
    match rng.random_range(0..10) {
        0..=3 => {
            let value = rng.random_range(0..3).to_string();
            bench.kv("set", &key, &value).await;
        }
        4 => drop(bench.kv("delete", &key, "").await),
        5 => drop(bench.kv("delete-tree", &key[..2], "").await),
        6..=7 => {
            let status = ["passing", "critical"][rng.random_range(0..2)];
            // The tables refuse some of these: that is a write too, which changes nothing.
            bench.register(node, service, check, status).await;
        }
        8 => bench.deregister(node, service).await,
        _ => {
            let mut request = wire::command::RegisterRequest {
                node: node.into(),
                address: format!("10.0.0.{}", rng.random_range(1..5)),
                ..Default::default()
            };
            if rng.random_bool(0.5) {
                // The same instance under another name.
                request.service = Some(Box::new(model::NodeService {
                    id: "moving".into(),
                    service: service.into(),
                    ..Default::default()
                }));
                request.skip_node_update = true;
            }
            let _ = bench.write(Write::Register(Box::new(request))).await;
        }
    }
}

#[tokio::test]
async fn at_a_mark_the_client_has_what_the_tables_have() {
    let bench = Bench::new().await;
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..40 {
        scribble(&bench, &mut rng).await;
    }
    let mut everything = open(&bench, all(), None).await.unwrap();
    let mut part = open(&bench, some(), None).await.unwrap();
    let (mut whole, mut few) = (Told::default(), Told::default());
    // One that is cut off again and again, and resumes where its last mark was.
    let mut resumed = Told::default();
    for round in 0..120 {
        for _ in 0..rng.random_range(0..6) {
            scribble(&bench, &mut rng).await;
        }
        whole.drain(&mut *everything);
        few.drain(&mut *part);
        assert_eq!(whole.rows, expected(&bench, |_| true), "round {round}");
        assert_eq!(few.rows, expected(&bench, is_some_of), "round {round}");
        if rng.random_bool(0.3) {
            let since = resumed.marks.last().copied();
            let mut stream = open(&bench, some(), since).await.unwrap();
            resumed.drain(&mut *stream);
            assert_eq!(resumed.rows, few.rows, "round {round}");
        }
    }
    assert_eq!(whole.resets, [Reset::Begin]);
    assert_eq!(few.resets, [Reset::Begin]);
    assert_eq!(resumed.resets, [Reset::Begin]);
    assert!(few.marks.len() > 10 && few.told < whole.told);
    bench.end().await;
}

fn pair(value: u64) -> Write {
    let op = |key: &str| TxnOp {
        kv: Some(Box::new(TxnKvOp {
            verb: "set".into(),
            entry: KvEntry {
                key: key.into(),
                value: Some(Bytes::from(value.to_string())),
                ..KvEntry::default()
            },
        })),
        ..TxnOp::default()
    };
    Write::Txn(Box::new(TxnRequest {
        ops: vec![op("left"), op("right")].into(),
        ..TxnRequest::default()
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_torn_while_others_write() {
    const WRITES: u64 = 300;
    let bench = Bench::new().await;
    let mut stream = open(&bench, vec![Subject::Kv(Bytes::new())], None)
        .await
        .unwrap();
    let writer = {
        let server = bench.server.clone();
        tokio::spawn(async move {
            for value in 1..=WRITES {
                let caller = Caller::internal();
                server.write(&caller, "", pair(value)).await.unwrap();
            }
        })
    };
    let last = Bytes::from(WRITES.to_string());
    let mut told = Told::default();
    patiently("the last write", async {
        loop {
            loop {
                let step = stream.step();
                let mark = matches!(step, Step::Mark(_));
                if !told.take(step) {
                    break;
                }
                // Between marks a transaction may be half told; at a mark it is whole.
                if mark {
                    assert_eq!(told.values.get("left"), told.values.get("right"));
                }
            }
            if told.values.get("left") == Some(&last) {
                break;
            }
            stream.changed().await;
        }
    })
    .await;
    writer.await.unwrap();
    assert_eq!(told.resets, [Reset::Begin]);
    bench.end().await;
}

#[tokio::test]
async fn what_concerns_no_subject_wakes_nobody() {
    let bench = Bench::new().await;
    let mut stream = open(&bench, vec![Subject::Kv(Bytes::from_static(b"a/"))], None)
        .await
        .unwrap();
    let mut told = Told::default();
    told.drain(&mut *stream);
    bench.kv("set", "b", "1").await;
    bench.register("n1", "web", "", "").await;
    {
        let mut changed = std::pin::pin!(stream.changed());
        let woken =
            std::future::poll_fn(|cx| std::task::Poll::Ready(changed.as_mut().poll(cx).is_ready()));
        assert!(!woken.await);
    }
    // Yet the stream may be resumed from here.
    assert_eq!(stream.step(), Step::Idle);
    assert!(stream.index() > told.marks[0]);
    bench.kv("set", "a/1", "1").await;
    patiently("a wake-up", stream.changed()).await;
    told.drain(&mut *stream);
    assert_eq!(told.rows.len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn an_index_that_cannot_be_resumed_resets() {
    let bench = Bench::new().await;
    bench.kv("set", "a/0", "1").await;
    let before = bench.server.unguarded_root().last_index();
    bench.kv("set", "a/1", "1").await;
    bench.kv("delete", "a/0", "").await;
    let newest = bench.server.unguarded_root().last_index();
    let first = |since| {
        let bench = &bench;
        async move {
            let mut stream = open(bench, some(), Some(since)).await.unwrap();
            stream.step()
        }
    };
    // Nobody listened when these were written.
    assert_eq!(first(before).await, Step::Reset(Reset::Expired));
    assert_eq!(first(newest + 1000).await, Step::Reset(Reset::Ahead));
    assert_eq!(first(0).await, Step::Reset(Reset::Begin));
    // Nothing was written since.
    assert!(matches!(first(newest).await, Step::Mark(index) if index >= newest));
    // From the first stream on, what is written is kept.
    bench.kv("delete", "a/1", "").await;
    let mut stream = open(&bench, some(), Some(newest)).await.unwrap();
    assert!(matches!(stream.step(), Step::Mark(index) if index == newest));
    let Step::Rows(rows) = stream.step() else {
        panic!("no rows")
    };
    assert!(matches!(&rows[..], [(_, Row::Kv { key, row: None })] if key == "a/1"));
    bench.end().await;
}

#[tokio::test]
async fn a_restore_tells_everything_anew() {
    let bench = Bench::new().await;
    bench.kv("set", "a/1", "1").await;
    let mut archive = Vec::new();
    state::archive::write_stream(&bench.server.unguarded_root(), &mut archive).unwrap();
    bench.kv("set", "a/2", "1").await;
    let mut stream = open(&bench, some(), None).await.unwrap();
    let mut told = Told::default();
    told.drain(&mut *stream);
    assert_eq!(told.rows.len(), 2);
    for command in [
        wire::Command::RestoreBegin(1),
        wire::Command::RestoreChunk(Bytes::from(archive)),
        wire::Command::RestoreCommit,
    ] {
        let engine = bench.server.consensus();
        engine.propose_wait(command.encode()).await.unwrap();
    }
    patiently("a wake-up", stream.changed()).await;
    told.drain(&mut *stream);
    assert_eq!(told.resets, [Reset::Begin, Reset::Replaced]);
    assert_eq!(told.rows, expected(&bench, is_some_of));
    bench.kv("set", "a/3", "1").await;
    told.drain(&mut *stream);
    assert_eq!(told.rows, expected(&bench, is_some_of));
    assert_eq!(told.resets.len(), 2);
    bench.end().await;
}

#[tokio::test]
async fn streams_have_a_limit_and_give_their_place_back() {
    let bench = Bench::new().await;
    let mut streams = Vec::new();
    for client in 1..=9 {
        let before = streams.len();
        let refused = loop {
            match open_from(&bench, Some([192, 0, 2, client]), some(), None).await {
                Ok(stream) => streams.push(stream),
                Err(error) => break error,
            }
        };
        let (taken, why) = match client {
            9 => (0, "too many streams of changes (limit 1024)"),
            8 => (128, "too many streams of changes (limit 1024)"),
            _ => (128, "too many streams of changes of one client (limit 128)"),
        };
        assert_eq!(streams.len() - before, taken, "client {client}");
        assert_eq!(refused, RpcError::Limited(why.into()), "client {client}");
    }
    streams.pop();
    assert!(open(&bench, some(), None).await.is_ok());
    let elsewhere = bench
        .server
        .changes(&Caller::internal(), "dc9", all(), None)
        .await;
    assert!(matches!(elsewhere, Err(RpcError::NoPath)));
    bench.end().await;
}

#[tokio::test]
async fn who_falls_behind_is_told_so_and_a_flood_resets() {
    let bench = Bench::new().await;
    let mut told = Told::default();
    let mut stream = open(&bench, vec![Subject::Kv(Bytes::new())], None)
        .await
        .unwrap();
    told.drain(&mut *stream);
    // Long names fill the ring by bytes.
    let long = "k".repeat(300_000);
    for at in 0..30 {
        bench.kv("set", &format!("{long}{at}"), "").await;
    }
    assert_eq!(stream.step(), Step::Behind(told.marks[0]));
    assert_eq!(stream.step(), Step::Behind(told.marks[0]));
    let since = told.marks.last().copied();
    let mut stream = open(&bench, vec![Subject::Kv(Bytes::new())], since)
        .await
        .unwrap();
    told.drain(&mut *stream);
    assert_eq!(told.resets, [Reset::Begin, Reset::Expired]);
    assert_eq!(
        told.rows,
        expected(&bench, |row| matches!(row, Row::Kv { .. }))
    );
    bench.end().await;
}
