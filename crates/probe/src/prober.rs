//! When checks run: one timer entry for each idle check, one task for each probe under way.

use crate::places::Places;
use crate::{DockerHost, MIN_INTERVAL, Observation, Probe, kinds};
use parking_lot::Mutex;
use rt::{Call, Room, Time};
use std::sync::Arc;
use std::time::Duration;

/// Where observations go. Called from the probe's task; must not block.
pub trait Sink: Send + Sync + 'static {
    /// A probe of the check `id` ended. `generation` is what [`Prober::start`] was given: an observation that raced with the
    /// check's end carries the old one and is to be ignored.
    fn observed(&self, id: &str, generation: u64, observation: Observation);
}

/// What all checks of an agent share.
#[derive(Clone, Debug)]
pub struct ProberConfig {
    /// The Docker engine.
    pub docker: DockerHost,
    /// Probes of one kind that begin at the same time; further ones wait for a place, though not long.
    pub concurrency: usize,
}

impl Default for ProberConfig {
    fn default() -> Self {
        Self {
            docker: DockerHost::parse(""),
            concurrency: 512,
        }
    }
}

struct Shared {
    room: Room,
    time: Time,
    sink: Arc<dyn Sink>,
    config: ProberConfig,
    places: Places,
}

/// Runs checks. Cheap to clone.
#[derive(Clone)]
pub struct Prober(Arc<Shared>);

/// A running check; dropping it stops the check, also in the middle of a probe.
pub struct Running {
    entry: Arc<Entry>,
    shared: Arc<Shared>,
}

struct Entry {
    id: String,
    generation: u64,
    probe: Probe,
    state: Mutex<State>,
    stop: tokio::sync::Notify,
}

enum State {
    Waiting(Call),
    Probing,
    Stopped,
}

impl Prober {
    /// A prober whose tasks live in `room`.
    pub fn new(room: Room, time: Time, sink: Arc<dyn Sink>, config: ProberConfig) -> Self {
        let places = Places::new(config.concurrency);
        Self(Arc::new(Shared {
            room,
            time,
            sink,
            config,
            places,
        }))
    }

    /// Starts a check; its first probe runs after `first`. The caller draws `first` from [0, interval) so that many checks
    /// registered together do not run together.
    pub fn start(&self, id: String, generation: u64, mut probe: Probe, first: Duration) -> Running {
        probe.interval = probe.interval.max(MIN_INTERVAL);
        let entry = Arc::new(Entry {
            id,
            generation,
            probe,
            state: Mutex::new(State::Probing),
            stop: tokio::sync::Notify::new(),
        });
        schedule(&self.0, &entry, first);
        Running {
            entry,
            shared: self.0.clone(),
        }
    }
}

fn schedule(shared: &Arc<Shared>, entry: &Arc<Entry>, wait: Duration) {
    let mut state = entry.state.lock();
    if matches!(*state, State::Stopped) {
        return;
    }
    let (of, then) = (shared.clone(), entry.clone());
    let call = shared
        .time
        .call_at(shared.time.now().after(wait), move || launch(&of, &then));
    *state = State::Waiting(call);
}

fn launch(shared: &Arc<Shared>, entry: &Arc<Entry>) {
    {
        let mut state = entry.state.lock();
        if matches!(*state, State::Stopped) {
            return;
        }
        *state = State::Probing;
    }
    let (of, running) = (shared.clone(), entry.clone());
    shared.room.spawn("probe", async move {
        tokio::select! {
            biased;
            () = running.stop.notified() => {}
            () = once(&of, &running) => schedule(&of, &running, running.probe.interval),
        }
    });
}

async fn once(shared: &Arc<Shared>, entry: &Entry) {
    let probing = kinds::run(&entry.probe, &shared.config, &shared.room, &shared.time);
    let observation = shared.places.run(&entry.probe, &shared.time, probing).await;
    // Not held while reporting: the sink takes locks of its own, under which checks are dropped.
    let stopped = matches!(*entry.state.lock(), State::Stopped);
    if !stopped {
        shared
            .sink
            .observed(&entry.id, entry.generation, observation);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.entry.state.lock(), State::Stopped);
        match before {
            State::Waiting(call) => {
                self.shared.time.cancel(call);
            }
            State::Probing => self.entry.stop.notify_one(),
            State::Stopped => {}
        }
    }
}
