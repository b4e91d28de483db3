//! Validation before the log, and what comes back from the tables.

use crate::bench::{Bench, key};
use dialect::List;
use model::{AutopilotConfig, Coordinate, HealthCheck, KvEntry, NetCoord, Node};
use ports::{Data, Read, ReadOptions, Rpc, RpcError, Write};
use std::time::Duration;
use wire::Outcome;
use wire::command::{RegisterRequest, TxnKvOp, TxnNodeOp, TxnOp, TxnRequest};

async fn refused(bench: &Bench, write: Write) -> String {
    match bench.write(write).await {
        Err(RpcError::Refused(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn registrations_are_checked_in_order() {
    let bench = Bench::new().await;
    let write = |request: RegisterRequest| Write::Register(Box::new(request));
    let full = || RegisterRequest {
        node: "n".into(),
        address: "10.0.0.1".into(),
        ..RegisterRequest::default()
    };
    assert_eq!(
        refused(&bench, write(RegisterRequest::default())).await,
        "Must provide node"
    );
    let bare = RegisterRequest {
        node: "n".into(),
        ..RegisterRequest::default()
    };
    assert_eq!(
        refused(&bench, write(bare)).await,
        "Must provide address if SkipNodeUpdate is not set"
    );
    assert_eq!(
        refused(
            &bench,
            write(RegisterRequest {
                peer_name: "p".into(),
                ..full()
            })
        )
        .await,
        "cannot register requests with PeerName in them"
    );
    let check = |node: &str, service: &str| {
        Some(Box::new(HealthCheck {
            node: node.into(),
            name: "c".into(),
            service_id: service.into(),
            ..HealthCheck::default()
        }))
    };
    assert_eq!(
        refused(
            &bench,
            write(RegisterRequest {
                check: check("other", ""),
                ..full()
            })
        )
        .await,
        "Node 'other' for check 'c' doesn't match register request node 'n'"
    );
    assert_eq!(
        refused(
            &bench,
            write(RegisterRequest {
                check: check("", "none"),
                ..full()
            })
        )
        .await,
        "Unknown service ID 'none' for check ID 'c'"
    );
    let elsewhere = RegisterRequest {
        datacenter: "nowhere".into(),
        ..full()
    };
    assert_eq!(
        bench.write(write(elsewhere)).await.unwrap_err(),
        RpcError::NoPath
    );
    bench.end().await;
}

#[tokio::test]
async fn kv_answers_truth_and_prefixes_refusals() {
    let bench = Bench::new().await;
    assert_eq!(bench.kv("set", "k", "1").await, Outcome::Bool(true));
    assert_eq!(bench.kv("cas", "k", "2").await, Outcome::Bool(false));
    assert_eq!(bench.kv("delete", "none", "").await, Outcome::Bool(true));
    let error = bench.kv_as("lock", "k", "", "").await.unwrap_err();
    assert_eq!(error.to_string(), "raft apply failed: missing session");
    assert_eq!(
        bench
            .kv_as("set", "", "", "")
            .await
            .unwrap_err()
            .to_string(),
        "Must provide key"
    );
    bench.end().await;
}

#[tokio::test]
async fn transactions_check_every_operation_before_the_log() {
    let bench = Bench::new().await;
    let kv = |verb: &str, key: &str| TxnOp {
        kv: Some(Box::new(TxnKvOp {
            verb: verb.into(),
            entry: KvEntry {
                key: key.into(),
                ..KvEntry::default()
            },
        })),
        ..TxnOp::default()
    };
    let node = |verb: &str| TxnOp {
        node: Some(Box::new(TxnNodeOp {
            verb: verb.into(),
            node: Node::default(),
        })),
        ..TxnOp::default()
    };
    let request = |ops: Vec<TxnOp>| TxnRequest {
        ops: ops.into(),
        ..TxnRequest::default()
    };
    let ops = vec![
        kv("set", "z"),
        kv("set", ""),
        node("bogus"),
        node("set"),
        kv("bogus", "z"),
    ];
    let Outcome::Txn(response) = bench
        .write(Write::Txn(Box::new(request(ops))))
        .await
        .unwrap()
    else {
        panic!()
    };
    let told: Vec<_> = response
        .errors
        .iter()
        .map(|e| (e.op_index, &*e.what))
        .collect();
    assert_eq!(
        told,
        [
            (1, "Must provide key"),
            (2, "unknown node operation: bogus"),
            (3, "Must provide node"),
            (4, "unknown KV operation: bogus")
        ]
    );
    assert!(matches!(
        &bench.now(key("z")).answer.data,
        Data::KvEntry(None)
    ));
    let caller = ports::Caller::internal();
    let read = |ops| {
        bench
            .server
            .txn_read(&caller, request(ops), ReadOptions::default())
    };
    let (response, answered) = read(vec![kv("get", "z")]).await.unwrap();
    assert_eq!(response.errors[0].what, "key \"z\" doesn't exist");
    assert!(answered.known_leader);
    let (_, answered) = read(vec![kv("get", "")]).await.unwrap();
    assert!(!answered.known_leader);
    bench.end().await;
}

#[tokio::test]
async fn coordinates_are_written_in_batches() {
    let bench = Bench::new().await;
    let at = |x: f64| {
        let mut vec = vec![0.0; NetCoord::DIMENSION];
        vec[0] = x;
        Some(Box::new(NetCoord {
            vec: List::from(vec),
            height: 1e-5,
            ..NetCoord::default()
        }))
    };
    let update = |node: &str, coord| {
        Write::CoordinateUpdate(Box::new(Coordinate {
            node: node.into(),
            coord,
            ..Coordinate::default()
        }))
    };
    for (node, x) in [("far", 3.0), ("near", 1.0), ("server1", 0.0)] {
        if node != "server1" {
            bench.register(node, "web", "", "").await;
        }
        bench.write(update(node, at(9.0))).await.unwrap();
        bench.write(update(node, at(x))).await.unwrap();
    }
    let short = Some(Box::new(NetCoord {
        vec: List::from(vec![0.0]),
        ..NetCoord::default()
    }));
    assert_eq!(
        refused(&bench, update("far", short)).await,
        "incompatible coordinate"
    );
    assert_eq!(
        refused(&bench, update("far", at(f64::NAN))).await,
        "invalid coordinate"
    );
    let known = || match &bench.now(Read::Coordinates).answer.data {
        Data::Coordinates(rows) => rows.len(),
        _ => 0,
    };
    assert_eq!(known(), 0);
    bench.time.advance(Duration::from_secs(6));
    crate::bench::until("the flush", || known() == 3).await;
    let mut query = ports::Query::new(Read::Nodes);
    query.near = "server1".into();
    let answered = bench
        .server
        .read(&ports::Caller::internal(), query, ReadOptions::default())
        .await
        .unwrap();
    let Data::Nodes(rows) = &answered.answer.data else {
        panic!()
    };
    let names: Vec<_> = rows.iter().map(|row| &*row.node).collect();
    assert_eq!(names, ["server1", "near", "far"]);
    bench.end().await;
}

#[tokio::test]
async fn autopilot_has_a_configuration_and_takes_another() {
    let bench = Bench::new().await;
    let Data::AutopilotConfig(Some(found)) = &bench.now(Read::AutopilotConfig).answer.data else {
        panic!()
    };
    assert!(found.cleanup_dead_servers);
    assert_eq!(found.max_trailing_logs, 250);
    let set = |index| {
        let mut config = AutopilotConfig {
            max_trailing_logs: 7,
            ..AutopilotConfig::default()
        };
        config.indexes.modify_index = index;
        Write::AutopilotSet {
            config: Box::new(config),
            cas: true,
        }
    };
    assert_eq!(
        bench.write(set(1 << 40)).await.unwrap(),
        Outcome::Bool(false)
    );
    assert_eq!(
        bench.write(set(found.indexes.modify_index)).await.unwrap(),
        Outcome::Bool(true)
    );
    bench.end().await;
}

#[tokio::test]
async fn a_transaction_whose_answer_is_too_large_is_refused() {
    let bench = Bench::new().await;
    let value = "v".repeat(500_000);
    for n in 0..4 {
        bench.kv("set", &format!("tree/{n}"), &value).await;
    }
    let ops = |count: usize| -> Vec<wire::command::TxnOp> {
        let op = wire::command::TxnKvOp {
            verb: "get-tree".into(),
            entry: model::KvEntry {
                key: "tree/".into(),
                ..model::KvEntry::default()
            },
        };
        let op = wire::command::TxnOp {
            kv: Some(Box::new(op)),
            ..wire::command::TxnOp::default()
        };
        vec![op; count]
    };
    let ask = async |count| {
        let request = wire::command::TxnRequest {
            ops: ops(count).into(),
            ..wire::command::TxnRequest::default()
        };
        let caller = ports::Caller::internal();
        let options = ports::ReadOptions::default();
        let read = ports::Rpc::txn_read(&*bench.server, &caller, request, options);
        read.await.expect("answers").0
    };
    assert_eq!(ask(6).await.results.len(), 24);
    let refused = ask(7).await;
    assert!(refused.results.is_empty());
    let told: Vec<_> = refused
        .errors
        .iter()
        .map(|e| (e.op_index, &*e.what))
        .collect();
    let text = "the answer is too large with this operation (limit 16777216 bytes)";
    assert_eq!(told, [(6, text)]);
    bench.end().await;
}
