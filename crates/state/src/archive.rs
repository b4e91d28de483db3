//! The reference's stream of state records: the `state.bin` of an archive (spec/wire.md §7.3, spec/server.md §2.5).
//!
//! [`write_stream`] writes a root; [`Loader`] builds one from a stream that arrives in pieces of any size. The archive around
//! the stream (compression, checksums, metadata) is not known here.

use crate::key::{Key, fold};
use crate::tables::coordinates::coordinate_path;
use crate::{Root, Touched};
use dialect::{Bytes, Text, msgpack, record};
use model::{
    AutopilotConfig, CaProviderState, CaRoot, Coordinate, KvEntry, Node, PreparedQuery, RaftIndex,
    Session, SystemMetadataEntry,
};
use msgpack::{Encode, Error, Scan, Writer};
use std::{io, sync::Arc};
use wire::command::{RegisterRequest, kind};
use wire::errors::state as text;

/// Largest single record that is read, in bytes: the largest value a request can bring, and what stands around it.
pub const MAX_RECORD: usize = (64 << 20) + (1 << 20);
/// What the elements of a record's lists and maps may take, in bytes: a hundred thousand tags take a tenth of it, and a list of
/// a million nothings, which is a kilobyte in the archive, is refused.
const MAX_ELEMENTS: usize = 32 << 20;

/// Bytes collected before they are handed to the writer.
const FLUSH_AT: usize = 256 * 1024;

/// Types that occur only in snapshots.
mod only {
    pub(super) const CA_PROVIDER: u8 = 14;
    pub(super) const CA_CONFIG: u8 = 15;
    pub(super) const INDEX: u8 = 16;
    pub(super) const CHUNKING: u8 = 29;
    pub(super) const SERVICE_VIP: u8 = 32;
    pub(super) const FREE_VIP: u8 = 33;
}

/// Types that are kept and written back as they are, between sessions and keys.
const OPAQUE_ACL: &[u8] = &[17, 19, 23, 25, 27];
/// As above, between autopilot and system metadata.
const OPAQUE_MESH: &[u8] = &[22, 30];
/// As above, directly before the authority's records.
const OPAQUE_INTENTIONS: &[u8] = &[12];
/// As above, behind the indexes.
const OPAQUE_LAST: &[u8] = &[35, 38, 40, 42];

record! {
    /// The first value of a stream.
    struct Header {
        last_index: u64 = "LastIndex",
    }
}

record! {
    /// An entry of the index table.
    struct IndexEntry {
        key: String = "Key",
        value: u64 = "Value",
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
    for (_, row) in root.vips.rows.iter() {
        w.record(only::SERVICE_VIP, &**row)?;
    }
    for row in root.vips.free_rows() {
        w.record(only::FREE_VIP, &row)?;
    }
    catalog(root, &mut w)?;
    for (_, row) in root.coordinates.iter() {
        w.with(kind::COORDINATE_BATCH, |w| {
            w.array(1);
            row.encode(w);
        })?;
    }
    for (_, row) in root.sessions.rows.iter() {
        w.record(kind::SESSION, &**row)?;
    }
    w.opaque(root, OPAQUE_ACL)?;
    for (_, row) in root.kv.entries.iter() {
        w.record(kind::KVS, &**row)?;
    }
    for (key, index) in root.kv.tombstones.iter() {
        let indexes = RaftIndex {
            create_index: 0,
            modify_index: *index,
        };
        w.record(
            kind::TOMBSTONE,
            &KvEntry {
                key: key.to_text(),
                indexes,
                ..KvEntry::default()
            },
        )?;
    }
    for (_, row) in root.queries.rows.iter() {
        w.record(kind::PREPARED_QUERY, &**row)?;
    }
    if let Some(row) = &root.autopilot {
        w.record(kind::AUTOPILOT, &**row)?;
    }
    w.opaque(root, OPAQUE_INTENTIONS)?;
    for (_, row) in root.authority.roots.iter() {
        w.record(kind::CONNECT_CA, &**row)?;
    }
    for (_, row) in root.authority.providers.iter() {
        w.record(only::CA_PROVIDER, &**row)?;
    }
    if let Some(row) = &root.authority.config {
        w.record(only::CA_CONFIG, &**row)?;
    }
    w.opaque(root, OPAQUE_MESH)?;
    for (_, row) in root.metadata.iter() {
        w.record(kind::SYSTEM_METADATA, &**row)?;
    }
    for (key, value) in root.indexes.iter() {
        w.record(
            only::INDEX,
            &IndexEntry {
                key: key.to_string(),
                value: *value,
            },
        )?;
    }
    w.opaque(root, OPAQUE_LAST)?;
    w.with(only::CHUNKING, |w| {
        w.map(1);
        w.str("ChunkMap");
        w.map(0);
    })?;
    w.flush()
}

/// Per node: the node alone, its services, its checks.
fn catalog(root: &Root, w: &mut Records<'_>) -> io::Result<()> {
    for (_, node) in root.catalog.nodes.iter() {
        let bare = || RegisterRequest {
            datacenter: node.datacenter.clone(),
            id: node.id.clone(),
            node: node.node.clone(),
            address: node.address.clone(),
            tagged_addresses: node.tagged_addresses.clone(),
            node_meta: node.meta.clone(),
            peer_name: node.peer_name.clone(),
            indexes: node.indexes.clone(),
            ..RegisterRequest::default()
        };
        w.record(kind::REGISTER, &bare())?;
        for service in root.catalog.services_of(&node.peer_name, &node.node) {
            let service = Some(Box::new((*service).clone()));
            w.record(kind::REGISTER, &RegisterRequest { service, ..bare() })?;
        }
        for check in root.catalog.checks_of(&node.peer_name, &node.node) {
            let check = Some(Box::new((*check).clone()));
            w.record(kind::REGISTER, &RegisterRequest { check, ..bare() })?;
        }
    }
    Ok(())
}

struct Records<'a> {
    out: &'a mut dyn io::Write,
    buffer: Vec<u8>,
}

impl Records<'_> {
    fn record(&mut self, kind: u8, body: &impl Encode) -> io::Result<()> {
        self.with(kind, |w| body.encode(w))
    }

    fn with(&mut self, kind: u8, body: impl FnOnce(&mut Writer<'_>)) -> io::Result<()> {
        self.buffer.push(kind);
        body(&mut Writer::new(&mut self.buffer));
        if self.buffer.len() >= FLUSH_AT {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn opaque(&mut self, root: &Root, kinds: &[u8]) -> io::Result<()> {
        for kind in kinds {
            for body in root.opaque.of(*kind) {
                self.with(*kind, |w| w.verbatim(body))?;
            }
        }
        Ok(())
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
        let keep = !self.forgets;
        let root = &mut self.root;
        match kind {
            kind::REGISTER => read(body, keep, |row| root.load_registration(row)),
            kind::KVS => read(body, keep, |row| root.kv.load(row)),
            kind::SESSION => read(body, keep, |row: Session| root.sessions.put(Arc::new(row))),
            kind::TOMBSTONE => read(body, keep, |row: KvEntry| {
                root.kv.bury(row.key.as_bytes(), row.indexes.modify_index);
            }),
            kind::COORDINATE_BATCH => read(body, keep, |batch: dialect::List<Coordinate>| {
                batch.into_iter().for_each(|row| root.load_coordinate(row));
            }),
            kind::PREPARED_QUERY => read(body, keep, |row: PreparedQuery| {
                root.queries.put(Arc::new(row));
            }),
            kind::AUTOPILOT => read(body, keep, |row: AutopilotConfig| {
                root.autopilot = Some(Arc::new(row));
            }),
            kind::CONNECT_CA => read(body, keep, |row| root.load_ca_root(row)),
            only::CA_PROVIDER => read(body, keep, |row| root.load_ca_provider(row)),
            only::CA_CONFIG => read(body, keep, |row| {
                root.authority.config = Some(Arc::new(row));
            }),
            kind::SYSTEM_METADATA => read(body, keep, |row| root.load_metadata(row)),
            only::INDEX => read(body, keep, |row: IndexEntry| {
                // Names are told apart without regard to case, and looked up folded.
                root.indexes.insert(Key::from(&*fold(&row.key)), row.value);
            }),
            only::SERVICE_VIP => read(body, keep, |row| root.vips.put(row)),
            only::FREE_VIP => read(body, keep, |row| root.vips.put_free(&row)),
            // Pieces of a command of another cluster's log: nothing will ever complete them here.
            only::CHUNKING => Ok(()),
            _ => {
                if keep {
                    root.opaque.push(kind, Bytes::copy_from_slice(body));
                }
                Ok(())
            }
        }
    }
}

/// Reads a row and keeps it if asked.
fn read<T: msgpack::Decode>(
    body: &[u8],
    keep: bool,
    put: impl FnOnce(T),
) -> Result<(), ArchiveError> {
    let row = msgpack::from_slice_within::<T>(body, MAX_ELEMENTS)?;
    if keep {
        put(row);
    }
    Ok(())
}

/// Refuses types that cannot be restored.
fn known(kind: u8) -> Result<(), ArchiveError> {
    let read = matches!(
        kind,
        kind::REGISTER
            | kind::KVS
            | kind::SESSION
            | kind::TOMBSTONE
            | kind::COORDINATE_BATCH
            | kind::PREPARED_QUERY
            | kind::AUTOPILOT
            | kind::CONNECT_CA
            | only::CA_PROVIDER
            | only::CA_CONFIG
            | kind::SYSTEM_METADATA
            | only::INDEX
            | only::CHUNKING
            | only::SERVICE_VIP
            | only::FREE_VIP
    );
    let kept = [OPAQUE_ACL, OPAQUE_INTENTIONS, OPAQUE_MESH, OPAQUE_LAST]
        .iter()
        .any(|kinds| kinds.contains(&kind));
    if read || kept {
        Ok(())
    } else {
        Err(ArchiveError::Unknown(kind))
    }
}

/// Rows as snapshots bring them: with their indexes, without rules and without touching anybody.
impl Root {
    fn load_registration(&mut self, record: RegisterRequest) {
        let peer = record.peer_name.clone();
        let bare = record.service.is_none() && record.check.is_none() && record.checks.is_empty();
        if bare || self.catalog.node(&peer, &record.node).is_none() {
            self.load_node(Node {
                id: record.id,
                node: record.node.clone(),
                address: record.address,
                datacenter: record.datacenter,
                partition: String::new(),
                peer_name: peer,
                tagged_addresses: record.tagged_addresses,
                meta: record.node_meta,
                locality: record.locality,
                indexes: record.indexes,
            });
        }
        if let Some(service) = record.service {
            self.load_service(&record.node, *service);
        }
        for check in record
            .check
            .map(|check| *check)
            .into_iter()
            .chain(record.checks)
        {
            self.catalog.put_check(Arc::new(check));
        }
    }

    pub(crate) fn load_node(&mut self, node: Node) {
        let new = self.catalog.node(&node.peer_name, &node.node).is_none();
        self.usage.nodes += u64::from(new && node.peer_name.is_empty());
        self.catalog.put_node(Arc::new(node));
    }

    pub(crate) fn load_service(&mut self, node: &str, service: model::NodeService) {
        let service = Arc::new(service);
        let scratch = &mut Touched::new();
        crate::apply::Change {
            root: self,
            index: 0,
            touched: scratch,
        }
        .load_service(node, service);
    }

    pub(crate) fn load_coordinate(&mut self, row: Coordinate) {
        let key = coordinate_path(&row.node, &row.segment).key();
        self.coordinates.insert(key, Arc::new(row));
    }

    pub(crate) fn load_ca_root(&mut self, row: CaRoot) {
        let key = Key::from(row.id.as_bytes());
        self.authority.roots.insert(key, Arc::new(row));
    }

    pub(crate) fn load_ca_provider(&mut self, row: CaProviderState) {
        let key = Key::from(row.id.as_bytes());
        self.authority.providers.insert(key, Arc::new(row));
    }

    pub(crate) fn load_metadata(&mut self, row: SystemMetadataEntry) {
        self.metadata
            .insert(Key::from(&*fold(&row.key)), Arc::new(row));
    }
}

impl crate::tables::kv::Kv {
    /// As `put`, for rows that arrive in key order and mostly once.
    pub(crate) fn load(&mut self, row: KvEntry) {
        if row.session.is_empty() && self.tail_is_before(&row.key) {
            self.entries
                .insert(Key::from(row.key.as_bytes()), Arc::new(row));
        } else {
            self.put(Arc::new(row));
        }
    }

    fn tail_is_before(&self, key: &Text) -> bool {
        self.entries
            .last()
            .is_none_or(|(last, _)| last[..] < *key.as_bytes())
    }
}
