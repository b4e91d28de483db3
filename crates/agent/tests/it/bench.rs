//! A catalog that does what the servers' would, and an agent before it.

use agent::{Agent, AgentPort, Config, Definitions};
use model::{HealthCheck, Node, NodeService, Session};
use parking_lot::Mutex;
use ports::{
    Answer, Answered, Beat, BoxFuture, Caller, CheckRegistration, ClusterStatus, Data, LocalAgent,
    NodeIdentity, Query, Read, ReadOptions, Rpc, RpcError, ServiceRegistration, Write,
};
use rt::{Room, Time};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wire::Outcome;
use wire::command::{DeregisterRequest, RegisterRequest, TxnRequest, TxnResponse};

pub const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Rows {
    pub node: Option<Node>,
    pub services: BTreeMap<String, NodeService>,
    pub checks: BTreeMap<String, HealthCheck>,
    /// Tokens of the writes taken.
    pub tokens: Vec<String>,
    /// Tokens of the reads asked.
    pub read_tokens: Vec<String>,
    /// Writes taken.
    pub writes: usize,
    /// What every write is answered with instead.
    pub refusal: Option<RpcError>,
}

#[derive(Default)]
pub struct Catalog(pub Mutex<Rows>);

impl Catalog {
    fn register(&self, request: RegisterRequest) {
        let mut rows = self.0.lock();
        rows.writes += 1;
        if !request.skip_node_update {
            rows.node = Some(Node {
                id: request.id.clone(),
                node: request.node.clone(),
                address: request.address.clone(),
                ..Node::default()
            });
        }
        if let Some(service) = request.service {
            rows.services.insert(service.id.clone(), *service);
        }
        for check in request
            .check
            .into_iter()
            .map(|check| *check)
            .chain(request.checks)
        {
            rows.checks.insert(check.check_id.clone(), check);
        }
    }

    fn deregister(&self, request: &DeregisterRequest) {
        let mut rows = self.0.lock();
        rows.writes += 1;
        if request.service_id.is_empty() {
            rows.checks.remove(&request.check_id);
        } else {
            rows.services.remove(&request.service_id);
            rows.checks
                .retain(|_, check| check.service_id != request.service_id);
        }
    }

    pub fn status(&self, check: &str) -> String {
        let rows = self.0.lock();
        rows.checks
            .get(check)
            .map(|check| check.status.clone())
            .unwrap_or_default()
    }
}

impl Rpc for Catalog {
    fn read<'a>(
        &'a self,
        caller: &'a Caller,
        query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Answered, RpcError>> {
        let token = caller.token.secret().to_owned();
        self.0.lock().read_tokens.push(token);
        Box::pin(async move {
            if options.min_index > 0 {
                std::future::pending::<()>().await;
            }
            let rows = self.0.lock();
            let data = match query.read {
                Read::NodeServices { .. } => Data::NodeServices(rows.node.clone().map(|node| {
                    let services = rows.services.values().cloned().map(Arc::new);
                    (Arc::new(node), services.collect())
                })),
                Read::NodeChecks { .. } => {
                    Data::Checks(rows.checks.values().cloned().map(Arc::new).collect())
                }
                _ => Data::Nodes(rows.node.clone().into_iter().map(Arc::new).collect()),
            };
            Ok(Answered {
                answer: Arc::new(Answer::new(1, data, false)),
                known_leader: true,
                last_contact: Duration::ZERO,
                filtered_by_acls: false,
            })
        })
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
        _: &'a str,
        write: Write,
    ) -> BoxFuture<'a, Result<Outcome, RpcError>> {
        let refusal = self.0.lock().refusal.clone();
        self.0.lock().tokens.push(caller.token.secret().to_owned());
        let result = match (refusal, write) {
            (Some(error), _) => Err(error),
            (None, Write::Register(request)) => {
                self.register(*request);
                Ok(Outcome::Bool(true))
            }
            (None, Write::Deregister(request)) => {
                self.deregister(&request);
                Ok(Outcome::Bool(true))
            }
            (None, _) => Err(RpcError::refused("not a write of agents")),
        };
        Box::pin(std::future::ready(result))
    }

    fn session_renew<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<Session>, RpcError>> {
        Box::pin(async { Ok(None) })
    }

    fn txn_read<'a>(
        &'a self,
        _: &'a Caller,
        _: TxnRequest,
        _: ReadOptions,
    ) -> BoxFuture<'a, Result<(TxnResponse, Answered), RpcError>> {
        Box::pin(async { Err(RpcError::NoLeader) })
    }

    fn datacenters<'a>(&'a self, _: &'a Caller) -> BoxFuture<'a, Result<Vec<String>, RpcError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn status(&self) -> ClusterStatus {
        ClusterStatus {
            leader: "127.0.0.1:8300".into(),
            ..ClusterStatus::default()
        }
    }
}

pub fn config(data_dir: Option<PathBuf>) -> Config {
    Config {
        identity: NodeIdentity {
            name: "n1".into(),
            id: "id".into(),
            datacenter: "dc1".into(),
            address: "127.0.0.1".into(),
        },
        info: local::NodeInfo {
            id: "id".into(),
            name: "n1".into(),
            address: "127.0.0.1".into(),
            datacenter: "dc1".into(),
            ..local::NodeInfo::default()
        },
        data_dir,
        scripts: false,
        local_scripts: false,
        check_update_interval: Duration::from_secs(300),
        output_max: 4096,
        discard_output: false,
        sidecar_ports: (21000, 21001),
        expose_ports: (21500, 21502),
        tokens: local::Tokens::default(),
        docker_host: String::new(),
        endpoint: None,
        check_tls: net::TlsClients::default(),
    }
}

pub struct Bench {
    pub agent: Arc<Agent>,
    pub port: AgentPort,
    pub catalog: Arc<Catalog>,
    pub time: Time,
    pub room: Room,
}

impl Bench {
    /// An agent without data directory and definitions, in sync with an empty catalog.
    pub async fn new() -> Self {
        Self::of(
            config(None),
            &Definitions::default(),
            Arc::default(),
            Time::manual(),
        )
        .await
    }

    pub async fn of(
        config: Config,
        definitions: &Definitions,
        catalog: Arc<Catalog>,
        time: Time,
    ) -> Self {
        super::logs::listen();
        let room = Room::new("test");
        let agent = Agent::start(config, definitions, catalog.clone(), &room, &time).unwrap();
        let bench = Self {
            port: AgentPort(agent.clone()),
            agent,
            catalog,
            time,
            room,
        };
        bench.settle().await;
        bench
    }

    /// Lets everything run that can run without time passing.
    pub async fn settle(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    /// Turns the clock in steps, so that what a timer starts can set timers of its own.
    pub async fn pass(&self, time: Duration) {
        let step = Duration::from_millis(500);
        let mut left = time;
        while !left.is_zero() {
            let now = left.min(step);
            self.time.advance(now);
            self.settle().await;
            left -= now;
        }
    }

    pub async fn service(&self, body: &str) -> Result<(), ports::AgentError> {
        let definition = dialect::json::from_slice(body.as_bytes(), dialect::json::Mode::Strict);
        let registration = ServiceRegistration {
            definition: definition.unwrap(),
            replace_existing_checks: false,
        };
        self.port
            .register_service(&Caller::internal(), registration)
            .await
    }

    pub async fn check(
        &self,
        id: &str,
        service: &str,
        body: &str,
    ) -> Result<(), ports::AgentError> {
        let mut definition: model::CheckType =
            dialect::json::from_slice(body.as_bytes(), dialect::json::Mode::Strict).unwrap();
        id.clone_into(&mut definition.name);
        let registration = CheckRegistration {
            id: id.into(),
            service_id: service.into(),
            definition,
            token: String::new(),
        };
        self.port
            .register_check(&Caller::internal(), registration)
            .await
    }

    pub async fn beat(&self, check: &str, status: &str, output: &str) {
        let beat = Beat {
            status: status.into(),
            output: output.into(),
        };
        self.port
            .beat(&Caller::internal(), check, beat)
            .await
            .unwrap();
    }

    pub async fn deregister(&self, service: &str) -> Result<(), ports::AgentError> {
        self.port
            .deregister_service(&Caller::internal(), service)
            .await
    }

    /// Status and output as the agent shows them.
    pub fn shown(&self, check: &str) -> (String, String) {
        let rows = self.port.checks();
        let row = rows.iter().find(|row| row.check_id == check);
        row.map(|row| (row.status.clone(), row.output.clone()))
            .unwrap_or_default()
    }

    pub fn services(&self) -> Vec<String> {
        self.port
            .services()
            .iter()
            .map(|row| row.id.clone())
            .collect()
    }

    pub fn catalog_services(&self) -> Vec<String> {
        self.catalog.0.lock().services.keys().cloned().collect()
    }
}
