//! The reference's stream of state records: the `state.bin` of an archive (spec/wire.md §7.3, spec/server.md §2.5).
//!
//! [`write_stream`] writes a root; [`Loader`] builds one from a stream that arrives in pieces of any size. The archive around
//! the stream (compression, checksums, metadata) is not known here.

use crate::table::Table;
use crate::tables::spec::Archived;
use crate::{Root, TABLES};
use dialect::{msgpack, record};
use msgpack::{Encode, Error, Scan, Writer};
use std::{io, sync::Arc};
use wire::errors::state as text;

/// Largest single record that is read, in bytes: the largest value a request can bring, and what stands around it.
pub const MAX_RECORD: usize = (64 << 20) + (1 << 20);
/// What the elements of a record's lists and maps may take, in bytes: a hundred thousand tags take a tenth of it, and a list of
/// a million nothings, which is a kilobyte in the archive, is refused.
const MAX_ELEMENTS: usize = 32 << 20;

/// Bytes collected before they are handed to the writer.
const FLUSH_AT: usize = 256 * 1024;

/// The last record of a stream: pieces of a command of the writer's log, which nothing will ever complete here. No table's.
const CHUNKING: u8 = 29;

/// What reads a record of each type. Two tables with one type do not compile.
static ARCHIVED: [Option<&Archived>; 256] = {
    let mut by_kind = [None; 256];
    let mut table = 0;
    while table < TABLES.len() {
        let parts = TABLES[table].archive;
        let mut part = 0;
        while part < parts.len() {
            let mut kind = 0;
            while kind < parts[part].kinds.len() {
                let place = parts[part].kinds[kind] as usize;
                assert!(by_kind[place].is_none(), "a type of two tables");
                by_kind[place] = Some(&parts[part]);
                kind += 1;
            }
            part += 1;
        }
        table += 1;
    }
    by_kind
};

record! {
    /// The first value of a stream.
    struct Header {
        last_index: u64 = "LastIndex",
    }
}

/// Why a stream cannot be loaded. The text is what the client sees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// A record of a type that cannot be restored.
    #[error("{}", text::unknown_record(*.0))]
    Unknown(u8),
    /// A value that is no msgpack or not what its type wants.
    #[error("{0}")]
    Body(#[from] Error),
    /// A record beyond [`MAX_RECORD`].
    #[error("record of type {0} is too large")]
    TooLarge(u8),
    /// The stream ends inside a record, or before its header.
    #[error("unexpected EOF")]
    Truncated,
}

/// Writes a root as a stream. The order is the reference's; rows of a table come in key order.
pub fn write_stream(root: &Root, out: &mut dyn io::Write) -> io::Result<()> {
    let mut w = Records {
        out,
        buffer: Vec::with_capacity(FLUSH_AT + 4096),
    };
    Header {
        last_index: root.last_index(),
    }
    .encode(&mut Writer::new(&mut w.buffer));
    let mut parts: Vec<&Archived> = TABLES.iter().flat_map(|table| table.archive).collect();
    parts.sort_by_key(|part| part.place);
    for part in parts {
        (part.save)(root, &mut w)?;
    }
    w.with(CHUNKING, |w| {
        w.map(1);
        w.str("ChunkMap");
        w.map(0);
    })?;
    w.flush()
}

/// Collects records.
pub(crate) struct Records<'a> {
    out: &'a mut dyn io::Write,
    buffer: Vec<u8>,
}

impl Records<'_> {
    pub(crate) fn record(&mut self, kind: u8, body: &impl Encode) -> io::Result<()> {
        self.with(kind, |w| body.encode(w))
    }

    /// All rows of a table, each a record.
    pub(crate) fn rows<T: Encode>(&mut self, kind: u8, rows: &Table<Arc<T>>) -> io::Result<()> {
        rows.iter()
            .try_for_each(|(_, row)| self.record(kind, &**row))
    }

    pub(crate) fn with(&mut self, kind: u8, body: impl FnOnce(&mut Writer<'_>)) -> io::Result<()> {
        self.buffer.push(kind);
        body(&mut Writer::new(&mut self.buffer));
        if self.buffer.len() >= FLUSH_AT {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Reads a stream as [`Loader`] does and keeps nothing of it: whether a stream of any size can be loaded, in the memory of
/// its largest record.
pub struct Checker(Loader);

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

impl Checker {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self(Loader {
            forgets: true,
            ..Loader::default()
        })
    }

    /// Takes the next piece. After an error the checker is of no more use.
    ///
    /// # Errors
    /// A record cannot be loaded.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.0.feed(bytes)
    }

    /// Whether the stream ended behind a record.
    ///
    /// # Errors
    /// It did not.
    pub fn finish(self) -> Result<(), ArchiveError> {
        self.0.finish().map(drop)
    }
}

/// Builds a root from a stream that arrives in pieces. Cloning copies at most the piece of one record.
#[derive(Clone, Default)]
pub struct Loader {
    pub(crate) root: Root,
    /// Bytes of a record that is not complete yet.
    pub(crate) tail: Vec<u8>,
    pub(crate) header_read: bool,
    /// How far that record was looked through.
    pub(crate) scan: Scan,
    /// Records are read and dropped.
    pub(crate) forgets: bool,
}

impl Loader {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece. After an error the loader is of no more use.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.tail.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.tail);
        let mut at = 0;
        while let Some(taken) = self.next(input.get(at..).unwrap_or_default())? {
            at += taken;
        }
        self.tail = match at {
            0 => input,
            at => input.get(at..).unwrap_or_default().to_vec(),
        };
        match self.tail.first() {
            Some(&kind) if self.tail.len() > MAX_RECORD => Err(ArchiveError::TooLarge(kind)),
            _ => Ok(()),
        }
    }

    /// The root, once the whole stream was fed.
    pub fn finish(self) -> Result<Root, ArchiveError> {
        if self.header_read && self.tail.is_empty() {
            Ok(self.root)
        } else {
            Err(ArchiveError::Truncated)
        }
    }

    /// Reads one record; how many bytes it took, or `None` when it is not complete.
    fn next(&mut self, input: &[u8]) -> Result<Option<usize>, ArchiveError> {
        let head = usize::from(self.header_read);
        let Some(value) = input.get(head..).filter(|value| !value.is_empty()) else {
            // A type nobody can read is refused before its body arrives.
            return input
                .first()
                .map_or(Ok(None), |kind| known(*kind).map(|()| None));
        };
        if let (true, Some(&kind)) = (self.header_read, input.first()) {
            known(kind)?;
        }
        let Some(len) = self.scan.advance(value)? else {
            let kind = input.first().copied().unwrap_or_default();
            return if self.scan.at_least() > MAX_RECORD as u64 {
                Err(ArchiveError::TooLarge(kind))
            } else {
                Ok(None)
            };
        };
        self.scan = Scan::default();
        let body = value.get(..len).unwrap_or_default();
        if self.header_read {
            self.load(input.first().copied().unwrap_or_default(), body)?;
        } else {
            msgpack::from_slice::<Header>(body)?;
            self.header_read = true;
        }
        Ok(Some(head + len))
    }

    fn load(&mut self, kind: u8, body: &[u8]) -> Result<(), ArchiveError> {
        if kind == CHUNKING {
            return Ok(());
        }
        let part = archived(kind).ok_or(ArchiveError::Unknown(kind))?;
        let record = Record {
            kind,
            body,
            keep: !self.forgets,
        };
        (part.load)(&mut self.root, record)
    }
}

/// A record that arrives.
pub(crate) struct Record<'a> {
    pub(crate) kind: u8,
    pub(crate) body: &'a [u8],
    /// Otherwise it is only looked at.
    pub(crate) keep: bool,
}

impl Record<'_> {
    /// Reads a row and keeps it if asked.
    pub(crate) fn read<T: msgpack::Decode>(self, put: impl FnOnce(T)) -> Result<(), ArchiveError> {
        let row = msgpack::from_slice_within::<T>(self.body, MAX_ELEMENTS)?;
        if self.keep {
            put(row);
        }
        Ok(())
    }
}

fn archived(kind: u8) -> Option<&'static Archived> {
    ARCHIVED.get(usize::from(kind)).copied().flatten()
}

/// Refuses types that cannot be restored.
fn known(kind: u8) -> Result<(), ArchiveError> {
    if kind == CHUNKING || archived(kind).is_some() {
        Ok(())
    } else {
        Err(ArchiveError::Unknown(kind))
    }
}
