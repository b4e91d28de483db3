//! What the tests share.

use bytes::Bytes;
use model::{HealthCheck, KvEntry, NodeService};
use ports::{Answered, Caller, Data, Query, Read, ReadOptions, Rpc, RpcError, Write};
use rt::{Room, Time};
use server::{Config, NodeConfig, Server};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use wire::Outcome;
use wire::command::{DeregisterRequest, KvsRequest, RegisterRequest};

/// Longer than any wait here in real time.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Bench {
    pub room: Room,
    pub time: Time,
    pub server: Arc<Server>,
}

pub fn config() -> Config {
    Config {
        node: NodeConfig {
            id: "11111111-0000-0000-0000-000000000001".into(),
            name: "server1".into(),
            address: "127.0.0.1".into(),
            ..NodeConfig::default()
        },
        ..Config::default()
    }
}

pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// Lets other tasks run until `holds`.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    patiently(what, async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(config()).await
    }

    pub async fn with(config: Config) -> Self {
        let room = Room::new("test");
        let time = Time::manual();
        let server = Server::start(config, &room, time.clone()).unwrap();
        patiently("leadership", server.established(PATIENCE)).await;
        Self { room, time, server }
    }

    pub async fn end(self) {
        self.server.shutdown().await;
        self.room.close(PATIENCE).await.unwrap();
    }

    pub async fn write(&self, write: Write) -> Result<Outcome, RpcError> {
        patiently("a write", self.server.write(&Caller::internal(), "", write)).await
    }

    pub async fn kv(&self, op: &str, key: &str, value: &str) -> Outcome {
        self.kv_as(op, key, value, "").await.unwrap()
    }

    pub async fn kv_as(
        &self,
        op: &str,
        key: &str,
        value: &str,
        session: &str,
    ) -> Result<Outcome, RpcError> {
        let entry = KvEntry {
            key: key.into(),
            value: Some(Bytes::from(value.to_owned())),
            session: session.into(),
            ..KvEntry::default()
        };
        self.write(Write::Kv(Box::new(KvsRequest {
            op: op.into(),
            entry,
            ..KvsRequest::default()
        })))
        .await
    }

    pub async fn register(&self, node: &str, service: &str, check: &str, status: &str) {
        let service = (!service.is_empty()).then(|| {
            Box::new(NodeService {
                service: service.into(),
                port: 80,
                ..NodeService::default()
            })
        });
        let id = service
            .as_ref()
            .map(|s| s.service.clone())
            .unwrap_or_default();
        let check = (!check.is_empty()).then(|| {
            Box::new(HealthCheck {
                check_id: check.into(),
                name: check.into(),
                status: status.into(),
                service_id: id,
                ..HealthCheck::default()
            })
        });
        let request = RegisterRequest {
            node: node.into(),
            address: "10.0.0.1".into(),
            service,
            check,
            ..RegisterRequest::default()
        };
        self.write(Write::Register(Box::new(request)))
            .await
            .unwrap();
    }

    pub async fn deregister(&self, node: &str, service: &str) {
        let request = DeregisterRequest {
            node: node.into(),
            service_id: service.into(),
            ..DeregisterRequest::default()
        };
        self.write(Write::Deregister(Box::new(request)))
            .await
            .unwrap();
    }

    pub fn now(&self, read: Read) -> Answered {
        self.server
            .read_now(
                &Caller::internal(),
                &Query::new(read),
                &ReadOptions::default(),
            )
            .unwrap()
            .unwrap()
    }

    /// A blocking query, parked when this returns (or answered already).
    pub async fn park(&self, read: Read, index: u64, wait: Duration) -> JoinHandle<Answered> {
        let options = ReadOptions {
            min_index: index,
            max_wait: wait,
            ..ReadOptions::default()
        };
        self.park_with(Query::new(read), options).await
    }

    pub async fn park_with(&self, query: Query, options: ReadOptions) -> JoinHandle<Answered> {
        let timers = self.time.pending();
        let server = self.server.clone();
        let waiter = tokio::spawn(async move {
            Rpc::read(&*server, &Caller::internal(), query, options)
                .await
                .unwrap()
        });
        until("parking", || {
            waiter.is_finished() || self.time.pending() > timers
        })
        .await;
        waiter
    }
}

pub fn key(key: &str) -> Read {
    Read::KvGet {
        key: Bytes::from(key.to_owned()),
    }
}

pub fn prefix(prefix: &str) -> Read {
    Read::KvList {
        prefix: Bytes::from(prefix.to_owned()),
    }
}

pub fn health(name: &str) -> Read {
    Read::ServiceHealth {
        name: name.into(),
        tags: Vec::new(),
        passing: ports::HealthFilter::All,
        via: ports::Via::Name,
    }
}

pub fn value(answered: &Answered) -> Option<Bytes> {
    match &answered.answer.data {
        Data::KvEntry(entry) => entry.as_ref().and_then(|entry| entry.value.clone()),
        other => panic!("not an entry: {other:?}"),
    }
}

pub async fn done(what: &str, waiter: JoinHandle<Answered>) -> Answered {
    patiently(what, waiter).await.unwrap()
}
