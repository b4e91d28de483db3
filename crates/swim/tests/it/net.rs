//! Pools in a simulated network: packets and streams take time, get lost, are cut off; nodes freeze, die and come back. All chance
//! comes from one seed.

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;
use swim::{
    Config, Message, Node, Note, Output, State, StreamMessage, Swim, Timing, Turn, Upper, Versions,
    Wrapping,
};

pub const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What the layer above of a node heard.
#[derive(Default)]
pub struct Heard {
    pub joined: Vec<(Duration, String)>,
    pub left: Vec<(Duration, String, State)>,
    pub updated: Vec<String>,
    pub conflicts: Vec<String>,
    pub messages: Vec<Bytes>,
    pub notes: Vec<Note>,
    pub answers: usize,
    /// Broadcasts to send, each once.
    pub to_say: Vec<Vec<u8>>,
    /// Names that are not admitted.
    pub banned: BTreeSet<String>,
}

impl Upper for Heard {
    fn broadcasts(&mut self, overhead: usize, room: usize) -> Vec<Vec<u8>> {
        let mut left = room;
        let mut taken = Vec::new();
        while let Some(next) = self.to_say.last()
            && overhead + next.len() <= left
        {
            left -= overhead + next.len();
            taken.extend(self.to_say.pop());
        }
        taken
    }
    fn message(&mut self, _: Duration, body: Bytes) {
        self.messages.push(body);
    }
    fn local_state(&mut self, _: bool) -> Bytes {
        Bytes::from_static(b"state")
    }
    fn merge_state(&mut self, _: Duration, state: Bytes, _: bool) {
        assert_eq!(state, &b"state"[..]);
    }
    fn ack_payload(&mut self) -> Bytes {
        Bytes::from_static(b"here")
    }
    fn answered(&mut self, _: &Node, _: Duration, payload: &Bytes) {
        assert_eq!(payload, &b"here"[..]);
        self.answers += 1;
    }
    fn admits(&mut self, node: &Node) -> Result<(), String> {
        match self.banned.contains(&*node.name) {
            true => Err("banned".to_owned()),
            false => Ok(()),
        }
    }
    fn admits_all(&mut self, nodes: &[Node]) -> Result<(), String> {
        nodes.iter().try_for_each(|node| self.admits(node))
    }
    fn joined(&mut self, now: Duration, node: &Node) {
        self.joined.push((now, node.name.to_string()));
    }
    fn left(&mut self, now: Duration, node: &Node) {
        self.left.push((now, node.name.to_string(), node.state));
    }
    fn updated(&mut self, _: Duration, node: &Node) {
        self.updated.push(node.name.to_string());
    }
    fn conflict(&mut self, known: &Node, _: &Node) {
        self.conflicts.push(known.name.to_string());
    }
    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

pub struct Peer {
    pub swim: Swim,
    pub heard: Heard,
    /// A process that is stopped: it does nothing, what comes waits.
    pub frozen: bool,
    waiting: Vec<Arrival>,
}

enum Arrival {
    Packet(SocketAddr, Vec<u8>),
    /// A request by stream: who asked, under which key.
    Request(usize, u64, StreamMessage),
    Answer(u64, Result<StreamMessage, String>),
}

pub struct Net {
    pub peers: Vec<Option<Peer>>,
    pub now: Duration,
    pub rng: SmallRng,
    /// Packets lost, of 100.
    pub loss: u32,
    /// Nodes of the other side of a cut.
    pub cut: BTreeSet<usize>,
    /// Packets of these nodes are dropped, streams are not.
    pub streams_only: BTreeSet<usize>,
    pub packets: u64,
    /// Compression costs most of a large pool's run.
    pub compress: bool,
    events: BTreeMap<(Duration, u64), (usize, Arrival)>,
    count: u64,
    timing: Timing,
    /// When which node has something to do by itself.
    timers: BTreeSet<(Duration, usize)>,
    armed: Vec<Option<Duration>>,
}

pub fn address(place: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, (place / 250) as u8, (place % 250 + 1) as u8], 8301))
}

impl Net {
    pub fn new(seed: u64, timing: Timing) -> Self {
        Self {
            peers: Vec::new(),
            now: Duration::ZERO,
            rng: SmallRng::seed_from_u64(seed),
            loss: 0,
            cut: BTreeSet::new(),
            streams_only: BTreeSet::new(),
            packets: 0,
            compress: true,
            events: BTreeMap::new(),
            count: 0,
            timing,
            timers: BTreeSet::new(),
            armed: Vec::new(),
        }
    }

    /// A pool of `size` that know each other.
    pub fn pool(seed: u64, size: usize, timing: Timing) -> Self {
        let mut net = Self::new(seed, timing);
        for place in 0..size {
            net.start(&format!("n{place}"));
            if place > 0 {
                net.join(place, 0);
                net.run(ms(20));
            }
        }
        let grown = net.until(Duration::from_secs(60), |net| net.all_know(size));
        assert!(grown, "the pool did not grow together");
        net
    }

    /// Starts a node at the next place.
    pub fn start(&mut self, name: &str) -> usize {
        let place = self.peers.len();
        self.peers.push(None);
        self.start_at(place, name);
        place
    }

    pub fn start_at(&mut self, place: usize, name: &str) {
        let config = Config {
            name: name.to_owned(),
            addr: address(place),
            meta: Bytes::from_static(b"meta"),
            versions: Versions::speaking(4),
            timing: self.timing,
        };
        let wrapping = Wrapping {
            compress: self.compress,
            ..Wrapping::default()
        };
        let mut heard = Heard::default();
        let mut turn = Turn {
            now: self.now,
            rng: &mut self.rng,
            upper: &mut heard,
        };
        let swim = Swim::new(config, wrapping, &mut turn);
        self.peers[place] = Some(Peer {
            swim,
            heard,
            frozen: false,
            waiting: Vec::new(),
        });
        self.arm(place);
    }

    pub fn kill(&mut self, place: usize) {
        self.peers[place] = None;
        self.arm(place);
    }

    pub fn freeze(&mut self, place: usize) {
        self.peer(place).frozen = true;
        self.arm(place);
    }

    fn arm(&mut self, place: usize) {
        self.armed.resize(self.peers.len(), None);
        if let Some(at) = self.armed[place].take() {
            self.timers.remove(&(at, place));
        }
        let runs = self.peers[place].as_ref().filter(|peer| !peer.frozen);
        if let Some(peer) = runs {
            let at = peer.swim.deadline();
            self.armed[place] = Some(at);
            self.timers.insert((at, place));
        }
    }

    pub fn thaw(&mut self, place: usize) {
        let peer = self.peer(place);
        peer.frozen = false;
        for arrival in std::mem::take(&mut peer.waiting) {
            self.arrive(place, arrival);
        }
        self.arm(place);
    }

    pub fn peer(&mut self, place: usize) -> &mut Peer {
        self.peers[place].as_mut().expect("it runs")
    }

    /// Something is done with a node.
    pub fn with<T>(&mut self, place: usize, act: impl FnOnce(&mut Swim, &mut Turn<'_>) -> T) -> T {
        let peer = self.peers[place].as_mut().expect("it runs");
        let mut turn = Turn {
            now: self.now,
            rng: &mut self.rng,
            upper: &mut peer.heard,
        };
        let result = act(&mut peer.swim, &mut turn);
        self.collect(place);
        self.arm(place);
        result
    }

    pub fn join(&mut self, place: usize, to: usize) {
        self.with(place, |swim, turn| swim.join(address(to), turn));
    }

    /// Whether every running node holds `size` nodes for alive.
    pub fn all_know(&self, size: usize) -> bool {
        self.running().all(|peer| alive(&peer.swim) == size)
    }

    pub fn running(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().flatten()
    }

    /// Runs until `done` or for `time`; whether it is done.
    pub fn until(&mut self, time: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + time;
        while self.now < end {
            if done(self) {
                return true;
            }
            self.run(ms(50));
        }
        done(self)
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let timer = self.timers.first().copied();
            let next = event.into_iter().chain(timer.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if event.is_some_and(|at| at <= next)
                && let Some((_, (place, arrival))) = self.events.pop_first()
            {
                self.arrive(place, arrival);
            } else if let Some((_, place)) = timer {
                self.with(place, Swim::tick);
            }
        }
    }

    fn arrive(&mut self, place: usize, arrival: Arrival) {
        let Some(peer) = &mut self.peers[place] else {
            if let Arrival::Request(from, key, _) = arrival {
                let refused = Err("connection refused".to_owned());
                self.schedule(from, ms(1), Arrival::Answer(key, refused));
            }
            return;
        };
        if peer.frozen {
            peer.waiting.push(arrival);
            return;
        }
        match arrival {
            Arrival::Packet(from, bytes) => {
                let read = self.with(place, |swim, turn| swim.receive(from, bytes.into(), turn));
                assert_eq!(read, Ok(()));
            }
            Arrival::Request(from, key, request) => {
                let answer = self.with(place, |swim, turn| swim.stream_request(request, turn));
                let answer = answer.ok_or_else(|| "EOF".to_owned());
                self.schedule(from, ms(1), Arrival::Answer(key, answer));
            }
            Arrival::Answer(key, answer) => {
                self.with(place, |swim, turn| swim.stream_done(key, answer, turn));
            }
        }
    }

    fn schedule(&mut self, to: usize, delay: Duration, arrival: Arrival) {
        self.count += 1;
        self.events
            .insert((self.now + delay, self.count), (to, arrival));
    }

    fn place_of(&self, addr: SocketAddr) -> Option<usize> {
        let SocketAddr::V4(addr) = addr else {
            return None;
        };
        let [_, _, high, low] = addr.ip().octets();
        let place = usize::from(high) * 250 + usize::from(low).checked_sub(1)?;
        (place < self.peers.len()).then_some(place)
    }

    /// Carries what a node wants to send.
    fn collect(&mut self, from: usize) {
        while let Some(output) = self.peer(from).swim.next_output() {
            match output {
                Output::Packet { to, bytes } => {
                    self.packets += 1;
                    assert!(bytes.len() <= swim::PACKET_BUDGET, "{}", bytes.len());
                    let Some(to) = self.place_of(to) else {
                        continue;
                    };
                    let apart = self.cut.contains(&from) != self.cut.contains(&to);
                    let deaf = self.streams_only.contains(&to) || self.streams_only.contains(&from);
                    if apart || deaf || self.rng.random_range(0..100) < self.loss {
                        continue;
                    }
                    let delay = ms(1) + Duration::from_micros(self.rng.next_u64() % 4_000);
                    self.schedule(to, delay, Arrival::Packet(address(from), bytes));
                }
                Output::Stream {
                    key, to, request, ..
                } => {
                    let to = self.place_of(to);
                    let reachable =
                        to.filter(|to| self.cut.contains(&from) == self.cut.contains(to));
                    match reachable {
                        Some(to) => self.schedule(to, ms(2), Arrival::Request(from, key, request)),
                        None => {
                            let lost = Err("i/o timeout".to_owned());
                            self.schedule(from, ms(5_000), Arrival::Answer(key, lost));
                        }
                    }
                }
                Output::Joined { result, .. } => {
                    if let Err(why) = result {
                        self.peer(from).heard.notes.push(Note::PushPull {
                            with: "join".to_owned(),
                            why,
                        });
                    }
                }
            }
        }
    }

    /// A packet of anybody's making reaches a node.
    pub fn inject(&mut self, to: usize, message: &Message) {
        let bytes = message.encode();
        let from = address(200);
        let _ = self.with(to, |swim, turn| swim.receive(from, bytes.into(), turn));
    }
}

pub fn alive(swim: &Swim) -> usize {
    let counted = |node: &&Node| matches!(node.state, State::Alive | State::Suspect);
    swim.nodes().filter(counted).count()
}
