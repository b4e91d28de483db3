//! Keys and values (spec/server.md §3.4, §3.5, §4.2).

use crate::common::*;
use model::KvEntry;
use state::Effect;
use wire::Outcome;

#[test]
fn writing_the_same_again_changes_nothing() {
    let mut c = Cluster::default();
    c.ok(set("a", "1"));
    assert_eq!(c.nothing(set("a", "1")), Outcome::Nil);
    assert_eq!(
        c.nothing(kvs(
            "cas",
            KvEntry {
                indexes: at(1),
                ..entry("a", "1")
            }
        )),
        Outcome::Bool(true)
    );
    assert_eq!(c.store.root().kv_get(b"a").index, 1);
}

#[test]
fn compare_and_set() {
    let mut c = Cluster::default();
    assert_eq!(
        c.nothing(kvs(
            "cas",
            KvEntry {
                indexes: at(9),
                ..entry("a", "1")
            }
        )),
        Outcome::Bool(false)
    );
    assert_eq!(
        c.ok(kvs("cas", entry("a", "1"))).outcome,
        Outcome::Bool(true)
    );
    assert_eq!(c.nothing(kvs("cas", entry("a", "2"))), Outcome::Bool(false));
    assert_eq!(
        c.ok(kvs(
            "cas",
            KvEntry {
                indexes: at(2),
                ..entry("a", "2")
            }
        ))
        .outcome,
        Outcome::Bool(true)
    );
    assert_eq!(
        c.nothing(kvs("delete-cas", entry("a", ""))),
        Outcome::Bool(false)
    );
    assert_eq!(
        c.nothing(kvs("delete-cas", entry("never", ""))),
        Outcome::Bool(true)
    );
    assert_eq!(
        c.ok(kvs(
            "delete-cas",
            KvEntry {
                indexes: at(4),
                ..entry("a", "")
            }
        ))
        .outcome,
        Outcome::Bool(true)
    );
}

#[test]
fn deletions_move_the_index_of_their_prefix_until_reaped() {
    let mut c = Cluster::default();
    c.ok(set("a/1", "x"));
    c.ok(set("a/2", "x"));
    c.ok(set("b", "x"));
    let did = c.ok(kvs("delete", entry("a/2", "")));
    assert_eq!(did.effects, [Effect::Tombstones(4)]);
    assert_eq!(c.store.root().kv_list(b"a/").index, 4);
    assert_eq!(c.store.root().kv_list(b"b").index, 3);
    assert_eq!(c.store.root().kv_get(b"a/2").index, 4);
    assert!(c.ok(reap(4)).keys.is_empty());
    assert_eq!(c.store.root().kv_list(b"a/").index, 1);
    assert_eq!(c.store.root().kv_list(b"").index, 4);
}

#[test]
fn a_tree_goes_with_one_tombstone() {
    let mut c = Cluster::default();
    for key in ["a/1", "a/2", "ab", "b"] {
        c.ok(set(key, "x"));
    }
    c.ok(kvs("delete-tree", entry("a/", "")));
    let keys: Vec<String> = c
        .store
        .root()
        .kv_keys(b"", b"")
        .rows
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(keys, ["ab", "b"]);
    c.nothing(kvs("delete-tree", entry("a/", "")));
    let did = c.ok(kvs("delete-tree", entry("", "")));
    assert_eq!(did.effects, [], "everything gone leaves no tombstone");
    assert_eq!(c.store.root().kv_list(b"").index, c.index);
}

#[test]
fn keys_are_cut_at_the_separator() {
    let mut c = Cluster::default();
    for key in ["a/1", "a/2/x", "a/2/y", "a", "b/"] {
        c.ok(set(key, "x"));
    }
    let keys = |prefix: &str, separator: &str| -> Vec<String> {
        let rows = c
            .store
            .root()
            .kv_keys(prefix.as_bytes(), separator.as_bytes())
            .rows;
        rows.iter().map(ToString::to_string).collect()
    };
    assert_eq!(keys("", "/"), ["a", "a/", "b/"]);
    assert_eq!(keys("a/", "/"), ["a/1", "a/2/"]);
    assert_eq!(keys("a/2/", ""), ["a/2/x", "a/2/y"]);
}

#[test]
fn locks() {
    let mut c = Cluster::default();
    c.ok(node("n"));
    for id in ["s", "t"] {
        assert_eq!(
            c.ok(session(id, "n", &[], "")).outcome,
            Outcome::Id(id.into())
        );
    }
    let lock = |op: &str, session: &str| {
        kvs(
            op,
            KvEntry {
                session: session.into(),
                ..entry("k", "v")
            },
        )
    };
    assert_eq!(c.error(lock("lock", "")), "missing session");
    assert_eq!(c.error(lock("lock", "none")), "invalid session \"none\"");
    assert_eq!(c.ok(lock("lock", "s")).outcome, Outcome::Bool(true));
    assert_eq!(c.nothing(lock("lock", "s")), Outcome::Bool(true));
    assert_eq!(c.nothing(lock("lock", "t")), Outcome::Bool(false));
    c.ok(set("k", "plain"));
    let row = c.store.root().kv_get(b"k").rows.expect("there");
    assert_eq!(
        (&*row.session, row.lock_index),
        ("s", 0),
        "a plain write keeps the holder and resets the count"
    );
    assert_eq!(c.nothing(lock("unlock", "t")), Outcome::Bool(false));
    assert_eq!(c.ok(lock("unlock", "s")).outcome, Outcome::Bool(true));
    assert_eq!(c.ok(lock("lock", "t")).outcome, Outcome::Bool(true));
    assert_eq!(
        c.store.root().kv_get(b"k").rows.map(|row| row.lock_index),
        Some(1)
    );
}

#[test]
fn an_unknown_operation_is_refused() {
    assert_eq!(
        Cluster::default().error(kvs("bogus", entry("k", ""))),
        "Invalid KVS operation 'bogus'"
    );
}
