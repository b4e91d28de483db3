//! The segmented log on a [`Disk`]: one write and one sync per batch, whatever the batch holds.
//!
//! Owns: segments, records, what survives a crash. Must never learn: what entries mean, who is leader.
//! Nothing is overwritten: an entry whose index is already there replaces that one and all behind it.
//! After an error the log refuses everything until it is opened again, because nobody knows what the
//! medium holds. Layout and reasons: docs/decisions/0003.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use raft::eraftpb::{Entry, EntryType};

use crate::codec::{Malformed, Reader};
use crate::disk::{Disk, DiskFile};
use crate::faults::Faults;
use crate::membership::Membership;
use crate::message;
use crate::record::{self, Header, Kind};
use crate::scan::{self, SEGMENT_HEADER, Scan, SegmentHeader};

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
    /// Forgets entries from `index` on.
    fn replace_from(&mut self, index: u64) {
        let keep = index
            .saturating_sub(self.live)
            .min(self.offsets.len() as u64);
        self.offsets.truncate(keep as usize);
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
    failed: Option<String>,
}

/// A log and what it held.
pub struct Opened {
    /// The log, ready to append.
    pub log: Log,
    /// The server's raft id.
    pub raft_id: u64,
    /// Term, vote and commit.
    pub hard_state: HardState,
    /// The membership a bootstrap wrote, with its index.
    pub bootstrap: Option<(u64, Membership)>,
    /// The position before the first entry.
    pub base: Position,
    /// All entries, without gaps.
    pub entries: Vec<Entry>,
    /// Whether the log was created just now.
    pub fresh: bool,
    /// Bytes of an interrupted write were cut off.
    pub cut: bool,
}

fn name(sequence: u64) -> String {
    format!("{sequence:016x}.log")
}

fn sequence(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(".log")?;
    (stem.len() == 16).then(|| u64::from_str_radix(stem, 16).ok())?
}

fn damaged<T>(file: String, offset: usize, reason: &'static str) -> Result<T, LogError> {
    Err(LogError::Damaged {
        file,
        offset: offset as u64,
        reason,
    })
}

fn encode_hard_state(state: &HardState) -> [u8; 24] {
    let mut out = [0u8; 24];
    out[0..8].copy_from_slice(&state.term.to_le_bytes());
    out[8..16].copy_from_slice(&state.vote.to_le_bytes());
    out[16..24].copy_from_slice(&state.commit.to_le_bytes());
    out
}

fn decode_hard_state(bytes: Bytes) -> Result<HardState, Malformed> {
    let mut reader = Reader::new(bytes);
    let state = HardState {
        term: reader.u64()?,
        vote: reader.u64()?,
        commit: reader.u64()?,
    };
    reader.end()?;
    Ok(state)
}

/// Everything read so far while opening.
struct Replay {
    segments: Vec<Segment>,
    hard_state: HardState,
    bootstrap: Option<(u64, Membership)>,
    base: Position,
    entries: Vec<Entry>,
    batch: u32,
    cut: bool,
    /// Segments before the oldest one were removed because a snapshot covers them.
    purged: bool,
}

impl Log {
    /// Opens the log, or creates an empty one under `fresh_id` when there is none. `snapshot` is the newest
    /// snapshot in place: what it covers may be missing, and a log that does not reach it is emptied.
    ///
    /// # Errors
    /// [`LogError::Damaged`] with file and offset when the bytes are not what was written: a shorter log is
    /// never returned for them. [`LogError::Io`] when the medium fails.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: LogOptions,
        snapshot: Option<Position>,
        fresh_id: u64,
    ) -> Result<Opened, LogError> {
        let mut sequences = Vec::new();
        for file in disk.list()? {
            if let Some(number) = sequence(&file) {
                sequences.push(number);
            } else if file.ends_with(".log.tmp") {
                disk.remove(&file)?;
            }
        }
        sequences.sort_unstable();
        if sequences.is_empty() {
            if snapshot.is_some() {
                return damaged(name(1), 0, "there is a snapshot but no log");
            }
            return Log::create(disk, options, fresh_id);
        }
        let replay = read_segments(&*disk, &sequences, snapshot)?;
        let raft_id = replay
            .segments
            .last()
            .map_or(fresh_id, |segment| segment.header.raft_id);
        let last = replay.entries.last().map_or(replay.base, |e| Position {
            index: e.index,
            term: e.term,
        });
        let mut log = Log {
            disk,
            options,
            segments: replay.segments,
            hard_state: replay.hard_state,
            last,
            batch: replay.batch,
            buffer: BytesMut::new(),
            appended: 0,
            syncs: 0,
            failed: None,
        };
        let (mut base, mut entries) = (replay.base, replay.entries);
        if let Some(snapshot) = snapshot {
            let known = (snapshot.index.checked_sub(base.index + 1))
                .and_then(|at| entries.get(usize::try_from(at).ok()?))
                .map_or(base, |e| Position {
                    index: e.index,
                    term: e.term,
                });
            let holds = base.index > snapshot.index || known == snapshot;
            if base.index > snapshot.index {
                let file = log.segments.first().map(|s| name(s.header.sequence));
                return damaged(
                    file.unwrap_or_default(),
                    0,
                    "entries between the snapshot and the log are missing",
                );
            }
            if !holds {
                log.reset(snapshot)?;
                entries.clear();
                base = snapshot;
            }
        }
        log.appended = entries.iter().map(|e| entry_bytes(e) as u64).sum();
        Ok(Opened {
            raft_id,
            hard_state: log.hard_state,
            bootstrap: replay.bootstrap,
            base,
            entries,
            fresh: false,
            cut: replay.cut,
            log,
        })
    }

    fn create(disk: Arc<dyn Disk>, options: LogOptions, raft_id: u64) -> Result<Opened, LogError> {
        let mut log = Log {
            disk,
            options,
            segments: Vec::new(),
            hard_state: HardState::default(),
            last: Position::default(),
            batch: 0,
            buffer: BytesMut::new(),
            appended: 0,
            syncs: 0,
            failed: None,
        };
        let header = SegmentHeader {
            reset: false,
            raft_id,
            sequence: 1,
            first: 1,
            prev_term: 0,
            prev_end: 0,
        };
        log.add_segment(header, 0)?;
        Ok(Opened {
            log,
            raft_id,
            hard_state: HardState::default(),
            bootstrap: None,
            base: Position::default(),
            entries: Vec::new(),
            fresh: true,
            cut: false,
        })
    }

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
        self.put(batch, placed)
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
                segment.replace_from(index);
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
        let capacity = self
            .options
            .segment_bytes
            .max((self.buffer.len() + room) as u64);
        let (file_name, temporary) = (
            name(header.sequence),
            format!("{:016x}.log.tmp", header.sequence),
        );
        let made = (|| {
            let file = self.disk.create(&temporary, capacity)?;
            file.write_at(0, &self.buffer)?;
            file.sync()?;
            self.disk.rename(&temporary, &file_name)?;
            self.disk.sync_dir()?;
            Ok(file)
        })();
        let file = made.map_err(|error| self.fail(error))?;
        self.segments.push(Segment {
            header,
            file,
            live: header.first,
            offsets: Vec::new(),
            end: self.buffer.len(),
            capacity,
        });
        self.batch = 1;
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
            let gone = self
                .disk
                .remove(&name(segment.header.sequence))
                .and_then(|()| self.disk.sync_dir());
            if let Err(error) = gone {
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

fn read_all(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let len =
        usize::try_from(file.len()?).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    let mut bytes = vec![0u8; len];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn read_segments(
    disk: &dyn Disk,
    sequences: &[u64],
    snapshot: Option<Position>,
) -> Result<Replay, LogError> {
    let mut replay = Replay {
        segments: Vec::new(),
        hard_state: HardState::default(),
        bootstrap: None,
        base: Position::default(),
        entries: Vec::new(),
        batch: 0,
        cut: false,
        purged: false,
    };
    let mut headers = Vec::new();
    for sequence in sequences {
        let file_name = name(*sequence);
        let file = disk.open(&file_name)?;
        let mut head = [0u8; SEGMENT_HEADER];
        let read = file.read_at(0, &mut head)?;
        let header = SegmentHeader::decode(&head[..read]);
        let header = match header {
            Ok(header) if header.sequence == *sequence => header,
            Ok(_) => return damaged(file_name, 24, "the segment has another one's name"),
            Err(reason) => return damaged(file_name, 0, reason),
        };
        headers.push((header, file));
    }
    // An interrupted removal leaves old segments apart from the rest, an interrupted reset all of them.
    let start = headers.iter().rposition(|(h, _)| h.reset).unwrap_or(0);
    let apart = headers
        .windows(2)
        .rposition(|pair| pair[1].0.sequence != pair[0].0.sequence + 1)
        .map_or(0, |at| at + 1);
    let covered = |at: usize| {
        headers
            .get(at)
            .is_some_and(|(h, _)| snapshot.is_some_and(|s| h.first <= s.index + 1))
    };
    if apart > start && !covered(apart) {
        return damaged(
            name(headers[apart].0.sequence - 1),
            0,
            "the segment is missing",
        );
    }
    let start = start.max(apart);
    let ends: Vec<Option<usize>> = headers
        .iter()
        .skip(1)
        .map(|(h, _)| Some(h.prev_end as usize))
        .chain([None])
        .collect();
    for (at, (header, file)) in headers.into_iter().enumerate() {
        if at < start {
            disk.remove(&name(header.sequence))?;
            disk.sync_dir()?;
            continue;
        }
        if at == start {
            let begins = header.sequence == 1 || header.reset || snapshot.is_some();
            if !begins {
                return damaged(name(header.sequence - 1), 0, "the segment is missing");
            }
            replay.purged = header.sequence != 1 && !header.reset;
            replay.base = Position {
                index: header.first.saturating_sub(1),
                term: header.prev_term,
            };
        }
        read_segment(&mut replay, header, file, ends[at])?;
    }
    settle_base(&mut replay, snapshot);
    Ok(replay)
}

fn read_segment(
    replay: &mut Replay,
    header: SegmentHeader,
    file: Box<dyn DiskFile>,
    end: Option<usize>,
) -> Result<(), LogError> {
    let file_name = name(header.sequence);
    let mut bytes = read_all(&*file)?;
    let capacity = bytes.len() as u64;
    let Scan {
        records,
        end,
        batch,
        tail,
    } = match scan::scan(&bytes, header.seed(), end) {
        Ok(scan) => scan,
        Err(damage) => return damaged(file_name, damage.offset, damage.reason),
    };
    if batch == 0 {
        return damaged(
            file_name,
            SEGMENT_HEADER,
            "the segment's first record is missing",
        );
    }
    let short = (end as u64) > capacity;
    if tail || short {
        file.set_len(end as u64)?;
        file.sync()?;
        file.set_len(capacity.max(end as u64))?;
        file.sync()?;
        replay.cut = true;
    }
    bytes.truncate(end);
    bytes.shrink_to_fit();
    let bytes = Bytes::from(bytes);
    let mut segment = Segment {
        header,
        file,
        live: header.first,
        offsets: Vec::new(),
        end,
        capacity,
    };
    for (at, record) in records {
        let start = at + record::HEADER;
        let payload = bytes.slice(start..start + record.len);
        let malformed = |_: Malformed| LogError::Damaged {
            file: file_name.clone(),
            offset: at as u64,
            reason: "the record's content is malformed",
        };
        match record.kind {
            Kind::HardState => replay.hard_state = decode_hard_state(payload).map_err(malformed)?,
            Kind::Membership => {
                let membership = Membership::decode(&payload).map_err(malformed)?;
                replay.bootstrap = Some((record.index, membership));
                replay.base = Position {
                    index: record.index,
                    term: record.term,
                };
                segment.live = record.index + 1;
            }
            Kind::Seal => {}
            Kind::Command | Kind::Change => {
                let change = record.kind == Kind::Change;
                let entry = message::entry(change, record.index, record.term, payload);
                if !replay.place(&mut segment, entry, at) {
                    return damaged(file_name, at, "an entry's index leaves a gap");
                }
            }
        }
    }
    replay.batch = batch;
    replay.segments.push(segment);
    Ok(())
}

impl Replay {
    /// Adds an entry, replacing what it supersedes. False when it does not continue what is there.
    fn place(&mut self, segment: &mut Segment, entry: Entry, at: usize) -> bool {
        let first = self
            .entries
            .first()
            .map_or(self.base.index + 1, |e| e.index);
        let next = self
            .entries
            .last()
            .map_or(self.base.index + 1, |e| e.index + 1);
        let index = entry.index;
        if index > next {
            return false;
        }
        if index < first {
            // What is left may begin with entries that replaced some of a removed segment.
            if !self.purged {
                return false;
            }
            self.entries.clear();
        }
        let keep = index.saturating_sub(first) as usize;
        self.entries.truncate(keep.min(self.entries.len()));
        for earlier in &mut self.segments {
            earlier.replace_from(index);
        }
        segment.replace_from(index);
        segment.push(index, at);
        self.entries.push(entry);
        true
    }
}

/// Finds the position before the first entry when entries of the oldest segment replaced removed ones.
fn settle_base(replay: &mut Replay, snapshot: Option<Position>) {
    let Some(first) = replay.entries.first().map(|e| (e.index, e.term)) else {
        return;
    };
    if replay.base.index + 1 == first.0 {
        return;
    }
    if let Some(snapshot) = snapshot
        && snapshot.index + 1 == first.0
    {
        replay.base = snapshot;
        return;
    }
    replay.base = Position {
        index: first.0,
        term: first.1,
    };
    replay.entries.remove(0);
}
