//! Ports that answer what a recorded reply means, and keep what they were asked as a request of our own.

use bytes::Bytes;
use calls::Served;
use calls::client::{self, Origin, Request};
use model::Session;
use ports::{
    Answer, Answered, AutopilotState, BoxFuture, Caller, ClusterStatus, Data, Execute, Executed,
    Explained, Operator, Pieces, Query, RaftPeer, RaftServer, ReadOptions, Rpc, RpcError,
    ServerHealth, Snapshot, Write,
};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};
use wire::Outcome;
use wire::command::{TxnRequest, TxnResponse};
use wire::rpc::{AutopilotHealthReply, IndexedNodeServiceList};

/// The ports of one recorded call.
pub struct Fake {
    /// The reply's body, or the error.
    pub reply: Result<Bytes, String>,
    /// The address that requests with a source name.
    pub ip: Option<IpAddr>,
    /// What was asked, as we would ask it.
    pub asked: Mutex<Option<Request>>,
    pub status: ClusterStatus,
}

pub const DATACENTER: &str = "dc1";
pub const NODE: &str = "c1";

impl Fake {
    pub fn new(reply: Result<Bytes, String>, ip: Option<IpAddr>) -> Arc<Self> {
        Arc::new(Self {
            reply,
            ip,
            asked: Mutex::default(),
            status: ClusterStatus {
                leader: "127.0.0.1:19180".to_owned(),
                peers: vec!["127.0.0.1:19180".to_owned()],
                ..ClusterStatus::default()
            },
        })
    }

    pub fn served(self: &Arc<Self>) -> Arc<Served> {
        Arc::new(Served {
            rpc: self.clone(),
            operator: self.clone(),
            datacenter: DATACENTER.to_owned(),
            node: "s1".to_owned(),
        })
    }

    fn asked<T: Send + 'static>(
        &self,
        caller: &Caller,
        request: impl FnOnce(&Origin<'_>) -> Request,
        meaning: impl FnOnce(&[u8]) -> Result<T, dialect::msgpack::Error>,
    ) -> BoxFuture<'static, Result<T, RpcError>> {
        let origin = Origin {
            token: caller.token.secret(),
            datacenter: DATACENTER,
            node: NODE,
            ip: self.ip,
        };
        self.asked
            .lock()
            .unwrap()
            .get_or_insert_with(|| request(&origin));
        let result = match &self.reply {
            Ok(body) => Ok(meaning(body).expect("the reply decodes")),
            Err(why) => Err(RpcError::Refused(why.clone())),
        };
        Box::pin(std::future::ready(result))
    }
}

/// Our own clients never ask for the services of a node as a list.
fn listed(body: &[u8]) -> Result<Answered, dialect::msgpack::Error> {
    let reply: IndexedNodeServiceList = dialect::msgpack::from_slice(body)?;
    let list = reply.node_services;
    let found = list.node.map(|node| (node, list.services.into_vec()));
    Ok(Answered {
        answer: Arc::new(Answer::new(
            reply.meta.index,
            Data::NodeServices(found),
            false,
        )),
        known_leader: reply.meta.known_leader,
        last_contact: Duration::ZERO,
        filtered_by_acls: false,
    })
}

/// Nor for the health of servers in this form.
fn health(body: &[u8]) -> Result<AutopilotState, dialect::msgpack::Error> {
    let reply: AutopilotHealthReply = dialect::msgpack::from_slice(body)?;
    let servers = reply.servers.into_iter().map(|server| ServerHealth {
        id: server.id,
        name: server.name,
        address: server.address,
        serf_status: "alive".to_owned(),
        version: server.version,
        leader: server.leader,
        last_contact: Duration::ZERO,
        last_term: server.last_term,
        last_index: server.last_index,
        healthy: server.healthy,
        voter: server.voter,
        stable_since: UNIX_EPOCH
            + Duration::from_nanos(u64::try_from(server.stable_since.unix_nanos()).unwrap()),
        meta: Vec::new(),
    });
    Ok(AutopilotState {
        healthy: reply.healthy,
        failure_tolerance: 0,
        servers: servers.collect(),
    })
}

impl Rpc for Fake {
    fn read<'a>(
        &'a self,
        caller: &'a Caller,
        query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Answered, RpcError>> {
        let read = query.read.clone();
        self.asked(
            caller,
            |from| client::read(&query, &options, from),
            |body| client::answer(&read, body).or_else(|_| listed(body)),
        )
    }

    fn read_now(
        &self,
        _: &Caller,
        _: &Query,
        _: &ReadOptions,
    ) -> Option<Result<Answered, RpcError>> {
        None
    }

    fn write<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        write: Write,
    ) -> BoxFuture<'a, Result<Outcome, RpcError>> {
        let origin = Origin {
            token: caller.token.secret(),
            datacenter: DATACENTER,
            node: NODE,
            ip: None,
        };
        let (request, outcomes) = client::write(write, datacenter, &origin);
        self.asked(caller, |_| request, outcomes)
    }

    fn session_renew<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Session>, RpcError>> {
        self.asked(
            caller,
            |from| client::renew(datacenter, id, from),
            client::renewed,
        )
    }

    fn txn_read<'a>(
        &'a self,
        caller: &'a Caller,
        request: TxnRequest,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<(TxnResponse, Answered), RpcError>> {
        self.asked(
            caller,
            |from| client::txn_read(request, &options, from),
            client::txn_answer,
        )
    }

    fn execute<'a>(
        &'a self,
        caller: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Executed, RpcError>> {
        self.asked(
            caller,
            |from| client::execute(&request, &options, from),
            client::executed,
        )
    }

    fn explain<'a>(
        &'a self,
        caller: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Explained, RpcError>> {
        self.asked(
            caller,
            |from| client::explain(&request, &options, from),
            client::explained,
        )
    }

    fn datacenters<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<String>, RpcError>> {
        self.asked(caller, client::datacenters, client::texts)
    }

    fn status(&self) -> ClusterStatus {
        self.status.clone()
    }
}

impl Operator for Fake {
    fn raft_configuration<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        stale: bool,
    ) -> BoxFuture<'a, Result<Vec<RaftServer>, RpcError>> {
        self.asked(
            caller,
            |from| client::raft(datacenter, stale, from),
            client::raft_servers,
        )
    }

    fn raft_remove_peer<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        peer: RaftPeer,
    ) -> BoxFuture<'a, Result<(), RpcError>> {
        self.asked(
            caller,
            |from| client::raft_remove(datacenter, peer, from),
            |_| Ok(()),
        )
    }

    fn raft_transfer_leader<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
    ) -> BoxFuture<'a, Result<(), RpcError>> {
        unreachable!("has no call")
    }

    fn autopilot<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
    ) -> BoxFuture<'a, Result<AutopilotState, RpcError>> {
        self.asked(
            caller,
            |from| client::autopilot(datacenter, from),
            |body| client::autopilot_state(body).or_else(|_| health(body)),
        )
    }

    fn snapshot_save<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: bool,
    ) -> BoxFuture<'a, Result<Snapshot, RpcError>> {
        unreachable!("has no call")
    }

    fn snapshot_restore<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: Box<dyn Pieces>,
    ) -> BoxFuture<'a, Result<(), RpcError>> {
        unreachable!("has no call")
    }
}
