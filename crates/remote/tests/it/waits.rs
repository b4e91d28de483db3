//! Waits: equal ones share a call, and a call that nobody waits for ends at the server.

use crate::support::{PATIENCE, agent, server, settings, soon};
use bytes::Bytes;
use dialect::msgpack;
use parking_lot::Mutex;
use ports::{Caller, Query, Read, ReadOptions, Rpc as _};
use rpcd::{Call, Table};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use wire::rpc::{DcSpecificRequest, IndexedNodes, QueryMeta};

/// Local watchers of one thing.
const WATCHERS: usize = 1000;

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A server whose nodes have an index, which a wait waits for.
#[derive(Clone)]
struct Nodes {
    index: watch::Sender<u64>,
    running: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<u64>>>,
}

impl Nodes {
    fn new(index: u64) -> Self {
        Self {
            index: watch::Sender::new(index),
            running: Arc::default(),
            asked: Arc::default(),
        }
    }

    fn methods(&self) -> Table {
        let nodes = self.clone();
        Table::default().with("Catalog.ListNodes", move |call: Call| {
            let request: DcSpecificRequest = msgpack::from_slice(&call.body).unwrap();
            let wanted = request.options.min_query_index;
            nodes.asked.lock().push(wanted);
            nodes.running.fetch_add(1, Ordering::SeqCst);
            let counted = Counted(nodes.running.clone());
            let mut index = nodes.index.subscribe();
            async move {
                let _counted = counted;
                let index = *index.wait_for(|index| *index > wanted).await.unwrap();
                Ok::<Bytes, _>(msgpack::to_bytes(&IndexedNodes {
                    meta: QueryMeta {
                        index,
                        ..QueryMeta::default()
                    },
                    ..IndexedNodes::default()
                }))
            }
        })
    }

    async fn runs(&self, wanted: usize) {
        soon(async {
            while self.running.load(Ordering::SeqCst) != wanted {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

fn options(min_index: u64) -> ReadOptions {
    ReadOptions {
        min_index,
        max_wait: PATIENCE,
        ..ReadOptions::default()
    }
}

#[tokio::test]
async fn a_thousand_watchers_are_one_query_at_the_server() {
    let nodes = Nodes::new(5);
    let server = server(nodes.methods());
    let agent = agent(&[server.address], settings(PATIENCE));
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| {
            let remote = agent.remote.clone();
            tokio::spawn(async move {
                let caller = Caller::internal();
                let query = Query::new(Read::Nodes);
                let answered = remote.read(&caller, query, options(5)).await.unwrap();
                answered.answer
            })
        })
        .collect();
    nodes.runs(1).await;
    // Who knows less is answered at once.
    let caller = Caller::internal();
    let behind = agent
        .remote
        .read(&caller, Query::new(Read::Nodes), options(4));
    assert_eq!(soon(behind).await.unwrap().answer.index, 5);
    nodes.index.send_replace(6);
    let mut answers = Vec::new();
    for watcher in watchers {
        answers.push(soon(watcher).await.unwrap());
    }
    assert!(answers.iter().all(|answer| answer.index == 6));
    let shared = answers
        .iter()
        .all(|answer| Arc::ptr_eq(answer, &answers[0]));
    assert!(shared, "one answer for all");
    let mut asked = nodes.asked.lock().clone();
    asked.sort_unstable();
    assert_eq!(asked, [4, 5]);
}

#[tokio::test]
async fn a_call_ends_at_the_server_with_its_last_watcher() {
    let nodes = Nodes::new(5);
    let server = server(nodes.methods());
    let agent = agent(&[server.address], settings(PATIENCE));
    let caller = Caller::internal();
    let watch = || {
        agent
            .remote
            .read(&caller, Query::new(Read::Nodes), options(5))
    };
    let (mut one, mut two) = (watch(), watch());
    tokio::select! {
        _ = &mut one => panic!("nothing changed"),
        _ = &mut two => panic!("nothing changed"),
        () = nodes.runs(1) => {}
    }
    drop(one);
    tokio::select! {
        _ = &mut two => panic!("nothing changed"),
        () = async { for _ in 0..100 { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(nodes.running.load(Ordering::SeqCst), 1);
    drop(two);
    nodes.runs(0).await;
}

#[tokio::test]
async fn a_wait_that_is_over_shows_what_is_there() {
    let nodes = Nodes::new(5);
    let server = server(nodes.methods());
    let agent = agent(&[server.address], settings(PATIENCE));
    let caller = Caller::internal();
    let short = ReadOptions {
        max_wait: Duration::from_millis(20),
        ..options(5)
    };
    let over = agent.remote.read(&caller, Query::new(Read::Nodes), short);
    assert_eq!(soon(over).await.unwrap().answer.index, 5);
    nodes.runs(0).await;
}

#[tokio::test]
async fn a_watcher_outlives_its_server() {
    let (first, second) = (Nodes::new(5), Nodes::new(5));
    let (one, two) = (server(first.methods()), server(second.methods()));
    let agent = agent(&[one.address, two.address], settings(PATIENCE));
    let caller = Caller::internal();
    let watch = agent
        .remote
        .read(&caller, Query::new(Read::Nodes), options(5));
    let dies = async {
        first.runs(1).await;
        assert_eq!(one.room.close(PATIENCE).await, Ok(()));
        second.runs(1).await;
        second.index.send_replace(6);
    };
    let (answered, ()) = soon(async { tokio::join!(watch, dies) }).await;
    assert_eq!(answered.unwrap().answer.index, 6);
}
