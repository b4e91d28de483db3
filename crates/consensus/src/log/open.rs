//! Opening a log: reading its segments, cutting an interrupted write, refusing damage.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use raft::eraftpb::Entry;

use super::segment::{Segment, name};
use super::{HardState, Log, LogError, LogOptions, Position, Unwritten, entry_bytes};
use crate::codec::{Malformed, Reader};
use crate::disk::{Disk, DiskFile};
use crate::faults::Faults;
use crate::membership::Membership;
use crate::message;
use crate::observe::Counts;
use crate::record::{self, Header, Kind};
use crate::scan::{self, SEGMENT_HEADER, Scan, SegmentHeader};

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

/// Bytes written at once where a segment is written again.
const REWRITE: usize = 1 << 20;

impl From<Unwritten> for LogError {
    fn from(unwritten: Unwritten) -> LogError {
        match unwritten {
            Unwritten::Full(error) | Unwritten::Failed(error) => LogError::Io(error),
        }
    }
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

fn no_snapshot<T>(file: String, base: Position) -> Result<T, LogError> {
    Err(LogError::NoSnapshot {
        file,
        index: base.index,
        snapshot: crate::snapshot::name(base),
    })
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
    /// never returned for them. [`LogError::NoSnapshot`] when entries between `snapshot` and the log are missing. [`LogError::Io`] when the medium fails.
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
        // Names may have been changed by a process that died before it synced the directory.
        disk.sync_dir()?;
        if sequences.is_empty() {
            if snapshot.is_some() {
                return damaged(name(1), 0, "there is a snapshot but no log");
            }
            return Log::create(disk, options, fresh_id);
        }
        let replay = read_segments(&*disk, &sequences, snapshot, options.faults)?;
        let bootstrap = replay.bootstrap.as_ref().map_or(0, |(index, _)| *index);
        let held = snapshot.map_or(bootstrap, |snapshot| snapshot.index);
        if let Some(first) = replay.segments.first()
            && replay.base.index > held
        {
            return no_snapshot(name(first.header.sequence), replay.base);
        }
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
            counts: Counts::default(),
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
            if known != snapshot {
                log.install(snapshot, None)?;
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
            counts: Counts::default(),
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
    faults: Faults,
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
    if let Some((first, _)) = headers.get(start)
        && first.reset
        && snapshot.is_none_or(|s| s.index + 1 < first.first)
    {
        let base = Position {
            index: first.first.saturating_sub(1),
            term: first.prev_term,
        };
        return no_snapshot(name(first.sequence), base);
    }
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
        read_segment(&mut replay, header, file, ends[at], faults)?;
    }
    settle_base(&mut replay, snapshot);
    Ok(replay)
}

/// Makes durable what was read of the last segment: it may stand in the cache of the system only. The process before this one
/// may have died between write and sync, or its sync failed: then the pages count as clean, and no sync writes them before
/// somebody writes them again.
fn settle_cache(file: &dyn DiskFile, bytes: &[u8], records: &[(usize, Header)]) -> io::Result<()> {
    // What stands before a seal was synced.
    let sealed = records.last().filter(|(_, last)| last.kind == Kind::Seal);
    let from = sealed.and_then(|(_, seal)| records.iter().find(|(_, r)| r.batch == seal.batch));
    let from = from.map_or(0, |(at, _)| *at).min(bytes.len());
    for (at, piece) in (from..).step_by(REWRITE).zip(bytes[from..].chunks(REWRITE)) {
        file.write_at(at as u64, piece)?;
    }
    file.sync()
}

fn read_segment(
    replay: &mut Replay,
    header: SegmentHeader,
    file: Box<dyn DiskFile>,
    end: Option<usize>,
    faults: Faults,
) -> Result<(), LogError> {
    let file_name = name(header.sequence);
    let mut bytes = read_all(&*file)?;
    let (capacity, is_last) = (bytes.len() as u64, end.is_none());
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
    // Only the last record's padding may be missing.
    bytes.resize(end, 0);
    if is_last && faults != Faults::TrustCache {
        let written = faults != Faults::SyncUnwritten;
        let again = if written { &bytes[..] } else { &[] };
        settle_cache(&*file, again, &records)?;
    }
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
