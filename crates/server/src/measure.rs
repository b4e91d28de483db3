//! What a server counts of its work (spec/agent-config.md §21.2).

use crate::methods;
use crate::server::{Server, leads};
use parking_lot::Mutex;
use ports::{Authorized, Caller, Consistency, Query, RpcError, Write};
use rt::{Instant, Time};
use std::sync::Arc;
use std::time::Duration;
use telemetry::metrics::Metric;
use telemetry::{Metrics, names};
use wire::{Command, Outcome};

/// Time between two looks at what changes often.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between two counts of the catalog.
const COUNT_EVERY: u32 = 9;

/// The apply thread's clock and metrics.
pub(crate) struct Watch {
    metrics: Metrics,
    time: Time,
    /// When the first command of a user's archive came.
    restoring: Mutex<Option<Instant>>,
}

/// Measures one batch; nothing while the log is replayed.
pub(crate) struct Clock<'a> {
    watch: Option<&'a Watch>,
    began: Instant,
    last: Instant,
}

impl Watch {
    pub(crate) fn new(metrics: Metrics, time: Time) -> Self {
        Self {
            metrics,
            time,
            restoring: Mutex::new(None),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.time.now()
    }

    /// Runs something and takes its time.
    pub(crate) fn timed<T>(&self, metric: Metric, work: impl FnOnce() -> T) -> T {
        let began = self.time.now();
        let done = work();
        self.metrics.time(metric, self.time.now().since(began));
        done
    }

    /// The tables were loaded from a snapshot.
    pub(crate) fn restored(&self, began: Instant) {
        let took = self.time.now().since(began);
        self.metrics.time(names::RAFT_FSM_RESTORE, took);
        let millis = took.as_secs_f64() * 1000.0;
        self.metrics
            .gauge(names::RAFT_FSM_LAST_RESTORE_DURATION, millis);
    }

    /// Follows a user's archive from its first command to its last.
    fn archive(&self, command: &Command, now: Instant) {
        match command {
            Command::RestoreBegin(_) => *self.restoring.lock() = Some(now),
            Command::RestoreAbort => *self.restoring.lock() = None,
            Command::RestoreCommit | Command::RestoreEnd(_) => {
                self.metrics.incr(names::RAFT_RESTORE);
                if let Some(began) = self.restoring.lock().take() {
                    let took = now.since(began);
                    self.metrics.time(names::RAFT_RESTORE_USER_SNAPSHOT, took);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn begin(&self, replaying: bool) -> Clock<'_> {
        let now = self.time.now();
        Clock {
            watch: (!replaying).then_some(self),
            began: now,
            last: now,
        }
    }
}

impl Clock<'_> {
    /// A command was applied, since the one before it or the batch's beginning.
    pub(crate) fn applied(&mut self, command: &Command) {
        let Some(watch) = self.watch else { return };
        let now = watch.time.now();
        if let Some((metric, op)) = timer(command) {
            watch.metrics.time_with(metric, &[op], now.since(self.last));
        } else {
            watch.archive(command, now);
        }
        self.last = now;
    }

    /// All of the batch was applied.
    pub(crate) fn batch(self, commands: usize) {
        if let Some(watch) = self.watch {
            let took = watch.time.now().since(self.began);
            watch.metrics.time(names::RAFT_FSM_APPLY, took);
            let commands = commands as f64;
            watch.metrics.gauge(names::RAFT_COMMIT_NUM_LOGS, commands);
        }
    }
}

/// The timer of a command, and its operation.
fn timer(command: &Command) -> Option<(Metric, &str)> {
    Some(match command {
        Command::Register(_) => (names::FSM_REGISTER, ""),
        Command::Deregister(_) => (names::FSM_DEREGISTER, ""),
        Command::Kvs(request) => (names::FSM_KVS, &request.op),
        Command::Session(request) => (names::FSM_SESSION, &request.op),
        Command::Tombstone(request) => (names::FSM_TOMBSTONE, &request.op),
        Command::CoordinateBatch(_) => (names::FSM_COORDINATE_BATCH_UPDATE, ""),
        Command::PreparedQuery(request) => (names::FSM_PREPARED_QUERY, &request.op),
        Command::Txn(_) => (names::FSM_TXN, ""),
        Command::Autopilot(_) => (names::FSM_AUTOPILOT, ""),
        Command::ConnectCa(request) => (names::FSM_CA, &request.op),
        Command::SystemMetadata(request) => (names::FSM_SYSTEM_METADATA, &request.op),
        _ => return None,
    })
}

impl Server {
    /// A timer that runs since `began`.
    pub(crate) fn note(&self, metric: Metric, began: Instant) {
        let took = self.time.now().since(began);
        self.config.metrics.time(metric, took);
    }

    /// A request whose time is taken whatever comes of it.
    pub(crate) async fn timed<T>(
        &self,
        metric: Metric,
        request: impl Future<Output = Result<T, RpcError>>,
    ) -> Result<T, RpcError> {
        let began = self.time.now();
        self.config.metrics.incr(names::RPC_REQUEST);
        let done = request.await;
        self.note(metric, began);
        if done.is_err() {
            self.config.metrics.incr(names::RPC_REQUEST_ERROR);
        }
        done
    }

    /// A write with its timer and the counts of requests.
    pub(crate) async fn make_measured(
        &self,
        caller: &Caller,
        datacenter: &str,
        write: Write,
    ) -> Result<Outcome, RpcError> {
        let (metric, began) = (methods::write_timer(&write), self.time.now());
        let told = self.tells_write(datacenter, &write);
        self.config.metrics.incr(names::RPC_REQUEST);
        let made = async {
            self.here(write.datacenter())?;
            let by = self
                .enter(caller, datacenter, write.method(), Consistency::Default)
                .await?;
            self.make(&by, write).await
        };
        let made = made.await;
        if let Some(metric) = metric {
            self.note(metric, began);
        }
        if let Some(told) = told {
            self.tell_call(told, made.is_err());
        }
        if made.is_err() {
            self.config.metrics.incr(names::RPC_REQUEST_ERROR);
        }
        made
    }

    /// A read comes in.
    pub(crate) fn count_read(&self, query: &Query) {
        let metrics = &self.config.metrics;
        metrics.incr(names::RPC_REQUEST);
        metrics.incr(names::RPC_QUERY);
        methods::of_read(&query.read, |method| method.count(metrics));
    }

    /// Sets gauges, again and again. Who starts the server runs it in its room.
    pub async fn measure(self: Arc<Self>) {
        let mut looks = 0;
        loop {
            self.look();
            if looks % COUNT_EVERY == 0 {
                self.count();
                self.count_health();
            }
            looks = looks.wrapping_add(1);
            self.time.sleep(LOOK).await;
        }
    }

    fn look(&self) {
        let metrics = &self.config.metrics;
        let status = self.consensus.status();
        let leads = leads(&status);
        let gauges = [
            (names::RPC_QUERIES_BLOCKING, self.waiting() as f64),
            (names::RAFT_APPLIED_INDEX, status.applied_index as f64),
            (names::RAFT_LAST_INDEX, status.last_index as f64),
            (names::SERVER_IS_LEADER, f64::from(u8::from(leads))),
            (
                names::SESSION_TTL_ACTIVE,
                self.effects.session_timers() as f64,
            ),
        ];
        for (metric, value) in gauges {
            metrics.gauge(metric, value);
        }
        if leads {
            // What followers last confirmed is known to the engine alone; the leader itself is always there.
            metrics.time(names::RAFT_LEADER_LAST_CONTACT, Duration::ZERO);
        }
    }

    /// What autopilot says, which only the leader's does.
    fn count_health(&self) {
        if !self.is_ready() {
            return;
        }
        let state = self.autopilot_now(&Authorized::system());
        let metrics = &self.config.metrics;
        let tolerated = state.failure_tolerance as f64;
        metrics.gauge(names::AUTOPILOT_FAILURE_TOLERANCE, tolerated);
        let healthy = f64::from(u8::from(state.healthy));
        metrics.gauge(names::AUTOPILOT_HEALTHY, healthy);
    }

    /// Sizes of the tables.
    fn count(&self) {
        let metrics = &self.config.metrics;
        let here = [self.config.datacenter.as_str()];
        let servers = self.consensus.status().membership.members.len();
        metrics.gauge_with(names::MEMBERS_SERVERS, &here, servers as f64);
        // Clients come with gossip.
        metrics.gauge_with(names::MEMBERS_CLIENTS, &here, 0.0);
        let usage = self.root(&Authorized::system()).usage().rows;
        for (metric, value) in [
            (names::STATE_NODES, usage.nodes),
            (names::STATE_SERVICES, usage.service_names),
            (names::STATE_SERVICE_INSTANCES, usage.services),
            (names::STATE_KV_ENTRIES, usage.kvs),
            (
                names::STATE_BILLABLE_SERVICE_INSTANCES,
                usage.billable_services,
            ),
        ] {
            metrics.gauge_with(metric, &here, value as f64);
        }
        let native = ("connect-native", &usage.connect_native);
        let kinds = usage.kinds.iter().map(|(kind, n)| (kind.as_str(), n));
        for (kind, value) in kinds.chain([native]) {
            let values = [here[0], kind];
            metrics.gauge_with(names::STATE_CONNECT_INSTANCES, &values, *value as f64);
        }
    }
}
