//! Long random histories: the same rows and indexes as the naive rules, and exactly the right readers woken.

use crate::common::*;
use crate::naive::{Naive, Step};
use crate::tables::{declared, tables_of};
use ::model::{KvEntry, RaftIndex};
use dialect::msgpack;
use proptest::prelude::*;
use state::{Provider, Root, WatchKey, WatchSet};
use std::collections::BTreeMap;
use wire::Command;

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(str::to_owned)
}

const NODES: &[&str] = &["n1", "n2", "n3"];
const SERVICES: &[&str] = &["web", "db"];
const IDS: &[&str] = &["i1", "i2"];
const NO_OR_ID: &[&str] = &["", "i1", "i2"];
const CHECKS: &[&str] = &["c1", "c2"];
const KEYS: &[&str] = &["a", "a/b", "a/c", "ab", "b"];
const SESSIONS: &[&str] = &["s1", "s2"];

fn step() -> impl Strategy<Value = Step> {
    let (node, id, key, session) = (
        || pick(NODES),
        || pick(IDS),
        || pick(KEYS),
        || pick(SESSIONS),
    );
    prop_oneof![
        1 => (node(), pick(&["a", "b"])).prop_map(|(node, address)| Step::Node { node, address }),
        3 => (node(), pick(SERVICES), id(), 1..3i64)
            .prop_map(|(node, name, id, port)| Step::Service { node, name, id, port }),
        4 => (node(), pick(CHECKS), pick(NO_OR_ID), pick(&["passing", "warning", "critical"]))
            .prop_map(|(node, id, service, status)| Step::Check { node, id, service, status }),
        2 => (node(), pick(NO_OR_ID), pick(&["", "c1", "c2"]))
            .prop_map(|(node, service, check)| Step::Deregister { node, service, check }),
        2 => (key(), pick(&["1", "2"])).prop_map(|(key, value)| Step::Set { key, value }),
        2 => (key(), pick(&["1", "2"]), 0..30u64).prop_map(|(key, value, index)| Step::Cas { key, value, index }),
        2 => key().prop_map(|key| Step::Delete { key }),
        1 => pick(&["a", "a/", "", "b"]).prop_map(|prefix| Step::DeleteTree { prefix }),
        3 => (key(), session()).prop_map(|(key, session)| Step::Lock { key, session }),
        1 => (key(), session()).prop_map(|(key, session)| Step::Unlock { key, session }),
        3 => (session(), node(), pick(&["", "c1"]), pick(&["release", "delete"]))
            .prop_map(|(id, node, check, behavior)| Step::Session { id, node, check, behavior }),
        1 => session().prop_map(|id| Step::Destroy { id }),
        1 => (0..40u64).prop_map(|index| Step::Reap { index }),
    ]
}

fn command(step: &Step) -> Command {
    let lock = |op: &str, key: &str, value: &str, session: &str| {
        kvs(
            op,
            KvEntry {
                session: session.into(),
                ..entry(key, value)
            },
        )
    };
    match step {
        Step::Node { node, address } => {
            let mut request = register(node);
            request.address.clone_from(address);
            Command::Register(Box::new(request))
        }
        Step::Service {
            node,
            name,
            id,
            port,
        } => {
            let mut row = service(name, id);
            row.port = *port;
            unmoved(with_service(node, row))
        }
        Step::Check {
            node,
            id,
            service,
            status,
        } => unmoved(with_check(node, check(node, id, service, status))),
        Step::Deregister {
            node,
            service,
            check,
        } => deregister(node, service, check),
        Step::Set { key, value } => set(key, value),
        Step::Cas { key, value, index } => kvs(
            "cas",
            KvEntry {
                indexes: at(*index),
                ..entry(key, value)
            },
        ),
        Step::Delete { key } => kvs("delete", entry(key, "")),
        Step::DeleteTree { prefix } => kvs("delete-tree", entry(prefix, "")),
        Step::Lock { key, session } => lock("lock", key, "locked", session),
        Step::Unlock { key, session } => lock("unlock", key, "free", session),
        Step::Session {
            id,
            node,
            check,
            behavior,
        } => {
            let checks: &[&str] = if check.is_empty() { &[] } else { &[check] };
            session(id, node, checks, behavior)
        }
        Step::Destroy { id } => destroy(id),
        Step::Reap { index } => reap(*index),
    }
}

/// A registration that only creates its node, at address `a`.
fn unmoved(command: Command) -> Command {
    match command {
        Command::Register(mut request) => {
            request.skip_node_update = true;
            request.address = "a".into();
            Command::Register(request)
        }
        other => other,
    }
}

fn stamp(indexes: &RaftIndex) -> (u64, u64) {
    (indexes.create_index, indexes.modify_index)
}

fn compare(root: &Root, naive: &Naive, indexes: &[String]) {
    let nodes: BTreeMap<_, _> = root
        .nodes("", &[])
        .rows
        .iter()
        .map(|row| (row.node.clone(), (row.address.clone(), stamp(&row.indexes))))
        .collect();
    assert_eq!(nodes, naive.nodes);
    let services: BTreeMap<_, _> = root
        .service_dump("", None)
        .rows
        .iter()
        .map(|row| {
            let service = &row.service;
            (
                (row.node.node.clone(), service.id.clone()),
                (
                    service.service.clone(),
                    service.port,
                    stamp(&service.indexes),
                ),
            )
        })
        .collect();
    assert_eq!(services, naive.services);
    let checks: BTreeMap<_, _> = root
        .checks_in_state("", "any", &[])
        .rows
        .iter()
        .map(|row| {
            let value = (
                row.service_id.clone(),
                row.service_name.clone(),
                row.status.clone(),
                stamp(&row.indexes),
            );
            ((row.node.clone(), row.check_id.clone()), value)
        })
        .collect();
    assert_eq!(checks, naive.checks);
    let kv: BTreeMap<_, _> = root
        .kv_list(b"")
        .rows
        .iter()
        .map(|row| {
            let value =
                String::from_utf8_lossy(row.value.as_deref().unwrap_or_default()).into_owned();
            (
                row.key.to_string(),
                (
                    value,
                    row.session.clone(),
                    row.lock_index,
                    stamp(&row.indexes),
                ),
            )
        })
        .collect();
    assert_eq!(kv, naive.kv);
    let sessions: Vec<_> = root
        .sessions()
        .rows
        .iter()
        .map(|row| row.id.clone())
        .collect();
    assert_eq!(sessions, naive.sessions.keys().cloned().collect::<Vec<_>>());
    for name in indexes {
        assert_eq!(
            root.index(name),
            naive.indexes.get(name).copied().unwrap_or(0),
            "{name}"
        );
    }
    for prefix in ["a", "a/", "b", "x"] {
        let rows = naive
            .kv
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(_, row)| row.3.1);
        let tombs = naive
            .tombs
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(_, index)| *index);
        let newest = rows.chain(tombs).max().unwrap_or(0);
        let all = root.index("kvs").max(root.index("tombstones"));
        assert_eq!(
            root.kv_list(prefix.as_bytes()).index,
            if newest == 0 { all } else { newest },
            "{prefix}"
        );
    }
}

/// An answer to compare: rows as text.
type Answer = (String, u64, String, WatchSet);

fn answers(root: &Root) -> Vec<Answer> {
    let mut out = Vec::new();
    macro_rules! read {
        ($read:expr, $($name:tt)*) => {{
            let read = $read;
            out.push((format!($($name)*), read.index, format!("{:?}", read.rows), read.watch));
        }};
    }
    read!(root.nodes("", &[]), "nodes");
    read!(root.services("", &[]), "services");
    read!(root.sessions(), "sessions");
    for node in NODES {
        read!(root.node("", node), "node {node}");
        read!(root.node_services("", node), "node services {node}");
        read!(root.node_checks("", node), "node checks {node}");
        read!(root.node_sessions(node), "node sessions {node}");
    }
    for name in SERVICES {
        read!(
            root.service_nodes("", name, &[], &[], false),
            "service {name}"
        );
        read!(
            root.service_health("", name, Provider::Name, &[], &[]),
            "health {name}"
        );
        read!(root.service_checks("", name, &[]), "checks {name}");
    }
    for state in ["any", "passing", "warning", "critical"] {
        read!(root.checks_in_state("", state, &[]), "state {state}");
    }
    for key in KEYS {
        read!(root.kv_get(key.as_bytes()), "key {key}");
        read!(root.kv_list(key.as_bytes()), "tree {key}");
    }
    for id in SESSIONS {
        read!(root.session(id), "session {id}");
    }
    read!(root.node_dump("", None), "dump");
    read!(root.service_dump("", Some("")), "kind");
    out
}

/// Whether a touched key wakes a reader parked on `watch`.
fn wakes(touched: &WatchKey, watch: &WatchKey) -> bool {
    match (touched, watch) {
        (WatchKey::Everything, _) => true,
        (WatchKey::KvKey(key), WatchKey::KvPrefix(prefix)) => key.starts_with(prefix),
        (WatchKey::KvPrefix(tree), WatchKey::KvKey(key)) => key.starts_with(tree),
        (WatchKey::KvPrefix(tree), WatchKey::KvPrefix(prefix)) => {
            prefix.starts_with(tree) || tree.starts_with(prefix)
        }
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn histories_agree_with_the_naive_rules(steps in prop::collection::vec(step(), 1..60)) {
        let (mut c, mut naive) = (Cluster::default(), Naive::default());
        for step in &steps {
            let (before, hash) = (c.store.root().clone(), c.store.root().hash());
            // A session ID is drawn anew for every session.
            if matches!(step, Step::Session { id, .. } if naive.sessions.contains_key(id)) {
                continue;
            }
            let names: Vec<String> = naive.indexes.keys().cloned().collect();
            let command = command(step);
            assert_eq!(Command::decode(&command.encode()).as_ref(), Ok(&command));
            let tables = tables_of(&c.store);
            let did = c.run(command.clone());
            declared(&tables, &tables_of(&c.store), &command, &did.keys);
            naive.step(c.index, step);
            let names: Vec<String> = names.into_iter().chain(naive.indexes.keys().cloned()).collect();
            compare(c.store.root(), &naive, &names);
            if hash == c.store.root().hash() {
                prop_assert!(did.keys.is_empty(), "{:?} touched {:?}", step, did.keys);
                continue;
            }
            let renamed = matches!(step, Step::Service { .. });
            for ((name, old_index, old, watch), (_, index, new, _)) in answers(&before).into_iter().zip(answers(c.store.root())) {
                let woken = did.keys.iter().any(|key| watch.iter().any(|watch| wakes(key, watch)));
                if old != new && !woken {
                    // An instance that took another name is not told to readers of the old one, but what they hold is out
                    // of date (spec/server.md §3.2).
                    let left = renamed && (name.starts_with("service ") || name.starts_with("health "));
                    prop_assert!(left, "{:?} changed {}, touched {:?}", step, name, did.keys);
                    let marked = did.stale.iter().any(|key| watch.contains(key));
                    prop_assert!(marked, "{:?} changed {}, only {:?} are stale", step, name, did.stale);
                }
                let key_read = name.starts_with("key") || name.starts_with("tree");
                if woken && !key_read {
                    prop_assert!(old != new || old_index != index, "{:?} woke {} for nothing", step, name);
                }
                if old != new && woken && !key_read {
                    prop_assert!(index > old_index || index == c.index, "{:?}: {} moved from {} to {}", step, name, old_index, index);
                }
            }
        }
    }

    #[test]
    fn commands_decode_without_a_panic(bytes: Vec<u8>) {
        let _ = Command::decode(&bytes.into());
    }

    #[test]
    fn rows_survive_their_codec(value in "\\PC{0,40}", flags: u64, key: Vec<u8>) {
        let row = KvEntry { key: key[..].into(), flags, value: Some(value.into_bytes().into()), ..KvEntry::default() };
        let again: KvEntry = msgpack::from_slice(&msgpack::to_vec(&row)).expect("own bytes");
        prop_assert_eq!(again.key, row.key);
        prop_assert_eq!(again.flags, flags);
    }
}
