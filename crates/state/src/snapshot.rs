//! Our own snapshot form (docs/decisions/0002-native-snapshot.md).
//!
//! A magic with the version, then blocks: table, length, checksum, rows in key order; last a block that counts them, so that
//! a cut file is noticed. The same root always gives the same bytes. Rows are msgpack; those of KV are positional, for there
//! may be millions.

use crate::Root;
use crate::apply::{Restoring, Store};
use crate::archive::Loader;
use crate::key::Key;
use dialect::{Bytes, Text, msgpack};
use model::{AutopilotConfig, Coordinate, KvEntry, PreparedQuery, RaftIndex, Session};
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

/// Tables by their byte in a block. Numbers are never used again.
mod table {
    pub(super) const NODES: u8 = 1;
    pub(super) const SERVICES: u8 = 2;
    pub(super) const CHECKS: u8 = 3;
    pub(super) const COORDINATES: u8 = 4;
    pub(super) const SESSIONS: u8 = 5;
    pub(super) const KV: u8 = 6;
    pub(super) const TOMBSTONES: u8 = 7;
    pub(super) const QUERIES: u8 = 8;
    pub(super) const AUTOPILOT: u8 = 9;
    pub(super) const METADATA: u8 = 10;
    pub(super) const INDEXES: u8 = 11;
    pub(super) const OPAQUE: u8 = 12;
    pub(super) const RESTORE: u8 = 13;
    pub(super) const VIPS: u8 = 14;
    pub(super) const FREE_VIPS: u8 = 15;
    pub(super) const CA_ROOTS: u8 = 16;
    pub(super) const CA_PROVIDERS: u8 = 17;
    pub(super) const CA_CONFIG: u8 = 18;
    /// As `RESTORE`, with the place of the next piece.
    pub(super) const RESTORE_AT: u8 = 19;
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
        blocks.root(&self.root, 0)?;
        if let Some(restoring) = &self.restoring {
            let loader = &restoring.loader;
            blocks.row(table::RESTORE_AT, |w| {
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
        while !r.rest().is_empty() {
            root.load_row(table & !RESTORING, &mut r)?;
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
struct Blocks<'a> {
    out: &'a mut dyn io::Write,
    buffer: Vec<u8>,
    table: u8,
    count: u64,
}

impl<'a> Blocks<'a> {
    fn new(out: &'a mut dyn io::Write) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(BLOCK + BLOCK / 4),
            table: 0,
            count: 0,
        }
    }

    fn row(&mut self, table: u8, row: impl FnOnce(&mut Writer<'_>)) -> io::Result<()> {
        if table != self.table || self.buffer.len() >= BLOCK {
            self.close()?;
            self.table = table;
        }
        row(&mut Writer::new(&mut self.buffer));
        Ok(())
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
        self.out.write_all(&[self.table])?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out
            .write_all(&checksum(self.table, len, &self.buffer).to_le_bytes())?;
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.count += 1;
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.close()?;
        self.table = table::END;
        let count = self.count.to_le_bytes();
        self.buffer.extend_from_slice(&count);
        self.close()
    }

    /// All rows of a root; `mark` is set on the table bytes.
    fn root(&mut self, root: &Root, mark: u8) -> io::Result<()> {
        for (_, row) in root.catalog.nodes.iter() {
            self.row(table::NODES | mark, |w| row.encode(w))?;
        }
        for (_, row) in root.catalog.services.iter() {
            self.row(table::SERVICES | mark, |w| {
                w.array(2);
                w.str(&row.node[..]);
                row.service.encode(w);
            })?;
        }
        for (_, row) in root.catalog.checks.iter() {
            self.row(table::CHECKS | mark, |w| row.encode(w))?;
        }
        for (_, row) in root.coordinates.iter() {
            self.row(table::COORDINATES | mark, |w| row.encode(w))?;
        }
        for (_, row) in root.sessions.rows.iter() {
            self.row(table::SESSIONS | mark, |w| row.encode(w))?;
        }
        for (_, row) in root.kv.entries.iter() {
            self.row(table::KV | mark, |w| write_kv(w, row))?;
        }
        for (key, index) in root.kv.tombstones.iter() {
            self.row(table::TOMBSTONES | mark, |w| pair(w, key, *index))?;
        }
        for (_, row) in root.queries.rows.iter() {
            self.row(table::QUERIES | mark, |w| row.encode(w))?;
        }
        if let Some(row) = &root.autopilot {
            self.row(table::AUTOPILOT | mark, |w| row.encode(w))?;
        }
        for (_, row) in root.authority.roots.iter() {
            self.row(table::CA_ROOTS | mark, |w| row.encode(w))?;
        }
        for (_, row) in root.authority.providers.iter() {
            self.row(table::CA_PROVIDERS | mark, |w| row.encode(w))?;
        }
        if let Some(row) = &root.authority.config {
            self.row(table::CA_CONFIG | mark, |w| row.encode(w))?;
        }
        for (_, row) in root.metadata.iter() {
            self.row(table::METADATA | mark, |w| row.encode(w))?;
        }
        for (key, index) in root.indexes.iter() {
            self.row(table::INDEXES | mark, |w| pair(w, key, *index))?;
        }
        for (_, row) in root.vips.rows.iter() {
            self.row(table::VIPS | mark, |w| row.encode(w))?;
        }
        for row in root.vips.free_rows() {
            self.row(table::FREE_VIPS | mark, |w| row.encode(w))?;
        }
        for (kind, body) in root.opaque.iter() {
            self.row(table::OPAQUE | mark, |w| {
                w.array(2);
                w.uint(u64::from(kind));
                w.raw(body);
            })?;
        }
        self.close()
    }
}

fn pair(w: &mut Writer<'_>, key: &Key, value: u64) {
    w.array(2);
    w.str(&key[..]);
    w.uint(value);
}

fn write_kv(w: &mut Writer<'_>, row: &KvEntry) {
    w.array(7);
    w.str(row.key.as_bytes());
    match &row.value {
        Some(value) => w.bin(value),
        None => w.nil(),
    }
    w.uint(row.flags);
    w.uint(row.lock_index);
    w.uint(row.indexes.create_index);
    w.uint(row.indexes.modify_index);
    w.str(&row.session);
}

fn read_kv(r: &mut Reader<'_>) -> Result<KvEntry, msgpack::Error> {
    r.array_len()?;
    Ok(KvEntry {
        key: Text::from(r.str_bytes()?),
        value: r.bytes()?.map(Bytes::copy_from_slice),
        flags: r.uint()?,
        lock_index: r.uint()?,
        indexes: RaftIndex {
            create_index: r.uint()?,
            modify_index: r.uint()?,
        },
        session: r.value()?,
    })
}

impl Root {
    fn load_row(&mut self, table: u8, r: &mut Reader<'_>) -> Result<(), msgpack::Error> {
        match table {
            table::NODES => self.load_node(r.value()?),
            table::SERVICES => {
                r.array_len()?;
                let node: String = r.value()?;
                self.load_service(&node, r.value()?);
            }
            table::CHECKS => {
                self.catalog.put_check(Arc::new(r.value()?));
            }
            table::COORDINATES => self.load_coordinate(r.value::<Coordinate>()?),
            table::SESSIONS => self.sessions.put(Arc::new(r.value::<Session>()?)),
            table::KV => self.kv.load(read_kv(r)?),
            table::TOMBSTONES => {
                r.array_len()?;
                let key = r.str_bytes()?;
                self.kv.bury(key, r.uint()?);
            }
            table::QUERIES => self.queries.put(Arc::new(r.value::<PreparedQuery>()?)),
            table::AUTOPILOT => self.autopilot = Some(Arc::new(r.value::<AutopilotConfig>()?)),
            table::CA_ROOTS => self.load_ca_root(r.value()?),
            table::CA_PROVIDERS => self.load_ca_provider(r.value()?),
            table::CA_CONFIG => self.authority.config = Some(Arc::new(r.value()?)),
            table::METADATA => self.load_metadata(r.value()?),
            table::INDEXES => {
                r.array_len()?;
                let key = Key::from(r.str_bytes()?);
                self.indexes.insert(key, r.uint()?);
            }
            table::VIPS => self.vips.put(r.value()?),
            table::FREE_VIPS => self.vips.put_free(&r.value()?),
            table::OPAQUE => {
                r.array_len()?;
                let kind = r.value::<u8>()?;
                self.opaque.push(
                    kind,
                    r.bytes()?.map(Bytes::copy_from_slice).unwrap_or_default(),
                );
            }
            _ => {
                return Err(msgpack::Error::Invalid {
                    at: r.position(),
                    what: "table",
                });
            }
        }
        Ok(())
    }
}
