//! What stands above swim: members, their intents, events, queries. It hears of everything through [`swim::Upper`] and keeps what
//! needs swim itself for later.

use crate::config::{Config, Event, QueryKey, Rules};
use crate::coordinate::Place;
use crate::keys::KeyTask;
use crate::member::{Entry, Intents, Member, Status};
use crate::messages::{self, EventOfTime, Join, Leave, Message, QueryResponse, State, UserEvent};
use crate::query::Asked;
use crate::window::{Clock, Events, Queries};
use bytes::Bytes;
use dialect::{Dict, List};
use rand::rngs::SmallRng;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use swim::{Node, Note, Queue, Upper};

/// What needs swim, done as soon as swim's own call is over.
pub(crate) enum Later {
    /// A message for one node.
    Send(SocketAddr, Bytes),
    /// A response, which also goes through others.
    Respond {
        to: SocketAddr,
        name: String,
        factor: u8,
        message: Bytes,
    },
    /// Keys are asked for or to be changed.
    Key(KeyTask),
    /// Another node has our name.
    Conflict,
}

/// Everything that waits to be done by swim or taken by the driver is bounded by what came in one call.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) rules: Box<dyn Rules>,
    pub(crate) clock: Clock,
    pub(crate) event_clock: Clock,
    pub(crate) query_clock: Clock,
    pub(crate) members: HashMap<String, Entry>,
    pub(crate) intents: Intents,
    pub(crate) seen_events: Events,
    pub(crate) seen_queries: Queries,
    /// Broadcasts of intents, queries and events, in the order of their importance.
    pub(crate) queues: [Queue; 3],
    /// How often each broadcast is sent.
    pub(crate) retransmits: u32,
    pub(crate) asked: HashMap<QueryKey, Asked>,
    pub(crate) asked_ends: BTreeSet<(Duration, QueryKey)>,
    /// Leaving members that are forgotten then.
    pub(crate) prunes: BTreeSet<(Duration, String)>,
    /// Questions of others that were answered, by the end of their time: nobody answers twice.
    pub(crate) answered: BTreeSet<(Duration, QueryKey)>,
    pub(crate) place: Place,
    pub(crate) rng: SmallRng,
    /// Coordinates of the others.
    pub(crate) coordinates: HashMap<String, model::NetCoord>,
    /// A join is under way that wants no events of before.
    pub(crate) ignore_old: bool,
    /// We leave: nothing that is said of us is refuted.
    pub(crate) leaving: bool,
    pub(crate) later: VecDeque<Later>,
    pub(crate) events: VecDeque<Event>,
}

/// Places in [`Core::queues`].
pub(crate) const INTENTS: usize = 0;
pub(crate) const QUERIES: usize = 1;
pub(crate) const EVENTS: usize = 2;

impl Core {
    pub(crate) fn new(config: Config, rules: Box<dyn Rules>, rng: SmallRng) -> Self {
        let [mut clock, mut event_clock, mut query_clock] = [Clock::START; 3];
        clock.witness(config.clock);
        event_clock.witness(config.event_clock);
        query_clock.witness(config.query_clock);
        let from = |clock: u64| if clock > 0 { clock + 1 } else { 0 };
        Self {
            seen_events: Events::new(from(config.event_clock)),
            seen_queries: Queries::new(from(config.query_clock)),
            config,
            rules,
            clock,
            event_clock,
            query_clock,
            members: HashMap::new(),
            intents: Intents::default(),
            queues: <[Queue; 3]>::default(),
            retransmits: 0,
            asked: HashMap::new(),
            asked_ends: BTreeSet::new(),
            prunes: BTreeSet::new(),
            answered: BTreeSet::new(),
            place: Place::new(),
            rng,
            coordinates: HashMap::new(),
            ignore_old: false,
            leaving: false,
            later: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Members that are alive.
    pub(crate) fn alive(&self) -> usize {
        self.members
            .values()
            .filter(|entry| entry.member.status == Status::Alive)
            .count()
    }

    pub(crate) fn broadcast(&mut self, queue: usize, message: Vec<u8>) {
        self.queues[queue].push(message, None);
    }

    /// A node leaves; whether to tell it further.
    pub(crate) fn on_leave(&mut self, leave: &Leave, now: Duration) -> bool {
        if !self.clock.witness(leave.time) {
            return false;
        }
        let Some(entry) = self.members.get_mut(&leave.node) else {
            return self.intents.put(&leave.node, true, leave.time, now);
        };
        if leave.time <= entry.time {
            return false;
        }
        let own = leave.node == self.config.name;
        if own && !self.leaving && entry.member.status == Status::Alive {
            // Somebody says that we leave, and we do not.
            self.say_join(now);
            return false;
        }
        entry.time = leave.time;
        let (status, event): (_, fn(Member) -> Event) = match entry.member.status {
            Status::Alive => (Status::Leaving, Event::Intent),
            Status::Failed => (Status::Left, Event::Leave),
            Status::Leaving | Status::Left => (entry.member.status, Event::Intent),
        };
        if entry.member.status != status {
            entry.member.status = status;
            self.events.push_back(event(entry.member.clone()));
        }
        if leave.prune && !own {
            self.prune(&leave.node, now);
        }
        true
    }

    /// Forgets a member: at once, or when a leaving one has had its time.
    fn prune(&mut self, name: &str, now: Duration) {
        let leaving = self
            .members
            .get(name)
            .is_some_and(|entry| entry.member.status == Status::Leaving);
        if leaving {
            let wait = self.config.broadcast_timeout + self.config.leave_propagate_delay;
            self.prunes.insert((now + wait, name.to_owned()));
        } else {
            self.erase(name);
        }
    }

    /// Forgets a member.
    pub(crate) fn erase(&mut self, name: &str) {
        let Some(entry) = self.members.remove(name) else {
            return;
        };
        self.place.forget(name);
        self.coordinates.remove(name);
        self.events.push_back(Event::Reap(entry.member));
    }

    /// A node joins; whether to tell it further.
    pub(crate) fn on_join(&mut self, join: &Join, now: Duration) -> bool {
        if !self.clock.witness(join.time) {
            return false;
        }
        let Some(entry) = self.members.get_mut(&join.node) else {
            return self.intents.put(&join.node, false, join.time, now);
        };
        if join.time <= entry.time {
            return false;
        }
        entry.time = join.time;
        if entry.member.status == Status::Leaving {
            entry.member.status = Status::Alive;
            self.events.push_back(Event::Intent(entry.member.clone()));
        }
        true
    }

    /// Says that we are here.
    pub(crate) fn say_join(&mut self, now: Duration) {
        let join = Join {
            time: self.clock.time(),
            node: self.config.name.clone(),
        };
        self.on_join(&join, now);
        self.broadcast(INTENTS, Message::Join(join).encode());
    }

    /// An event of a user; whether it is new.
    pub(crate) fn on_event(&mut self, event: &UserEvent) -> bool {
        if !self.event_clock.witness(event.time) {
            return false;
        }
        let seen = EventOfTime {
            name: event.name.clone(),
            payload: Bytes::copy_from_slice(&event.payload),
        };
        if !self.seen_events.put(self.event_clock, event.time, seen) {
            return false;
        }
        self.events.push_back(Event::User {
            time: event.time,
            name: event.name.clone(),
            payload: event.payload.clone(),
        });
        true
    }

    fn on_response(&mut self, response: QueryResponse, now: Duration) {
        let key = QueryKey {
            time: response.time,
            id: response.id,
        };
        // Nobody but members answers.
        let most = self.members.len().max(1);
        if let Some(asked) = self.asked.get_mut(&key)
            && let Some(event) = asked.take(key, response, now, most)
        {
            self.events.push_back(event);
        }
    }
}

impl Upper for Core {
    fn broadcasts(&mut self, overhead: usize, mut room: usize) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        for queue in &mut self.queues {
            for message in queue.take(overhead, room, self.retransmits) {
                room -= overhead + message.len();
                taken.push(message);
            }
        }
        taken
    }

    fn message(&mut self, now: Duration, body: Bytes) {
        let (queue, further) = match Message::decode(&body) {
            Some(Message::Leave(leave)) => (INTENTS, self.on_leave(&leave, now)),
            Some(Message::Join(join)) => (INTENTS, self.on_join(&join, now)),
            Some(Message::UserEvent(event)) => (EVENTS, self.on_event(&event)),
            Some(Message::Query(query)) => (QUERIES, self.on_query(query, now)),
            Some(Message::Response(response)) => return self.on_response(response, now),
            Some(Message::Relay(head, inner)) => {
                let port = u16::try_from(head.addr.port).unwrap_or_default();
                if let Some(to) = crate::member::socket(&head.addr.ip, port) {
                    self.later.push_back(Later::Send(to, inner));
                }
                return;
            }
            None => return,
        };
        if further {
            self.broadcast(queue, body.to_vec());
        }
    }

    fn local_state(&mut self, _: bool) -> Bytes {
        let left = self
            .members
            .values()
            .filter(|entry| entry.member.status == Status::Left)
            .map(|entry| entry.member.name.clone());
        let times = self
            .members
            .values()
            .map(|entry| (entry.member.name.clone(), entry.time));
        messages::encode_state(&State {
            time: self.clock.time(),
            status_times: Dict::from_iter(times),
            left: List::from_iter(left),
            event_time: self.event_clock.time(),
            events: self.seen_events.slots(),
            query_time: self.query_clock.time(),
        })
    }

    fn merge_state(&mut self, now: Duration, state: Bytes, join: bool) {
        let Some(told) = messages::decode_state(&state) else {
            return;
        };
        for (clock, time) in [
            (&mut self.clock, told.time),
            (&mut self.event_clock, told.event_time),
            (&mut self.query_clock, told.query_time),
        ] {
            if time > 0 {
                clock.witness(time - 1);
            }
        }
        let left: BTreeSet<&String> = told.left.iter().collect();
        for (name, time) in told.status_times.iter() {
            if left.contains(name) {
                let leave = Leave {
                    time: time.saturating_add(1),
                    node: name.clone(),
                    prune: false,
                };
                self.on_leave(&leave, now);
            } else {
                let join = Join {
                    time: *time,
                    node: name.clone(),
                };
                self.on_join(&join, now);
            }
        }
        if join && self.ignore_old {
            self.seen_events.from = self.seen_events.from.max(told.event_time);
        }
        for seen in told.events.iter().flatten() {
            for event in seen.events.iter() {
                self.on_event(&UserEvent {
                    time: seen.time,
                    name: event.name.clone(),
                    payload: event.payload.clone(),
                    coalesce: false,
                });
            }
        }
    }

    fn ack_payload(&mut self) -> Bytes {
        self.place.payload()
    }

    fn answered(&mut self, node: &Node, took: Duration, payload: &Bytes) {
        let learned = self.place.learn(&node.name, took, payload, &mut self.rng);
        if let Some(coord) = learned {
            let node = node.name.to_string();
            self.coordinates.insert(node.clone(), coord.clone());
            self.events.push_back(Event::Coordinate { node, coord });
        }
    }

    fn admits(&mut self, node: &Node) -> Result<(), String> {
        self.rules.admits(&Member::of(node))
    }

    fn admits_all(&mut self, nodes: &[Node]) -> Result<(), String> {
        let member = |node: &Node| {
            let mut member = Member::of(node);
            if node.state == swim::State::Left {
                member.status = Status::Left;
            }
            member
        };
        let members: Vec<Member> = nodes.iter().map(member).collect();
        self.rules.admits_all(&members)
    }

    fn joined(&mut self, _: Duration, node: &Node) {
        let mut member = Member::of(node);
        match self.members.get_mut(&member.name) {
            Some(entry) => {
                entry.member = member.clone();
                entry.gone = Duration::ZERO;
            }
            None => {
                let mut time = 0;
                if let Some(intent) = self.intents.take(&member.name) {
                    time = intent.time;
                    if intent.leaves {
                        member.status = Status::Leaving;
                    }
                }
                let entry = Entry {
                    member: member.clone(),
                    time,
                    gone: Duration::ZERO,
                };
                self.members.insert(member.name.clone(), entry);
            }
        }
        self.events.push_back(Event::Join(member));
    }

    fn left(&mut self, now: Duration, node: &Node) {
        let Some(entry) = self.members.get_mut(&*node.name) else {
            return;
        };
        let event = match entry.member.status {
            Status::Leaving => {
                entry.member.status = Status::Left;
                Event::Leave(entry.member.clone())
            }
            Status::Alive => {
                entry.member.status = Status::Failed;
                Event::Failed(entry.member.clone())
            }
            Status::Left | Status::Failed => return,
        };
        entry.gone = now;
        self.events.push_back(event);
    }

    fn updated(&mut self, _: Duration, node: &Node) {
        if let Some(entry) = self.members.get_mut(&*node.name) {
            let status = entry.member.status;
            entry.member = Member {
                status,
                ..Member::of(node)
            };
            self.events.push_back(Event::Update(entry.member.clone()));
        }
    }

    fn conflict(&mut self, known: &Node, _: &Node) {
        if *known.name == *self.config.name && self.config.resolve_conflicts {
            self.later.push_back(Later::Conflict);
        }
    }

    fn note(&mut self, note: Note) {
        self.events.push_back(Event::Note(note));
    }
}
