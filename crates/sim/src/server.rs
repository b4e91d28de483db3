//! One simulated server: the core, its log and its disk, driven by the world step by step.

use std::collections::{BTreeSet, VecDeque};
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use consensus::core::{Apply, Core, Outgoing, Refusal, Role};
use consensus::disk::Disk;
use consensus::faults::Faults;
use consensus::log::{Log, LogOptions, Position, Write};
use consensus::recover::Recovered;
use consensus::snapshot::{Incoming, SnapshotFile, SnapshotMeta, SnapshotReader, SnapshotWriter};
use consensus::{Change, Fetch, Membership, message};

use crate::disk::SimDisk;
use crate::ledger::Ledger;
use crate::machine::{Machine, OpId};
use crate::{Failure, fail};

/// Bytes per log segment: small, so that there are many.
const SEGMENT_BYTES: u64 = 8 << 10;
/// Entries kept before a snapshot, where some are.
const TRAILING: u64 = 20;

/// How an operation ended at a server: index and answer, or why not.
pub type Answer = Result<(u64, u32), Refusal>;

/// What a step of a server hands to the world.
#[derive(Default)]
pub struct Effects {
    /// Messages; snapshot messages come with their content.
    pub messages: Vec<(Outgoing, Option<Vec<u8>>)>,
    /// Ends of operations: index and answer, or a refusal.
    pub ends: Vec<(OpId, Answer)>,
    /// Work for the log was queued.
    pub log_work: bool,
    /// Work for the state machine was queued.
    pub apply_work: bool,
}

/// A running server.
pub struct Running {
    /// The consensus core.
    pub core: Core<OpId, (OpId, crate::machine::Action)>,
    log: Log,
    machine: Machine,
    /// Last entry applied.
    pub position: Position,
    membership: Membership,
    writes: Vec<Write>,
    fetches: Vec<Fetch>,
    apply: VecDeque<Apply<OpId>>,
    /// Operations given to this server and not answered.
    pub open: BTreeSet<OpId>,
    /// The log failed; the server is silent.
    pub broken: bool,
    wants_snapshot: bool,
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
}

fn disk_of(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

impl Server {
    /// Starts from what is on the disk. `Ok(false)` when the disk fails or power is lost meanwhile.
    ///
    /// # Errors
    /// When the disk holds something a crash cannot leave behind.
    pub fn start(
        &mut self,
        bootstrap: Option<&Membership>,
        seed: u64,
        faults: Faults,
        ledger: &Ledger,
    ) -> Result<bool, Failure> {
        self.life += 1;
        let options = LogOptions {
            segment_bytes: SEGMENT_BYTES,
            faults,
        };
        let disk = disk_of(&self.disk);
        let mut machine = Machine::default();
        let found = Recovered::from_disk(
            &disk,
            options,
            self.id,
            |_| bootstrap.cloned(),
            |snapshot| {
                machine = Machine::load(snapshot)?;
                Ok(())
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
        if found.has_snapshot && machine.hash != ledger.state(found.applied.index) {
            return fail(format!("server {}: snapshot holds another state", self.id));
        }
        let position = found.applied;
        let core = Core::new(found.start(seed, faults));
        let core = core.map_err(|v| Failure(format!("server {}: {v}", self.id)))?;
        let Some(log) = found.log else {
            return fail("no log");
        };
        self.running = Some(Running {
            core,
            log,
            machine,
            position,
            membership: found.membership,
            writes: Vec::new(),
            fetches: Vec::new(),
            apply: VecDeque::new(),
            open: BTreeSet::new(),
            broken: false,
            wants_snapshot: false,
        });
        Ok(true)
    }

    /// Stops at once. With the power, unsynced bytes are lost or torn; a process that is killed loses none. Gives back the
    /// operations nobody will answer.
    pub fn crash(&mut self, power: bool) -> BTreeSet<OpId> {
        if power {
            self.disk.crash();
        } else {
            self.disk.kill();
        }
        self.running.take().map(|r| r.open).unwrap_or_default()
    }

    /// Takes everything the core hands out.
    ///
    /// # Errors
    /// A violation of the core's, or of the ledger's rules.
    pub fn settle(&mut self, ledger: &mut Ledger) -> Result<Effects, Failure> {
        let mut effects = Effects::default();
        let Some(running) = &mut self.running else {
            return Ok(effects);
        };
        let output = running.core.output();
        let output = output.map_err(|v| Failure(format!("server {}: {v}", self.id)))?;
        let view = running.core.view();
        if view.role == Role::Leader {
            ledger.leads(view.term, self.id)?;
        }
        for write in &output.writes {
            let mut previous = write.install.map(|p| p.term);
            for entry in &write.entries {
                let before =
                    previous.or_else(|| running.core.position(entry.index - 1).map(|p| p.term));
                let payload = if entry.data.is_empty() {
                    &entry.context
                } else {
                    &entry.data
                };
                if entry.context.is_empty() {
                    ledger.appended(entry.index, entry.term, before, payload)?;
                }
                previous = Some(entry.term);
            }
        }
        for message in output.messages {
            let content = match message.snapshot {
                None => None,
                Some(position) => match self.content(position) {
                    Some(content) => Some(content),
                    None => {
                        if let Some(running) = &mut self.running {
                            running.core.snapshot_sent(message.to, false);
                        }
                        continue;
                    }
                },
            };
            effects.messages.push((message, content));
        }
        let Some(running) = &mut self.running else {
            return Ok(effects);
        };
        effects.log_work = !output.writes.is_empty() || !output.fetches.is_empty();
        effects.apply_work = !output.apply.is_empty();
        running.writes.extend(output.writes);
        running.fetches.extend(output.fetches);
        running.apply.extend(output.apply);
        running.wants_snapshot |= output.wants_snapshot;
        for (op, refusal) in output.refused {
            effects.ends.push((op, Err(refusal)));
        }
        for ((op, action), result) in output.reads {
            let answered = result.map(|_| (running.position.index, running.machine.read(action)));
            effects.ends.push((op, answered));
        }
        for (op, _) in &effects.ends {
            running.open.remove(op);
        }
        Ok(effects)
    }

    fn content(&self, position: Position) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let mut reader = SnapshotFile::open(&self.disk, position).ok()?;
        reader.read_to_end(&mut content).ok()?;
        Some(content)
    }

    /// Does the log's work that waits, as one batch.
    ///
    /// # Errors
    /// A violation of the core's.
    pub fn write(&mut self) -> Result<(), Failure> {
        let Some(running) = self.running.as_mut().filter(|r| !r.broken) else {
            return Ok(());
        };
        let writes = std::mem::take(&mut running.writes);
        for fetch in std::mem::take(&mut running.fetches) {
            let read = running.log.read(fetch.low, fetch.high, fetch.max_bytes);
            running.core.fetched(fetch.low, read.unwrap_or_default());
        }
        if writes.is_empty() {
            return Ok(());
        }
        match running.log.append(&writes) {
            Ok(number) => running
                .core
                .written(number)
                .map_err(|v| Failure(format!("server {}: {v}", self.id))),
            Err(_) => {
                running.broken = true;
                Ok(())
            }
        }
    }

    /// Applies what waits; the ends of operations in it.
    ///
    /// # Errors
    /// When it contradicts what another server applied.
    pub fn apply(&mut self, ledger: &mut Ledger) -> Result<Vec<(OpId, Answer)>, Failure> {
        let mut ends = Vec::new();
        let Some(running) = &mut self.running else {
            return Ok(ends);
        };
        while let Some(work) = running.apply.pop_front() {
            match work {
                Apply::Entries(batch) => {
                    let mut outcomes = Vec::new();
                    for entry in &batch.entries {
                        if entry.index <= running.position.index {
                            return fail(format!(
                                "server {}: {} applied again",
                                self.id, entry.index
                            ));
                        }
                        let outcome = running.machine.apply(entry.index, &entry.payload);
                        let hash = running.machine.hash;
                        ledger.applied(entry.index, entry.term, &entry.payload, outcome, hash)?;
                        outcomes.push((entry.index, outcome));
                    }
                    for (at, op) in batch.waiters {
                        if let Some(outcome) = outcomes.get(at as usize) {
                            ends.push((op, Ok(*outcome)));
                        }
                    }
                    running.position = batch.upto;
                }
                Apply::Membership {
                    position,
                    membership,
                    ..
                } => {
                    running.position = position;
                    running.membership = membership;
                }
                Apply::Restore(position, membership) => {
                    let disk = &self.disk;
                    let loaded = SnapshotReader::open(disk, position)
                        .and_then(|mut reader| Machine::load(&mut reader));
                    match loaded {
                        Ok(machine) => running.machine = machine,
                        Err(error) => return fail(format!("server {}: {error}", self.id)),
                    }
                    if running.machine.hash != ledger.state(position.index) {
                        return fail(format!("server {}: snapshot holds another state", self.id));
                    }
                    running.position = position;
                    running.membership = membership;
                }
            }
        }
        running.core.applied(running.position.index);
        for (op, _) in &ends {
            running.open.remove(op);
        }
        Ok(ends)
    }

    /// Takes a snapshot and cuts the log behind it.
    pub fn snapshot(&mut self) {
        let Some(running) = self.running.as_mut().filter(|r| !r.broken) else {
            return;
        };
        running.wants_snapshot = false;
        let position = running.position;
        if position.index == 0 || !running.apply.is_empty() {
            return;
        }
        let meta = SnapshotMeta {
            position,
            membership: running.membership.clone(),
        };
        let done =
            SnapshotWriter::create(disk_of(&self.disk), "local", &meta).and_then(|mut out| {
                running.machine.save(&mut out)?;
                out.finish()
            });
        if done.is_err() {
            return;
        }
        running.core.snapshot_made(position, meta.membership);
        // Every second server keeps none, as one without peers does.
        let trailing = if self.id.is_multiple_of(2) {
            0
        } else {
            TRAILING
        };
        let keep = (position.index + 1).saturating_sub(trailing).max(1);
        match running.log.purge(keep) {
            Ok(first) => running.core.compacted(first),
            Err(_) => running.broken = true,
        }
    }

    /// Whether a follower waits for a snapshot.
    #[must_use]
    pub fn wants_snapshot(&self) -> bool {
        self.running.as_ref().is_some_and(|r| r.wants_snapshot)
    }

    /// A message arrives, with the content of a snapshot if it is one. Whether it was taken in.
    ///
    /// # Errors
    /// A violation of the core's.
    pub fn deliver(&mut self, bytes: Bytes, content: Option<&[u8]>) -> Result<bool, Failure> {
        let Some(running) = self.running.as_mut().filter(|r| !r.broken) else {
            return Ok(false);
        };
        if let Some(content) = content {
            let Ok((decoded, Some(membership))) = message::decode(bytes.clone()) else {
                return fail("a snapshot message does not decode");
            };
            let meta = decoded.get_snapshot().get_metadata();
            let meta = SnapshotMeta {
                position: Position {
                    index: meta.index,
                    term: meta.term,
                },
                membership,
            };
            let stored = Incoming::create(disk_of(&self.disk), 1).and_then(|mut file| {
                file.write(content)?;
                file.verify(&meta)?;
                file.place(meta.position)
            });
            if stored.is_err() {
                return Ok(false);
            }
        }
        running
            .core
            .step(bytes)
            .map_err(|v| Failure(format!("server {}: {v}", self.id)))?;
        Ok(true)
    }

    /// Asks for a membership change.
    pub fn change(&mut self, change: &Change) {
        if let Some(running) = self.running.as_mut().filter(|r| !r.broken) {
            running.core.change(change, 0);
        }
    }

    /// Whether it believes to lead.
    #[must_use]
    pub fn leads(&self) -> bool {
        let running = self.running.as_ref().filter(|r| !r.broken);
        running.is_some_and(|r| r.core.view().role == Role::Leader)
    }

    /// Hash of its state.
    #[must_use]
    pub fn state(&self) -> Option<(u64, u64)> {
        self.running
            .as_ref()
            .map(|r| (r.position.index, r.machine.hash))
    }
}

/// Whether a start failed because the disk reported an error, which is allowed.
fn errors_injected(error: &consensus::StartError) -> bool {
    let text = error.to_string();
    text.contains("no storage space") || text.contains("power is off")
}
