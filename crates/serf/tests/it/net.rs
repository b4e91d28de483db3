//! A network in which everything arrives, but for nodes that are dead.

use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};
use serf::{Anybody, Config, Event, Moment, Serf};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use swim::{Keyring, Output, StreamMessage, Wrapping};

pub struct Peer {
    pub serf: Serf,
    pub heard: Vec<(Duration, Event)>,
}

enum Arrival {
    Packet(SocketAddr, Vec<u8>),
    Request(usize, u64, StreamMessage),
    Answer(u64, Result<StreamMessage, String>),
}

pub struct Net {
    pub peers: Vec<Option<Peer>>,
    pub now: Duration,
    pub rng: SmallRng,
    /// Keys that new nodes have.
    pub key: Option<Vec<u8>>,
    events: BTreeMap<(Duration, u64), (usize, Arrival)>,
    count: u64,
}

pub fn address(place: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, place as u8 + 1], 8301))
}

impl Net {
    pub fn new(seed: u64) -> Self {
        Self {
            peers: Vec::new(),
            now: Duration::ZERO,
            rng: SmallRng::seed_from_u64(seed),
            key: None,
            events: BTreeMap::new(),
            count: 0,
        }
    }

    pub fn pool(seed: u64, size: usize) -> Self {
        let mut net = Self::new(seed);
        net.grow(size);
        net
    }

    pub fn grow(&mut self, size: usize) {
        for place in 0..size {
            self.start(&format!("n{place}"), |_| {});
            if place > 0 {
                self.join(place, 0);
            }
        }
        let grown = self.until(Duration::from_secs(30), |net| {
            net.running()
                .all(|peer| peer.serf.members().count() == size)
        });
        assert!(grown, "no pool");
    }

    pub fn start(&mut self, name: &str, set: impl FnOnce(&mut Config)) -> usize {
        let place = self.peers.len();
        self.peers.push(None);
        self.start_at(place, name, set);
        place
    }

    pub fn start_at(&mut self, place: usize, name: &str, set: impl FnOnce(&mut Config)) {
        let mut config = Config::lan(name, address(place));
        config.tags = BTreeMap::from([("role".to_owned(), format!("role-{name}"))]);
        set(&mut config);
        let wrapping = Wrapping {
            keyring: match &self.key {
                Some(key) => Keyring::new(key).expect("a key"),
                None => Keyring::default(),
            },
            ..Wrapping::default()
        };
        let mut moment = Moment {
            now: self.now,
            rng: &mut self.rng,
        };
        let serf = Serf::new(config, wrapping, Box::new(Anybody), &mut moment).expect("starts");
        self.peers[place] = Some(Peer {
            serf,
            heard: Vec::new(),
        });
        self.collect(place);
    }

    pub fn kill(&mut self, place: usize) {
        self.peers[place] = None;
    }

    pub fn peer(&self, place: usize) -> &Peer {
        self.peers[place].as_ref().expect("it runs")
    }

    pub fn running(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().flatten()
    }

    pub fn join(&mut self, place: usize, to: usize) {
        self.with(place, |serf, moment| serf.join(address(to), false, moment));
    }

    pub fn with<T>(
        &mut self,
        place: usize,
        act: impl FnOnce(&mut Serf, &mut Moment<'_>) -> T,
    ) -> T {
        let peer = self.peers[place].as_mut().expect("it runs");
        let mut moment = Moment {
            now: self.now,
            rng: &mut self.rng,
        };
        let result = act(&mut peer.serf, &mut moment);
        self.collect(place);
        result
    }

    /// What a node heard since the last time it was asked.
    pub fn heard(&mut self, place: usize) -> Vec<Event> {
        let peer = self.peers[place].as_mut().expect("it runs");
        let heard = std::mem::take(&mut peer.heard);
        heard.into_iter().map(|(_, event)| event).collect()
    }

    pub fn until(&mut self, time: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + time;
        while self.now < end && !done(self) {
            self.run(Duration::from_millis(50));
        }
        done(self)
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let timer = self
                .peers
                .iter()
                .enumerate()
                .filter_map(|(place, peer)| Some((peer.as_ref()?.serf.deadline(), place)))
                .min();
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
                self.with(place, Serf::tick);
            }
        }
    }

    fn arrive(&mut self, place: usize, arrival: Arrival) {
        if self.peers[place].is_none() {
            if let Arrival::Request(from, key, _) = arrival {
                let refused = Err("connection refused".to_owned());
                self.schedule(from, Arrival::Answer(key, refused));
            }
            return;
        }
        match arrival {
            Arrival::Packet(from, bytes) => {
                let read = self.with(place, |serf, moment| {
                    serf.receive(from, bytes.into(), moment)
                });
                assert_eq!(read, Ok(()));
            }
            Arrival::Request(from, key, request) => {
                let answer = self.with(place, |serf, moment| serf.stream_request(request, moment));
                let answer = answer.ok_or_else(|| "EOF".to_owned());
                self.schedule(from, Arrival::Answer(key, answer));
            }
            Arrival::Answer(key, answer) => {
                self.with(place, |serf, moment| serf.stream_done(key, answer, moment));
            }
        }
    }

    fn schedule(&mut self, to: usize, arrival: Arrival) {
        self.count += 1;
        let delay = Duration::from_micros(500 + self.rng.next_u64() % 2_000);
        self.events
            .insert((self.now + delay, self.count), (to, arrival));
    }

    fn place_of(&self, addr: SocketAddr) -> Option<usize> {
        (0..self.peers.len()).find(|place| address(*place) == addr)
    }

    fn collect(&mut self, from: usize) {
        loop {
            let peer = self.peers[from].as_mut().expect("it runs");
            let Some(output) = peer.serf.next_output() else {
                break;
            };
            match output {
                Output::Packet { to, bytes } => {
                    if let Some(to) = self.place_of(to) {
                        self.schedule(to, Arrival::Packet(address(from), bytes));
                    }
                }
                Output::Stream {
                    key, to, request, ..
                } => match self.place_of(to) {
                    Some(to) => self.schedule(to, Arrival::Request(from, key, request)),
                    None => {
                        let lost = Err("i/o timeout".to_owned());
                        self.schedule(from, Arrival::Answer(key, lost));
                    }
                },
                Output::Joined { .. } => unreachable!("an event here"),
            }
        }
        let now = self.now;
        let peer = self.peers[from].as_mut().expect("it runs");
        while let Some(event) = peer.serf.next_event() {
            peer.heard.push((now, event));
        }
    }
}
