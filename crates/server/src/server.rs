//! The room itself: its parts and how they start and stop.

use crate::config::Config;
use crate::counters::Counters;
use crate::effects::Effects;
use crate::group::{Group, Groups};
use crate::machine::Machine;
use crate::measure::Watch;
use crate::observe::EngineWatch;
use crate::places::Held;
use crate::prepared::template::Templates;
use crate::queue::Coordinates;
use crate::view::Board;
use consensus::{Consensus, ProposeError, Role, Status};
use ports::{Authorized, Guard, RpcError};
use rt::{Room, Time};
use state::Root;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use telemetry::names;
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, watch};
use wire::command::Stamp;
use wire::{Command, Outcome};

pub use consensus::StartError;

/// A server. It runs until its room closes; [`Server::shutdown`] also closes the log in order.
pub struct Server {
    pub(crate) config: Config,
    /// Asked before anything is done for a caller.
    pub(crate) guard: Guard,
    pub(crate) time: Time,
    pub(crate) room: Room,
    pub(crate) board: Arc<Board>,
    pub(crate) groups: Groups,
    pub(crate) effects: Arc<Effects>,
    pub(crate) coordinates: Coordinates,
    pub(crate) consensus: Consensus<Outcome>,
    /// Leads, and has applied an entry of its term: what was ever acknowledged is there.
    pub(crate) leading: AtomicBool,
    /// Someone leads.
    pub(crate) known_leader: AtomicBool,
    /// Leader duties are established: consistent reads may be served.
    pub(crate) ready: watch::Sender<bool>,
    /// Held by a restore while its pieces go into the log: those of two must not mix.
    pub(crate) restoring: Mutex<()>,
    /// Places for archives.
    pub(crate) archives: Held,
    /// Templates of prepared queries, compiled.
    pub(crate) templates: Templates,
    /// Turns of queries whose filter may take long.
    pub(crate) heavy: Semaphore,
    /// A restore ended before its time: what it collected is to be let go.
    pub(crate) abandoned: Notify,
    /// A restore replaced the state under the leader, whose duties begin anew.
    pub(crate) replaced: Notify,
    /// The process ends in order: nobody waits for news any more.
    pub(crate) ending: AtomicBool,
    counters: Arc<Counters>,
    /// When it started; its health has been stable since.
    pub(crate) started: std::time::SystemTime,
}

impl Server {
    /// Starts a server in a room of its own below `room`. Reads and writes wait for leadership, which a server alone has
    /// within milliseconds.
    ///
    /// # Errors
    /// What stands in the data directory is damaged or cannot be read.
    pub fn start(config: Config, room: &Room, time: Time) -> Result<Arc<Self>, StartError> {
        let (server, crowded) = Self::assemble(config, room, time)?;
        let room = &server.room;
        room.spawn("wake crowds", wake(crowded));
        let status = server.consensus.watch_status();
        room.spawn("leadership", server.clone().follow_leadership(status));
        room.spawn("restores", server.clone().abort_abandoned());
        room.spawn("age answers", server.clone().age_answers());
        Ok(server)
    }

    /// A server whose log runs and whose tasks do not yet; with it what comes of groups that many wait on.
    pub(crate) fn assemble(
        config: Config,
        room: &Room,
        time: Time,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<Arc<Group>>), StartError> {
        let room = room.child("server");
        let started = time.wall();
        let counters = Arc::new(Counters::default());
        // Bounded by what sends: a group is sent once per publication.
        let (crowds, crowded) = mpsc::unbounded_channel();
        let board = Arc::new(Board::new(counters.clone(), crowds));
        let effects = Effects::new(
            time.clone(),
            config.tombstone_ttl,
            config.tombstone_granularity,
        );
        let engine = consensus::Config {
            dir: config.data_dir.clone(),
            node_id: config.node.id.clone(),
            node_name: config.node.name.clone(),
            multiplier: config.raft_multiplier,
            bootstrap: config.bootstrap,
            snapshot_log_bytes: config.snapshot_log_bytes,
            disk: config.disk.clone(),
            observer: Some(Arc::new(EngineWatch::new(config.metrics.clone()))),
            ..consensus::Config::default()
        };
        let watch = Arc::new(Watch::new(config.metrics.clone(), time.clone()));
        let machine = Machine::new(board.clone(), effects.clone(), watch, room.clone());
        let consensus = Consensus::start(engine, machine, None)?;
        let server = Arc::new(Self {
            groups: Groups::new(board.clone()),
            coordinates: Coordinates::default(),
            leading: AtomicBool::new(false),
            known_leader: AtomicBool::new(false),
            ready: watch::Sender::new(false),
            restoring: Mutex::new(()),
            archives: Held::archives(),
            templates: Templates::default(),
            heavy: Semaphore::new(heavy_turns()),
            abandoned: Notify::new(),
            replaced: Notify::new(),
            ending: AtomicBool::new(false),
            guard: config.guard.clone(),
            config,
            time,
            room: room.clone(),
            board,
            effects,
            consensus,
            counters,
            started,
        });
        Ok((server, crowded))
    }

    /// Lets go, now and then, the answers that nobody asks for.
    async fn age_answers(self: Arc<Self>) {
        loop {
            self.time.sleep(crate::group::AGEING).await;
            self.groups.age();
        }
    }

    /// Memory kept for queries that nobody waits for, bytes: filters, rows and encoded bodies.
    pub fn idle_bytes(&self) -> usize {
        self.groups.idle_bytes()
    }

    /// What happened to queries since the start.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The rows as of now, whoever looks: for tests of what was written. Nothing in this crate calls it.
    pub fn unguarded_root(&self) -> Root {
        self.root(&Authorized::system())
    }

    /// The rows as of now, for who was let in.
    pub(crate) fn root(&self, authorized: &Authorized) -> Root {
        self.board.view(authorized).root.clone()
    }

    /// The engine below: its status, membership and snapshots, for the operator endpoints.
    pub fn consensus(&self) -> &Consensus<Outcome> {
        &self.consensus
    }

    /// What it was started with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Blocking queries that wait now.
    pub fn waiting(&self) -> usize {
        self.groups.waiting()
    }

    /// Session TTL timers running here: all of them on the leader, none elsewhere.
    pub fn session_timers(&self) -> usize {
        self.effects.session_timers()
    }

    /// Whether a restore has begun and not ended: what it has collected takes memory.
    pub fn is_restoring(&self) -> bool {
        self.board.restoring.load(Ordering::Acquire)
    }

    /// Whether this server leads and its leader duties are established.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Waits until this server can take part no more because its log or state is damaged or of a newer version; why. A process
    /// that goes on would be a server that answers nothing.
    pub async fn ended(&self) -> String {
        let mut status = self.consensus.watch_status();
        loop {
            if let Some(reason) = &status.borrow_and_update().ended {
                return reason.clone();
            }
            if status.changed().await.is_err() {
                // Shut down in order.
                return std::future::pending().await;
            }
        }
    }

    /// Waits until leader duties are established here, or for `limit`; whether they are.
    pub async fn established(&self, limit: Duration) -> bool {
        let mut ready = self.ready.subscribe();
        tokio::select! {
            found = ready.wait_for(|ready| *ready) => found.is_ok(),
            () = self.time.sleep(limit) => self.is_ready(),
        }
    }

    /// Every blocking query is over, now and from now on, and answered as if its time were: an orderly end has begun. All
    /// else is served until [`Server::shutdown`].
    pub fn end_waits(&self) {
        self.ending.store(true, Ordering::SeqCst);
        self.groups.wake_all();
    }

    /// Stops: no task of the room runs any more, the log is closed in order.
    pub async fn shutdown(&self) {
        // The tasks only wait for events; what stays is named by the room above.
        let _ = self.room.close(SHUTDOWN_LIMIT).await;
        self.effects.follow();
        self.consensus.shutdown().await;
    }

    /// Writes a command on the leader, for who was let in, and waits until it is applied there.
    ///
    /// # Errors
    /// No leader within the hold time, the disk failed, too much waits. A refusal of the tables is an outcome.
    pub(crate) async fn propose(
        &self,
        _: &Authorized,
        command: &Command,
    ) -> Result<Outcome, RpcError> {
        let mut waited = false;
        let metrics = &self.config.metrics;
        loop {
            let proposed = self.time.now();
            metrics.incr(names::RAFT_APPLY);
            let payload = command.encode_stamped(&self.stamp());
            match self.consensus.propose_wait(payload).await {
                Ok((_, outcome)) => {
                    let took = self.time.now().since(proposed);
                    metrics.time(names::RAFT_COMMIT_TIME, took);
                    return Ok(outcome);
                }
                // Nothing was done: it may be tried again once somebody leads.
                Err(ProposeError::NotLeader { .. }) if !waited => {
                    waited = true;
                    self.lead().await?;
                }
                Err(error) => return Err(self.unwritten(error)),
            }
        }
    }

    /// What this server writes before a command it proposes.
    fn stamp(&self) -> Stamp {
        let unix = self.time.wall().duration_since(UNIX_EPOCH);
        let nanos = unix.unwrap_or_default().as_nanos();
        Stamp {
            at: u64::try_from(nanos).unwrap_or(u64::MAX),
            accessor: None,
        }
    }

    pub(crate) fn unwritten(&self, error: ProposeError) -> RpcError {
        match error {
            ProposeError::NotLeader { .. } => RpcError::NoLeader,
            ProposeError::LeadershipLost => {
                RpcError::Unavailable(wire::errors::LEADERSHIP_LOST.to_owned())
            }
            ProposeError::Full => {
                Counters::add(&self.counters.limited);
                RpcError::Limited(error.to_string())
            }
            ProposeError::Size | ProposeError::ChangeUnderWay | ProposeError::ChangeImpossible => {
                RpcError::Refused(error.to_string())
            }
            ProposeError::Disk(_) | ProposeError::Shutdown => {
                RpcError::Unavailable(error.to_string())
            }
        }
    }
}

/// Queries with a heavy filter that run at a time: half of the processors, the other half is for all else.
fn heavy_turns() -> usize {
    std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).max(1))
}

/// Time that tasks get to end at shutdown.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

pub(crate) fn leads(status: &Status) -> bool {
    status.role == Role::Leader && status.established
}

async fn wake(mut crowded: mpsc::UnboundedReceiver<Arc<Group>>) {
    while let Some(group) = crowded.recv().await {
        group.wake();
    }
}
