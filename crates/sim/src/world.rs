//! The world of a run: virtual time, the network, the clients and the mishaps, all from one seed.

mod clients;
mod mishaps;
mod network;
mod weather;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use consensus::driver::Input;
use consensus::faults::Faults;
use consensus::{Member, Membership};

use crate::disk::SimDisk;
use crate::history::{End, History};
use crate::ledger::SharedLedger;
use crate::machine::OpId;
use crate::random::Random;
use crate::server::{Effects, Server};
use crate::{Failure, fail};

use weather::Weather;

/// Microseconds of virtual time.
type Time = u64;
const MS: Time = 1000;
const TICK: Time = 25 * MS;
/// How long a healed cluster may take until a write is applied everywhere.
const HEAL: Time = 30_000 * MS;
/// Servers a run may create.
const MAX_SERVERS: usize = 9;
/// Most that a clock is fast or slow, in parts per thousand: any two are within 5 % of each other.
const MAX_RATE: i64 = 25;
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
        "show-early" => Faults::ShowEarly,
        "tell-early" => Faults::TellEarly,
        "broken-sends" => Faults::BrokenSends,
        "forget-full" => Faults::ForgetFull,
        "panic-in-fetch" => Faults::PanicInFetch,
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
    Snapshot(usize, u64),
    Repair(usize, u64),
    Deliver {
        to: u64,
        from: usize,
        bytes: Bytes,
        content: Option<Rc<Vec<u8>>>,
    },
    /// A piece of a snapshot, or its end.
    Stream {
        server: usize,
        life: u64,
        from: usize,
        number: u64,
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
    /// There is space on its disk again.
    Space(usize),
    Mishap,
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
    ledger: SharedLedger,
    history: History,
    clients: Vec<Option<OpId>>,
    next_op: OpId,
    next_id: u64,
    acknowledged: u64,
    streams: u64,
    epoch: Instant,
}

impl World {
    fn new(plan: Plan) -> Result<World, Failure> {
        let mut random = Random::new(plan.seed.wrapping_mul(0x9e37_79b9).wrapping_add(1));
        let count = *random.pick(&[1, 3, 3, 3, 3, 3, 3, 5, 5, 5]).unwrap_or(&3);
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
            ledger: SharedLedger::default(),
            history: History::default(),
            clients: vec![None; clients],
            next_op: 1,
            next_id: 1,
            acknowledged: 0,
            streams: 0,
            epoch: Instant::now(),
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
            epoch: self.epoch,
            rate: self.random.between(0, 2 * MAX_RATE as u64) as i64 - MAX_RATE,
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
        let Plan { seed, faults } = self.plan;
        let started = server.start(self.now, bootstrap, seed, faults, &self.ledger)?;
        if !started {
            return self.crash(at);
        }
        let life = server.life;
        let phase = self.random.below(TICK);
        self.later(phase, Event::Tick(at, life));
        self.give(at, [])
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
            let views = self.servers.iter().map(|s| format!("\n  {}", s.describe()));
            let views: String = views.collect();
            return fail(format!("not healed after {} s{views}", HEAL / MS / 1000));
        }
        let ledger = self.ledger.lock();
        self.history.check(&ledger)?;
        let state = ledger.state(u64::MAX);
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
            self.servers[at].disk.set_full(false);
            if self.servers[at].has_failed() || self.servers[at].disk.is_dead() {
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
                let wakes_in = self.servers[at].wakes_in(self.now).unwrap_or(TICK);
                let drift = self.random.below(TICK / 20);
                self.later(wakes_in + drift, Event::Tick(at, life));
                self.give(at, [])
            }
            Event::Log(at, life) if self.lives(at, life) => {
                let done = self.servers[at].write(&self.ledger)?;
                self.give(at, done)
            }
            Event::Apply(at, life) if self.lives(at, life) => {
                let done = self.servers[at].apply(self.now)?;
                self.give(at, done)
            }
            Event::Snapshot(at, life) if self.lives(at, life) => {
                let done = self.servers[at].write_snapshot();
                self.give(at, done)
            }
            // Somebody looks and restarts it.
            Event::Repair(at, life) if self.lives(at, life) => self.crash(at),
            Event::Stream {
                server,
                life,
                from,
                number,
            } => self.stream(server, life, from, number),
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
                if self.lives(server, life) {
                    return self.give(server, [Input::SnapshotSent(peer, arrived)]);
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
            Event::Space(at) => {
                self.servers[at].disk.set_full(false);
                Ok(())
            }
            Event::Mishap => self.mishap(),
            Event::Log(..) | Event::Apply(..) | Event::Snapshot(..) | Event::Repair(..) => Ok(()),
        }
    }

    fn lives(&self, at: usize, life: u64) -> bool {
        self.servers[at].life == life && self.servers[at].running.is_some()
    }

    /// Gives a server inputs and hands on what comes out.
    fn give(
        &mut self,
        at: usize,
        inputs: impl IntoIterator<Item = Input<u32>>,
    ) -> Result<(), Failure> {
        let healthy = !self.servers[at].has_failed();
        let effects = self.servers[at].poll(self.now, inputs, &self.ledger)?;
        self.hand_on(at, effects);
        if self.servers[at].disk.is_dead() {
            return self.crash(at);
        }
        if healthy && self.servers[at].has_failed() {
            // It stands there for a while before somebody looks.
            let pause = self.random.below(2000 * MS);
            let life = self.servers[at].life;
            self.later(pause, Event::Repair(at, life));
        }
        Ok(())
    }

    fn hand_on(&mut self, at: usize, effects: Effects) {
        let life = self.servers[at].life;
        let slow = |random: &mut Random, chance, long: Time, short: Time| {
            let most = if random.chance(chance) { long } else { short };
            random.below(most)
        };
        let chance = self.weather.slow_disk;
        if effects.log_work {
            let delay = slow(&mut self.random, chance, 400 * MS, 3 * MS);
            self.later(delay, Event::Log(at, life));
        }
        if effects.apply_work {
            let delay = slow(&mut self.random, chance, 200 * MS, MS);
            self.later(delay, Event::Apply(at, life));
        }
        if effects.snapshot_work {
            let delay = slow(&mut self.random, chance, 1000 * MS, 20 * MS);
            self.later(delay, Event::Snapshot(at, life));
        }
        for (op, result) in effects.ends {
            self.ended(op, result);
        }
        if self.servers[at].disk.is_dead() {
            return;
        }
        for (message, content) in effects.messages {
            self.post(at, message.to, message.bytes, content.map(Rc::new));
        }
    }

    fn leader(&mut self) -> Option<usize> {
        let leaders: Vec<usize> = (0..self.servers.len())
            .filter(|at| self.servers[*at].leads())
            .collect();
        self.random.pick(&leaders).copied()
    }

    /// Whether every member of the leader's membership has the same state, at least at `index`.
    fn agreed(&mut self, index: u64) -> bool {
        let Some(leader) = self.leader() else {
            return false;
        };
        let Some(membership) = self.servers[leader].membership() else {
            return false;
        };
        let members = membership.members.clone();
        let state = self.servers[leader].state();
        self.servers
            .iter()
            .filter(|s| members.contains_key(&s.id))
            .all(|s| s.state() == state && s.state().is_some_and(|(at, _)| at >= index))
    }
}

fn member(id: u64, voter: bool) -> Member {
    Member {
        node_id: format!("id-{id}"),
        node_name: format!("node-{id}"),
        voter,
    }
}
