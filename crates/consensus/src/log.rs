//! The segmented log on a [`Disk`]: one write and one sync per batch, whatever the batch holds.
//!
//! Owns: segments, records, what survives a crash. Must never learn: what entries mean, who is leader.
//! Nothing is overwritten: an entry whose index is already there replaces that one and all behind it.
//! After an error the log refuses everything until it is opened again, because nobody knows what the
//! medium holds; but a lack of space that shows before anything is synced changes nothing. Layout and reasons: docs/decisions/0003.

mod open;
mod segment;

use std::io;
use std::sync::Arc;

pub use open::Opened;

use bytes::{Bytes, BytesMut};
use raft::eraftpb::{Entry, EntryType};

use crate::disk::Disk;
use crate::faults::Faults;
use crate::membership::Membership;
use crate::message;
use crate::observe::Counts;
use crate::record::{self, Header, Kind};

use segment::Segment;

/// Bytes reserved for a segment; a larger batch gets a larger one.
pub const SEGMENT_BYTES: u64 = 16 << 20;
/// Largest command, bytes.
pub const MAX_PAYLOAD: usize = record::MAX_PAYLOAD;

/// What a server must not forget besides entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HardState {
    /// Current term.
    pub term: u64,
    /// Raft id voted for in it, 0 for none.
    pub vote: u64,
    /// An index known to be committed; may lag.
    pub commit: u64,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The medium failed.
    #[error("raft log: {0}")]
    Io(#[from] io::Error),
    /// The bytes are not what was written. Nothing was changed.
    #[error("raft log is damaged: file {file} at offset {offset}: {reason}")]
    Damaged {
        /// Name in the log's directory.
        file: String,
        /// First byte that is wrong.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The log continues a snapshot that is not there. Nothing was changed.
    #[error(
        "raft log: file {file} continues a snapshot that reaches index {index}, and there is none: put {snapshot} or a newer \
         one back into the folder; without one, start with an empty folder and join the other servers, or restore an archive"
    )]
    NoSnapshot {
        /// First segment, name in the log's directory.
        file: String,
        /// What the snapshot has to reach.
        index: u64,
        /// The name it had.
        snapshot: String,
    },
}

/// Why writes are not durable.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    /// There is no space. The log is as it was and serves on; the very same writes may be tried again.
    #[error("{0}")]
    Full(io::Error),
    /// The medium failed: the log refuses everything until it is opened again.
    #[error("{0}")]
    Failed(#[from] io::Error),
}

/// Index and term of an entry, or of a snapshot's last one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// Log index.
    pub index: u64,
    /// Term.
    pub term: u64,
}

/// Things to make durable together, in this order.
#[derive(Debug, Default)]
pub struct Write {
    /// Counts up; a completion of `number` covers all before it.
    pub number: u64,
    /// Empties the log: a snapshot up to here is in place.
    pub install: Option<Position>,
    /// New term, vote or commit.
    pub hard_state: Option<HardState>,
    /// Entries, ascending; they replace what has their indexes and more.
    pub entries: Vec<Entry>,
}

/// How a log is laid out and, in tests, what it forgets.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    /// Bytes per segment.
    pub segment_bytes: u64,
    /// Deliberate mistakes (tests of the tests).
    pub faults: Faults,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            segment_bytes: SEGMENT_BYTES,
            faults: Faults::default(),
        }
    }
}

/// An open log.
pub struct Log {
    disk: Arc<dyn Disk>,
    options: LogOptions,
    segments: Vec<Segment>,
    hard_state: HardState,
    last: Position,
    batch: u32,
    buffer: BytesMut,
    appended: u64,
    syncs: u64,
    counts: Counts,
    failed: Option<String>,
}

fn encode_hard_state(state: &HardState) -> [u8; 24] {
    let mut out = [0u8; 24];
    out[0..8].copy_from_slice(&state.term.to_le_bytes());
    out[8..16].copy_from_slice(&state.vote.to_le_bytes());
    out[16..24].copy_from_slice(&state.commit.to_le_bytes());
    out
}

impl Log {
    /// Writes the first membership into an empty log, durably: index 1, term 1, committed.
    ///
    /// # Errors
    /// What the medium says.
    pub fn bootstrap(&mut self, membership: &Membership) -> Result<(), Unwritten> {
        self.check()?;
        let mut payload = BytesMut::new();
        membership.encode(&mut payload);
        self.hard_state = HardState {
            term: 1,
            vote: 0,
            commit: 1,
        };
        self.last = Position { index: 1, term: 1 };
        let batch = self.batch + 1;
        let header = |kind, last, len| Header {
            len,
            kind,
            last,
            batch,
            index: 1,
            term: 1,
        };
        let state = encode_hard_state(&self.hard_state);
        let seed = self.seed();
        self.buffer.clear();
        record::encode(
            &mut self.buffer,
            seed,
            &header(Kind::Membership, false, payload.len()),
            &payload,
        );
        record::encode(
            &mut self.buffer,
            seed,
            &header(Kind::HardState, true, state.len()),
            &state,
        );
        self.put(batch, Vec::new())
    }

    /// Makes all of `writes`, of which none installs a snapshot ([`Log::install`]), durable with one write and one sync.
    ///
    /// # Errors
    /// [`Unwritten`]. When it is full, the same writes have to come next, no fewer and no more: part of them may stand behind
    /// the log's end, and other bytes among them could look like damage.
    pub fn append(&mut self, writes: &[Write]) -> Result<(), Unwritten> {
        self.check()?;
        let before = self.hard_state;
        let done = self.append_batch(writes);
        if done.is_err() {
            self.hard_state = before;
        }
        done
    }

    fn append_batch(&mut self, writes: &[Write]) -> Result<(), Unwritten> {
        let state = writes.iter().rev().find_map(|write| write.hard_state);
        let count: usize = writes.iter().map(|w| w.entries.len()).sum();
        let records = count + usize::from(state.is_some());
        if records == 0 {
            return Ok(());
        }
        let size: usize = writes
            .iter()
            .flat_map(|w| &w.entries)
            .map(entry_bytes)
            .sum::<usize>()
            + record::span(24);
        // A new segment repeats the old state: the new one may speak of a commit whose entries only come
        // with this batch.
        self.make_room(size)?;
        if let Some(state) = state {
            self.hard_state = self.options.faults.saved_state(state);
        }
        let (seed, batch) = (self.seed(), self.batch + 1);
        let start = self.segments.last().map_or(0, |s| s.end);
        let mut left = records;
        let mut placed = Vec::with_capacity(count);
        self.buffer.clear();
        if state.is_some() {
            left -= 1;
            let payload = encode_hard_state(&self.hard_state);
            let header = Header {
                len: payload.len(),
                kind: Kind::HardState,
                last: left == 0,
                batch,
                index: 0,
                term: self.hard_state.term,
            };
            record::encode(&mut self.buffer, seed, &header, &payload);
        }
        for entry in writes.iter().flat_map(|w| &w.entries) {
            left -= 1;
            let payload = message::payload(entry);
            if payload.len() > MAX_PAYLOAD {
                return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
            }
            let header = Header {
                len: payload.len(),
                kind: match entry.get_entry_type() {
                    EntryType::EntryNormal => Kind::Command,
                    _ => Kind::Change,
                },
                last: left == 0,
                batch,
                index: entry.index,
                term: entry.term,
            };
            placed.push((entry.index, entry.term, start + self.buffer.len()));
            record::encode(&mut self.buffer, seed, &header, payload);
        }
        self.put(batch, placed)?;
        self.counts.appends += 1;
        self.counts.entries += count as u64;
        self.counts.states += u64::from(state.is_some());
        let payload = |entry: &Entry| message::payload(entry).len() as u64;
        self.counts.bytes += writes
            .iter()
            .flat_map(|w| &w.entries)
            .map(payload)
            .sum::<u64>();
        Ok(())
    }

    /// Writes and syncs the buffer, then takes note of the entries in it.
    fn put(&mut self, batch: u32, placed: Vec<(u64, u64, usize)>) -> Result<(), Unwritten> {
        self.write_buffer()?;
        self.syncs += 1;
        let skipped = self.options.faults.skips_sync(self.syncs);
        let Some(segment) = self.segments.last_mut() else {
            return Ok(());
        };
        if !skipped && let Err(error) = segment.file.sync() {
            return Err(self.fail(error).into());
        }
        segment.end += self.buffer.len();
        self.appended += self.buffer.len() as u64;
        self.batch = batch;
        for (index, term, offset) in placed {
            self.note(index, term, offset);
        }
        const KEEP: usize = 1 << 20;
        if self.buffer.capacity() > KEEP {
            self.buffer = BytesMut::with_capacity(KEEP);
        }
        Ok(())
    }

    fn note(&mut self, index: u64, term: u64, offset: usize) {
        if index <= self.last.index {
            for segment in &mut self.segments {
                self.counts.tail_cut += segment.replace_from(index);
            }
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.push(index, offset);
        }
        self.last = Position { index, term };
    }

    fn seed(&self) -> u32 {
        self.segments.last().map_or(0, |s| s.header.seed())
    }

    fn check(&self) -> io::Result<()> {
        match &self.failed {
            Some(reason) => Err(io::Error::other(reason.clone())),
            None => Ok(()),
        }
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        self.failed = Some(error.to_string());
        error
    }

    /// Marks everything so far as synced, for the next opening. Best effort at an orderly end.
    ///
    /// # Errors
    /// What the medium says.
    pub fn seal(&mut self, commit: u64) -> Result<(), Unwritten> {
        self.check()?;
        self.make_room(2 * record::span(24))?;
        self.hard_state.commit = self.hard_state.commit.max(commit);
        let (seed, batch) = (self.seed(), self.batch + 1);
        let state = encode_hard_state(&self.hard_state);
        let header = |kind, last, len| Header {
            len,
            kind,
            last,
            batch,
            index: 0,
            term: 0,
        };
        self.buffer.clear();
        let state_header = header(Kind::HardState, false, state.len());
        record::encode(&mut self.buffer, seed, &state_header, &state);
        record::encode(&mut self.buffer, seed, &header(Kind::Seal, true, 0), &[]);
        self.put(batch, Vec::new())
    }

    /// Bytes of log since it was opened, plus those found then.
    #[must_use]
    pub fn appended(&self) -> u64 {
        self.appended
    }

    /// What was done since it was opened.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Term, vote and commit as last written.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.hard_state
    }
}

/// An entry that holds a command.
#[must_use]
pub fn command(index: u64, term: u64, payload: Bytes) -> Entry {
    message::entry(false, index, term, payload)
}

/// Bytes an entry takes in the log.
pub(crate) fn entry_bytes(entry: &Entry) -> usize {
    record::span(message::payload(entry).len())
}
