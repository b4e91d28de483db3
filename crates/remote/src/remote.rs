//! The port to the replicated state, which lives at the servers.

use crate::caller::{Calls, Kind, NOW, undecodable, wait_of};
use crate::flights::{Flights, Key};
use crate::kept::Kept;
use crate::limits::Settings;
use crate::servers::Servers;
use calls::client::{self, Origin, Request};
use model::Session;
use ports::{
    Answered, BoxFuture, Caller, ClusterStatus, Consistency, Execute, Executed, Explained, Query,
    ReadOptions, Rpc, RpcError, Write,
};
use rt::{Room, Time};
use std::sync::Arc;
use std::time::Duration;
use wire::Outcome;
use wire::command::{TxnRequest, TxnResponse};

/// The ports of a client agent.
pub struct Remote {
    pub(crate) calls: Arc<Calls>,
    flights: Arc<Flights>,
    kept: Kept,
    room: Room,
}

impl Remote {
    /// Ports over these servers; connections end with the room. `seed` spreads what many agents do at once.
    pub fn new(
        settings: Settings,
        servers: Arc<dyn Servers>,
        seed: u64,
        time: Time,
        room: &Room,
    ) -> Arc<Self> {
        Arc::new(Self {
            calls: Arc::new(Calls::new(settings, servers, seed, time, room.clone())),
            flights: Arc::default(),
            kept: Kept::default(),
            room: room.clone(),
        })
    }

    /// Another limit of calls from now on.
    pub fn limit(&self, rate: f64, burst: u32) {
        self.calls.limit(rate, burst);
    }

    pub(crate) fn origin<'a>(&'a self, caller: &'a Caller) -> Origin<'a> {
        Origin {
            token: caller.token.secret(),
            datacenter: &self.calls.settings.datacenter,
            node: &self.calls.settings.node,
            ip: caller.remote.map(|remote| remote.ip()),
        }
    }

    /// A call whose reply means something.
    pub(crate) async fn ask<T>(
        &self,
        request: Request,
        kind: Kind,
        meaning: impl FnOnce(&[u8]) -> Result<T, dialect::msgpack::Error>,
    ) -> Result<T, RpcError> {
        let body = self.calls.call(&request, kind).await?;
        meaning(&body).map_err(|error| undecodable(&error))
    }

    /// A wait, shared with equal ones. The shared call waits as long as a server lets it; each waiter has its own end.
    async fn wait(
        &self,
        caller: &Caller,
        query: Query,
        options: ReadOptions,
    ) -> Result<Answered, RpcError> {
        let key = Key {
            token: caller.token.clone(),
            query,
            consistency: options.consistency,
            index: options.min_index,
        };
        let Some((flight, task)) = self.flights.board(&key) else {
            return self.alone(caller, &key.query, options).await;
        };
        if let Some(task) = task {
            let longest = ReadOptions {
                max_wait: crate::limits::WAIT_MAX,
                ..options
            };
            let request = client::read(&key.query, &longest, &self.origin(caller));
            let (calls, read) = (self.calls.clone(), key.query.read.clone());
            self.room.spawn("shared wait", async move {
                let called = async {
                    let body = calls.call(&request, Kind::Read(wait_of(&longest))).await?;
                    client::answer(&read, &body).map_err(|error| undecodable(&error))
                };
                tokio::select! {
                    _ = task.abandoned => {}
                    outcome = called => {
                        task.outcome.send_replace(Some(outcome));
                    }
                }
            });
        }
        tokio::select! {
            landed = flight.landed() => landed,
            () = self.calls.time.sleep(wait_of(&options)) => {
                // Over: what is there now, changed or not.
                let now = ReadOptions { min_index: 0, max_wait: Duration::ZERO, ..options };
                self.alone(caller, &key.query, now).await
            }
        }
    }

    /// A read that any server may answer. When none can be reached the last answer is told again, as old as it is: who asks says
    /// how old it may be. Then nobody waits for servers to come back.
    async fn stale(
        &self,
        caller: &Caller,
        query: &Query,
        options: ReadOptions,
    ) -> Result<Answered, RpcError> {
        let hold = if self.kept.has(&caller.token, query) {
            Duration::ZERO
        } else {
            self.calls.settings.hold
        };
        let request = client::read(query, &options, &self.origin(caller));
        let called = self.calls.call_within(&request, NOW, hold).await;
        let read = called.and_then(|body| {
            client::answer(&query.read, &body).map_err(|error| undecodable(&error))
        });
        let now = self.calls.time.now();
        match read {
            Ok(answered) => {
                self.kept.keep(&caller.token, query, &answered, now);
                Ok(answered)
            }
            Err(error @ RpcError::Unavailable(_)) => {
                self.kept.last(&caller.token, query, now).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn alone(
        &self,
        caller: &Caller,
        query: &Query,
        options: ReadOptions,
    ) -> Result<Answered, RpcError> {
        let request = client::read(query, &options, &self.origin(caller));
        let kind = Kind::Read(wait_of(&options));
        self.ask(request, kind, |body| client::answer(&query.read, body))
            .await
    }
}

impl Rpc for Remote {
    fn read<'a>(
        &'a self,
        caller: &'a Caller,
        query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Answered, RpcError>> {
        Box::pin(async move {
            if options.min_index > 0 {
                self.wait(caller, query, options).await
            } else if options.consistency == Consistency::Stale {
                self.stale(caller, &query, options).await
            } else {
                self.alone(caller, &query, options).await
            }
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
        datacenter: &'a str,
        write: Write,
    ) -> BoxFuture<'a, Result<Outcome, RpcError>> {
        let (request, outcomes) = client::write(write, datacenter, &self.origin(caller));
        let calls = self.calls.clone();
        // It is finished whatever happens to the future.
        let (said, outcome) = tokio::sync::oneshot::channel();
        self.room.spawn("write", async move {
            let made = calls.call(&request, Kind::Write).await;
            let made = made.and_then(|body| outcomes(&body).map_err(|error| undecodable(&error)));
            let _ = said.send(made);
        });
        Box::pin(async move {
            let ending = || RpcError::Unavailable("the agent is ending".to_owned());
            outcome.await.unwrap_or_else(|_| Err(ending()))
        })
    }

    fn session_renew<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Session>, RpcError>> {
        let request = client::renew(datacenter, id, &self.origin(caller));
        Box::pin(self.ask(request, NOW, client::renewed))
    }

    fn txn_read<'a>(
        &'a self,
        caller: &'a Caller,
        request: TxnRequest,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<(TxnResponse, Answered), RpcError>> {
        let request = client::txn_read(request, &options, &self.origin(caller));
        Box::pin(self.ask(request, NOW, client::txn_answer))
    }

    fn execute<'a>(
        &'a self,
        caller: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Executed, RpcError>> {
        let request = client::execute(&request, &options, &self.origin(caller));
        Box::pin(self.ask(request, NOW, client::executed))
    }

    fn explain<'a>(
        &'a self,
        caller: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Explained, RpcError>> {
        let request = client::explain(&request, &options, &self.origin(caller));
        Box::pin(self.ask(request, NOW, client::explained))
    }

    fn datacenters<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<String>, RpcError>> {
        let request = client::datacenters(&self.origin(caller));
        Box::pin(self.ask(request, NOW, client::texts))
    }

    /// Only servers know without asking.
    fn status(&self) -> ClusterStatus {
        ClusterStatus::default()
    }

    fn cluster<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<ClusterStatus, RpcError>> {
        Box::pin(async move {
            let origin = self.origin(caller);
            let leader = self.ask(client::leader(&origin), NOW, client::text);
            let peers = self.ask(client::peers(&origin), NOW, client::texts);
            let (leader, peers) = tokio::try_join!(leader, peers)?;
            Ok(ClusterStatus {
                leader,
                peers,
                ..ClusterStatus::default()
            })
        })
    }
}
