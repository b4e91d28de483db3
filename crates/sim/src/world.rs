//! The world of a run: virtual time, the network, the clients and the mishaps, all from one seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;

use bytes::Bytes;
use consensus::core::Refusal;
use consensus::faults::Faults;
use consensus::{Change, Member, Membership};

use crate::disk::SimDisk;
use crate::history::{End, History, Operation, is_read};
use crate::ledger::Ledger;
use crate::machine::{Action, OpId, encode};
use crate::random::Random;
use crate::server::{Answer, Effects, Server};
use crate::{Failure, fail};

/// Microseconds of virtual time.
type Time = u64;
const MS: Time = 1000;
const TICK: Time = 25 * MS;
/// How long a healed cluster may take until a write is applied everywhere.
const HEAL: Time = 30_000 * MS;
/// Servers a run may create.
const MAX_SERVERS: usize = 9;
/// Events a run may have; more is a loop.
const MAX_EVENTS: u64 = 3_000_000;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// A deliberate mistake of the program.
    pub faults: Faults,
}

/// What a successful run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Operations acknowledged to clients.
    pub acknowledged: u64,
    /// Events of the run.
    pub events: u64,
    /// Hash over the final state and time: two runs of a seed agree.
    pub fingerprint: u64,
}

/// The fault of that name; "" is none.
#[must_use]
pub fn fault(name: &str) -> Option<Faults> {
    Some(match name {
        "" => Faults::None,
        "skip-sync" => Faults::SkipSync,
        "forget-vote" => Faults::ForgetVote,
        "drop-waiter" => Faults::DropWaiter,
        "commit-ahead" => Faults::CommitAhead,
        "read-unconfirmed" => Faults::ReadUnconfirmed,
        "trust-cache" => Faults::TrustCache,
        "sync-unwritten" => Faults::SyncUnwritten,
        "written-early" => Faults::WrittenEarly,
        "vote-early" => Faults::VoteEarly,
        "purge-too-far" => Faults::PurgeTooFar,
        "ignore-purge" => Faults::IgnorePurge,
        _ => return None,
    })
}

/// Runs a seed. A panic anywhere in it is a failure too.
///
/// # Errors
/// The first rule that was broken.
pub fn run(plan: &Plan) -> Result<Report, Failure> {
    let plan = *plan;
    let world = std::panic::catch_unwind(move || World::new(plan)?.live());
    world.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        fail(format!("panic: {}", text.unwrap_or_default()))
    })
}

#[derive(Clone)]
enum Event {
    Tick(usize, u64),
    Log(usize, u64),
    Apply(usize, u64),
    Deliver {
        to: u64,
        from: usize,
        bytes: Bytes,
        content: Option<Rc<Vec<u8>>>,
    },
    SnapshotEnded {
        server: usize,
        life: u64,
        peer: u64,
        arrived: bool,
    },
    Ask(usize),
    GiveUp(usize, OpId),
    Restart(usize),
    Mishap,
}

/// How bad a run gets.
struct Weather {
    loss: u64,
    duplicates: u64,
    delay: Time,
    stray: u64,
    slow_disk: u64,
    disk_errors: u64,
    mishap_every: Time,
    quick_restarts: bool,
    changes: bool,
}

impl Weather {
    fn draw(random: &mut Random) -> Weather {
        Weather {
            loss: *random.pick(&[0, 0, 1, 5, 20]).unwrap_or(&0),
            duplicates: *random.pick(&[0, 1, 5, 20]).unwrap_or(&0),
            delay: MS * *random.pick(&[1, 3, 10, 40, 150]).unwrap_or(&1),
            stray: *random.pick(&[0, 0, 2, 10]).unwrap_or(&0),
            slow_disk: *random.pick(&[0, 1, 10]).unwrap_or(&0),
            disk_errors: *random.pick(&[0, 0, 0, 5, 40]).unwrap_or(&0),
            mishap_every: MS * *random.pick(&[80, 200, 500, 1500]).unwrap_or(&500),
            quick_restarts: random.chance(50),
            changes: random.chance(40),
        }
    }

    const CALM: Weather = Weather {
        loss: 0,
        duplicates: 0,
        delay: MS,
        stray: 0,
        slow_disk: 0,
        disk_errors: 0,
        mishap_every: 0,
        quick_restarts: false,
        changes: false,
    };
}

struct World {
    plan: Plan,
    random: Random,
    now: Time,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    events: BTreeMap<u64, Event>,
    event_number: u64,
    servers: Vec<Server>,
    first: Membership,
    blocked: BTreeSet<(usize, usize)>,
    weather: Weather,
    chaos: bool,
    ledger: Ledger,
    history: History,
    clients: Vec<Option<OpId>>,
    next_op: OpId,
    next_id: u64,
    acknowledged: u64,
}

impl World {
    fn new(plan: Plan) -> Result<World, Failure> {
        let mut random = Random::new(plan.seed.wrapping_mul(0x9e37_79b9).wrapping_add(1));
        let count = if random.chance(60) { 3 } else { 5 };
        let weather = Weather::draw(&mut random);
        let clients = random.between(2, 6) as usize;
        let mut world = World {
            plan,
            random,
            now: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            event_number: 0,
            servers: Vec::new(),
            first: Membership::default(),
            blocked: BTreeSet::new(),
            weather,
            chaos: true,
            ledger: Ledger::default(),
            history: History::default(),
            clients: vec![None; clients],
            next_op: 1,
            next_id: 1,
            acknowledged: 0,
        };
        for _ in 0..count {
            world.add_server();
        }
        let members = world.servers.iter().map(|s| (s.id, member(s.id, true)));
        world.first.members = members.collect();
        for server in 0..count {
            world.start(server)?;
        }
        for client in 0..clients {
            world.later(300 * MS, Event::Ask(client));
        }
        let mishap = world.weather.mishap_every;
        world.later(mishap, Event::Mishap);
        Ok(world)
    }

    fn add_server(&mut self) {
        let (id, seed) = (self.next_id, self.random.draw());
        self.next_id += 1;
        let disk = SimDisk::new(seed);
        disk.set_errors(self.weather.disk_errors);
        self.servers.push(Server {
            id,
            disk,
            running: None,
            life: 0,
        });
    }

    fn later(&mut self, delay: Time, event: Event) {
        self.event_number += 1;
        self.queue
            .push(Reverse((self.now + delay, self.event_number)));
        self.events.insert(self.event_number, event);
    }

    fn start(&mut self, at: usize) -> Result<(), Failure> {
        let bootstrap = (at == 0).then_some(&self.first);
        let server = &mut self.servers[at];
        let started = server.start(bootstrap, self.plan.seed, self.plan.faults, &self.ledger)?;
        if !started {
            return self.crash(at);
        }
        let life = server.life;
        let phase = self.random.below(TICK);
        self.later(phase, Event::Tick(at, life));
        self.settle(at)
    }

    /// The server loses power, or its process is killed; it comes back later.
    fn crash(&mut self, at: usize) -> Result<(), Failure> {
        let power = self.random.chance(50);
        let open = self.servers[at].crash(power);
        self.servers[at].life += 1;
        for op in open {
            self.end(op, End::Unknown);
        }
        let pause = if self.weather.quick_restarts {
            MS * self.random.between(1, 60)
        } else {
            MS * self.random.between(10, 2500)
        };
        self.later(pause, Event::Restart(at));
        Ok(())
    }

    fn live(mut self) -> Result<Report, Failure> {
        let chaos = MS * self.random.between(3000, 9000);
        self.until(|world| world.now >= chaos)?;
        self.heal()?;
        // Servers that were removed meanwhile need not follow; all members must.
        let deadline = self.now + HEAL;
        let mut last: Option<OpId> = None;
        self.until(|world| {
            if world.now > deadline {
                return true;
            }
            let done = last.and_then(|op| world.history.operations.get(&op));
            if let Some(End::Done(index, _)) = done.map(|o| o.result) {
                return world.agreed(index) && world.unanswered().is_none();
            }
            let waiting = done.is_some_and(|o| o.end == 0 && world.now < o.start + 3000 * MS);
            if !waiting && let Some(leader) = world.leader() {
                last = world.final_write(leader);
            }
            false
        })?;
        if self.now > deadline {
            if let Some((server, op)) = self.unanswered() {
                let asked = self.history.operations.get(&op);
                return fail(format!("server {server} never answered {op}: {asked:?}"));
            }
            let views = self.servers.iter().map(|s| {
                let running = s.running.as_ref();
                let view = running.map(|r| (r.core.view(), r.core.membership().members.len()));
                format!("\n  {} {:?} {view:?}", s.id, s.state())
            });
            let views: String = views.collect();
            return fail(format!("not healed after {} s{views}", HEAL / MS / 1000));
        }
        self.history.check(&self.ledger)?;
        let state = self.ledger.state(u64::MAX);
        Ok(Report {
            acknowledged: self.acknowledged,
            events: self.event_number,
            fingerprint: state ^ self.now.rotate_left(32) ^ self.event_number,
        })
    }

    /// An operation that a running server took in and did not answer.
    fn unanswered(&self) -> Option<(u64, OpId)> {
        let mut open = self.servers.iter().filter_map(|server| {
            let running = server.running.as_ref()?;
            Some((server.id, *running.open.first()?))
        });
        open.next()
    }

    fn until(&mut self, mut done: impl FnMut(&mut World) -> bool) -> Result<(), Failure> {
        while !done(self) {
            let Some(Reverse((time, number))) = self.queue.pop() else {
                return fail("nothing happens any more");
            };
            if self.event_number > MAX_EVENTS {
                return fail("too many events");
            }
            self.now = time;
            if let Some(event) = self.events.remove(&number) {
                self.happen(event)?;
            }
        }
        Ok(())
    }

    /// The end of all mishaps: everything works from now on.
    fn heal(&mut self) -> Result<(), Failure> {
        self.chaos = false;
        self.weather = Weather::CALM;
        self.blocked.clear();
        for at in 0..self.servers.len() {
            self.servers[at].disk.set_errors(0);
            let broken = self.servers[at].running.as_ref().is_some_and(|r| r.broken);
            if broken || self.servers[at].disk.is_dead() {
                self.crash(at)?;
            }
            self.servers[at].disk.crash_after(u32::MAX);
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Tick(at, life) => {
                if !self.lives(at, life) {
                    return Ok(());
                }
                if let Some(running) = self.servers[at].running.as_mut().filter(|r| !r.broken) {
                    running.core.tick();
                }
                let drift = self.random.below(TICK / 20);
                self.later(TICK - TICK / 40 + drift, Event::Tick(at, life));
                self.settle(at)
            }
            Event::Log(at, life) if self.lives(at, life) => {
                self.servers[at].write()?;
                self.after_disk(at)
            }
            Event::Apply(at, life) if self.lives(at, life) => {
                for (op, result) in self.servers[at].apply(&mut self.ledger)? {
                    self.ended(op, result);
                }
                if self.servers[at].wants_snapshot() {
                    self.servers[at].snapshot();
                }
                self.after_disk(at)
            }
            Event::Deliver {
                to,
                from,
                bytes,
                content,
            } => self.deliver(to, from, bytes, content),
            Event::SnapshotEnded {
                server,
                life,
                peer,
                arrived,
            } => {
                if self.lives(server, life)
                    && let Some(running) = &mut self.servers[server].running
                {
                    running.core.snapshot_sent(peer, arrived);
                    return self.settle(server);
                }
                Ok(())
            }
            Event::Ask(client) => self.ask(client),
            Event::GiveUp(client, op) => {
                if self.clients[client] == Some(op) {
                    self.end(op, End::Unknown);
                }
                Ok(())
            }
            Event::Restart(at) => {
                if self.servers[at].running.is_none() {
                    return self.start(at);
                }
                Ok(())
            }
            Event::Mishap => self.mishap(),
            Event::Log(..) | Event::Apply(..) => Ok(()),
        }
    }

    fn lives(&self, at: usize, life: u64) -> bool {
        self.servers[at].life == life && self.servers[at].running.is_some()
    }

    /// After anything that touched the disk: power may have failed, or the log.
    fn after_disk(&mut self, at: usize) -> Result<(), Failure> {
        if self.servers[at].disk.is_dead() {
            return self.crash(at);
        }
        let broken = self.servers[at].running.as_mut().filter(|r| r.broken);
        if let Some(running) = broken {
            let open = std::mem::take(&mut running.open);
            for op in open {
                self.end(op, End::Unknown);
            }
            // Somebody makes space and restarts it.
            return self.crash(at);
        }
        self.settle(at)
    }

    /// Hands on what a server put out.
    fn settle(&mut self, at: usize) -> Result<(), Failure> {
        let Effects {
            messages,
            ends,
            log_work,
            apply_work,
        } = self.servers[at].settle(&mut self.ledger)?;
        let life = self.servers[at].life;
        let broken = self.servers[at].running.as_ref().is_some_and(|r| r.broken);
        if log_work {
            let slow = self.random.chance(self.weather.slow_disk);
            let delay = if slow { 400 * MS } else { 3 * MS };
            let delay = self.random.below(delay);
            self.later(delay, Event::Log(at, life));
        }
        if apply_work {
            let slow = self.random.chance(self.weather.slow_disk);
            let delay = if slow { 200 * MS } else { MS };
            let delay = self.random.below(delay);
            self.later(delay, Event::Apply(at, life));
        }
        for (op, result) in ends {
            self.ended(op, result);
        }
        if broken {
            return Ok(());
        }
        for (message, content) in messages {
            self.post(at, message.to, message.bytes, content.map(Rc::new));
        }
        if self.servers[at].wants_snapshot() {
            self.servers[at].snapshot();
            return self.after_disk(at);
        }
        Ok(())
    }

    fn post(&mut self, from: usize, to: u64, bytes: Bytes, content: Option<Rc<Vec<u8>>>) {
        let snapshot = content.is_some();
        if self.random.chance(self.weather.loss) {
            if snapshot {
                self.report(from, to, false, 500 * MS);
            }
            return;
        }
        let copies = if self.random.chance(self.weather.duplicates) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let stray = self.random.chance(self.weather.stray);
            let most = if stray { 800 * MS } else { self.weather.delay };
            let delay = self.random.between(50, most.max(50));
            let event = Event::Deliver {
                to,
                from,
                bytes: bytes.clone(),
                content: content.clone(),
            };
            self.later(delay, event);
        }
    }

    fn report(&mut self, server: usize, peer: u64, arrived: bool, delay: Time) {
        let life = self.servers[server].life;
        let event = Event::SnapshotEnded {
            server,
            life,
            peer,
            arrived,
        };
        self.later(delay, event);
    }

    fn deliver(
        &mut self,
        to: u64,
        from: usize,
        bytes: Bytes,
        content: Option<Rc<Vec<u8>>>,
    ) -> Result<(), Failure> {
        let at = self.servers.iter().position(|s| s.id == to);
        let open = at.filter(|at| !self.blocked.contains(&(from, *at)));
        let arrived = match open {
            Some(at) => self.servers[at].deliver(bytes, content.as_deref().map(Vec::as_slice))?,
            None => false,
        };
        if content.is_some() {
            self.report(from, to, arrived, 2 * MS);
        }
        match open {
            Some(at) if self.servers[at].running.is_some() => self.after_disk(at),
            _ => Ok(()),
        }
    }

    fn leader(&mut self) -> Option<usize> {
        let leaders: Vec<usize> = (0..self.servers.len())
            .filter(|at| self.servers[*at].leads())
            .collect();
        self.random.pick(&leaders).copied()
    }

    fn ask(&mut self, client: usize) -> Result<(), Failure> {
        if !self.chaos {
            return Ok(());
        }
        let target = match self.random.chance(85) {
            true => self.leader(),
            false => Some(self.random.below(self.servers.len() as u64) as usize),
        };
        let Some(at) = target.filter(|at| {
            let running = self.servers[*at].running.as_ref();
            running.is_some_and(|r| !r.broken)
        }) else {
            self.later(20 * MS, Event::Ask(client));
            return Ok(());
        };
        let action = self.draw_action(client);
        let op = self.begin(action);
        self.clients[client] = Some(op);
        let patience = MS * self.random.between(300, 3000);
        self.later(patience, Event::GiveUp(client, op));
        self.submit(at, op, action);
        self.settle(at)
    }

    fn draw_action(&mut self, client: usize) -> Action {
        let key = self.random.below(3) as u8;
        let holder = client as u32 + 1;
        let value = self.next_op as u32;
        match self.random.below(10) {
            0..=2 => Action::Put(key, value),
            3..=4 => {
                let old = self.guess(key);
                Action::Cas(key, old, value)
            }
            5 => Action::Lock(key, holder),
            6 => Action::Unlock(key, holder),
            7 => Action::Holder(key),
            _ => Action::Get(key),
        }
    }

    /// A value that somebody wrote lately, so that some compare-and-sets succeed.
    fn guess(&mut self, key: u8) -> u32 {
        let values: Vec<u32> = self
            .history
            .operations
            .values()
            .rev()
            .take(20)
            .filter_map(|o| match o.action {
                Action::Put(k, v) | Action::Cas(k, _, v) if k == key => Some(v),
                _ => None,
            })
            .take(2)
            .collect();
        self.random.pick(&values).copied().unwrap_or(0)
    }

    fn begin(&mut self, action: Action) -> OpId {
        let op = self.next_op;
        self.next_op += 1;
        let operation = Operation {
            action,
            start: self.now,
            end: 0,
            result: End::Unknown,
        };
        self.history.operations.insert(op, operation);
        op
    }

    fn submit(&mut self, at: usize, op: OpId, action: Action) {
        let padding = if self.random.chance(20) {
            self.random.below(1500) as usize
        } else {
            0
        };
        let Some(running) = &mut self.servers[at].running else {
            return;
        };
        running.open.insert(op);
        if is_read(action) {
            running.core.read((op, action));
        } else {
            running.core.propose([(encode(op, action, padding), op)]);
        }
    }

    fn final_write(&mut self, leader: usize) -> Option<OpId> {
        let action = Action::Put(200, 1);
        let op = self.begin(action);
        self.submit(leader, op, action);
        self.settle(leader).ok()?;
        Some(op)
    }

    fn ended(&mut self, op: OpId, result: Answer) {
        let read = self
            .history
            .operations
            .get(&op)
            .is_some_and(|o| is_read(o.action));
        self.end(
            op,
            match result {
                Ok((index, answer)) => End::Done(index, answer),
                Err(Refusal::LeadershipLost) if !read => End::Unknown,
                Err(_) => End::Refused,
            },
        );
    }

    fn end(&mut self, op: OpId, result: End) {
        let client = self.clients.iter().position(|c| *c == Some(op));
        let Some(operation) = self.history.operations.get_mut(&op) else {
            return;
        };
        if operation.end != 0 {
            return;
        }
        operation.end = self.now.max(1);
        operation.result = result;
        if matches!(result, End::Done(..)) {
            self.acknowledged += 1;
        }
        if let Some(client) = client {
            self.clients[client] = None;
            let pause = self.random.below(30 * MS);
            self.later(pause, Event::Ask(client));
        }
    }

    /// Whether every member of the leader's membership has the same state, at least at `index`.
    fn agreed(&mut self, index: u64) -> bool {
        let Some(leader) = self.leader() else {
            return false;
        };
        let Some(running) = &self.servers[leader].running else {
            return false;
        };
        let members = running.core.membership().members.clone();
        let state = self.servers[leader].state();
        self.servers
            .iter()
            .filter(|s| members.contains_key(&s.id))
            .all(|s| s.state() == state && s.state().is_some_and(|(at, _)| at >= index))
    }

    fn mishap(&mut self) -> Result<(), Failure> {
        if !self.chaos {
            return Ok(());
        }
        let next = self.random.between(1, 2 * self.weather.mishap_every);
        self.later(next, Event::Mishap);
        let count = self.servers.len() as u64;
        let at = self.random.below(count) as usize;
        if self.weather.changes && self.random.chance(25) {
            return self.change_membership();
        }
        match self.random.below(11) {
            0 | 1 if self.servers[at].running.is_some() => self.crash(at),
            2 | 3 => {
                let operations = self.random.below(12) as u32;
                self.servers[at].disk.crash_after(operations);
                Ok(())
            }
            4 => {
                let leader = self.leader();
                leader.map_or(Ok(()), |leader| self.crash(leader))
            }
            5 => self.cut_off(at),
            6 => {
                let other = self.random.below(count) as usize;
                self.blocked.insert((at, other));
                Ok(())
            }
            7 | 8 => {
                self.blocked.clear();
                Ok(())
            }
            9 if self.servers[at].running.is_some() => {
                self.servers[at].snapshot();
                self.after_disk(at)
            }
            10 => {
                let leader = self.leader();
                let target = self.servers[at].id;
                if let Some(leader) = leader
                    && let Some(running) = &mut self.servers[leader].running
                {
                    running.core.transfer(target);
                    return self.settle(leader);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Separates one server, or a group, from the others, both ways.
    fn cut_off(&mut self, at: usize) -> Result<(), Failure> {
        let mut group = BTreeSet::from([at]);
        if self.random.chance(40) {
            group.insert(self.random.below(self.servers.len() as u64) as usize);
        }
        for other in 0..self.servers.len() {
            for one in &group {
                if !group.contains(&other) {
                    self.blocked.insert((*one, other));
                    self.blocked.insert((other, *one));
                }
            }
        }
        Ok(())
    }

    fn change_membership(&mut self) -> Result<(), Failure> {
        let Some(leader) = self.leader() else {
            return Ok(());
        };
        let Some(running) = &self.servers[leader].running else {
            return Ok(());
        };
        let members = running.core.membership().members.clone();
        let (voters, learners): (Vec<_>, Vec<_>) = members.iter().partition(|(_, m)| m.voter);
        let change = if let Some((id, _)) = learners.first() {
            if self.random.chance(80) {
                Change::Promote { raft_id: **id }
            } else {
                Change::Remove { raft_id: **id }
            }
        } else if voters.len() > 3 && self.random.chance(60) {
            let (id, _) = voters[self.random.below(voters.len() as u64) as usize];
            Change::Remove { raft_id: *id }
        } else if self.servers.len() < MAX_SERVERS {
            self.add_server();
            let at = self.servers.len() - 1;
            self.start(at)?;
            let id = self.servers[at].id;
            Change::AddLearner {
                raft_id: id,
                node_id: format!("id-{id}"),
                node_name: format!("node-{id}"),
            }
        } else {
            return Ok(());
        };
        self.servers[leader].change(&change);
        self.settle(leader)
    }
}

fn member(id: u64, voter: bool) -> Member {
    Member {
        node_id: format!("id-{id}"),
        node_name: format!("node-{id}"),
        voter,
    }
}
