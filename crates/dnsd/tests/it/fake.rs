//! A port with a small fixed catalog.

use model::{CheckServiceNode, Node, NodeDump, NodeService, ServiceAddress};
use ports::{
    Answer, Answered, BoxFuture, Caller, ClusterStatus, Data, Execute, Executed, Query, Read,
    ReadOptions, Rpc, RpcError, Write,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

#[derive(Default)]
pub struct FakeRpc {
    slow: AtomicBool,
    leaderless: AtomicBool,
}

impl FakeRpc {
    /// Answers only those who wait.
    pub fn set_slow(&self, slow: bool) {
        self.slow.store(slow, Relaxed);
    }

    /// Fails every read.
    pub fn set_leaderless(&self, leaderless: bool) {
        self.leaderless.store(leaderless, Relaxed);
    }

    fn run(&self, query: &Query) -> Result<Answered, RpcError> {
        if self.leaderless.load(Relaxed) {
            return Err(RpcError::NoLeader);
        }
        if !query.datacenter.is_empty() {
            return Err(RpcError::NoPath);
        }
        let n1 = node("n1", "10.0.0.1");
        let data = match &query.read {
            Read::ServiceHealth { name, .. } => Data::CheckServiceNodes(instances(name)),
            Read::ServiceDump { .. } => Data::CheckServiceNodes(instances("own")),
            Read::Nodes => Data::Nodes(vec![Arc::new(n1)]),
            Read::NodeDump { .. } => Data::NodeDump(vec![NodeDump {
                node: Arc::new(n1),
                services: Vec::new(),
                checks: Vec::new(),
            }]),
            other => panic!("not asked by this door: {other:?}"),
        };
        let answer = Arc::new(Answer::new(1, data, false));
        Ok(Answered {
            answer,
            known_leader: true,
            last_contact: Duration::ZERO,
            filtered_by_acls: false,
        })
    }
}

fn node(name: &str, address: &str) -> Node {
    Node {
        node: name.into(),
        address: address.into(),
        datacenter: "dc1".into(),
        ..Node::default()
    }
}

fn instances(name: &str) -> Vec<CheckServiceNode> {
    let address = match name {
        "web" | "d" => "",
        "own" => "10.0.0.9",
        "a" => "b.service.consul",
        "b" => "c.service.consul",
        "c" => "d.service.consul",
        "ext" => "www.example.com",
        _ => return Vec::new(),
    };
    let mut service = NodeService {
        service: name.into(),
        port: 80,
        address: address.into(),
        ..NodeService::default()
    };
    service.tagged_addresses.insert(
        "consul-virtual",
        ServiceAddress {
            address: "240.0.0.1".into(),
            port: 80,
        },
    );
    let node = node("n1", if name == "d" { "10.0.0.4" } else { "10.0.0.1" });
    vec![CheckServiceNode {
        node: Arc::new(node),
        service: Arc::new(service),
        checks: Vec::new(),
    }]
}

impl Rpc for FakeRpc {
    fn read<'a>(
        &'a self,
        _: &'a Caller,
        query: Query,
        _: ReadOptions,
    ) -> BoxFuture<'a, Result<Answered, RpcError>> {
        Box::pin(async move { self.run(&query) })
    }

    fn read_now(
        &self,
        _: &Caller,
        query: &Query,
        _: &ReadOptions,
    ) -> Option<Result<Answered, RpcError>> {
        (!self.slow.load(Relaxed)).then(|| self.run(query))
    }

    fn execute<'a>(
        &'a self,
        _: &'a Caller,
        request: Execute,
        _: ReadOptions,
    ) -> BoxFuture<'a, Result<Executed, RpcError>> {
        Box::pin(async move {
            match request.query.as_str() {
                "q" => Ok(Executed {
                    service: "web".into(),
                    rows: instances("web"),
                    ..Executed::default()
                }),
                _ => Err(RpcError::refused("Query not found")),
            }
        })
    }

    fn write<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: Write,
    ) -> BoxFuture<'a, Result<wire::Outcome, RpcError>> {
        Box::pin(async { Err(RpcError::NoLeader) })
    }

    fn session_renew<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<model::Session>, RpcError>> {
        Box::pin(async { Err(RpcError::NoLeader) })
    }

    fn txn_read<'a>(
        &'a self,
        _: &'a Caller,
        _: wire::command::TxnRequest,
        _: ReadOptions,
    ) -> BoxFuture<'a, Result<(wire::command::TxnResponse, Answered), RpcError>> {
        Box::pin(async { Err(RpcError::NoLeader) })
    }

    fn datacenters<'a>(&'a self, _: &'a Caller) -> BoxFuture<'a, Result<Vec<String>, RpcError>> {
        Box::pin(async { Err(RpcError::NoLeader) })
    }

    fn status(&self) -> ClusterStatus {
        ClusterStatus::default()
    }
}
