//! The node: swim below, members and what they say above, and what time does to both.

use crate::config::{
    Config, EVENT_SIZE_LIMIT, Event, QUERY_SIZE_MAX, QueryKey, Question, Refused, Rules,
};
use crate::core::{Core, EVENTS, INTENTS, Later, QUERIES};
use crate::keys::Operation;
use crate::leave::Leaving;
use crate::member::{Member, Status, ip_bytes};
use crate::messages::{Leave, Message, Query, Relay, RelayAddr, UserEvent, flag};
use crate::query::{Ask, Asked, Votes};
use crate::tags::{self, Tags};
use bytes::Bytes;
use dialect::{List, Nanos};
use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};
use std::net::SocketAddr;
use std::time::Duration;
use swim::{Output, PacketError, StreamKey, StreamMessage, Swim, Turn, Versions, Wrapping};

/// Between looks for members to forget.
const REAP_INTERVAL: Duration = Duration::from_secs(15);
/// Between tries to reach a failed member.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(30);
/// Answers to one question travel through at most this many others.
const RELAY_MAX: u8 = 5;

/// What every call brings along.
pub struct Moment<'a> {
    /// Monotonic time since a fixed moment.
    pub now: Duration,
    /// Where all chance comes from.
    pub rng: &'a mut dyn RngCore,
}

/// A node of a pool, as a value.
pub struct Serf {
    pub(crate) swim: Swim,
    pub(crate) core: Core,
    pub(crate) leaving: Option<Leaving>,
    next_reap: Duration,
    next_reconnect: Duration,
}

impl Serf {
    /// A node that is alone.
    ///
    /// # Errors
    /// Its tags are too long.
    pub fn new(
        config: Config,
        wrapping: Wrapping,
        rules: Box<dyn Rules>,
        moment: &mut Moment<'_>,
    ) -> Result<Self, Refused> {
        let below = swim::Config {
            name: config.name.clone(),
            addr: config.addr,
            meta: tags::encode(&config.tags)?,
            versions: Versions::speaking(config.protocol),
            timing: config.timing,
        };
        let seed = moment.rng.next_u64();
        let mut core = Core::new(config, rules, SmallRng::seed_from_u64(seed));
        let mut turn = Turn {
            now: moment.now,
            rng: moment.rng,
            upper: &mut core,
        };
        let swim = Swim::new(below, wrapping, &mut turn);
        let mut serf = Self {
            swim,
            core,
            leaving: None,
            next_reap: moment.now + REAP_INTERVAL,
            next_reconnect: moment.now + RECONNECT_INTERVAL,
        };
        serf.core.say_join(moment.now);
        serf.settle(moment);
        Ok(serf)
    }

    /// All members that are remembered, in no order.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.core.members.values().map(|entry| &entry.member)
    }

    /// A member by name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.core.members.get(name).map(|entry| &entry.member)
    }

    /// Where this node stands by the time answers take.
    pub fn coordinate(&self) -> &model::NetCoord {
        self.core.place.coord()
    }

    /// Where another stands, if it was measured.
    pub fn coordinate_of(&self, name: &str) -> Option<&model::NetCoord> {
        self.core.coordinates.get(name)
    }

    /// Times of members' intents, events and queries: what a snapshot holds is one less each.
    pub fn clocks(&self) -> [u64; 3] {
        [
            self.core.clock.time(),
            self.core.event_clock.time(),
            self.core.query_clock.time(),
        ]
    }

    /// swim's view, for figures.
    pub fn swim(&self) -> &Swim {
        &self.swim
    }

    /// Keys and the like.
    pub fn wrapping(&mut self) -> &mut Wrapping {
        self.swim.wrapping()
    }

    /// Broadcasts that wait: intents, queries, events.
    pub fn queued(&self) -> [usize; 3] {
        [INTENTS, QUERIES, EVENTS].map(|queue| self.core.queues[queue].len())
    }

    /// The next event, in order.
    pub fn next_event(&mut self) -> Option<Event> {
        self.core.events.pop_front()
    }

    /// The next thing for the driver to do; never [`Output::Joined`], which is an event here.
    pub fn next_output(&mut self) -> Option<Output> {
        loop {
            match self.swim.next_output()? {
                Output::Joined { key, result } => {
                    self.core.ignore_old = false;
                    self.core.events.push_back(Event::Joined { key, result });
                }
                output => return Some(output),
            }
        }
    }

    /// Something is done with swim, and then what came of it above.
    fn below<T>(
        &mut self,
        moment: &mut Moment<'_>,
        act: impl FnOnce(&mut Swim, &mut Turn<'_>) -> T,
    ) -> T {
        self.core.retransmits = self.swim.retransmits();
        let mut turn = Turn {
            now: moment.now,
            rng: moment.rng,
            upper: &mut self.core,
        };
        let result = act(&mut self.swim, &mut turn);
        self.settle(moment);
        result
    }

    /// Does what had to wait for swim's own call.
    fn settle(&mut self, moment: &mut Moment<'_>) {
        while let Some(later) = self.core.later.pop_front() {
            match later {
                Later::Send(to, message) => self.send(to, message, moment),
                Later::Respond {
                    to,
                    name,
                    factor,
                    message,
                } => {
                    self.send(to, message.clone(), moment);
                    self.relay(to, &name, factor, &message, moment);
                }
                Later::Key(task) => {
                    let own = self.core.config.name.clone();
                    let keyring = &mut self.swim.wrapping().keyring;
                    let (payload, changed) = task.run(&own, keyring);
                    if changed {
                        self.core.events.push_back(Event::Keys);
                    }
                    // A question without time left is nobody's any more.
                    let _ = self.core.respond(&task.question, payload, moment.now);
                }
                Later::Conflict => self.ask_for_name(moment),
            }
        }
    }

    fn send(&mut self, to: SocketAddr, message: Bytes, moment: &mut Moment<'_>) {
        let mut turn = Turn {
            now: moment.now,
            rng: moment.rng,
            upper: &mut self.core,
        };
        self.swim.send_user(to, message, &mut turn);
    }

    /// Sends a response also through others, who may be heard where we are not.
    fn relay(
        &mut self,
        to: SocketAddr,
        name: &str,
        factor: u8,
        message: &Bytes,
        moment: &mut Moment<'_>,
    ) {
        let factor = usize::from(factor.min(RELAY_MAX));
        if factor == 0 || self.core.members.len() < factor + 1 {
            return;
        }
        let head = Relay {
            addr: RelayAddr {
                ip: ip_bytes(to.ip()),
                port: i64::from(to.port()),
                zone: String::new(),
            },
            name: name.to_owned(),
        };
        let relayed = Bytes::from(Message::Relay(head, message.clone()).encode());
        let own = self.core.config.name.clone();
        let through = self.some(factor, moment, |member| {
            member.status == Status::Alive
                && member.versions.delegate_max >= 5
                && member.name != own
        });
        for addr in through {
            self.send(addr, relayed.clone(), moment);
        }
    }

    /// Addresses of some members that are wanted.
    fn some(
        &self,
        count: usize,
        moment: &mut Moment<'_>,
        wanted: impl Fn(&Member) -> bool,
    ) -> Vec<SocketAddr> {
        // By name first: the order of a hash table is no seed's.
        let mut all: Vec<&Member> = self.members().filter(|member| wanted(member)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count && !all.is_empty() {
            let place = (moment.rng.next_u64() % all.len() as u64) as usize;
            chosen.push(all.swap_remove(place).addr);
        }
        chosen
    }

    /// A packet came.
    ///
    /// # Errors
    /// What could not be read, for the log.
    pub fn receive(
        &mut self,
        from: SocketAddr,
        packet: Bytes,
        moment: &mut Moment<'_>,
    ) -> Result<(), PacketError> {
        let read = self.below(moment, |swim, turn| swim.receive(from, packet, turn));
        self.count_votes();
        read
    }

    /// A request came by stream; what to answer, if anything.
    pub fn stream_request(
        &mut self,
        request: StreamMessage,
        moment: &mut Moment<'_>,
    ) -> Option<StreamMessage> {
        self.below(moment, |swim, turn| swim.stream_request(request, turn))
    }

    /// An exchange of [`Output::Stream`] is over.
    pub fn stream_done(
        &mut self,
        key: StreamKey,
        answer: Result<StreamMessage, String>,
        moment: &mut Moment<'_>,
    ) {
        self.below(moment, |swim, turn| swim.stream_done(key, answer, turn));
    }

    /// Exchanges state with the node at `addr`; [`Event::Joined`] tells how it went. `ignore_old`: events of before are not wanted.
    pub fn join(
        &mut self,
        addr: SocketAddr,
        ignore_old: bool,
        moment: &mut Moment<'_>,
    ) -> StreamKey {
        self.core.ignore_old |= ignore_old;
        self.below(moment, |swim, turn| swim.join(addr, turn))
    }

    /// Makes a member that failed, or is about to leave, one that left; with `prune` it is forgotten.
    ///
    /// # Errors
    /// There is no such member.
    pub fn force_leave(
        &mut self,
        name: &str,
        prune: bool,
        moment: &mut Moment<'_>,
    ) -> Result<(), Refused> {
        if !self.core.members.contains_key(name) {
            return Err(Refused::Unknown);
        }
        self.say_leave(name, prune, moment.now);
        self.settle(moment);
        Ok(())
    }

    pub(crate) fn say_leave(&mut self, name: &str, prune: bool, now: Duration) {
        let leave = Leave {
            time: self.core.clock.step(),
            node: name.to_owned(),
            prune,
        };
        self.core.on_leave(&leave, now);
        self.core.broadcast(INTENTS, Message::Leave(leave).encode());
    }

    /// Says something else of this node from now on.
    ///
    /// # Errors
    /// The tags are too long.
    pub fn set_tags(&mut self, tags: Tags, moment: &mut Moment<'_>) -> Result<(), Refused> {
        let meta = tags::encode(&tags)?;
        self.core.config.tags = tags;
        self.below(moment, |swim, turn| swim.set_meta(meta, turn));
        Ok(())
    }

    /// Tells all members of an event.
    ///
    /// # Errors
    /// It is too long.
    pub fn user_event(
        &mut self,
        name: &str,
        payload: Bytes,
        coalesce: bool,
        moment: &mut Moment<'_>,
    ) -> Result<(), Refused> {
        let most = self.core.config.event_size_max;
        let size = name.len() + payload.len();
        if size > most {
            return Err(Refused::Event(most));
        }
        if size > EVENT_SIZE_LIMIT {
            return Err(Refused::SaneEvent(EVENT_SIZE_LIMIT));
        }
        let event = UserEvent {
            time: self.core.event_clock.time(),
            name: name.to_owned(),
            payload,
            coalesce,
        };
        let message = Message::UserEvent(event.clone()).encode();
        if message.len() > most || message.len() > EVENT_SIZE_LIMIT {
            return Err(Refused::EncodedEvent(most.min(EVENT_SIZE_LIMIT)));
        }
        self.core.event_clock.step();
        self.core.on_event(&event);
        self.core.broadcast(EVENTS, message);
        self.settle(moment);
        Ok(())
    }

    /// Asks the members something; answers come as [`Event::Answer`] until [`Event::QueryOver`].
    ///
    /// # Errors
    /// The question is too long.
    pub fn query(&mut self, ask: &Ask, moment: &mut Moment<'_>) -> Result<QueryKey, Refused> {
        let timeout = match ask.timeout {
            Duration::ZERO => self.query_timeout(),
            given => given,
        };
        let id = (moment.rng.next_u32() >> 1).max(1);
        let query = Query {
            time: self.core.query_clock.time(),
            id,
            addr: ip_bytes(self.core.config.addr.ip()),
            port: self.core.config.addr.port(),
            source: self.core.config.name.clone(),
            filters: List::from(ask.filters()),
            flags: if ask.ack { flag::ACK } else { 0 },
            relay_factor: ask.relay_factor,
            timeout: Nanos(i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX)),
            name: ask.name.clone(),
            payload: ask.payload.clone(),
        };
        let message = Message::Query(query.clone()).encode();
        if message.len() > QUERY_SIZE_MAX {
            return Err(Refused::Query(QUERY_SIZE_MAX));
        }
        let key = QueryKey {
            time: query.time,
            id,
        };
        let until = moment.now + timeout;
        self.core.asked.insert(key, Asked::new(until));
        self.core.asked_ends.insert((until, key));
        self.core.on_query(query, moment.now);
        self.core.broadcast(QUERIES, message);
        self.settle(moment);
        Ok(key)
    }

    /// Asks something about the keys; the answers are [`KeyResponse`](crate::messages::KeyResponse)s.
    ///
    /// # Errors
    /// The question is too long.
    pub fn key_query(
        &mut self,
        operation: Operation,
        key: &[u8],
        relay_factor: u8,
        moment: &mut Moment<'_>,
    ) -> Result<QueryKey, Refused> {
        let ask = Ask {
            name: operation.query().to_owned(),
            payload: crate::keys::key_request(key),
            relay_factor,
            ..Ask::default()
        };
        self.query(&ask, moment)
    }

    /// How long answers are waited for by default.
    pub fn query_timeout(&self) -> Duration {
        const MULT: u32 = 16;
        let mut scale = 0;
        let mut bound = 1;
        while bound < self.core.members.len() + 1 {
            bound *= 10;
            scale += 1;
        }
        self.core.config.timing.gossip_interval * MULT * scale.max(1)
    }

    /// Answers a question.
    ///
    /// # Errors
    /// Too late, too long, or not the first time.
    pub fn respond(
        &mut self,
        question: &Question,
        payload: Bytes,
        moment: &mut Moment<'_>,
    ) -> Result<(), Refused> {
        self.core.respond(question, payload, moment.now)?;
        self.settle(moment);
        Ok(())
    }

    /// Another has our name: the others are asked whose it is.
    fn ask_for_name(&mut self, moment: &mut Moment<'_>) {
        let under_way = self
            .core
            .asked
            .values()
            .any(|asked| asked.conflict.is_some());
        if under_way {
            return;
        }
        let ask = Ask {
            name: "_serf_conflict".to_owned(),
            payload: Bytes::from(self.core.config.name.clone()),
            ..Ask::default()
        };
        if let Ok(key) = self.query(&ask, moment)
            && let Some(asked) = self.core.asked.get_mut(&key)
        {
            asked.conflict = Some(Votes::default());
        }
    }

    /// Answers about our name are no event for anybody above.
    fn count_votes(&mut self) {
        let voting = self
            .core
            .asked
            .values()
            .any(|asked| asked.conflict.is_some());
        if !voting {
            return;
        }
        let mut kept = std::collections::VecDeque::new();
        while let Some(event) = self.core.events.pop_front() {
            match event {
                Event::Answer {
                    key,
                    payload: Some(payload),
                    ..
                } if self.is_vote(key) => self.core.vote(key, &payload),
                other => kept.push_back(other),
            }
        }
        self.core.events = kept;
    }

    fn is_vote(&self, key: QueryKey) -> bool {
        let asked = self.core.asked.get(&key);
        asked.is_some_and(|asked| asked.conflict.is_some())
    }

    /// When [`Serf::tick`] has something to do.
    pub fn deadline(&self) -> Duration {
        let asked = self.core.asked_ends.first().map(|(at, _)| *at);
        let prune = self.core.prunes.first().map(|(at, _)| *at);
        let leaving = self.leaving.as_ref().map(|leaving| leaving.next());
        [asked, prune, leaving]
            .into_iter()
            .flatten()
            .chain([self.next_reap, self.next_reconnect])
            .fold(self.swim.deadline(), Duration::min)
    }

    /// Time has passed.
    pub fn tick(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        self.below(moment, Swim::tick);
        while let Some((at, key)) = self.core.asked_ends.first().copied()
            && at <= now
        {
            self.core.asked_ends.pop_first();
            self.query_over(key);
        }
        while self.core.prunes.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, name)) = self.core.prunes.pop_first()
        {
            self.core.erase(&name);
        }
        if self.next_reap <= now {
            self.next_reap = now + REAP_INTERVAL;
            self.reap(now);
        }
        if self.next_reconnect <= now {
            self.next_reconnect = now + RECONNECT_INTERVAL;
            self.reconnect(moment);
        }
        self.go_on_leaving(moment);
    }

    fn query_over(&mut self, key: QueryKey) {
        let Some(asked) = self.core.asked.remove(&key) else {
            return;
        };
        match asked.conflict {
            None => self.core.events.push_back(Event::QueryOver(key)),
            Some(votes) => {
                let majority = votes.all / 2 + 1;
                if votes.ours < majority {
                    self.core.events.push_back(Event::NameLost);
                }
            }
        }
    }

    /// Forgets members that are gone for long, and intents of nobody.
    fn reap(&mut self, now: Duration) {
        let Config {
            reconnect_timeout,
            tombstone_timeout,
            queue_max,
            ..
        } = self.core.config;
        let mut gone: Vec<String> = self
            .core
            .members
            .values()
            .filter(|entry| {
                let kept = match entry.member.status {
                    Status::Failed => reconnect_timeout,
                    Status::Left => tombstone_timeout,
                    Status::Alive | Status::Leaving => return false,
                };
                let own = entry.member.tags.get("rc_tm");
                let own = own.and_then(|text| dialect::duration::parse(text).ok());
                let own = own.and_then(|nanos| u64::try_from(nanos).ok());
                let own = own.filter(|nanos| *nanos > 0).map(Duration::from_nanos);
                now.saturating_sub(entry.gone) > own.unwrap_or(kept)
            })
            .map(|entry| entry.member.name.clone())
            .collect();
        gone.sort();
        for name in gone {
            self.core.erase(&name);
        }
        self.core.intents.age(now);
        let most = queue_max.max(2 * self.core.members.len());
        for queue in &mut self.core.queues {
            queue.prune(most);
        }
    }

    /// Tries one failed member now and then, the more of them there are the rather.
    fn reconnect(&mut self, moment: &mut Moment<'_>) {
        let failed = self
            .members()
            .filter(|member| member.status == Status::Failed)
            .count();
        let alive = self.core.alive().max(1);
        if failed == 0 || moment.rng.next_u64() % alive as u64 >= failed as u64 {
            return;
        }
        let tried = self.some(1, moment, |member| member.status == Status::Failed);
        for addr in tried {
            self.below(moment, |swim, turn| swim.join(addr, turn));
        }
    }
}
