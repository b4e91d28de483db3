//! Leadership is a room: it opens when a term is established, its duties run in it, and when the term ends it closes and is
//! waited for. Nothing of a leader outlives its term (spec/server.md §7).
//!
//! A new duty is a file here with its [`Duty`], its module line and its line in [`DUTIES`].

mod authority;
mod coordinates;
mod establish;
mod reconcile;
mod sessions;
mod tombstones;

use crate::config::Config;
use crate::effects::Falling;
use crate::server::{Server, leads};
use consensus::{Role, Status};
use ports::{Authorized, BoxFuture};
use rt::{Instant, Room};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use telemetry::names;
use tokio::sync::{Mutex, mpsc, watch};

/// Duties are done for nobody but the cluster.
pub(crate) static DUTY: Authorized = Authorized::system();

/// What a leader does, beginning in this order.
const DUTIES: &[Duty] = &[
    sessions::END_SESSIONS,
    tombstones::REAP,
    reconcile::RECONCILE,
    coordinates::FLUSH,
    authority::FOUND,
];

/// Wait before establishment is tried again.
const ESTABLISH_RETRY: Duration = Duration::from_secs(5);
/// Time that duties get to end with their term. They only wait for events: each ends at its next.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Something that only the leader does, for as long as it leads.
struct Duty {
    /// Its task in the room of the term.
    name: &'static str,
    trigger: Trigger,
    /// Dropped at any of its awaits when the term ends.
    body: fn(Arc<Office>) -> BoxFuture<'static, ()>,
}

/// What sets a duty off.
enum Trigger {
    /// The term is established. The body may go on to its end.
    Established,
    /// So much time has passed, since the term was established or since it ran last.
    Every(fn(&Config) -> Duration),
}

/// A term's room, with what its duties work on.
struct Office {
    server: Arc<Server>,
    room: Room,
    falling: Due,
}

/// What falls due in the term; each end has one duty that waits for it.
struct Due {
    sessions: Mutex<mpsc::UnboundedReceiver<(String, u64)>>,
    tombstones: Mutex<mpsc::UnboundedReceiver<u64>>,
}

impl Office {
    /// Begins all duties. `since` is when the term was established.
    fn open(server: &Arc<Server>, falling: Falling, since: Instant) -> Arc<Self> {
        let office = Arc::new(Self {
            server: server.clone(),
            room: server.room.child("leader"),
            falling: Due {
                sessions: Mutex::new(falling.sessions),
                tombstones: Mutex::new(falling.tombstones),
            },
        });
        for duty in DUTIES {
            let (body, office) = (duty.body, office.clone());
            let room = office.room.clone();
            match duty.trigger {
                Trigger::Established => room.spawn(duty.name, body(office)),
                Trigger::Every(period) => room.spawn(duty.name, async move {
                    let (time, period) = (&office.server.time, period(&office.server.config));
                    let mut next = since + period;
                    loop {
                        time.sleep_until(next).await;
                        body(office.clone()).await;
                        next = time.now() + period;
                    }
                }),
            }
        }
        office
    }

    /// Returns when no task of the term is left.
    async fn close(&self) {
        if let Err(stragglers) = self.room.close(CLOSE_LIMIT).await {
            tracing::warn!(%stragglers, "duties of a leader did not end with its term");
        }
    }
}

/// The leadership that this server has taken up.
#[derive(Default)]
struct Held {
    term: Option<u64>,
    office: Option<Arc<Office>>,
}

impl Held {
    /// Whether the term taken up before has ended: a leadership lost and won again between two looks is another one.
    fn ended(&mut self, leads: bool, term: u64) -> bool {
        let ended = self.term.is_some_and(|of| !leads || of != term);
        if ended {
            self.term = None;
        }
        ended
    }

    async fn close(&mut self) {
        if let Some(office) = self.office.take() {
            office.close().await;
        }
    }
}

/// Returns when the leadership of `term` has ended; false when there is nothing to follow any more.
async fn ends(status: &mut watch::Receiver<Status>, term: u64) -> bool {
    let ended = |now: &Status| !leads(now) || now.term != term;
    status.wait_for(ended).await.is_ok()
}

impl Server {
    /// Follows who leads: takes up and lays down the leader's duties.
    pub(crate) async fn follow_leadership(self: Arc<Self>, mut status: watch::Receiver<Status>) {
        let mut held = Held::default();
        self.tell_role(Role::Follower);
        loop {
            let (lead, known, term) = {
                let now = status.borrow_and_update();
                // Before it is established, a leader does not show all that it acknowledged before its restart.
                let known = now.leader.is_some() && (leads(&now) || now.role != Role::Leader);
                (leads(&now), known, now.term)
            };
            self.known_leader.store(known, Ordering::Release);
            if held.ended(lead, term) {
                tracing::info!("cluster leadership lost");
                self.leading.store(false, Ordering::Release);
                self.tell_role(Role::Follower);
                self.ready.send_replace(false);
                self.effects.follow();
                held.close().await;
            }
            if lead && !self.is_ready() {
                // A restore replaced the rows that duties went by.
                held.close().await;
                held.term = Some(term);
                let established = tokio::select! {
                    established = self.take_up(term) => established,
                    followed = ends(&mut status, term) => if followed { continue } else { return },
                };
                match established {
                    Ok(office) => held.office = Some(office),
                    Err(error) => {
                        tracing::warn!(%error, "failed to establish leadership");
                        tokio::select! {
                            () = self.time.sleep(ESTABLISH_RETRY) => continue,
                            followed = ends(&mut status, term) => if followed { continue } else { return },
                        }
                    }
                }
            }
            tokio::select! {
                changed = status.changed() => if changed.is_err() {
                    return;
                },
                () = self.replaced.notified() => {}
            }
        }
    }

    /// Establishes the term that has begun and opens its room.
    async fn take_up(self: &Arc<Self>, term: u64) -> Result<Arc<Office>, ports::RpcError> {
        if !self.leading.swap(true, Ordering::AcqRel) {
            self.tell_election(term);
            self.tell_role(Role::Leader);
        }
        self.config.metrics.incr(names::RAFT_BARRIER);
        let began = self.time.now();
        let falling = self.establish().await?;
        let since = self.time.now();
        self.ready.send_replace(true);
        self.note(names::LEADER_BARRIER, began);
        tracing::info!("cluster leadership acquired");
        tracing::info!(payload = self.config.node.name, "New leader elected");
        Ok(Office::open(self, falling, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeConfig;
    use rt::Time;

    #[test]
    fn a_leadership_lost_and_won_between_two_looks_begins_its_duties_anew() {
        let mut held = Held {
            term: Some(3),
            office: None,
        };
        assert!(!held.ended(true, 3));
        assert!(held.ended(true, 5));
        assert!(!held.ended(true, 5));
        held.term = Some(5);
        assert!(held.ended(false, 5));
    }
    /// Under a turned clock, with a status that the test tells: the log leads throughout, the room goes by what it is told.
    #[tokio::test]
    async fn nothing_of_a_leader_outlives_its_term() {
        let (room, time) = (Room::new("test"), Time::manual());
        let config = Config {
            node: NodeConfig {
                id: "11111111-0000-0000-0000-000000000001".into(),
                name: "server1".into(),
                address: "127.0.0.1".into(),
                ..NodeConfig::default()
            },
            ..Config::default()
        };
        let (server, _crowded) = Server::assemble(config, &room, time.clone()).unwrap();
        let mut log = server.consensus.watch_status();
        let leading = log.wait_for(leads).await.unwrap().clone();
        let following = Status {
            role: Role::Follower,
            established: false,
            ..leading.clone()
        };
        let (tell, status) = watch::channel(following.clone());
        room.spawn("leadership", server.clone().follow_leadership(status));
        let tasks = async |what: &str, wanted: std::ops::RangeInclusive<usize>| {
            let reached = async {
                while !wanted.contains(&server.room.tasks()) {
                    tokio::task::yield_now().await;
                }
            };
            let reached = tokio::time::timeout(Duration::from_secs(60), reached).await;
            assert!(reached.is_ok(), "{what}: {} tasks", server.room.tasks());
        };
        // The authority is not configured and done at once; the others last as long as the term.
        let lasting = DUTIES.len() - 1;
        for term in [7, 9] {
            tell.send_replace(Status {
                term,
                ..leading.clone()
            });
            tasks("a term began", lasting..=lasting).await;
            assert!(server.is_ready());
            tell.send_replace(following.clone());
            tasks("it ended", 0..=0).await;
        }
        // A session that falls due when its end cannot be written has a task of its own, which tries again and again.
        tell.send_replace(leading.clone());
        tasks("a term began", lasting..=lasting).await;
        let session = model::Session {
            id: "s".into(),
            node: "server1".into(),
            ttl: "10s".into(),
            ..model::Session::default()
        };
        let request = wire::command::SessionRequest {
            op: "create".into(),
            session,
            ..wire::command::SessionRequest::default()
        };
        let create = wire::Command::Session(Box::new(request));
        let created = server.propose(&DUTY, &create).await.unwrap();
        assert_eq!(created, wire::Outcome::Id("s".into()));
        server.consensus.shutdown().await;
        time.advance(Duration::from_secs(21));
        tasks("a session is due", lasting + 1..=lasting + 1).await;
        tell.send_replace(following);
        tasks("its term ended", 0..=0).await;
        assert_eq!(server.session_timers(), 0);
    }
}
