//! The task that holds the `Serf`: packets, timers and calls come to it in turn, nobody else touches it.

use crate::asks::Answer;
use crate::events::{PoolEvent, Teller};
use crate::gate::Gate;
use crate::limits::{CALLS_MAX, PACKETS_PER_TURN};
use crate::log::Logger;
use crate::snapshot::SnapshotFile;
use crate::sockets::Packets;
use crate::view::View;
use crate::{keyring, streams};
use arc_swap::ArcSwap;
use rt::{Instant, Room, Time};
use serf::{Event, Moment, QueryKey, Serf};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use swim::{Output, StreamKey, Wrapping};
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// The pool is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the gossip pool is shut down")]
pub struct Stopped;

/// What the tasks of a pool have in common.
pub(crate) struct Shared {
    pub(crate) time: Time,
    pub(crate) logger: Logger,
    pub(crate) view: View,
    /// How packets are wrapped, as the streams' tasks use it: a copy of the `Serf`'s own, made anew when keys change.
    pub(crate) wrapping: ArcSwap<Wrapping>,
    pub(crate) gate: Gate,
    /// Messages of streams that may be in memory at once.
    pub(crate) turns: Semaphore,
    /// Streams of ours that may be open at once.
    pub(crate) dials: Arc<Semaphore>,
    pub(crate) snapshot: Option<Arc<SnapshotFile>>,
}

/// A copy of how things are wrapped.
pub(crate) fn copy(wrapping: &Wrapping) -> Wrapping {
    Wrapping {
        keyring: keyring::copy(&wrapping.keyring),
        label: wrapping.label.clone(),
        ..*wrapping
    }
}

type Act = Box<dyn FnOnce(&mut Driver) + Send>;

/// The way to the task.
#[derive(Clone)]
pub(crate) struct Calls(mpsc::Sender<Act>);

impl Calls {
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Act>) {
        let (send, receive) = mpsc::channel(CALLS_MAX);
        (Self(send), receive)
    }

    /// Has the task do something.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Driver) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (done, wait) = oneshot::channel();
        let act = Box::new(move |driver: &mut Driver| {
            // Who asked may have gone.
            let _ = done.send(act(driver));
        });
        self.0.send(act).await.map_err(|_| Stopped)?;
        wait.await.map_err(|_| Stopped)
    }
}

/// The `Serf` and what waits for it.
pub(crate) struct Driver {
    pub(crate) serf: Serf,
    pub(crate) shared: Arc<Shared>,
    pub(crate) packets: Packets,
    pub(crate) calls: Calls,
    pub(crate) room: Room,
    pub(crate) teller: Teller,
    pub(crate) keyring: Option<PathBuf>,
    /// Joins that somebody waits for.
    pub(crate) joins: HashMap<StreamKey, oneshot::Sender<Result<(), String>>>,
    /// Questions of ours whose answers somebody hears.
    pub(crate) questions: HashMap<QueryKey, mpsc::UnboundedSender<Answer>>,
    /// Who waits for the end of our leave.
    pub(crate) leaving: Vec<oneshot::Sender<()>>,
    pub(crate) gone: bool,
}

impl Driver {
    /// Drives until the room closes.
    pub(crate) async fn run(mut self, mut calls: mpsc::Receiver<Act>) {
        let closing = self.room.closing();
        tokio::pin!(closing);
        loop {
            let deadline = Instant::from_nanos(nanos(self.serf.deadline()));
            tokio::select! {
                biased;
                () = &mut closing => break,
                () = self.shared.time.sleep_until(deadline) => self.with(Serf::tick),
                Some(act) = calls.recv() => act(&mut self),
                ready = self.packets.readable() => self.receive(ready),
            }
            self.settle();
        }
    }

    /// Does something with the `Serf`, now.
    pub(crate) fn with<T>(&mut self, act: impl FnOnce(&mut Serf, &mut Moment<'_>) -> T) -> T {
        let mut moment = Moment {
            now: Duration::from_nanos(self.shared.time.now().nanos()),
            rng: &mut rand::rng(),
        };
        act(&mut self.serf, &mut moment)
    }

    /// Takes the packets that are there, up to a number.
    fn receive(&mut self, ready: std::io::Result<()>) {
        for _ in 0..PACKETS_PER_TURN {
            let received = match &ready {
                Ok(()) => self.packets.receive(),
                Err(_) => return,
            };
            match received {
                Ok(Some((from, packet))) => {
                    let read = self.with(|serf, moment| serf.receive(from, packet, moment));
                    if let Err(error) = read {
                        self.shared.logger.packet(from, &error);
                    }
                }
                Ok(None) => return,
                // What the system says of an earlier packet of ours.
                Err(_) => {}
            }
        }
    }

    /// Tells what happened and does what the `Serf` wants done, until there is nothing more. In this order: keys are on disk before
    /// the answer that says so leaves.
    pub(crate) fn settle(&mut self) {
        loop {
            if let Some(event) = self.serf.next_event() {
                self.tell(event);
            } else if let Some(output) = self.serf.next_output() {
                self.put(output);
            } else if let Some(event) = self.serf.next_event() {
                // An output that is an event here.
                self.tell(event);
            } else {
                break;
            }
        }
        if let Some(snapshot) = &self.shared.snapshot {
            snapshot.clocks(self.serf.clocks());
        }
    }

    fn put(&mut self, output: Output) {
        match output {
            Output::Packet { to, bytes } => {
                // Whoever it was for will be missed by probes, if it matters.
                let _ = self.packets.send(to, &bytes);
            }
            Output::Stream {
                key,
                to,
                request,
                until,
            } => {
                let Ok(dial) = self.shared.dials.clone().try_acquire_owned() else {
                    let busy = Err(format!("dial tcp {to}: too many streams are open"));
                    self.with(|serf, moment| serf.stream_done(key, busy, moment));
                    return;
                };
                let (shared, calls) = (self.shared.clone(), self.calls.clone());
                self.room.spawn("gossip exchange", async move {
                    let until = Instant::from_nanos(nanos(until));
                    let answer = streams::exchange(to, request, until, &shared).await;
                    drop(dial);
                    let done = calls.ask(move |driver| {
                        driver.with(|serf, moment| serf.stream_done(key, answer, moment));
                    });
                    // A pool that is over does not mind.
                    let _ = done.await;
                });
            }
            // An event here, says serf.
            Output::Joined { .. } => {}
        }
    }

    fn tell(&mut self, event: Event) {
        self.shared.view.follow(&event);
        self.note(&event);
        match event {
            Event::Joined { key, result } => {
                if let Some(waiting) = self.joins.remove(&key) {
                    let _ = waiting.send(result);
                }
            }
            Event::Answer { key, from, payload } => {
                if let Some(asked) = self.questions.get(&key) {
                    let _ = asked.send(Answer { from, payload });
                }
            }
            Event::QueryOver(key) => {
                self.questions.remove(&key);
            }
            Event::Coordinate { .. } => self.shared.view.set_own(self.serf.coordinate()),
            Event::Keys => self.keys_changed(),
            Event::Gone => {
                self.gone = true;
                for waiting in self.leaving.drain(..) {
                    let _ = waiting.send(());
                }
            }
            other => {
                if let Some(event) = PoolEvent::of(other) {
                    self.teller.tell(event);
                }
            }
        }
    }

    /// What the log and the snapshot want to know.
    fn note(&self, event: &Event) {
        let logger = self.shared.logger;
        let snapshot = self.shared.snapshot.as_deref();
        let (what, member) = match event {
            Event::Join(member) => ("EventMemberJoin", member),
            Event::Leave(member) => ("EventMemberLeave", member),
            Event::Failed(member) => ("EventMemberFailed", member),
            Event::Update(member) => ("EventMemberUpdate", member),
            Event::Reap(member) => ("EventMemberReap", member),
            Event::Note(note) => return logger.note(note),
            Event::NameLost => {
                return logger.warning("minority in name conflict resolution, quiting");
            }
            _ => return,
        };
        logger.member(what, member);
        match (snapshot, event) {
            (Some(snapshot), Event::Join(_)) => snapshot.alive(&member.name, member.addr),
            (Some(snapshot), Event::Leave(_) | Event::Failed(_) | Event::Reap(_)) => {
                snapshot.gone(&member.name);
            }
            _ => {}
        }
    }

    fn keys_changed(&mut self) {
        let wrapping = copy(self.serf.wrapping());
        if let Some(path) = &self.keyring
            && let Err(error) = keyring::save(path, &wrapping.keyring)
        {
            let logger = self.shared.logger;
            logger.trouble("Error writing keyring file", &error);
        }
        self.shared.wrapping.store(Arc::new(wrapping));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(snapshot) = &self.shared.snapshot {
            snapshot.end();
        }
    }
}

/// Times of the `Serf` are nanoseconds of the clock.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
