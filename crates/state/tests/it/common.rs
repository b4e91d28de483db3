//! Short ways to build commands and to apply them.

use dialect::{Dict, List, Nanos, Text};
use model::{
    Coordinate, HealthCheck, KvEntry, Node, NodeService, PreparedQuery, RaftIndex, Session,
};
use state::{Effect, Store, Touched, WatchKey};
use wire::command::*;
use wire::{Command, Outcome};

/// A store with the index of its last command.
#[derive(Default, Clone)]
pub struct Cluster {
    pub store: Store,
    pub index: u64,
}

/// What one command did.
#[derive(Debug)]
pub struct Did {
    pub outcome: Outcome,
    pub keys: Vec<WatchKey>,
    pub stale: Vec<WatchKey>,
    pub effects: Vec<Effect>,
}

impl Cluster {
    pub fn run(&mut self, command: Command) -> Did {
        self.index += 1;
        // Through the bytes of the log, as every server does.
        let command = Command::decode(&command.encode()).expect("own commands decode");
        let mut touched = Touched::new();
        let stamp = Stamp::default();
        let outcome = self.store.apply(self.index, &stamp, &command, &mut touched);
        let taken = touched.take();
        Did {
            outcome,
            keys: taken.keys,
            stale: taken.stale,
            effects: taken.effects,
        }
    }

    /// Runs a command that must succeed.
    pub fn ok(&mut self, command: Command) -> Did {
        let did = self.run(command);
        assert!(
            !matches!(did.outcome, Outcome::Error(_)),
            "{:?}",
            did.outcome
        );
        did
    }

    pub fn error(&mut self, command: Command) -> String {
        let before = self.store.root().hash();
        let did = self.run(command);
        assert_eq!(
            before,
            self.store.root().hash(),
            "a refused command leaves no trace"
        );
        assert!(
            did.keys.is_empty() && did.stale.is_empty() && did.effects.is_empty(),
            "nor wakes anybody: {did:?}"
        );
        match did.outcome {
            Outcome::Error(text) => text,
            other => panic!("accepted: {other:?}"),
        }
    }

    /// Runs a command that must change nothing.
    pub fn nothing(&mut self, command: Command) -> Outcome {
        let before = self.store.root().hash();
        let did = self.run(command);
        assert_eq!(before, self.store.root().hash());
        assert_eq!((did.keys, did.stale), (vec![], vec![]));
        did.outcome
    }
}

pub fn register(node: &str) -> RegisterRequest {
    RegisterRequest {
        datacenter: "dc1".into(),
        node: node.into(),
        address: "10.0.0.1".into(),
        ..RegisterRequest::default()
    }
}

pub fn service(name: &str, id: &str) -> NodeService {
    NodeService {
        id: id.into(),
        service: name.into(),
        port: 80,
        ..NodeService::default()
    }
}

pub fn check(node: &str, id: &str, service_id: &str, status: &str) -> HealthCheck {
    HealthCheck {
        node: node.into(),
        check_id: id.into(),
        name: id.into(),
        status: status.into(),
        service_id: service_id.into(),
        ..HealthCheck::default()
    }
}

pub fn node(name: &str) -> Command {
    Command::Register(Box::new(register(name)))
}

pub fn with_service(name: &str, service: NodeService) -> Command {
    Command::Register(Box::new(RegisterRequest {
        service: Some(Box::new(service)),
        ..register(name)
    }))
}

pub fn with_check(name: &str, check: HealthCheck) -> Command {
    Command::Register(Box::new(RegisterRequest {
        check: Some(Box::new(check)),
        ..register(name)
    }))
}

pub fn deregister(node: &str, service_id: &str, check_id: &str) -> Command {
    Command::Deregister(Box::new(DeregisterRequest {
        node: node.into(),
        service_id: service_id.into(),
        check_id: check_id.into(),
        ..DeregisterRequest::default()
    }))
}

pub fn entry(key: &str, value: &str) -> KvEntry {
    KvEntry {
        key: Text::from(key),
        value: Some(value.to_owned().into()),
        ..KvEntry::default()
    }
}

pub fn kvs(op: &str, entry: KvEntry) -> Command {
    Command::Kvs(Box::new(KvsRequest {
        op: op.into(),
        entry,
        ..KvsRequest::default()
    }))
}

pub fn set(key: &str, value: &str) -> Command {
    kvs("set", entry(key, value))
}

pub fn session(id: &str, node: &str, checks: &[&str], behavior: &str) -> Command {
    Command::Session(Box::new(SessionRequest {
        op: "create".into(),
        session: Session {
            id: id.into(),
            node: node.into(),
            name: format!("name of {id}"),
            behavior: behavior.into(),
            lock_delay: Nanos(15_000_000_000),
            node_checks: checks
                .iter()
                .map(|id| (*id).to_owned())
                .collect::<List<_>>(),
            ..Session::default()
        },
        ..SessionRequest::default()
    }))
}

pub fn destroy(id: &str) -> Command {
    let session = Session {
        id: id.into(),
        ..Session::default()
    };
    Command::Session(Box::new(SessionRequest {
        op: "destroy".into(),
        session,
        ..SessionRequest::default()
    }))
}

pub fn query(op: &str, query: PreparedQuery) -> Command {
    let query = Some(Box::new(query));
    Command::PreparedQuery(Box::new(PreparedQueryRequest {
        op: op.into(),
        query,
        ..PreparedQueryRequest::default()
    }))
}

pub fn txn(ops: Vec<TxnOp>) -> Command {
    Command::Txn(Box::new(TxnRequest {
        ops: ops.into(),
        ..TxnRequest::default()
    }))
}

pub fn kv_op(verb: &str, entry: KvEntry) -> TxnOp {
    TxnOp {
        kv: Some(Box::new(TxnKvOp {
            verb: verb.into(),
            entry,
        })),
        ..TxnOp::default()
    }
}

pub fn reap(index: u64) -> Command {
    Command::Tombstone(TombstoneRequest {
        op: "reap".into(),
        reap_index: index,
        ..TombstoneRequest::default()
    })
}

pub fn coordinate(node: &str) -> Command {
    Command::CoordinateBatch(
        vec![Coordinate {
            node: node.into(),
            ..Coordinate::default()
        }]
        .into(),
    )
}

pub fn at(modify_index: u64) -> RaftIndex {
    RaftIndex {
        create_index: 0,
        modify_index,
    }
}

pub fn meta(pairs: &[(&str, &str)]) -> Dict<String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

pub fn named_node(name: &str, id: &str, address: &str) -> Node {
    Node {
        id: id.into(),
        node: name.into(),
        address: address.into(),
        ..Node::default()
    }
}
