//! Nodes on loopback, with a clock that runs and timing that is short, and waits for what happens.

use gossip::{Events, Pool, PoolEvent, Settings};
use rt::{Room, Time};
use serf::{Anybody, Status};
use std::net::SocketAddr;
use std::time::Duration;

/// Longer than anything takes, however loaded the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Node {
    pub pool: Pool,
    pub events: Events,
    pub room: Room,
    /// All that was heard so far.
    pub heard: Vec<PoolEvent>,
}

pub fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A pool's timing, some ten times faster than that of one machine.
pub fn fast(settings: &mut Settings) {
    let ms = Duration::from_millis;
    let serf = &mut settings.serf;
    serf.timing.probe_interval = ms(200);
    serf.timing.probe_timeout = ms(100);
    serf.timing.gossip_interval = ms(20);
    serf.timing.push_pull_interval = ms(2_000);
    serf.timing.dead_node_reclaim = ms(0);
    serf.broadcast_timeout = ms(1_000);
    serf.leave_propagate_delay = ms(100);
}

pub fn settings(name: &str) -> Settings {
    let mut settings = Settings::lan(name, any());
    fast(&mut settings);
    settings
}

pub fn start(settings: Settings) -> Node {
    let room = Room::new("test");
    let time = Time::real(&room);
    start_at(settings, room, &time)
}

pub fn start_at(settings: Settings, room: Room, time: &Time) -> Node {
    let started = Pool::start(settings, Box::new(Anybody), &room, time);
    let (pool, events) = started.expect("the pool starts");
    Node {
        pool,
        events,
        room,
        heard: Vec::new(),
    }
}

impl Node {
    pub async fn join(&self, other: &Node) {
        let to = [other.pool.address().to_string()];
        let joined = tokio::time::timeout(PATIENCE, self.pool.join(&to, false)).await;
        assert_eq!(joined, Ok(Ok(1)));
    }

    /// Waits for events until something is so.
    pub async fn until(&mut self, what: &str, done: impl Fn(&Node) -> bool) {
        let waiting = async {
            while !done(self) {
                let event = self.events.next().await.expect("the pool runs");
                self.heard.push(event);
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        let shown: Vec<_> = self
            .pool
            .members()
            .iter()
            .map(|m| (m.name.clone(), m.status))
            .collect();
        assert!(
            waited.is_ok(),
            "{}: {what}; it knows {shown:?}",
            self.pool.name()
        );
    }

    pub fn sees(&self, name: &str) -> Option<Status> {
        Some(self.pool.member(name)?.status)
    }

    pub async fn until_sees(&mut self, name: &str, status: Option<Status>) {
        self.until(&format!("{name} {status:?}"), |node| {
            node.sees(name) == status
        })
        .await;
    }

    pub async fn stop(self) {
        assert_eq!(self.room.close(PATIENCE).await, Ok(()));
    }
}

/// Nodes that all know each other.
pub async fn pool(size: usize, set: impl Fn(&mut Settings)) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for place in 0..size {
        let mut settings = settings(&format!("n{place}"));
        set(&mut settings);
        let node = start(settings);
        if let Some(first) = nodes.first() {
            node.join(first).await;
        }
        nodes.push(node);
    }
    for node in &mut nodes {
        node.until("all are there", |node| {
            let there = node.pool.members();
            there
                .iter()
                .filter(|member| member.status == Status::Alive)
                .count()
                == size
        })
        .await;
    }
    nodes
}
