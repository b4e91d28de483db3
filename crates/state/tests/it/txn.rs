//! Transactions (spec/server.md §3.11).

use crate::common::*;
use model::KvEntry;
use wire::{Outcome, command::*};

fn errors(c: &mut Cluster, ops: Vec<TxnOp>) -> Vec<(i64, String)> {
    let before = c.store.root().hash();
    let did = c.run(txn(ops));
    assert_eq!(before, c.store.root().hash(), "one error undoes all");
    assert!(did.keys.is_empty() && did.effects.is_empty());
    match did.outcome {
        Outcome::Txn(response) => {
            assert!(response.results.is_nil());
            response
                .errors
                .iter()
                .map(|error| (error.op_index, error.what.clone()))
                .collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_error_is_told_and_undoes_all() {
    let mut c = Cluster::default();
    c.ok(set("s", "old"));
    let ops = vec![
        kv_op("set", entry("z", "1")),
        kv_op("get", entry("none", "")),
        kv_op("check-not-exists", entry("s", "")),
        kv_op(
            "cas",
            KvEntry {
                indexes: at(99),
                ..entry("s", "x")
            },
        ),
        kv_op(
            "delete-cas",
            KvEntry {
                indexes: at(99),
                ..entry("s", "x")
            },
        ),
        kv_op(
            "check-index",
            KvEntry {
                indexes: at(3),
                ..entry("s", "")
            },
        ),
        kv_op("check-index", entry("none", "")),
        kv_op(
            "check-session",
            KvEntry {
                session: "x".into(),
                ..entry("s", "")
            },
        ),
        kv_op("check-session", entry("none", "")),
        kv_op(
            "unlock",
            KvEntry {
                session: "x".into(),
                ..entry("s", "")
            },
        ),
        kv_op("bogus", entry("s", "")),
        TxnOp::default(),
    ];
    let expected = expect_test::expect![[r#"
        1 key "none" doesn't exist
        2 key "s" exists
        3 failed to set key "s", index is stale
        4 failed to delete key "s", index is stale
        5 failed index check for key "s", current modify index 1 != 3
        6 failed to check index, key "none" doesn't exist
        7 failed session check for key "s", current session "" != "x"
        8 failed to check session, key "none" doesn't exist
        9 failed to unlock key "s", lock isn't held, or is held by another session
        10 unknown KV operation: bogus
        11 unknown operation type
    "#]];
    let told: String = errors(&mut c, ops)
        .iter()
        .map(|(at, what)| format!("{at} {what}\n"))
        .collect();
    expected.assert_eq(&told);
}

#[test]
fn rows_of_the_catalog() {
    let mut c = Cluster::default();
    let node_op = |verb: &str, node| TxnOp {
        node: Some(Box::new(TxnNodeOp {
            verb: verb.into(),
            node,
        })),
        ..TxnOp::default()
    };
    let service_op = |verb: &str, service| TxnOp {
        service: Some(Box::new(TxnServiceOp {
            verb: verb.into(),
            node: "n".into(),
            service,
        })),
        ..TxnOp::default()
    };
    let check_op = |verb: &str, check| TxnOp {
        check: Some(Box::new(TxnCheckOp {
            verb: verb.into(),
            check,
        })),
        ..TxnOp::default()
    };
    let did = c.ok(txn(vec![
        node_op("set", named_node("n", "", "10.0.0.1")),
        service_op("cas", service("web", "w")),
        check_op("set", check("n", "c", "w", "")),
        kv_op("set", entry("k", "v")),
        kv_op("get", entry("k", "")),
        kv_op("get-or-empty", entry("none", "")),
        kv_op("delete", entry("k", "")),
    ]));
    let Outcome::Txn(response) = did.outcome else {
        panic!("not a transaction")
    };
    assert_eq!(response.results.len(), 6);
    let check_row = response.results[2].check.as_ref().expect("the check");
    assert_eq!(
        (
            &*check_row.status,
            &*check_row.service_name,
            check_row.indexes.modify_index
        ),
        ("critical", "web", 1)
    );
    assert_eq!(
        response.results[3].kv.as_ref().map(|row| row.value.clone()),
        Some(None),
        "writes yield no value"
    );
    let ops = vec![
        node_op("get", named_node("none", "", "")),
        node_op("delete-cas", named_node("none", "", "")),
        service_op("get", service("web", "none")),
        service_op("cas", service("web", "w")),
        service_op("delete-cas", service("web", "none")),
        check_op("get", check("n", "none", "", "")),
        check_op("delete-cas", check("n", "none", "", "")),
        check_op("set", check("none", "c", "", "")),
        check_op("set", check("n", "c", "none", "")),
        check_op("set", check("n", "", "", "")),
    ];
    let told: String = errors(&mut c, ops)
        .iter()
        .map(|(at, what)| format!("{at} {what}\n"))
        .collect();
    expect_test::expect![[r#"
        0 node "none" doesn't exist
        1 failed to delete node "none", index is stale
        2 service "none" on node "n" doesn't exist
        3 failed to set service "w" on node "n", index is stale
        4 failed to delete service "none" on node "n", index is stale
        5 check "none" on node "n" doesn't exist
        6 failed to delete check "none" on node "n", index is stale
        7 Missing node registration
        8 Missing service registration
        9 failed health check lookup: index error: object is missing a value for this index
    "#]]
    .assert_eq(&told);
}

#[test]
fn reading_sees_no_write_of_another() {
    let mut c = Cluster::default();
    c.ok(set("a", "1"));
    let root = c.store.root().clone();
    c.ok(set("a", "2"));
    let response = root.txn_read(&[kv_op("get-tree", entry("", ""))]);
    let values: Vec<_> = response
        .results
        .iter()
        .filter_map(|row| row.kv.as_ref()?.value.clone())
        .collect();
    assert_eq!(values, ["1"]);
}

#[test]
fn an_answer_is_measured_before_it_is_made() {
    let mut c = Cluster::default();
    for n in 0..10 {
        c.ok(set(&format!("tree/{n}"), &"v".repeat(3000)));
    }
    let root = c.store.root().clone();
    let tree = kv_op("get-tree", entry("tree/", ""));
    let over = |ops: &[TxnOp], limit| root.txn_answer_over(ops, limit);
    assert_eq!(over(std::slice::from_ref(&tree), 45_000), None);
    assert_eq!(over(std::slice::from_ref(&tree), 40_000), Some(0));
    let ops = [
        kv_op("set", entry("a", "1")),
        tree.clone(),
        kv_op("get", entry("tree/1", "")),
        tree,
    ];
    assert_eq!(over(&ops, 100_000), None);
    assert_eq!(over(&ops, 80_000), Some(3));
    assert_eq!(over(&ops, 43_000), Some(2));
    assert_eq!(over(&ops[..1], 0), None);
}
