//! Who this node is, how the pool behaves, and what comes of it.

use crate::member::Member;
use crate::messages::Query;
use crate::tags::Tags;
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;
use swim::{Note, Timing};
use thiserror::Error;

/// Serf's version that nodes speak; Consul's speak this one.
pub const PROTOCOL: u8 = 4;

/// Settings of a node.
#[derive(Clone, Debug)]
pub struct Config {
    /// Unique in the pool.
    pub name: String,
    /// Where others reach it.
    pub addr: SocketAddr,
    /// What it says of itself.
    pub tags: Tags,
    /// Serf's version that it speaks, 2 to 5.
    pub protocol: u8,
    /// Timing of the pool.
    pub timing: Timing,
    /// Failed members are forgotten after this time; a member's tag `rc_tm` overrides it.
    pub reconnect_timeout: Duration,
    /// Members that left are forgotten after this time.
    pub tombstone_timeout: Duration,
    /// Longest wait for a broadcast to go out.
    pub broadcast_timeout: Duration,
    /// How long a leaving node stays for its word to spread.
    pub leave_propagate_delay: Duration,
    /// Bytes of a user event's name and payload, and of the whole message.
    pub event_size_max: usize,
    /// Broadcasts of a kind that may wait, or twice the members if that is more; the most sent go first.
    pub queue_max: usize,
    /// Whether a node asks the others who owns its name when another claims it, and ends if that is not itself.
    pub resolve_conflicts: bool,
    /// Times from a snapshot: events and queries of before are not wanted.
    pub event_clock: u64,
    /// The same of queries.
    pub query_clock: u64,
    /// The same of members' intents.
    pub clock: u64,
}

/// Hard bound of an event's message.
pub const EVENT_SIZE_LIMIT: usize = 9 * 1024;
/// Bytes of a query's message, and of a response's.
pub const QUERY_SIZE_MAX: usize = 1024;

impl Config {
    /// What a node of Consul's LAN pool has.
    pub fn lan(name: &str, addr: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            addr,
            tags: Tags::new(),
            protocol: PROTOCOL,
            timing: Timing {
                dead_node_reclaim: Duration::from_secs(30),
                ..Timing::LAN
            },
            reconnect_timeout: Duration::from_secs(72 * 3600),
            tombstone_timeout: Duration::from_secs(24 * 3600),
            broadcast_timeout: Duration::from_secs(5),
            leave_propagate_delay: Duration::from_secs(3),
            event_size_max: 512,
            queue_max: 4096,
            resolve_conflicts: true,
            event_clock: 0,
            query_clock: 0,
            clock: 0,
        }
    }
}

/// Who may be in the pool.
pub trait Rules: Send {
    /// Whether a member that says that it is there may be.
    ///
    /// # Errors
    /// The reason.
    fn admits(&mut self, member: &Member) -> Result<(), String>;
    /// The same of all members of a join.
    ///
    /// # Errors
    /// The reason; the join fails with it.
    fn admits_all(&mut self, members: &[Member]) -> Result<(), String>;
}

/// Everybody may.
pub struct Anybody;

impl Rules for Anybody {
    fn admits(&mut self, _: &Member) -> Result<(), String> {
        Ok(())
    }
    fn admits_all(&mut self, _: &[Member]) -> Result<(), String> {
        Ok(())
    }
}

/// What happened; to be taken in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A member is there, or is back.
    Join(Member),
    /// A member left in order.
    Leave(Member),
    /// A member does not answer any more.
    Failed(Member),
    /// A member says something else of itself.
    Update(Member),
    /// A member that was gone is forgotten.
    Reap(Member),
    /// A member said that it leaves, or took that back: no event for users, but its status is another.
    Intent(Member),
    /// An event of a user.
    User {
        /// Its logical time.
        time: u64,
        /// Its name.
        name: String,
        /// What it carries.
        payload: Bytes,
    },
    /// A question, to be answered with [`Serf::respond`](crate::Serf::respond) or not at all.
    Query(Question),
    /// An answer to a question of ours.
    Answer {
        /// As [`Serf::query`](crate::Serf::query) gave it.
        key: QueryKey,
        /// Who answers.
        from: String,
        /// The answer; `None` for an acknowledgement.
        payload: Option<Bytes>,
    },
    /// The time of a question of ours is over.
    QueryOver(QueryKey),
    /// A peer's coordinate, measured again.
    Coordinate {
        /// Whose.
        node: String,
        /// Where it stands.
        coord: model::NetCoord,
    },
    /// The keys changed: they are to be kept on disk.
    Keys,
    /// A join that was asked for is over.
    Joined {
        /// As [`Serf::join`](crate::Serf::join) gave it.
        key: swim::StreamKey,
        /// Why it failed, if it did.
        result: Result<(), String>,
    },
    /// The leave is over; the node may stop.
    Gone,
    /// Another node has our name by the word of most; the node must stop.
    NameLost,
    /// Something for the log.
    Note(Note),
}

/// A question of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryKey {
    /// Its logical time.
    pub time: u64,
    /// Drawn by chance.
    pub id: u32,
}

/// A question of somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub(crate) asked: Query,
    /// Until when it may be answered.
    pub until: Duration,
}

impl Question {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.asked.name
    }
    /// What it carries.
    pub fn payload(&self) -> &Bytes {
        &self.asked.payload
    }
    /// Who asks.
    pub fn source(&self) -> &str {
        &self.asked.source
    }
    /// Its logical time.
    pub fn time(&self) -> u64 {
        self.asked.time
    }
    /// Its number.
    pub fn id(&self) -> u32 {
        self.asked.id
    }
}

/// Why something is refused. Texts are the reference's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Name and payload of an event.
    #[error("user event exceeds configured limit of {0} bytes before encoding")]
    Event(usize),
    /// The event's whole message.
    #[error("user event exceeds configured limit of {0} bytes after encoding")]
    EncodedEvent(usize),
    /// Beyond every configuration.
    #[error("user event exceeds sane limit of {0} bytes before encoding")]
    SaneEvent(usize),
    /// A query's whole message.
    #[error("query exceeds limit of {0} bytes")]
    Query(usize),
    /// A response's whole message.
    #[error("response exceeds limit of {0} bytes")]
    Response(usize),
    /// Too late.
    #[error("response is past the deadline")]
    Late,
    /// Not twice.
    #[error("response already sent")]
    Answered,
    /// Nobody of that name.
    #[error("no member of that name")]
    Unknown,
    /// See [`TooLong`](crate::tags::TooLong).
    #[error(transparent)]
    Tags(#[from] crate::tags::TooLong),
}
