//! A client agent's ports over the server port of the real binary: what is asked through them is what the server has.

use crate::agent::Agent;
use bytes::Bytes;
use model::{NodeService, PreparedQuery, Session};
use ports::{
    Caller, Consistency, Data, Execute, HealthFilter, Operator as _, Query, RaftPeer, Read,
    ReadOptions, Rpc as _, RpcError, Via, Write,
};
use remote::{Place, Remote, Servers, Settings};
use rt::{Room, Time};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wire::Outcome;
use wire::command::{DeregisterRequest, KvsRequest, RegisterRequest, TxnKvOp, TxnOp, TxnRequest};

/// Longer than anything takes, however loaded the machine is.
const LIMIT: Duration = Duration::from_secs(60);

struct One(Place);

impl Servers for One {
    fn first(&self) -> Option<Place> {
        Some(self.0.clone())
    }

    fn failed(&self, _: &str) {}
}

/// A server, and the ports of a client agent that knows it.
struct Pair {
    remote: Arc<Remote>,
    caller: Caller,
    // Ends last.
    agent: Agent,
    _home: tempfile::TempDir,
}

fn pair() -> Pair {
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::start(home.path(), &[]);
    // The server registers itself after the first write is accepted.
    let own = "/v1/health/service/consul?passing";
    agent
        .client()
        .until(LIMIT, own, |answer| answer.text().contains("serfHealth"));
    let room = Room::new("client agent");
    let settings = Settings {
        datacenter: "dc1".to_owned(),
        node: "c1".to_owned(),
        hold: LIMIT,
        client_timeout: LIMIT,
        rate: -1.0,
        burst: 0,
    };
    let place = Place {
        name: "n1".to_owned(),
        address: SocketAddr::new(agent.address.ip(), 8300),
    };
    let time = Time::real(&room);
    let remote = Remote::new(settings, Arc::new(One(place)), 1, time, &room);
    Pair {
        remote,
        caller: Caller::internal(),
        agent,
        _home: home,
    }
}

impl Pair {
    async fn read(&self, read: Read) -> (u64, Data) {
        self.wait(read, 0).await
    }

    async fn wait(&self, read: Read, min_index: u64) -> (u64, Data) {
        let options = ReadOptions {
            min_index,
            max_wait: LIMIT,
            ..ReadOptions::default()
        };
        let answered = self
            .remote
            .read(&self.caller, Query::new(read), options)
            .await;
        let answer = answered.unwrap().answer;
        (answer.index, answer.data.clone())
    }

    async fn write(&self, write: Write) -> Outcome {
        self.remote.write(&self.caller, "", write).await.unwrap()
    }

    async fn set(&self, key: &'static str, value: &'static [u8]) {
        let mut request = KvsRequest {
            op: "set".to_owned(),
            ..KvsRequest::default()
        };
        request.entry.key = key.into();
        request.entry.value = Some(value.into());
        let done = self.write(Write::Kv(Box::new(request))).await;
        assert_eq!(done, Outcome::Bool(true));
    }

    async fn get(&self, key: &'static str) -> Option<Vec<u8>> {
        let key = Bytes::from_static(key.as_bytes());
        match self.read(Read::KvGet { key }).await.1 {
            Data::KvEntry(entry) => Some(entry?.value.as_ref()?.to_vec()),
            other => panic!("{other:?}"),
        }
    }
}

fn web() -> Read {
    Read::ServiceHealth {
        name: "web".to_owned(),
        tags: Vec::new(),
        passing: HealthFilter::Passing,
        via: Via::Name,
    }
}

#[tokio::test]
async fn keys_sessions_and_transactions() {
    let pair = pair();
    pair.set("a/b", b"one").await;
    assert_eq!(pair.get("a/b").await.as_deref(), Some(&b"one"[..]));
    assert_eq!(pair.get("a/none").await, None);
    let keys = Read::KvKeys {
        prefix: Bytes::from_static(b"a/"),
        separator: Bytes::new(),
    };
    assert_eq!(
        pair.read(keys).await.1,
        Data::Keys(vec![Bytes::from_static(b"a/b")])
    );
    let session = Session {
        node: "n1".to_owned(),
        ttl: "1h".to_owned(),
        ..Session::default()
    };
    let created = pair.write(Write::SessionCreate(Box::new(session))).await;
    let Outcome::Id(id) = created else {
        panic!("{created:?}");
    };
    let renewed = pair
        .remote
        .session_renew(&pair.caller, "", &id)
        .await
        .unwrap();
    assert_eq!(renewed.map(|session| session.id), Some(id.clone()));
    assert_eq!(
        pair.write(Write::SessionDestroy(id.clone())).await,
        Outcome::Nil
    );
    let gone = pair
        .remote
        .session_renew(&pair.caller, "", &id)
        .await
        .unwrap();
    assert_eq!(gone, None);
    let op = |verb: &str| TxnOp {
        kv: Some(Box::new(TxnKvOp {
            verb: verb.to_owned(),
            entry: model::KvEntry {
                key: "a/b".into(),
                ..model::KvEntry::default()
            },
        })),
        ..TxnOp::default()
    };
    let request = |verb: &str| TxnRequest {
        ops: [op(verb)].into(),
        ..TxnRequest::default()
    };
    let options = ReadOptions::default();
    let (found, _) = pair
        .remote
        .txn_read(&pair.caller, request("get"), options)
        .await
        .unwrap();
    assert_eq!(found.results.len(), 1);
    let Outcome::Txn(made) = pair.write(Write::Txn(Box::new(request("delete")))).await else {
        panic!("no transaction");
    };
    assert!(made.errors.is_empty());
    assert_eq!(pair.get("a/b").await, None);
    // What the server refuses is told with the hop's prefix.
    let nothing = Write::Register(Box::default());
    let refused = pair.remote.write(&pair.caller, "", nothing).await;
    let wanted = "rpc error making call: Must provide node".to_owned();
    assert_eq!(refused, Err(RpcError::Refused(wanted)));
}

#[tokio::test]
async fn a_watcher_sees_a_registration_and_its_end() {
    let pair = pair();
    let (index, data) = pair.read(web()).await;
    assert_eq!(data, Data::CheckServiceNodes(Vec::new()));
    let registered = async {
        let request = RegisterRequest {
            node: "elsewhere".to_owned(),
            address: "10.0.0.9".to_owned(),
            service: Some(Box::new(NodeService {
                id: "web1".to_owned(),
                service: "web".to_owned(),
                port: 80,
                ..NodeService::default()
            })),
            ..RegisterRequest::default()
        };
        pair.write(Write::Register(Box::new(request))).await
    };
    let ((after, data), outcome) = tokio::join!(pair.wait(web(), index), registered);
    assert_eq!(outcome, Outcome::Nil);
    assert!(after > index);
    let Data::CheckServiceNodes(rows) = data else {
        panic!("no instances");
    };
    assert_eq!((rows.len(), rows[0].service.port), (1, 80));
    // The same rows in their other forms.
    let by_node = Read::NodeServices {
        node: "elsewhere".to_owned(),
    };
    let Data::NodeServices(Some((node, services))) = pair.read(by_node).await.1 else {
        panic!("no node");
    };
    assert_eq!((&*node.address, services.len()), ("10.0.0.9", 1));
    let by_name = Read::ServiceNodes {
        name: "web".to_owned(),
        tags: Vec::new(),
        connect: false,
        address: String::new(),
    };
    let Data::ServiceNodes(rows) = pair.read(by_name).await.1 else {
        panic!("no instances");
    };
    assert_eq!((&*rows[0].0.node, &*rows[0].1.id), ("elsewhere", "web1"));
    let names = Read::Services;
    let Data::Services(names) = pair.read(names).await.1 else {
        panic!("no names");
    };
    assert!(names.contains_key("web") && names.contains_key("consul"));
    let removed = async {
        let request = DeregisterRequest {
            node: "elsewhere".to_owned(),
            ..DeregisterRequest::default()
        };
        pair.write(Write::Deregister(Box::new(request))).await
    };
    let ((_, data), outcome) = tokio::join!(pair.wait(web(), after), removed);
    assert_eq!(outcome, Outcome::Nil);
    assert_eq!(data, Data::CheckServiceNodes(Vec::new()));
}

#[tokio::test]
async fn queries_and_the_cluster() {
    let pair = pair();
    let mut query = PreparedQuery {
        name: "q".to_owned(),
        ..PreparedQuery::default()
    };
    query.service.service = "consul".to_owned();
    let made = pair.write(Write::QueryCreate(Box::new(query))).await;
    assert!(matches!(made, Outcome::Id(_)), "{made:?}");
    let options = ReadOptions {
        consistency: Consistency::Consistent,
        ..ReadOptions::default()
    };
    let execute = |query: &str| Execute {
        query: query.to_owned(),
        near: "_agent".to_owned(),
        ..Execute::default()
    };
    let run = pair
        .remote
        .execute(&pair.caller, execute("q"), options)
        .await
        .unwrap();
    assert_eq!((&*run.service, run.rows.len()), ("consul", 1));
    let none = pair
        .remote
        .execute(&pair.caller, execute("none"), options)
        .await;
    let wanted = "rpc error making call: Query not found".to_owned();
    assert_eq!(none, Err(RpcError::Refused(wanted)));
    let known = pair.remote.datacenters(&pair.caller).await.unwrap();
    assert_eq!(known, ["dc1"]);
    let status = pair.remote.cluster(&pair.caller).await.unwrap();
    let address = SocketAddr::new(pair.agent.address.ip(), 8300).to_string();
    assert_eq!(
        (&status.leader, &status.peers),
        (&address, &vec![address.clone()])
    );
    let raft = pair
        .remote
        .raft_configuration(&pair.caller, "", false)
        .await
        .unwrap();
    assert_eq!((&*raft[0].node, raft[0].leader), ("n1", true));
    let health = pair.remote.autopilot(&pair.caller, "").await.unwrap();
    assert!(health.healthy && health.servers[0].voter);
    let gone = RaftPeer::Id("x".to_owned());
    let removed = pair.remote.raft_remove_peer(&pair.caller, "", gone).await;
    let wanted =
        "rpc error making call: id \"x\" was not found in the Raft configuration".to_owned();
    assert_eq!(removed, Err(RpcError::Refused(wanted)));
}

#[tokio::test]
async fn an_archive_brings_back_what_was() {
    let pair = pair();
    pair.set("kept", b"before").await;
    let mut saved = pair
        .remote
        .snapshot_save(&pair.caller, "", false)
        .await
        .unwrap();
    let mut archive = Vec::new();
    loop {
        let piece = saved.archive.next().await.unwrap();
        if piece.is_empty() {
            break;
        }
        archive.extend_from_slice(&piece);
    }
    pair.set("kept", b"after").await;
    let archive = Box::new(Bytes::from(archive));
    pair.remote
        .snapshot_restore(&pair.caller, "", archive)
        .await
        .unwrap();
    assert_eq!(pair.get("kept").await.as_deref(), Some(&b"before"[..]));
}
