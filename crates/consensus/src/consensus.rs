//! Starting a server's consensus, and the handle the rest of the program holds.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raft::eraftpb::EntryType;
use tokio::sync::{oneshot, watch};

use crate::core::{Role, Wish};
use crate::disk::{Disk, RealDisk};
use crate::driver::{
    Callback, Completion, Driver, Indexes, Input, Job, Parts, Receiver, TRAILING_ENTRIES,
};
use crate::faults::Faults;
use crate::inbox::{Inbox, Rejected};
use crate::log::{LogOptions, MAX_PAYLOAD};
use crate::machine::{Inbound, StateMachine, Transport, not_understood};
use crate::membership::{Change, Membership};
use crate::message;
use crate::observe::{Event, Nobody, Observer};
use crate::recover::Recovered;
use crate::shell::{self, Item, Queues};
use crate::snapshot::SnapshotReader;
use crate::status::{ProposeError, ReadError, StartError, Status};

/// Commands that may wait for the engine; more are answered [`ProposeError::Full`].
pub const MAX_WAITING_PROPOSALS: usize = 65_536;
/// Bytes of commands that may wait for the engine.
pub const MAX_WAITING_BYTES: usize = 64 << 20;
/// Bytes of committed commands that may wait for the state machine before proposals are answered [`ProposeError::Full`] and appends
/// dropped. One round of the engine may bring 4 MiB more.
pub const MAX_UNAPPLIED_BYTES: usize = 128 << 20;
/// Bytes of entries that may wait for the log, likewise.
pub const MAX_UNWRITTEN_BYTES: usize = 128 << 20;
/// What one waiting command counts besides its bytes, so that both limits are one.
const PROPOSAL_WEIGHT: usize = MAX_WAITING_BYTES / MAX_WAITING_PROPOSALS;
/// What a message from a peer counts besides its bytes.
const MESSAGE_WEIGHT: usize = 256;
/// Longest wait for the engine to say whether it wants a snapshot.
const ASK_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of a snapshot read at once.
const PIECE: usize = 64 << 10;
/// A tick at the default multiplier.
const TICK: Duration = Duration::from_millis(25);
/// The multiplier at which [`TICK`] counts.
const DEFAULT_MULTIPLIER: u32 = 5;

/// How a server takes part.
pub struct Config {
    /// Where log and snapshots live; `None` keeps everything in memory (a lone development server).
    pub dir: Option<PathBuf>,
    /// The server's node id.
    pub node_id: String,
    /// The server's node name.
    pub node_name: String,
    /// `raft_multiplier`: 5 is a tick of 25 ms, and everything else follows.
    pub multiplier: u32,
    /// Found a cluster of one when the log is empty.
    pub bootstrap: bool,
    /// Log bytes that call for a snapshot, unless half the last snapshot is more. Default 64 MiB.
    pub snapshot_log_bytes: u64,
    /// Bytes per log segment. Default [`crate::log::SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// A disk in place of `dir` (tests).
    pub disk: Option<Arc<dyn Disk>>,
    /// Told about what the engine does.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            dir: None,
            node_id: String::new(),
            node_name: String::new(),
            multiplier: DEFAULT_MULTIPLIER,
            bootstrap: true,
            snapshot_log_bytes: 64 << 20,
            segment_bytes: crate::log::SEGMENT_BYTES,
            disk: None,
            observer: None,
        }
    }
}

/// A server's consensus. Clones are handles on the same one; it ends with [`Consensus::shutdown`] or with
/// its last handle.
pub struct Consensus<O> {
    shared: Arc<Shared<O>>,
}

impl<O> Clone for Consensus<O> {
    fn clone(&self) -> Self {
        Consensus {
            shared: self.shared.clone(),
        }
    }
}

struct Shared<O> {
    queues: Queues<O>,
    status: watch::Receiver<Status>,
    indexes: Arc<Indexes>,
    disk: Option<Arc<dyn Disk>>,
    receiver: Arc<Receiver>,
}

impl<O> Shared<O> {
    /// Whether log or state machine have more before them than may wait; what would add to it is not taken in.
    fn is_behind(&self) -> bool {
        let unwritten = |jobs: &Arc<Inbox<Item<Job>>>| jobs.load() > MAX_UNWRITTEN_BYTES;
        self.queues.work.load() > MAX_UNAPPLIED_BYTES
            || self.queues.jobs.as_ref().is_some_and(unwritten)
    }
}

impl<O> Drop for Shared<O> {
    fn drop(&mut self) {
        self.queues.inputs.push(Input::Shutdown(None));
    }
}

fn random_id() -> io::Result<u64> {
    loop {
        let mut bytes = [0u8; 8];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        // The engine reserves 0; the top bits stay free for arithmetic.
        let id = u64::from_le_bytes(bytes) >> 1;
        if id != 0 {
            return Ok(id);
        }
    }
}

fn find<S: StateMachine>(
    config: &Config,
    disk: Option<&Arc<dyn Disk>>,
    machine: &mut S,
) -> Result<Recovered, StartError> {
    let fresh_id = random_id()?;
    let first = |id| Membership::of_one(id, &config.node_id, &config.node_name);
    let Some(disk) = disk else {
        return Ok(Recovered::in_memory(fresh_id, first(fresh_id)));
    };
    let options = LogOptions {
        segment_bytes: config.segment_bytes,
        faults: Faults::None,
    };
    let bootstrap = |id| config.bootstrap.then(|| first(id));
    let restore = |reader: &mut SnapshotReader| {
        let index = reader.meta().position.index;
        machine.restore(index, reader)
    };
    let found = Recovered::from_disk(disk, options, fresh_id, bootstrap, restore)?;
    if found.cut {
        tracing::warn!("the raft log ended in an interrupted write, which was cut off");
    }
    for file in &found.damaged {
        tracing::warn!(%file, "a raft snapshot is damaged, an older one and the log replace it");
    }
    for entry in &found.entries {
        if entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty() {
            machine
                .understands(&entry.data)
                .map_err(|why| StartError::NotUnderstood(not_understood(entry.index, &why)))?;
        }
    }
    Ok(found)
}

impl<O: Send + 'static> Consensus<O> {
    /// Opens log and snapshot, restores the machine and starts the threads. A lone voter leads within
    /// milliseconds; the rest of the log is replayed meanwhile.
    ///
    /// # Errors
    /// [`StartError`] when what is on disk is damaged or cannot be read.
    pub fn start<S: StateMachine<Outcome = O>>(
        config: Config,
        mut machine: S,
        transport: Option<Arc<dyn Transport>>,
    ) -> Result<Self, StartError> {
        let disk: Option<Arc<dyn Disk>> = match (&config.disk, &config.dir) {
            (Some(disk), _) => Some(disk.clone()),
            (None, Some(dir)) => Some(Arc::new(RealDisk::open(dir)?)),
            (None, None) => None,
        };
        let found = find(&config, disk.as_ref(), &mut machine)?;
        let observer = config.observer.clone().unwrap_or_else(|| Arc::new(Nobody));
        observer.saw(found.opened());
        observer.saw(Event::Role(Role::Follower));
        let parts = Parts {
            seed: found.raft_id,
            found,
            machine,
            disk: disk.clone(),
            lone: transport.is_none(),
            tick: TICK * config.multiplier.max(1) / DEFAULT_MULTIPLIER,
            snapshot_log_bytes: config.snapshot_log_bytes,
            trailing: TRAILING_ENTRIES,
            observer,
            faults: Faults::None,
        };
        let driver = Driver::new(parts, Instant::now())?;
        let queues = Queues {
            inputs: Arc::default(),
            work: Arc::default(),
            jobs: transport.is_some().then(Arc::default),
        };
        let shared = Arc::new(Shared {
            queues: queues.clone(),
            status: driver.watch_status(),
            indexes: driver.indexes(),
            disk: disk.clone(),
            receiver: driver.receiver(),
        });
        shell::start(driver, queues, transport, disk)?;
        Ok(Consensus { shared })
    }

    /// Enqueues a command. `done` is called exactly once: on the apply thread with the entry's index and
    /// outcome after commit and apply, or with an error, then possibly on the calling thread.
    pub fn propose(&self, payload: Bytes, done: Callback<O>) {
        let completion = Completion::new(done);
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return completion.call(Err(ProposeError::Size));
        }
        if self.shared.is_behind() {
            return completion.call(Err(ProposeError::Full));
        }
        let weight = PROPOSAL_WEIGHT + payload.len();
        let limit = MAX_WAITING_BYTES.max(weight);
        let input = Input::Propose(payload, completion);
        match self.shared.queues.inputs.offer(input, weight, limit) {
            Err(Rejected::Full(Input::Propose(_, completion))) => {
                completion.call(Err(ProposeError::Full));
            }
            Err(Rejected::Closed(Input::Propose(_, completion))) => {
                completion.call(Err(ProposeError::Shutdown));
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// [`Consensus::propose`] for a task that waits.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn propose_wait(&self, payload: Bytes) -> Result<(u64, O), ProposeError> {
        let (sender, receiver) = oneshot::channel();
        let done = move |result| drop(sender.send(result));
        self.propose(payload, Box::new(done));
        receiver.await.unwrap_or(Err(ProposeError::Shutdown))
    }

    /// Linearizable read barrier: returns, with an index, when a majority confirmed this leader and
    /// everything committed before the call is applied.
    ///
    /// # Errors
    /// [`ReadError`]; [`ReadError::Timeout`] at `deadline`.
    pub async fn read_barrier(&self, deadline: Instant) -> Result<u64, ReadError> {
        let (read, receiver) = Completion::awaited();
        let inputs = &self.shared.queues.inputs;
        let offered = inputs.offer(Input::Read(read), PROPOSAL_WEIGHT, MAX_WAITING_BYTES);
        match offered {
            Err(Rejected::Full(_)) => return Err(ReadError::Full),
            Err(Rejected::Closed(_)) => return Err(ReadError::Shutdown),
            Ok(()) => {}
        }
        match tokio::time::timeout_at(deadline.into(), receiver).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(ReadError::Shutdown),
            Err(_) => Err(ReadError::Timeout),
        }
    }

    /// Changes the membership by one step; returns the index at which it took effect.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn change_membership(&self, change: Change) -> Result<u64, ProposeError> {
        let (changed, receiver) = Completion::awaited();
        self.shared
            .queues
            .inputs
            .push(Input::Change(change, changed));
        receiver.await.unwrap_or(Err(ProposeError::Shutdown))
    }

    /// Where this server stands now.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut status = self.shared.status.borrow().clone();
        let indexes = &self.shared.indexes;
        status.last_index = indexes.last.load(Ordering::Relaxed);
        status.commit_index = indexes.commit.load(Ordering::Relaxed);
        status.snapshot_index = indexes.snapshot.load(Ordering::Relaxed);
        status.applied_index = self.applied_index();
        let heard = indexes.heard.lock().clone();
        (status.last_contact, status.progress) = (heard.contact, heard.progress);
        status
    }

    /// Last index applied; one atomic load.
    #[must_use]
    pub fn applied_index(&self) -> u64 {
        self.shared.indexes.applied()
    }

    /// Changes of role, leader, term, membership and disk error; the indexes in it are as of then.
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.shared.status.clone()
    }

    /// Who takes part.
    #[must_use]
    pub fn membership(&self) -> Membership {
        self.shared.status.borrow().membership.clone()
    }

    /// Starts a snapshot of the current state, unless one is under way.
    pub fn snapshot_now(&self) {
        self.shared.queues.inputs.push(Input::SnapshotNow);
    }

    /// Hands leadership to another voter, if this server leads.
    pub fn transfer_leadership(&self, raft_id: u64) {
        self.shared.queues.inputs.push(Input::Transfer(raft_id));
    }

    /// Campaigns now.
    pub fn campaign(&self) {
        self.shared.queues.inputs.push(Input::Campaign);
    }

    /// Answers what waits, closes the log in order, ends the threads.
    pub async fn shutdown(&self) {
        let (sender, receiver) = oneshot::channel();
        self.shared
            .queues
            .inputs
            .push(Input::Shutdown(Some(sender)));
        let _ = receiver.await;
    }
}

impl<O: Send + 'static> Inbound for Consensus<O> {
    fn deliver(&self, from: u64, message: Bytes) -> bool {
        if message::is_append(&message) && self.shared.is_behind() {
            return false;
        }
        let weight = MESSAGE_WEIGHT + message.len();
        let input = Input::Message(from, message);
        let inputs = &self.shared.queues.inputs;
        inputs.offer(input, weight, 2 * MAX_WAITING_BYTES).is_ok()
    }

    fn peer_gone(&self, peer: u64) {
        self.shared.queues.inputs.push(Input::PeerGone(peer));
    }

    /// Blocks while the file is written. One at a time: a newer one takes the place of one under way.
    fn receive_snapshot(
        &self,
        from: u64,
        message: Bytes,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        if message::sender(&message) != Some(from) {
            let text = "a snapshot of another server than the one that sends it";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let shared = &self.shared;
        let disk = shared
            .disk
            .clone()
            .ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        let mut receiving = shared
            .receiver
            .open(disk, message.clone(), Instant::now())?;
        let mut piece = vec![0; PIECE];
        loop {
            match content.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => receiving.piece(Instant::now(), &piece[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        receiving.finish(|term, position| {
            let (sender, receiver) = std::sync::mpsc::channel();
            let asked = Input::Wanted(term, position, sender);
            shared.queues.inputs.push(asked);
            receiver.recv_timeout(ASK_LIMIT).unwrap_or(Wish::Unwanted)
        })?;
        if self.deliver(from, message) {
            Ok(())
        } else {
            Err(io::Error::other("too much waits"))
        }
    }
}
