//! A node of the pool: its parts, what comes in, what goes out, what time does.

use crate::messages::{Message, Ping, PushPull, State, Versions};
use crate::node::{Entry, Nodes};
use crate::packet::Wrapping;
use crate::probe::{Probe, Relay};
use crate::queue::Queue;
use crate::stream::StreamMessage;
use crate::timing::Timing;
use crate::upper::Upper;
use crate::{Node, PacketError};
use bytes::Bytes;
use rand::RngCore;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Nodes that are remembered, gone ones included; what is said of further ones is dropped.
pub const MEMBERS_MAX: usize = 100_000;
/// Bytes of a node's metadata.
pub const META_MAX: usize = 512;
/// Bytes of a node's name.
pub const NAME_MAX: usize = 512;

/// Who this node is.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name, unique in the pool.
    pub name: String,
    /// Where others reach it.
    pub addr: SocketAddr,
    /// What the layer above says of it; at most [`META_MAX`] bytes.
    pub meta: Bytes,
    /// Its protocol versions.
    pub versions: Versions,
    /// Timing of the pool.
    pub timing: Timing,
}

/// Names an exchange by stream that the driver makes.
pub type StreamKey = u64;

/// What the driver has to do.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send a packet.
    Packet {
        /// To there.
        to: SocketAddr,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Connect to `to`, send `request` as a dialer, read one answer, and bring it back with [`Swim::stream_done`].
    Stream {
        /// Names it.
        key: StreamKey,
        /// To there.
        to: SocketAddr,
        /// The request.
        request: StreamMessage,
        /// Not longer than until then.
        until: Duration,
    },
    /// A join that was asked for is over.
    Joined {
        /// As [`Swim::join`] gave it.
        key: StreamKey,
        /// Why it failed, if it did.
        result: Result<(), String>,
    },
}

/// What every call brings along.
pub struct Turn<'a> {
    /// Monotonic time since a fixed moment.
    pub now: Duration,
    /// Where all chance comes from, nonces included.
    pub rng: &'a mut dyn RngCore,
    /// The layer above.
    pub upper: &'a mut dyn Upper,
}

/// What an exchange by stream is for.
pub(crate) enum Purpose {
    /// The probe with this number.
    Ping(u32),
    PushPull {
        with: String,
        join: bool,
    },
}

/// A node of a pool, as a value.
pub struct Swim {
    pub(crate) config: Config,
    pub(crate) wrapping: Wrapping,
    pub(crate) nodes: Nodes,
    pub(crate) queue: Queue,
    pub(crate) output: VecDeque<Output>,
    /// When suspected nodes count as dead.
    pub(crate) suspected: BTreeSet<(Duration, Arc<str>)>,
    /// Own trouble: the higher, the longer others are given.
    pub(crate) awareness: u32,
    pub(crate) probe: Option<Probe>,
    /// Probes made for others, by our number.
    pub(crate) relays: HashMap<u32, Relay>,
    pub(crate) relay_ends: BTreeSet<(Duration, u32)>,
    pub(crate) streams: HashMap<StreamKey, Purpose>,
    next_stream: StreamKey,
    seq: u32,
    pub(crate) leaving: bool,
    next_probe: Duration,
    next_gossip: Duration,
    next_push_pull: Option<Duration>,
}

impl Swim {
    /// A node that is alone. It says that it is there as soon as it knows another.
    pub fn new(config: Config, wrapping: Wrapping, turn: &mut Turn<'_>) -> Self {
        let timing = config.timing;
        // Nodes that start together shall not act together.
        let mut stagger = |interval: Duration| {
            let nanos = interval.as_nanos().max(1) as u64;
            turn.now + Duration::from_nanos(turn.rng.next_u64() % nanos)
        };
        let (next_probe, next_gossip) = (
            stagger(timing.probe_interval),
            stagger(timing.gossip_interval),
        );
        let next_push_pull =
            (!timing.push_pull_interval.is_zero()).then(|| stagger(timing.push_pull_interval));
        let mut swim = Self {
            config,
            wrapping,
            nodes: Nodes::default(),
            queue: Queue::default(),
            output: VecDeque::new(),
            suspected: BTreeSet::new(),
            awareness: 0,
            probe: None,
            relays: HashMap::new(),
            relay_ends: BTreeSet::new(),
            streams: HashMap::new(),
            next_stream: 0,
            seq: 0,
            leaving: false,
            next_probe,
            next_gossip,
            next_push_pull,
        };
        let me = Node {
            name: swim.config.name.as_str().into(),
            addr: swim.config.addr,
            meta: swim.config.meta.clone(),
            versions: swim.config.versions,
            state: State::Alive,
            incarnation: 1,
        };
        let entry = Entry {
            node: me,
            changed: turn.now,
            suspicion: None,
        };
        let alive = entry.alive();
        let node = entry.node.clone();
        swim.nodes.insert(entry, turn.rng);
        swim.tell(Message::Alive(alive), &node.name);
        turn.upper.joined(turn.now, &node);
        swim
    }

    /// This node as others are told of it.
    pub fn own(&self) -> Option<&Node> {
        self.node(&self.config.name)
    }

    /// A node by name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name).map(|entry| &entry.node)
    }

    /// All nodes that are remembered, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().map(|entry| &entry.node)
    }

    /// How many nodes are remembered.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a node knows itself.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 0
    }

    /// Own trouble: 0 for none, below the profile's bound.
    pub fn awareness(&self) -> u32 {
        self.awareness
    }

    /// Keys and the like, which may change while the node runs.
    pub fn wrapping(&mut self) -> &mut Wrapping {
        &mut self.wrapping
    }

    /// What the driver reads and writes streams with.
    pub fn wrapping_ref(&self) -> &Wrapping {
        &self.wrapping
    }

    /// The next thing to do.
    pub fn next_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Broadcasts about nodes that wait.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How often each broadcast is sent, for the queue of the layer above.
    pub fn retransmits(&self) -> u32 {
        self.config.timing.retransmits(self.nodes.len())
    }

    /// When [`Swim::tick`] has something to do.
    pub fn deadline(&self) -> Duration {
        let probe = match &self.probe {
            Some(probe) => probe.deadline(),
            None => self.next_probe,
        };
        let suspected = self.suspected.first().map(|(at, _)| *at);
        let relayed = self.relay_ends.first().map(|(at, _)| *at);
        [Some(probe), suspected, relayed, self.next_push_pull]
            .into_iter()
            .flatten()
            .fold(self.next_gossip, Duration::min)
    }

    /// Time has passed.
    pub fn tick(&mut self, turn: &mut Turn<'_>) {
        self.suspicions(turn);
        self.relays_end(turn);
        self.probing(turn);
        if self.probe.is_none() && self.next_probe <= turn.now {
            // Rounds that were missed are not made up for.
            self.next_probe = after(self.next_probe, self.config.timing.probe_interval, turn.now);
            self.begin_probe(turn);
        }
        if self.next_gossip <= turn.now {
            self.next_gossip = after(
                self.next_gossip,
                self.config.timing.gossip_interval,
                turn.now,
            );
            self.gossip(turn);
        }
        if let Some(at) = self.next_push_pull
            && at <= turn.now
        {
            let interval = self.config.timing.push_pull(self.nodes.len());
            self.next_push_pull = Some(after(at, interval, turn.now));
            self.push_pull(turn);
        }
    }

    /// A packet came from `from`.
    ///
    /// # Errors
    /// What could not be read, for the log; what could be read has had its effect.
    pub fn receive(
        &mut self,
        from: SocketAddr,
        packet: Bytes,
        turn: &mut Turn<'_>,
    ) -> Result<(), PacketError> {
        let mut messages = Vec::new();
        let result = self.wrapping.unpack(packet, &mut messages);
        for message in messages {
            match message {
                Message::Ping(ping) => self.on_ping(from, ping, turn),
                Message::IndirectPing(ping) => self.on_indirect_ping(from, ping, turn),
                Message::Ack(ack) => self.on_ack(&ack, turn),
                Message::Nack(nack) => self.on_nack(nack.seq),
                Message::Alive(alive) => self.on_alive(alive, turn),
                Message::Suspect(suspect) => self.on_suspect(suspect, turn),
                Message::Dead(dead) => self.on_dead(dead, turn),
                Message::User(body) => turn.upper.message(turn.now, body),
            }
        }
        result
    }

    /// Exchanges state with the node at `addr`, as a join; [`Output::Joined`] tells how it went.
    pub fn join(&mut self, addr: SocketAddr, turn: &mut Turn<'_>) -> StreamKey {
        self.exchange(addr, addr.to_string(), true, turn)
    }

    /// Says that this node leaves. It goes on answering; [`Swim::leave_is_told`] says when it may go.
    pub fn leave(&mut self, turn: &mut Turn<'_>) {
        if std::mem::replace(&mut self.leaving, true) {
            return;
        }
        let name = self.config.name.clone();
        let incarnation = self.own().map_or(0, |node| node.incarnation);
        let dead = crate::Dead {
            incarnation,
            node: name.clone(),
            from: name,
        };
        self.on_dead(dead, turn);
    }

    /// Whether the others have been told as often as they are told anything, or there are no others.
    pub fn leave_is_told(&self) -> bool {
        let own = &*self.config.name;
        let mut others = self.nodes.iter().filter(|entry| &*entry.node.name != own);
        !self.queue.holds(own) || others.all(Entry::is_gone)
    }

    /// Says something else of this node from now on.
    pub fn set_meta(&mut self, meta: Bytes, turn: &mut Turn<'_>) {
        self.config.meta = meta.clone();
        let own = self.config.name.clone();
        let Some(entry) = self.nodes.get_mut(&own) else {
            return;
        };
        entry.node.meta = meta;
        entry.node.incarnation = entry.node.incarnation.saturating_add(1);
        let (alive, node) = (entry.alive(), entry.node.clone());
        self.tell(Message::Alive(alive), &own);
        turn.upper.updated(turn.now, &node);
    }

    /// Sends what the layer above has to say to one node, at best effort. Nothing else goes with it: who is answered has been told
    /// already, and a broadcast's transmissions are counted.
    pub fn send_user(&mut self, to: SocketAddr, body: Bytes, turn: &mut Turn<'_>) {
        self.send_parts(to, &[Message::User(body).encode()], false, turn);
    }

    /// Broadcasts what there is to say about a node.
    pub(crate) fn tell(&mut self, message: Message, about: &str) {
        self.queue.push(message.encode(), Some(about));
    }

    pub(crate) fn next_seq(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    pub(crate) fn own_ping(&mut self, node: &str) -> Ping {
        Ping {
            seq: self.next_seq(),
            node: node.to_owned(),
            source_addr: crate::node::ip_bytes(self.config.addr.ip()),
            source_port: self.config.addr.port(),
            source_node: self.config.name.clone(),
        }
    }

    /// Sends a message, and in the same packet as much as there is to tell.
    pub(crate) fn send(
        &mut self,
        to: SocketAddr,
        message: &Message,
        crc: bool,
        turn: &mut Turn<'_>,
    ) {
        let first = message.encode();
        let room = self.wrapping.room(first.len());
        let mut parts = vec![first];
        parts.extend(self.broadcasts(room, turn));
        self.send_parts(to, &parts, crc, turn);
    }

    pub(crate) fn send_parts(
        &mut self,
        to: SocketAddr,
        parts: &[Vec<u8>],
        crc: bool,
        turn: &mut Turn<'_>,
    ) {
        let mut nonce = [0; crate::NONCE_LEN];
        turn.rng.fill_bytes(&mut nonce);
        let bytes = self.wrapping.pack(parts, crc, nonce);
        self.output.push_back(Output::Packet { to, bytes });
    }

    /// What there is to tell in `room` bytes: of nodes first, then of the layer above.
    fn broadcasts(&mut self, mut room: usize, turn: &mut Turn<'_>) -> Vec<Vec<u8>> {
        /// A part's length stands before it.
        const PART: usize = 2;
        /// A type byte more.
        const USER_PART: usize = 3;
        /// Parts of a compound, the first message left out.
        const PARTS_MAX: usize = 254;
        let limit = self.retransmits();
        let mut parts = self.queue.take(PART, room, limit);
        room -= parts.iter().map(|part| PART + part.len()).sum::<usize>();
        if room > USER_PART {
            let said = turn.upper.broadcasts(USER_PART, room);
            parts.extend(
                said.into_iter()
                    .map(|body| Message::User(body.into()).encode()),
            );
        }
        parts.truncate(PARTS_MAX);
        parts
    }

    fn gossip(&mut self, turn: &mut Turn<'_>) {
        let (own, timing) = (self.config.name.clone(), self.config.timing);
        let now = turn.now;
        let to = self.nodes.some(timing.gossip_nodes, turn.rng, |entry| {
            let told = match entry.node.state {
                State::Alive | State::Suspect => true,
                State::Dead => now.saturating_sub(entry.changed) <= timing.gossip_to_the_dead,
                State::Left => false,
            };
            told && *entry.node.name != *own
        });
        for node in to {
            let parts = self.broadcasts(self.wrapping.room(0), turn);
            if parts.is_empty() {
                return;
            }
            let crc = node.versions.max >= crate::probe::CRC_VERSION;
            self.send_parts(node.addr, &parts, crc, turn);
        }
    }

    fn push_pull(&mut self, turn: &mut Turn<'_>) {
        let own = self.config.name.clone();
        let to = self.nodes.some(1, turn.rng, |entry| {
            entry.node.state == State::Alive && *entry.node.name != *own
        });
        for node in to {
            self.exchange(node.addr, node.name.to_string(), false, turn);
        }
    }

    fn exchange(
        &mut self,
        to: SocketAddr,
        with: String,
        join: bool,
        turn: &mut Turn<'_>,
    ) -> StreamKey {
        let request = StreamMessage::PushPull(self.told(join, turn));
        let until = turn.now + self.config.timing.tcp_timeout;
        self.stream(to, request, until, Purpose::PushPull { with, join })
    }

    pub(crate) fn stream(
        &mut self,
        to: SocketAddr,
        request: StreamMessage,
        until: Duration,
        purpose: Purpose,
    ) -> StreamKey {
        self.next_stream += 1;
        let key = self.next_stream;
        self.streams.insert(key, purpose);
        self.output.push_back(Output::Stream {
            key,
            to,
            request,
            until,
        });
        key
    }

    /// All that is known, as a push/pull says it.
    pub(crate) fn told(&mut self, join: bool, turn: &mut Turn<'_>) -> PushPull {
        PushPull {
            join,
            nodes: self.nodes.iter().map(Entry::told).collect(),
            user_state: turn.upper.local_state(join),
        }
    }
}

/// The next moment of a rhythm behind `now`.
fn after(at: Duration, interval: Duration, now: Duration) -> Duration {
    let next = at + interval;
    if next > now { next } else { now + interval }
}
