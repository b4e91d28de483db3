//! One simulated server: the driver as it is, with a shell that carries out nothing before the world says so.

mod oracle;
mod streams;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use consensus::core::{Outgoing, Role};
use consensus::disk::Disk;
use consensus::driver::{Completion, Done, Driver, Input, Job, Outputs, Parts, SnapshotJob, Work};
use consensus::faults::Faults;
use consensus::log::LogOptions;
use consensus::recover::Recovered;
use consensus::{Change, Membership, Observer, ProposeError, ReadError, StateMachine};

use crate::disk::SimDisk;
use crate::ledger::SharedLedger;
use crate::machine::{Action, OpId, encode};
use crate::replica::Replica;
use crate::{Failure, fail};

use oracle::Placed;
use streams::{Stream, content};

pub use streams::Arrival;

/// Bytes per log segment: small, so that there are many.
const SEGMENT_BYTES: u64 = 8 << 10;
/// Entries kept before a snapshot, where some are.
const TRAILING: u64 = 20;
/// Log bytes that call for a snapshot.
const SNAPSHOT_BYTES: u64 = 64 << 10;
/// Bytes of entries kept in memory: few, so that they are read back from the disk.
const CACHE_BYTES: u64 = 2 << 10;
/// How an operation ended at a server: index and answer, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Index and answer.
    Done(u64, u32),
    /// Nothing was done.
    Refused,
    /// It may have been done, or be done yet.
    Unknown,
    /// Nobody knew of it any more: the driver dropped it.
    Dropped,
}

/// What a step of a server hands to the world.
#[derive(Default)]
pub struct Effects {
    /// Messages; snapshot messages come with their content.
    pub messages: Vec<(Outgoing, Option<Vec<u8>>)>,
    /// Ends of operations.
    pub ends: Vec<(OpId, Answer)>,
    /// Work for the log waits.
    pub log_work: bool,
    /// Work for the state machine waits.
    pub apply_work: bool,
    /// A snapshot waits to be written.
    pub snapshot_work: bool,
}

type Ends = Arc<Mutex<Vec<(OpId, Answer)>>>;

/// A running server.
pub struct Running {
    driver: Driver<Replica>,
    replica: Replica,
    jobs: Vec<Job>,
    work: Vec<Work<u32>>,
    /// Entries of writes that are not durable yet, by the writes' numbers.
    unwritten: VecDeque<(u64, Vec<Placed>)>,
    snapshots: Vec<SnapshotJob>,
    streams: BTreeMap<u64, Stream>,
    ends: Ends,
    /// Operations given to this server and not answered.
    pub open: BTreeSet<OpId>,
}

/// A server, up or down.
pub struct Server {
    /// Its raft id.
    pub id: u64,
    /// Its disk.
    pub disk: SimDisk,
    /// What runs on it.
    pub running: Option<Running>,
    /// Counts starts, so that late events of an earlier life are known as such.
    pub life: u64,
    /// When its clock, and that of all others, showed zero.
    pub epoch: Instant,
    /// How much faster than the world's its clock runs, in parts per thousand.
    pub rate: i64,
}

/// Nobody measures.
struct Blind;

impl Observer for Blind {
    fn saw(&self, _: consensus::Event) {}
}

fn disk_of(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

impl Server {
    /// What its clock shows at `now`, microseconds of the world.
    fn clock(&self, now: u64) -> Instant {
        let own = now as i64 + now as i64 * self.rate / 1000;
        self.epoch + Duration::from_micros(own as u64)
    }

    /// Microseconds of the world, from `now`, until its clock shows `at`.
    fn until(&self, now: u64, at: Instant) -> u64 {
        let own = at.saturating_duration_since(self.clock(now)).as_micros() as i64;
        // Rounded up: the clock must have reached it then.
        (own * 1000 / (1000 + self.rate) + 1) as u64
    }

    /// Starts from what is on the disk. `Ok(false)` when the disk fails or power is lost meanwhile.
    ///
    /// # Errors
    /// When the disk holds something a crash cannot leave behind.
    pub fn start(
        &mut self,
        now: u64,
        bootstrap: Option<&Membership>,
        seed: u64,
        faults: Faults,
        ledger: &SharedLedger,
    ) -> Result<bool, Failure> {
        self.life += 1;
        let options = LogOptions {
            segment_bytes: SEGMENT_BYTES,
            faults,
        };
        let disk = disk_of(&self.disk);
        let mut replica = Replica::new(ledger.clone());
        let found = Recovered::from_disk(
            &disk,
            options,
            self.id,
            |_| bootstrap.cloned(),
            |snapshot| {
                let index = snapshot.meta().position.index;
                replica.restore(index, snapshot)
            },
        );
        let mut found = match found {
            Ok(found) => found,
            Err(_) if self.disk.is_dead() => return Ok(false),
            Err(error) if !errors_injected(&error) => {
                return fail(format!("server {}: {error}", self.id));
            }
            Err(_) => return Ok(false),
        };
        if let Some(file) = found.damaged.first() {
            return fail(format!("server {}: snapshot {file}", self.id));
        }
        found.cache_bytes = CACHE_BYTES;
        let parts = Parts {
            found,
            machine: replica.clone(),
            disk: Some(disk),
            lone: false,
            seed,
            tick: Duration::from_millis(25),
            snapshot_log_bytes: SNAPSHOT_BYTES,
            // Every second server keeps none, as one without peers does.
            trailing: TRAILING * (self.id % 2),
            observer: Arc::new(Blind),
            faults,
        };
        let driver = Driver::new(parts, self.clock(now));
        let driver = driver.map_err(|v| Failure(format!("server {}: {v}", self.id)))?;
        replica.shows(driver.indexes());
        self.running = Some(Running {
            driver,
            replica,
            jobs: Vec::new(),
            work: Vec::new(),
            unwritten: VecDeque::new(),
            snapshots: Vec::new(),
            streams: BTreeMap::new(),
            ends: Ends::default(),
            open: BTreeSet::new(),
        });
        Ok(true)
    }

    /// Stops at once. With the power, unsynced bytes are lost or torn; a process that is killed loses none. Gives back the
    /// operations nobody will answer.
    pub fn crash(&mut self, power: bool) -> BTreeSet<OpId> {
        let open = self.running.take().map(|r| r.open).unwrap_or_default();
        if power {
            self.disk.crash();
        } else {
            self.disk.kill();
        }
        open
    }

    /// Polls the driver with `inputs`.
    ///
    /// # Errors
    /// A violation of the driver's, or of the ledger's rules.
    pub fn poll(
        &mut self,
        now: u64,
        inputs: impl IntoIterator<Item = Input<u32>>,
        ledger: &SharedLedger,
    ) -> Result<Effects, Failure> {
        let clock = self.clock(now);
        let Some(running) = &mut self.running else {
            return Ok(Effects::default());
        };
        let (mut inputs, mut out) = (inputs.into_iter().collect(), Outputs::default());
        let silent = running.driver.broken().is_some();
        let polled = running.driver.poll(clock, &mut inputs, &mut out);
        if silent && running.driver.broken().is_some() && !out.messages.is_empty() {
            return fail(format!("server {} sends, but its log has failed", self.id));
        }
        match polled {
            Ok(()) => self.collect(now, out, ledger),
            // The world sees that the disk is dead.
            Err(_) if self.disk.is_dead() => Ok(Effects::default()),
            Err(violation) => fail(format!("server {}: {violation}", self.id)),
        }
    }

    /// Takes what came out of the driver.
    fn collect(
        &mut self,
        now: u64,
        out: Outputs<u32>,
        ledger: &SharedLedger,
    ) -> Result<Effects, Failure> {
        let id = self.id;
        let mut effects = Effects::default();
        let Some(running) = &mut self.running else {
            return Ok(effects);
        };
        running.check(&out, id, ledger)?;
        if let Some(peer) = out.disconnects.first() {
            return fail(format!("server {id} refused what {peer} sent"));
        }
        let mut unsent = Vec::new();
        for message in out.messages {
            let content = message.snapshot.map(|at| content(&self.disk, at));
            match content {
                None => effects.messages.push((message, None)),
                Some(Some(content)) => effects.messages.push((message, Some(content))),
                Some(None) => unsent.push(Input::SnapshotSent(message.to, false)),
            }
        }
        effects.log_work = !out.jobs.is_empty();
        effects.apply_work = !out.work.is_empty();
        running.note_writes(&out.jobs);
        running.jobs.extend(out.jobs);
        running.work.extend(out.work);
        running.snapshots.extend(out.snapshots);
        effects.snapshot_work = !running.snapshots.is_empty();
        effects.ends = running.ended(id)?;
        if !unsent.is_empty() {
            let more = self.poll(now, unsent, ledger)?;
            effects.add(more);
        }
        Ok(effects)
    }

    /// Does the log's work that waits, as one batch: what it says then.
    ///
    /// # Errors
    /// When it contradicts what stands in another server's log.
    pub fn write(&mut self, ledger: &SharedLedger) -> Result<Option<Input<u32>>, Failure> {
        let Some(running) = self.running.as_mut().filter(|r| !r.jobs.is_empty()) else {
            return Ok(None);
        };
        let jobs = std::mem::take(&mut running.jobs);
        let said = running.driver.log_side().run(jobs.into_iter());
        if let Input::Log(_, done) = &said {
            for done in done {
                if let Done::Written(number) = done {
                    running.written(*number, ledger)?;
                }
            }
        }
        Ok(Some(said))
    }

    /// Feeds the state machine with what waits: what it says then.
    ///
    /// # Errors
    /// When it contradicts what another server applied.
    pub fn apply(&mut self, now: u64) -> Result<Option<Input<u32>>, Failure> {
        let clock = self.clock(now);
        let Some(running) = self.running.as_mut() else {
            return Ok(None);
        };
        let work = std::mem::take(&mut running.work);
        match running.driver.apply_side().run(clock, work.into_iter()) {
            Ok((done, snapshot)) => {
                running.snapshots.extend(snapshot);
                Ok(Some(done))
            }
            Err(_) if self.disk.is_dead() => Ok(None),
            Err(violation) => fail(format!("server {}: {violation}", self.id)),
        }
    }

    /// Writes a snapshot that waits: what became of it.
    pub fn write_snapshot(&mut self) -> Option<Input<u32>> {
        let running = self.running.as_mut()?;
        let job = running.snapshots.pop()?;
        Some(Input::SnapshotEnded(job.run()))
    }

    /// Microseconds until it wants to be polled.
    #[must_use]
    pub fn wakes_in(&self, now: u64) -> Option<u64> {
        let at = self.running.as_ref()?.driver.wake_at()?;
        Some(self.until(now, at))
    }

    /// What asks it for an operation.
    pub fn operation(&mut self, op: OpId, action: Action, padding: usize) -> Option<Input<u32>> {
        let running = self.running.as_mut()?;
        running.open.insert(op);
        let ends = running.ends.clone();
        let put = move |end| {
            let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
            ends.push((op, end));
        };
        Some(if crate::history::is_read(action) {
            let replica = running.replica.clone();
            Input::Read(Completion::new(Box::new(move |result| {
                put(match result {
                    Ok(_) => replica.read(action),
                    Err(ReadError::Shutdown) => Answer::Dropped,
                    Err(_) => Answer::Refused,
                });
            })))
        } else {
            let command = encode(op, action, padding);
            let done = move |result| put(answer(result));
            Input::Propose(command, Completion::new(Box::new(done)))
        })
    }

    /// What asks for a membership change.
    #[must_use]
    pub fn change(change: Change) -> Input<u32> {
        Input::Change(change, Completion::new(Box::new(|_| {})))
    }

    /// Whether its log takes no writes until it is started again.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|r| r.driver.has_failed())
    }

    /// Whether its log takes no writes now.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|r| r.driver.broken().is_some())
    }

    /// Whether it believes to lead.
    #[must_use]
    pub fn leads(&self) -> bool {
        let running = self.running.as_ref().filter(|_| !self.is_broken());
        running.is_some_and(|r| r.driver.core().view().role == Role::Leader)
    }

    /// Who takes part, as it knows.
    #[must_use]
    pub fn membership(&self) -> Option<&Membership> {
        self.running.as_ref().map(|r| r.driver.core().membership())
    }

    /// Last index applied and hash of the state.
    #[must_use]
    pub fn state(&self) -> Option<(u64, u64)> {
        self.running.as_ref().map(|r| r.replica.state())
    }

    /// Everything about it, for a text.
    #[must_use]
    pub fn describe(&self) -> String {
        let view = self.running.as_ref().map(|r| r.driver.core().view());
        let members = self.membership().map(|m| m.members.len());
        format!(
            "{} {:?} {view:?} {members:?} broken {}",
            self.id,
            self.state(),
            self.is_broken()
        )
    }
}

impl Effects {
    fn add(&mut self, more: Effects) {
        self.messages.extend(more.messages);
        self.ends.extend(more.ends);
        self.log_work |= more.log_work;
        self.apply_work |= more.apply_work;
        self.snapshot_work |= more.snapshot_work;
    }
}

fn answer(result: Result<(u64, u32), ProposeError>) -> Answer {
    match result {
        Ok((index, answer)) => Answer::Done(index, answer),
        Err(ProposeError::LeadershipLost | ProposeError::Disk(_)) => Answer::Unknown,
        Err(ProposeError::Shutdown) => Answer::Dropped,
        Err(_) => Answer::Refused,
    }
}

/// Whether a start failed because the disk reported an error, which is allowed.
fn errors_injected(error: &consensus::StartError) -> bool {
    let text = error.to_string();
    let injected = ["no storage space", "power is off", crate::disk::INJECTED];
    injected.iter().any(|words| text.contains(words))
}
