//! Our own snapshot form (docs/decisions/0002-native-snapshot.md).
//!
//! A magic with the version, then blocks: table, length, checksum, rows in key order; last a block that counts them, so that
//! a cut file is noticed. The same root always gives the same bytes. Rows are msgpack; how each table writes its own stands in
//! [`TABLES`].

use crate::apply::{Restoring, Store};
use crate::archive::Loader;
use crate::key::Key;
use crate::table::Table;
use crate::{Root, TABLES};
use dialect::msgpack;
use msgpack::{Encode, Reader, Writer};
use std::{io, sync::Arc};
use wire::command::RestorePlace;
use xxhash_rust::xxh3::Xxh3Default;

/// What a snapshot begins with; the last byte is the version of the form.
pub const MAGIC: [u8; 8] = *b"PCSTATE\x01";

/// Rows are collected into blocks of about this many bytes.
const BLOCK: usize = 256 * 1024;

/// Largest block that is read, in bytes: a row has a block of its own when it is larger than [`BLOCK`].
pub const MAX_BLOCK: u32 = 512 * 1024 * 1024;

/// Bytes before a block's rows: table, length, checksum.
const HEAD: usize = 9;

/// Set on the tables of the root that a restore in progress builds.
const RESTORING: u8 = 0x40;

/// Blocks that are no table's; the tables' own bytes stand in [`TABLES`]. Numbers are never used again.
mod table {
    pub(super) const RESTORE: u8 = 13;
    /// As `RESTORE`, with the place of the next piece.
    pub(super) const RESTORE_AT: u8 = 19;
    /// The log's time; left out while no command has told any.
    pub(super) const CLOCK: u8 = 20;
    pub(super) const END: u8 = 0xff;
}

/// Why a snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Reading failed, or the input ends too early.
    #[error("reading the snapshot: {0}")]
    Io(#[from] io::Error),
    /// Another file, or a version from the future.
    #[error("not a state snapshot of a known version")]
    Magic,
    /// A block does not match its checksum, or breaks the form.
    #[error("block {block} of the snapshot is damaged: {why}")]
    Damaged {
        /// Counted from 0.
        block: u64,
        /// What is wrong.
        why: String,
    },
}

impl Root {
    /// Writes the snapshot of this root.
    pub fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(&MAGIC)?;
        let mut blocks = Blocks::new(out);
        blocks.root(self, 0)?;
        blocks.end()
    }

    /// A number that is equal for equal roots: to compare replicas.
    pub fn hash(&self) -> u64 {
        struct Sink(Xxh3Default);
        impl io::Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut sink = Sink(Xxh3Default::new());
        // The sink accepts every write.
        let _ = self.write_to(&mut sink);
        sink.0.digest()
    }
}

impl Store {
    /// Writes the snapshot of the root and of a restore in progress. Take a clone first to write beside further commands.
    pub fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(&MAGIC)?;
        let mut blocks = Blocks::new(out);
        if self.clock != 0 {
            blocks.table = table::CLOCK;
            blocks.row(|w| w.uint(self.clock))?;
        }
        blocks.root(&self.root, 0)?;
        if let Some(restoring) = &self.restoring {
            let loader = &restoring.loader;
            blocks.table = table::RESTORE_AT;
            blocks.row(|w| {
                w.array(5);
                w.uint(restoring.next.restore);
                w.uint(restoring.next.sequence);
                w.uint(restoring.archive_index);
                w.bool(loader.header_read);
                w.raw(&loader.tail);
            })?;
            blocks.close()?;
            blocks.root(&loader.root, RESTORING)?;
        }
        blocks.end()
    }

    /// Reads a snapshot to its end.
    pub fn load(input: &mut dyn io::Read) -> Result<Self, SnapshotError> {
        let mut magic = [0; MAGIC.len()];
        input.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(SnapshotError::Magic);
        }
        let mut store = Store::new();
        let mut payload = Vec::with_capacity(BLOCK + BLOCK / 4);
        let mut block = 0u64;
        loop {
            let damaged = |why: &dyn ToString| SnapshotError::Damaged {
                block,
                why: why.to_string(),
            };
            let table = read_block(input, &mut payload).map_err(|error| match error {
                Bad::Io(error) => SnapshotError::Io(error),
                Bad::Form(why) => damaged(&why),
            })?;
            if table == table::END {
                let whole = payload == block.to_le_bytes();
                return if whole {
                    Ok(store)
                } else {
                    Err(damaged(&"blocks are missing"))
                };
            }
            store
                .load_block(table, &payload)
                .map_err(|error| damaged(&error))?;
            block += 1;
        }
    }

    fn load_block(&mut self, table: u8, payload: &[u8]) -> Result<(), msgpack::Error> {
        let mut r = Reader::new(payload);
        if table == table::CLOCK {
            self.clock = r.uint()?;
            return Ok(());
        }
        if matches!(table, table::RESTORE | table::RESTORE_AT) {
            r.array_len()?;
            let mut next = RestorePlace {
                restore: 0,
                sequence: 0,
            };
            if table == table::RESTORE_AT {
                next.restore = r.uint()?;
                next.sequence = r.uint()?;
            }
            let archive_index = r.uint()?;
            let header_read = r.bool()?;
            let tail = r.bytes()?.unwrap_or_default().to_vec();
            let loader = Loader {
                root: Root::default(),
                tail,
                header_read,
                ..Loader::default()
            };
            self.restoring = Some(Restoring {
                next,
                archive_index,
                loader,
            });
            return Ok(());
        }
        let root = match &mut self.restoring {
            Some(restoring) if table & RESTORING != 0 => &mut restoring.loader.root,
            _ => &mut self.root,
        };
        let byte = table & !RESTORING;
        let Some(table) = TABLES.iter().find(|table| table.native.byte == byte) else {
            return Err(msgpack::Error::Invalid {
                at: 0,
                what: "table",
            });
        };
        while !r.rest().is_empty() {
            (table.native.load)(root, &mut r)?;
        }
        Ok(())
    }
}

enum Bad {
    Io(io::Error),
    Form(String),
}

/// Reads one block into `payload`; gives its table.
fn read_block(input: &mut dyn io::Read, payload: &mut Vec<u8>) -> Result<u8, Bad> {
    let mut head = [0; HEAD];
    input.read_exact(&mut head).map_err(Bad::Io)?;
    let [table, l0, l1, l2, l3, c0, c1, c2, c3] = head;
    let len = u32::from_le_bytes([l0, l1, l2, l3]);
    if len > MAX_BLOCK {
        return Err(Bad::Form("length is beyond the limit".to_owned()));
    }
    payload.clear();
    // Grows as bytes arrive: a wrong length reserves nothing.
    let read = io::Read::read_to_end(&mut io::Read::take(input, u64::from(len)), payload)
        .map_err(Bad::Io)?;
    if read != len as usize {
        return Err(Bad::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    if checksum(table, len, payload) == u32::from_le_bytes([c0, c1, c2, c3]) {
        Ok(table)
    } else {
        Err(Bad::Form("checksum does not match".to_owned()))
    }
}

fn checksum(table: u8, len: u32, payload: &[u8]) -> u32 {
    let [l0, l1, l2, l3] = len.to_le_bytes();
    crc32c::crc32c_append(crc32c::crc32c(&[table, l0, l1, l2, l3]), payload)
}

/// Collects rows into blocks.
pub(crate) struct Blocks<'a> {
    out: &'a mut dyn io::Write,
    buffer: Vec<u8>,
    /// What rows to come belong to.
    table: u8,
    /// What the rows in the buffer belong to.
    open: u8,
    count: u64,
}

impl<'a> Blocks<'a> {
    fn new(out: &'a mut dyn io::Write) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(BLOCK + BLOCK / 4),
            table: 0,
            open: 0,
            count: 0,
        }
    }

    /// Writes the block that is open, if any.
    fn close(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let len = u32::try_from(self.buffer.len())
            .ok()
            .filter(|len| *len <= MAX_BLOCK);
        let len = len.ok_or_else(|| io::Error::other("a row is too large for a snapshot"))?;
        self.out.write_all(&[self.open])?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out
            .write_all(&checksum(self.open, len, &self.buffer).to_le_bytes())?;
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.count += 1;
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.close()?;
        self.open = table::END;
        let count = self.count.to_le_bytes();
        self.buffer.extend_from_slice(&count);
        self.close()
    }

    /// All rows of a root; `mark` is set on the table bytes.
    fn root(&mut self, root: &Root, mark: u8) -> io::Result<()> {
        for table in TABLES {
            self.table = table.native.byte | mark;
            (table.native.save)(root, self)?;
        }
        self.close()
    }

    /// A row of the table being written.
    pub(crate) fn row(&mut self, row: impl FnOnce(&mut Writer<'_>)) -> io::Result<()> {
        if self.table != self.open || self.buffer.len() >= BLOCK {
            self.close()?;
            self.open = self.table;
        }
        row(&mut Writer::new(&mut self.buffer));
        Ok(())
    }

    /// A record as a row, if there is one.
    pub(crate) fn record(&mut self, record: Option<&impl Encode>) -> io::Result<()> {
        match record {
            Some(record) => self.row(|w| record.encode(w)),
            None => Ok(()),
        }
    }

    /// All rows of a table of records.
    pub(crate) fn rows<T: Encode>(&mut self, rows: &Table<Arc<T>>) -> io::Result<()> {
        rows.iter()
            .try_for_each(|(_, row)| self.record(Some(&**row)))
    }
}

/// A row that is a key and an index.
pub(crate) fn write_pair(w: &mut Writer<'_>, key: &Key, value: u64) {
    w.array(2);
    w.str(&key[..]);
    w.uint(value);
}

pub(crate) fn read_pair<'a>(r: &mut Reader<'a>) -> Result<(&'a [u8], u64), msgpack::Error> {
    r.array_len()?;
    Ok((r.str_bytes()?, r.uint()?))
}
