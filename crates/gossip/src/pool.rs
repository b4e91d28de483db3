//! The door to a pool.

use crate::asks::{Answers, KeyReport};
use crate::driver::{Calls, Driver, Shared, copy};
use crate::events::{self, Events};
use crate::gate::Gate;
use crate::join::JoinError;
use crate::limits::{DIALS_MAX, JOIN_ADDRESSES_MAX};
use crate::names::{Name, Resolver, System};
use crate::retry::{Exhausted, Next, Retry};
use crate::settings::{Encryption, Settings, StartError};
use crate::snapshot::SnapshotFile;
use crate::view::View;
use crate::{keyring, sockets, streams};
use arc_swap::ArcSwap;
use bytes::Bytes;
use model::NetCoord;
use rand::seq::SliceRandom;
use rt::{Room, Stragglers, Time};
use serf::tags::Tags;
use serf::{Ask, Member, Moment, Operation, Question, Refused, Rules, Serf, Snapshot, Status};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use swim::{State, Wrapping};
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use crate::driver::Stopped;

/// Messages of streams that are in memory at once: each may be as long as a stream's message can be.
const TURNS: usize = 4;

/// Why the pool does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It is over.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// It cannot be done.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Figures of a pool, as `info` shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Whether what is sent is encrypted.
    pub encrypted: bool,
    /// Members that are remembered.
    pub members: usize,
    /// Members that failed.
    pub failed: usize,
    /// Members that left.
    pub left: usize,
    /// Own trouble; 0 for none.
    pub health_score: u32,
    /// Clocks of members' intents, events and queries.
    pub clocks: [u64; 3],
    /// Broadcasts that wait: intents, queries, events.
    pub queued: [usize; 3],
}

struct Inner {
    calls: Calls,
    shared: Arc<Shared>,
    room: Room,
    name: String,
    address: SocketAddr,
    /// Where others are looked for that have no port given.
    port: u16,
    resolver: Arc<dyn Resolver>,
}

/// A running pool. Cheap to clone; clones are the same pool.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

impl Pool {
    /// Starts a node; it is alone until it joins, or finds those again that its snapshot remembers. Everything of it runs in a
    /// room inside `room`. Needs a runtime.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left behind but files.
    pub fn start(
        settings: Settings,
        rules: Box<dyn Rules>,
        room: &Room,
        time: &Time,
    ) -> Result<(Self, Events), StartError> {
        Self::start_with(settings, rules, Arc::new(System), room, time)
    }

    /// The same with another way from names to addresses.
    ///
    /// # Errors
    /// See [`Pool::start`].
    pub fn start_with(
        settings: Settings,
        rules: Box<dyn Rules>,
        resolver: Arc<dyn Resolver>,
        room: &Room,
        time: &Time,
    ) -> Result<(Self, Events), StartError> {
        let wrapping = wrapping(&settings.encryption)?;
        let (packets, tcp) = sockets::bind(settings.bind)
            .map_err(|error| StartError::Bind(settings.bind, net::error_text(&error)))?;
        let bound = packets.address().unwrap_or(settings.bind);
        let (known, snapshot) = match settings.snapshot.clone() {
            Some(path) => SnapshotFile::open(path, settings.rejoin_after_leave)
                .map(|(known, file)| (known, Some(file)))
                .map_err(StartError::Snapshot)?,
            None => (Snapshot::default(), None),
        };
        let mut config = settings.serf.clone();
        config.addr = settings.advertised(bound)?;
        config.clock = known.clock;
        config.event_clock = known.event_clock;
        config.query_clock = known.query_clock;
        let (name, address, timeout) =
            (config.name.clone(), config.addr, config.timing.tcp_timeout);
        let mut moment = Moment {
            now: Duration::from_nanos(time.now().nanos()),
            rng: &mut rand::rng(),
        };
        let shared = Arc::new(Shared {
            time: time.clone(),
            logger: settings.logger,
            view: View::default(),
            wrapping: ArcSwap::from_pointee(copy(&wrapping)),
            gate: Gate::default(),
            turns: Semaphore::new(TURNS),
            dials: Arc::new(Semaphore::new(DIALS_MAX)),
            snapshot,
        });
        let serf = Serf::new(config, wrapping, rules, &mut moment)?;
        shared.view.set_own(serf.coordinate());
        let room = room.child("gossip");
        let (calls, receiver) = Calls::channel();
        let (teller, events) = events::channel();
        let mut driver = Driver {
            serf,
            shared: shared.clone(),
            packets,
            calls: calls.clone(),
            room: room.clone(),
            teller,
            keyring: settings.encryption.file,
            joins: HashMap::new(),
            questions: HashMap::new(),
            leaving: Vec::new(),
            gone: false,
        };
        if let Some(file) = &shared.snapshot {
            file.clone().keep(&room, time.clone(), shared.logger);
        }
        // Whoever has the pool sees itself in it.
        driver.settle();
        room.spawn_to_end("gossip", driver.run(receiver));
        let accepting = streams::accept(tcp, shared.clone(), calls.clone(), timeout, room.clone());
        room.spawn("gossip streams", accepting);
        let pool = Self(Arc::new(Inner {
            calls,
            shared,
            room,
            name,
            address,
            port: bound.port(),
            resolver,
        }));
        pool.find_again(known);
        Ok((pool, events))
    }

    /// This node's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where others are told to reach it.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// All members that are remembered, this node among them, by name.
    pub fn members(&self) -> Vec<Arc<Member>> {
        self.0.shared.view.members()
    }

    /// A member by name.
    pub fn member(&self, name: &str) -> Option<Arc<Member>> {
        self.0.shared.view.member(name)
    }

    /// Where this node stands by the time answers take.
    pub fn coordinate(&self) -> NetCoord {
        self.0.shared.view.own()
    }

    /// Where a member stands, if it was measured.
    pub fn coordinate_of(&self, name: &str) -> Option<NetCoord> {
        self.0.shared.view.coordinate(name)
    }

    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Serf, &mut Moment<'_>) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let asked = self.0.calls.ask(|driver| driver.with(act));
        asked.await
    }

    /// Joins the pools of the nodes at these names (see [`Name`]), each resolved now and tried at all its addresses; how many
    /// addresses answered. `ignore_old`: user events of before are not wanted.
    ///
    /// # Errors
    /// None answered.
    pub async fn join(&self, names: &[String], ignore_old: bool) -> Result<usize, JoinError> {
        let (mut joined, mut reasons) = (0, Vec::new());
        let mut tried = 0;
        for name in names {
            let addresses = match Name::parse(name) {
                Ok(name) => name.resolve(self.0.port, &*self.0.resolver).await,
                Err(error) => Err(error.to_string()),
            };
            let addresses = match addresses {
                Ok(addresses) => addresses,
                Err(why) => {
                    reasons.push(format!("Failed to resolve {name}: {why}"));
                    continue;
                }
            };
            for address in addresses {
                tried += 1;
                if tried > JOIN_ADDRESSES_MAX {
                    reasons.push(format!("Failed to join {address}: too many addresses"));
                    break;
                }
                match self.join_one(address, ignore_old).await {
                    Ok(()) => joined += 1,
                    Err(why) => reasons.push(format!("Failed to join {address}: {why}")),
                }
            }
        }
        if joined == 0 && !reasons.is_empty() {
            return Err(JoinError(reasons));
        }
        Ok(joined)
    }

    async fn join_one(&self, address: SocketAddr, ignore_old: bool) -> Result<(), String> {
        let (done, wait) = oneshot::channel();
        let asked = self.0.calls.ask(move |driver| {
            let key = driver.with(|serf, moment| serf.join(address, ignore_old, moment));
            driver.joins.insert(key, done);
        });
        asked.await.map_err(|error| error.to_string())?;
        wait.await.unwrap_or_else(|_| Err(Stopped.to_string()))
    }

    /// Joins, and tries again as `retry` says until a node answered.
    ///
    /// # Errors
    /// It says that it is enough.
    pub async fn retry_join(&self, names: &[String], mut retry: Retry) -> Result<usize, Exhausted> {
        let logger = self.0.shared.logger;
        logger.told("Joining cluster...");
        loop {
            let error = match self.join(names, true).await {
                Ok(count) if count > 0 => {
                    logger.told(&format!(
                        "Join cluster completed. Synced with initial agents: num_agents={count}"
                    ));
                    return Ok(count);
                }
                Ok(_) => "No servers to join".to_owned(),
                Err(error) => error.to_string(),
            };
            match retry.failed() {
                Next::GiveUp => return Err(Exhausted),
                Next::Wait(wait) => {
                    logger.warning(&format!(
                        "Join cluster failed, will retry: retry_interval={wait:?} error={error:?}"
                    ));
                    self.0.shared.time.sleep(wait).await;
                }
            }
        }
    }

    /// Looks for those that the snapshot remembers, in an order of chance, until one answers.
    fn find_again(&self, known: Snapshot) {
        let logger = self.0.shared.logger;
        for line in &known.unknown {
            logger.warning(&format!("Unrecognized snapshot line: {line:?}"));
        }
        let mut others: Vec<(String, SocketAddr)> = known
            .alive
            .into_iter()
            .filter(|(name, _)| *name != self.0.name)
            .collect();
        if others.is_empty() {
            return;
        }
        others.shuffle(&mut rand::rng());
        let pool = self.clone();
        self.0.room.spawn("gossip rejoin", async move {
            for (name, address) in others {
                logger.told(&format!(
                    "Attempting re-join to previously known node: {name}: {address}"
                ));
                if pool.join_one(address, true).await.is_ok() {
                    logger.told(&format!(
                        "Re-joined to previously known node: {name}: {address}"
                    ));
                    return;
                }
            }
            logger.warning("Failed to re-join any previously known node");
        });
    }

    /// Leaves in order; returns when the others had time to hear of it. The node goes on answering until its room closes.
    ///
    /// # Errors
    /// The pool is over.
    pub async fn leave(&self) -> Result<(), Stopped> {
        if let Some(snapshot) = &self.0.shared.snapshot {
            snapshot.leave();
        }
        let (done, wait) = oneshot::channel();
        let asked = self.0.calls.ask(|driver| {
            driver.with(Serf::leave);
            match driver.gone {
                true => drop(done.send(())),
                false => driver.leaving.push(done),
            }
        });
        asked.await?;
        wait.await.map_err(|_| Stopped)
    }

    /// Makes a member that failed, or is about to leave, one that left; with `prune` it is forgotten.
    ///
    /// # Errors
    /// There is no such member, or the pool is over.
    pub async fn force_leave(&self, name: &str, prune: bool) -> Result<(), Refusal> {
        let name = name.to_owned();
        let asked = self.with(move |serf, moment| serf.force_leave(&name, prune, moment));
        Ok(asked.await??)
    }

    /// Says something else of this node from now on.
    ///
    /// # Errors
    /// The tags are too long, or the pool is over.
    pub async fn set_tags(&self, tags: Tags) -> Result<(), Refusal> {
        let asked = self.with(move |serf, moment| serf.set_tags(tags, moment));
        Ok(asked.await??)
    }

    /// Tells all members of an event.
    ///
    /// # Errors
    /// It is too long, or the pool is over.
    pub async fn user_event(
        &self,
        name: &str,
        payload: Bytes,
        coalesce: bool,
    ) -> Result<(), Refusal> {
        let name = name.to_owned();
        let asked =
            self.with(move |serf, moment| serf.user_event(&name, payload, coalesce, moment));
        Ok(asked.await??)
    }

    /// Asks the members something.
    ///
    /// # Errors
    /// The question is too long, or the pool is over.
    pub async fn query(&self, ask: Ask) -> Result<Answers, Refusal> {
        let (hears, answers) = mpsc::unbounded_channel();
        let asked = self.0.calls.ask(move |driver| {
            let key = driver.with(|serf, moment| serf.query(&ask, moment))?;
            driver.questions.insert(key, hears);
            Ok::<_, Refused>(())
        });
        asked.await??;
        Ok(Answers(answers))
    }

    /// Answers a question.
    ///
    /// # Errors
    /// Too late, too long or not the first time, or the pool is over.
    pub async fn respond(&self, question: Question, payload: Bytes) -> Result<(), Refusal> {
        let asked = self.with(move |serf, moment| serf.respond(&question, payload, moment));
        Ok(asked.await??)
    }

    /// Installs, uses, removes a key everywhere, or lists the keys of all (`key` is empty then). Each answer also goes through
    /// `relay_factor` others.
    ///
    /// # Errors
    /// The pool is over; what members could not do is in the report.
    pub async fn keys(
        &self,
        operation: Operation,
        key: &[u8],
        relay_factor: u8,
    ) -> Result<KeyReport, Refusal> {
        let key = key.to_vec();
        let (hears, answers) = mpsc::unbounded_channel();
        let asked = self.0.calls.ask(move |driver| {
            let asked = driver
                .with(|serf, moment| serf.key_query(operation, &key, relay_factor, moment))?;
            driver.questions.insert(asked, hears);
            let there = driver.serf.swim().nodes();
            let there = there.filter(|node| matches!(node.state, State::Alive | State::Suspect));
            Ok::<_, Refused>(there.count())
        });
        let nodes = asked.await??;
        Ok(KeyReport::gather(Answers(answers), nodes).await)
    }

    /// Figures of now.
    ///
    /// # Errors
    /// The pool is over.
    pub async fn stats(&self) -> Result<Stats, Stopped> {
        self.with(|serf, _| {
            let count = |status| {
                serf.members()
                    .filter(|member| member.status == status)
                    .count()
            };
            let wrapping = serf.swim().wrapping_ref();
            Stats {
                encrypted: !wrapping.keyring.is_empty(),
                members: serf.members().count(),
                failed: count(Status::Failed),
                left: count(Status::Left),
                health_score: serf.swim().awareness(),
                clocks: serf.clocks(),
                queued: serf.queued(),
            }
        })
        .await
    }

    /// Ends the pool: within `limit` its tasks are over and its sockets closed. Others see a failed member unless it left before.
    ///
    /// # Errors
    /// Tasks that did not end; they are aborted.
    pub async fn close(&self, limit: Duration) -> Result<(), Stragglers> {
        self.0.room.close(limit).await
    }
}

/// How things are wrapped at the start: the keyring file counts, then the key, which begins such a file.
fn wrapping(encryption: &Encryption) -> Result<Wrapping, StartError> {
    let kept = match &encryption.file {
        Some(path) => keyring::load(path)?,
        None => None,
    };
    let keys = match (kept, &encryption.key) {
        (Some(keys), _) => keys,
        (None, Some(key)) => {
            if let Some(path) = &encryption.file {
                keyring::create(path, key).map_err(keyring::KeyError::from)?;
            }
            vec![key.clone()]
        }
        (None, None) => Vec::new(),
    };
    Ok(Wrapping {
        keyring: keyring::of(&keys).map_err(|_| keyring::KeyError::Size)?,
        verify_incoming: encryption.verify_incoming,
        verify_outgoing: encryption.verify_outgoing,
        ..Wrapping::default()
    })
}
