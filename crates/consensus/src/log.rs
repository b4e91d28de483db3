//! The segmented log on a [`Disk`]: one write and one sync per batch, whatever the batch holds.
//!
//! Owns: segments, records, what survives a crash. Must never learn: what entries mean, who is leader.
//! Nothing is overwritten: an entry whose index is already there replaces that one and all behind it.
//! After an error the log refuses everything until it is opened again, because nobody knows what the
//! medium holds. Layout and reasons: docs/decisions/0003.

mod open;

use std::io;
use std::sync::Arc;

pub use open::Opened;

use bytes::{Bytes, BytesMut};
use raft::eraftpb::{Entry, EntryType};

use crate::disk::{Disk, DiskFile};
use crate::faults::Faults;
use crate::membership::Membership;
use crate::message;
use crate::observe::Counts;
use crate::record::{self, Header, Kind};
use crate::scan::SegmentHeader;

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

struct Segment {
    header: SegmentHeader,
    file: Box<dyn DiskFile>,
    /// Index of the entry at `offsets[0]`.
    live: u64,
    /// Positions of the entries that still count, by index.
    offsets: Vec<u32>,
    end: usize,
    capacity: u64,
}

impl Segment {
    /// Forgets entries from `index` on; how many.
    fn replace_from(&mut self, index: u64) -> u64 {
        let keep = index
            .saturating_sub(self.live)
            .min(self.offsets.len() as u64);
        let cut = self.offsets.len() as u64 - keep;
        self.offsets.truncate(keep as usize);
        cut
    }

    fn push(&mut self, index: u64, offset: usize) {
        if self.offsets.is_empty() {
            self.live = index;
        }
        self.offsets.push(offset as u32);
    }

    /// Index after the last entry that counts; `live` when there is none.
    fn next(&self) -> u64 {
        self.live + self.offsets.len() as u64
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

fn name(sequence: u64) -> String {
    format!("{sequence:016x}.log")
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
    pub fn bootstrap(&mut self, membership: &Membership) -> io::Result<()> {
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

    /// Makes all of `writes` durable with one write and one sync. Returns the number covered.
    ///
    /// # Errors
    /// What the medium says; the log then refuses everything until it is opened again.
    pub fn append(&mut self, writes: &[Write]) -> io::Result<u64> {
        self.check()?;
        let mut from = 0;
        for (at, write) in writes.iter().enumerate() {
            if let Some(position) = write.install {
                self.append_batch(&writes[from..at])?;
                if let Some(state) = write.hard_state {
                    self.hard_state = state;
                }
                self.reset(position)?;
                from = at;
            }
        }
        self.append_batch(&writes[from..])?;
        Ok(writes.last().map_or(0, |write| write.number))
    }

    fn append_batch(&mut self, writes: &[Write]) -> io::Result<()> {
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
                return Err(io::Error::from(io::ErrorKind::InvalidInput));
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
    fn put(&mut self, batch: u32, placed: Vec<(u64, u64, usize)>) -> io::Result<()> {
        let Some(segment) = self.segments.last_mut() else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        let done = segment.file.write_at(segment.end as u64, &self.buffer);
        self.syncs += 1;
        let done = done.and_then(|()| {
            if self.options.faults.skips_sync(self.syncs) {
                Ok(())
            } else {
                segment.file.sync()
            }
        });
        if let Err(error) = done {
            return Err(self.fail(error));
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

    /// Starts a new segment when `size` bytes do not fit into the current one.
    fn make_room(&mut self, size: usize) -> io::Result<()> {
        let Some(current) = self.segments.last() else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        if current.end + size <= current.capacity as usize {
            return Ok(());
        }
        let header = SegmentHeader {
            reset: false,
            sequence: current.header.sequence + 1,
            first: self.last.index + 1,
            prev_term: self.last.term,
            prev_end: current.end as u64,
            ..current.header
        };
        self.add_segment(header, size)
    }

    /// Creates a segment that begins with the hard state, complete before it gets its name.
    fn add_segment(&mut self, header: SegmentHeader, room: usize) -> io::Result<()> {
        let state = encode_hard_state(&self.hard_state);
        let record = Header {
            len: state.len(),
            kind: Kind::HardState,
            last: true,
            batch: 1,
            index: 0,
            term: self.hard_state.term,
        };
        self.buffer.clear();
        self.buffer.extend_from_slice(&header.encode());
        record::encode(&mut self.buffer, header.seed(), &record, &state);
        let needed = (self.buffer.len() + room) as u64;
        let wanted = self.options.segment_bytes.max(needed);
        let (file_name, temporary) = (
            name(header.sequence),
            format!("{:016x}.log.tmp", header.sequence),
        );
        let made = (|| {
            // On a disk that is nearly full a segment of what this batch needs goes on.
            let (file, capacity) = match self.disk.create(&temporary, wanted) {
                Err(error) if error.kind() == io::ErrorKind::StorageFull && needed < wanted => {
                    (self.disk.create(&temporary, needed)?, needed)
                }
                created => (created?, wanted),
            };
            file.write_at(0, &self.buffer)?;
            file.sync()?;
            self.disk.rename(&temporary, &file_name)?;
            self.disk.sync_dir()?;
            Ok((file, capacity))
        })();
        let (file, capacity) = made.map_err(|error| self.fail(error))?;
        self.segments.push(Segment {
            header,
            file,
            live: header.first,
            offsets: Vec::new(),
            end: self.buffer.len(),
            capacity,
        });
        self.batch = 1;
        self.counts.segments += 1;
        Ok(())
    }

    /// Empties the log: a snapshot at `position` is in place and replaces all of it.
    fn reset(&mut self, position: Position) -> io::Result<()> {
        self.check()?;
        let Some(current) = self.segments.last() else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        self.hard_state.commit = position.index;
        self.hard_state.term = self.hard_state.term.max(position.term);
        let header = SegmentHeader {
            reset: true,
            sequence: current.header.sequence + 1,
            first: position.index + 1,
            prev_term: position.term,
            prev_end: 0,
            ..current.header
        };
        self.add_segment(header, 0)?;
        self.last = position;
        let keep = self.segments.len() - 1;
        self.drop_segments(keep)
    }

    fn drop_segments(&mut self, count: usize) -> io::Result<()> {
        for segment in self.segments.drain(..count).collect::<Vec<_>>() {
            self.counts.head_cut += segment.offsets.len() as u64;
            let gone = self
                .disk
                .remove(&name(segment.header.sequence))
                .and_then(|()| self.disk.sync_dir());
            if let Err(error) = gone
                && self.options.faults != Faults::IgnorePurge
            {
                return Err(self.fail(error));
            }
        }
        Ok(())
    }

    /// Removes segments that hold only entries before `index`, which a snapshot must cover. Returns the
    /// first index that is left.
    ///
    /// # Errors
    /// What the medium says.
    pub fn purge(&mut self, index: u64) -> io::Result<u64> {
        self.check()?;
        let index = index + u64::from(self.options.faults == Faults::PurgeTooFar);
        let mut count = 0;
        for pair in self.segments.windows(2) {
            if pair[0].next() > index || pair[1].header.first > index {
                break;
            }
            count += 1;
        }
        self.drop_segments(count)?;
        Ok(self.first())
    }

    /// Index of the first entry held (or the next one to come).
    #[must_use]
    pub fn first(&self) -> u64 {
        self.segments
            .iter()
            .find(|s| !s.offsets.is_empty())
            .map_or(self.last.index + 1, |s| s.live)
    }

    /// Reads entries `low..high`, stopping after `max_bytes` (but not before one). Fewer, down to none, when
    /// they are gone.
    ///
    /// # Errors
    /// What the medium says, and `InvalidData` for a record that no longer passes its checksum.
    pub fn read(&self, low: u64, high: u64, max_bytes: u64) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let (mut wanted, mut bytes) = (low, 0u64);
        for segment in &self.segments {
            while wanted >= segment.live && wanted < segment.next().min(high) {
                if bytes >= max_bytes && !entries.is_empty() {
                    return Ok(entries);
                }
                let at = (wanted - segment.live) as usize;
                let entry = segment.entry(at, wanted)?;
                bytes += entry_bytes(&entry) as u64;
                entries.push(entry);
                wanted += 1;
            }
        }
        Ok(entries)
    }

    /// Marks everything so far as synced, for the next opening. Best effort at an orderly end.
    ///
    /// # Errors
    /// What the medium says.
    pub fn seal(&mut self, commit: u64) -> io::Result<()> {
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

impl Segment {
    fn entry(&self, at: usize, index: u64) -> io::Result<Entry> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "a log record changed on disk");
        let offset = u64::from(*self.offsets.get(at).ok_or_else(invalid)?);
        let seed = self.header.seed();
        let mut head = [0u8; record::HEADER];
        self.file.read_at(offset, &mut head)?;
        let header = record::header(seed, &head).ok_or_else(invalid)?;
        let mut bytes = vec![0u8; record::HEADER + header.len];
        self.file.read_at(offset, &mut bytes)?;
        match record::inspect(seed, &bytes, 0) {
            record::Found::Valid(header) if header.index == index => {
                let payload = Bytes::from(bytes).slice(record::HEADER..);
                Ok(message::entry(
                    header.kind == Kind::Change,
                    header.index,
                    header.term,
                    payload,
                ))
            }
            _ => Err(invalid()),
        }
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
