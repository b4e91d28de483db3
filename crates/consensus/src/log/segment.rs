//! Segments: files of a log, one after the other. A new one begins with the state before it, old ones go when a snapshot covers
//! them, and entries are read back from whichever holds them.

use std::io;

use bytes::Bytes;
use raft::eraftpb::Entry;

use super::{HardState, Log, Position, Unwritten, encode_hard_state, entry_bytes};
use crate::disk::{Disk, DiskFile};
use crate::faults::Faults;
use crate::message;
use crate::record::{self, Header, Kind};
use crate::scan::SegmentHeader;

pub(super) fn name(sequence: u64) -> String {
    format!("{sequence:016x}.log")
}

pub(super) struct Segment {
    pub(super) header: SegmentHeader,
    pub(super) file: Box<dyn DiskFile>,
    /// Index of the entry at `offsets[0]`.
    pub(super) live: u64,
    /// Positions of the entries that still count, by index.
    pub(super) offsets: Vec<u32>,
    pub(super) end: usize,
    pub(super) capacity: u64,
}

impl Segment {
    /// Forgets entries from `index` on; how many.
    pub(super) fn replace_from(&mut self, index: u64) -> u64 {
        let keep = index
            .saturating_sub(self.live)
            .min(self.offsets.len() as u64);
        let cut = self.offsets.len() as u64 - keep;
        self.offsets.truncate(keep as usize);
        cut
    }

    pub(super) fn push(&mut self, index: u64, offset: usize) {
        if self.offsets.is_empty() {
            self.live = index;
        }
        self.offsets.push(offset as u32);
    }

    /// Index after the last entry that counts; `live` when there is none.
    pub(super) fn next(&self) -> u64 {
        self.live + self.offsets.len() as u64
    }
}

/// Whether a write that failed so may be done again: there is no space, and nothing else is the matter.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// Creates `temporary` with `content` at its beginning; its capacity is `wanted` bytes, or, on a disk that is nearly full, the
/// `needed` ones: a segment of what this batch needs goes on.
fn begin(
    disk: &dyn Disk,
    temporary: &str,
    content: &[u8],
    needed: u64,
    wanted: u64,
) -> io::Result<(Box<dyn DiskFile>, u64)> {
    let (file, capacity) = match disk.create(temporary, wanted) {
        Err(error) if is_full(&error) && needed < wanted => {
            (disk.create(temporary, needed)?, needed)
        }
        created => (created?, wanted),
    };
    file.write_at(0, content)?;
    Ok((file, capacity))
}

impl Log {
    fn current(&self) -> io::Result<&Segment> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        self.segments.last().ok_or_else(missing)
    }

    /// Writes the buffer behind what is there, without a sync.
    pub(super) fn write_buffer(&mut self) -> Result<(), Unwritten> {
        let current = self.current()?;
        match current.file.write_at(current.end as u64, &self.buffer) {
            Err(error) if is_full(&error) => Err(Unwritten::Full(error)),
            Err(error) => Err(self.fail(error).into()),
            Ok(()) => Ok(()),
        }
    }

    /// Starts a new segment when `size` bytes do not fit into the current one.
    pub(super) fn make_room(&mut self, size: usize) -> Result<(), Unwritten> {
        let current = self.current()?;
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

    /// Creates a segment that begins with the hard state, complete before it gets its name. Until then it may fail for want of
    /// space without harm.
    pub(super) fn add_segment(
        &mut self,
        header: SegmentHeader,
        room: usize,
    ) -> Result<(), Unwritten> {
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
        let (file, capacity) = match begin(&*self.disk, &temporary, &self.buffer, needed, wanted) {
            Ok(begun) => begun,
            Err(error) if is_full(&error) => {
                // What is left of it takes space; the next opening would remove it.
                let _ = self.disk.remove(&temporary);
                return Err(Unwritten::Full(error));
            }
            Err(error) => return Err(self.fail(error).into()),
        };
        let named = file.sync().and_then(|()| {
            self.disk.rename(&temporary, &file_name)?;
            self.disk.sync_dir()
        });
        named.map_err(|error| self.fail(error))?;
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

    /// Empties the log, durably: a snapshot at `position` is in place and replaces all of it. With it comes the state, if that is
    /// new.
    ///
    /// # Errors
    /// [`Unwritten`].
    pub fn install(
        &mut self,
        position: Position,
        state: Option<HardState>,
    ) -> Result<(), Unwritten> {
        self.check()?;
        let current = self.current()?;
        let header = SegmentHeader {
            reset: true,
            sequence: current.header.sequence + 1,
            first: position.index + 1,
            prev_term: position.term,
            prev_end: 0,
            ..current.header
        };
        let before = self.hard_state;
        let state = state.unwrap_or(before);
        self.hard_state = HardState {
            commit: position.index,
            term: state.term.max(position.term),
            ..state
        };
        if let Err(error) = self.add_segment(header, 0) {
            self.hard_state = before;
            return Err(error);
        }
        self.last = position;
        let keep = self.segments.len() - 1;
        Ok(self.drop_segments(keep)?)
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
