//! Snapshot files: one header, checksummed blocks, a trailer; in place only when complete and synced.
//!
//! Owns: the frame around what a state machine writes. Must never learn: what that is.
//! Layout: docs/decisions/0003.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::codec::{Malformed, Reader};
use crate::disk::{Disk, DiskFile};
use crate::log::Position;
use crate::membership::Membership;

const MAGIC: &[u8; 8] = b"PCSNAPSH";
/// Version of the frame.
const VERSION: u8 = 1;
/// Bytes of content per block.
const BLOCK: usize = 64 << 10;
/// Largest header a reader accepts, bytes.
const MAX_HEADER: u32 = 64 << 20;
const TEMPORARY: &str = ".snap.tmp";
/// Bytes of the trailer.
const TRAILER: u64 = 16;

/// What a snapshot covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// Last entry in it.
    pub position: Position,
    /// The membership as of that entry.
    pub membership: Membership,
}

pub(crate) fn name(position: Position) -> String {
    format!("{:016x}-{:016x}.snap", position.index, position.term)
}

fn position(name: &str) -> Option<Position> {
    let (index, term) = name.strip_suffix(".snap")?.split_once('-')?;
    if index.len() != 16 || term.len() != 16 {
        return None;
    }
    Some(Position {
        index: u64::from_str_radix(index, 16).ok()?,
        term: u64::from_str_radix(term, 16).ok()?,
    })
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Writes one snapshot; nothing is visible before [`SnapshotWriter::finish`].
pub struct SnapshotWriter {
    temporary: Temporary,
    file: Box<dyn DiskFile>,
    position: Position,
    offset: u64,
    block: Vec<u8>,
    content: u64,
    check: u32,
}

impl SnapshotWriter {
    /// Starts a file. `tag` keeps two writers apart (a local snapshot and one being received).
    ///
    /// # Errors
    /// What the medium says.
    pub fn create(
        disk: Arc<dyn Disk>,
        tag: &str,
        meta: &SnapshotMeta,
    ) -> io::Result<SnapshotWriter> {
        let (temporary, file) = Temporary::create(disk, tag)?;
        let mut writer = SnapshotWriter {
            temporary,
            file,
            position: meta.position,
            offset: 0,
            block: Vec::with_capacity(BLOCK),
            content: 0,
            check: 0,
        };
        let mut body = BytesMut::new();
        body.put_u64_le(meta.position.index);
        body.put_u64_le(meta.position.term);
        meta.membership.encode(&mut body);
        let mut head = BytesMut::new();
        head.put_slice(MAGIC);
        head.put_u32_le(u32::from(VERSION));
        head.put_u32_le(body.len() as u32);
        head.put_slice(&body);
        let check = crc32c::crc32c(&head);
        head.put_u32_le(check);
        writer.file.write_at(0, &head)?;
        (writer.offset, writer.check) = (head.len() as u64, check);
        Ok(writer)
    }

    fn put_block(&mut self) -> io::Result<()> {
        let mut frame = BytesMut::with_capacity(8 + self.block.len());
        frame.put_u32_le(self.block.len() as u32);
        // Chained: blocks cannot be dropped, swapped or taken from another file unnoticed.
        self.check = crc32c::crc32c_append(self.check, &frame);
        self.check = crc32c::crc32c_append(self.check, &self.block);
        frame.put_u32_le(self.check);
        frame.put_slice(&self.block);
        self.file.write_at(self.offset, &frame)?;
        self.offset += frame.len() as u64;
        self.content += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }

    /// Ends the file, syncs it and puts it in place; older ones are removed but for the newest of them.
    ///
    /// # Errors
    /// What the medium says; the snapshot may then be in place or not, but never in part.
    pub fn finish(mut self) -> io::Result<u64> {
        if !self.block.is_empty() {
            self.put_block()?;
        }
        let mut trailer = BytesMut::new();
        trailer.put_u32_le(0);
        trailer.put_u64_le(self.content);
        let check = crc32c::crc32c_append(self.check, &trailer);
        trailer.put_u32_le(check);
        self.file.write_at(self.offset, &trailer)?;
        let end = self.offset + trailer.len() as u64;
        self.temporary.place(&*self.file, self.position)?;
        Ok(end)
    }
}

/// A file under a name that no start takes for a snapshot. What comes to nothing takes no space.
struct Temporary {
    disk: Arc<dyn Disk>,
    name: String,
    placed: bool,
}

impl Temporary {
    fn create(disk: Arc<dyn Disk>, tag: &str) -> io::Result<(Temporary, Box<dyn DiskFile>)> {
        let temporary = Temporary {
            disk,
            name: format!("{tag}{TEMPORARY}"),
            placed: false,
        };
        let file = temporary.disk.create(&temporary.name, 0)?;
        Ok((temporary, file))
    }

    /// Syncs the file and gives it its name; older snapshots are removed but for the newest of them.
    fn place(&mut self, file: &dyn DiskFile, position: Position) -> io::Result<()> {
        file.sync()?;
        self.disk.rename(&self.name, &name(position))?;
        self.placed = true;
        self.disk.sync_dir()?;
        let mut older: Vec<_> = positions(&*self.disk)?
            .into_iter()
            .filter(|p| p.index < position.index)
            .collect();
        older.pop();
        for position in older {
            self.disk.remove(&name(position))?;
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed
            && let Err(error) = self.disk.remove(&self.name)
        {
            tracing::warn!(file = self.name, %error, "an unfinished snapshot could not be removed");
        }
    }
}

/// A snapshot file that arrives from another server, byte by byte as it stands there.
pub struct Incoming {
    temporary: Temporary,
    file: Box<dyn DiskFile>,
    offset: u64,
}

impl Incoming {
    /// Starts a file; no two that are under way may have the same `number`.
    ///
    /// # Errors
    /// What the medium says.
    pub fn create(disk: Arc<dyn Disk>, number: u64) -> io::Result<Incoming> {
        let (temporary, file) = Temporary::create(disk, &format!("received-{number}"))?;
        Ok(Incoming {
            temporary,
            file,
            offset: 0,
        })
    }

    /// Adds what arrived.
    ///
    /// # Errors
    /// What the medium says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Whether the file is whole and the one that was announced.
    ///
    /// # Errors
    /// `InvalidData` when not; what the medium says.
    pub fn verify(&self, announced: &SnapshotMeta) -> io::Result<()> {
        let disk = &*self.temporary.disk;
        let mut reader = SnapshotReader::read(disk, self.temporary.name.clone())?;
        if reader.meta() != announced {
            return Err(invalid("the snapshot is not the one that was announced"));
        }
        io::copy(&mut reader, &mut io::sink())?;
        if reader.offset + TRAILER != self.offset {
            return Err(invalid("bytes follow the snapshot's end"));
        }
        Ok(())
    }

    /// Syncs the file and puts it in place.
    ///
    /// # Errors
    /// What the medium says.
    pub fn place(mut self, position: Position) -> io::Result<()> {
        self.temporary.place(&*self.file, position)
    }
}

/// A snapshot file's bytes as they stand on the disk, for another server.
pub struct SnapshotFile {
    file: Box<dyn DiskFile>,
    offset: u64,
}

impl SnapshotFile {
    /// Opens the snapshot at `position`.
    ///
    /// # Errors
    /// What the medium says, and `InvalidData` when the header is damaged.
    pub fn open(disk: &dyn Disk, position: Position) -> io::Result<SnapshotFile> {
        Ok(SnapshotFile::of(SnapshotReader::open(disk, position)?.file))
    }

    /// All of `file`.
    pub(crate) fn of(file: Box<dyn DiskFile>) -> SnapshotFile {
        SnapshotFile { file, offset: 0 }
    }
}

impl Read for SnapshotFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.offset, buf)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BLOCK - self.block.len();
        let taken = bytes.len().min(room);
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.put_block()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Positions of all snapshots in place, ascending.
fn positions(disk: &dyn Disk) -> io::Result<Vec<Position>> {
    let mut all: Vec<_> = disk.list()?.iter().filter_map(|n| position(n)).collect();
    all.sort_unstable_by_key(|p| (p.index, p.term));
    Ok(all)
}

/// The snapshots in place, newest first. Remains of interrupted writers are removed.
///
/// # Errors
/// What the medium says.
pub fn in_place(disk: &dyn Disk) -> io::Result<Vec<Position>> {
    for file in disk.list()? {
        if file.ends_with(TEMPORARY) {
            disk.remove(&file)?;
        }
    }
    let mut all = positions(disk)?;
    all.reverse();
    Ok(all)
}

/// Whether the error says that the file is not what was written, rather than that the medium failed.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    matches!(error.kind(), InvalidData | UnexpectedEof)
}

/// Reads the content of a snapshot. Every block is verified before any of it is handed out; a file that
/// ends early is an error, not an end.
pub struct SnapshotReader {
    file: Box<dyn DiskFile>,
    name: String,
    meta: SnapshotMeta,
    offset: u64,
    block: Bytes,
    content: u64,
    check: u32,
    ended: bool,
}

impl SnapshotReader {
    /// Opens the snapshot at `position`.
    ///
    /// # Errors
    /// What the medium says, and `InvalidData` when the header is damaged.
    pub fn open(disk: &dyn Disk, position: Position) -> io::Result<SnapshotReader> {
        let reader = SnapshotReader::read(disk, name(position))?;
        if reader.meta.position != position {
            return Err(invalid("the snapshot has another one's name"));
        }
        Ok(reader)
    }

    fn read(disk: &dyn Disk, name: String) -> io::Result<SnapshotReader> {
        let file = disk.open(&name)?;
        let mut fixed = [0u8; 16];
        if file.read_at(0, &mut fixed)? < fixed.len() || &fixed[..8] != MAGIC {
            return Err(invalid("the snapshot has no header"));
        }
        let mut reader = Reader::new(Bytes::copy_from_slice(&fixed[8..]));
        let cut = |m: Malformed| invalid(m.0);
        if reader.u32().map_err(cut)? != u32::from(VERSION) {
            return Err(invalid("the snapshot was written by a newer version"));
        }
        let len = reader.u32().map_err(cut)?;
        if len > MAX_HEADER {
            return Err(invalid("the snapshot's header is damaged"));
        }
        let mut rest = vec![0u8; len as usize + 4];
        if file.read_at(16, &mut rest)? < rest.len() {
            return Err(invalid("the snapshot's header is cut short"));
        }
        let body = Bytes::from(rest);
        let (body, sum) = (body.slice(..len as usize), body.slice(len as usize..));
        let check = crc32c::crc32c_append(crc32c::crc32c(&fixed), &body);
        if Reader::new(sum).u32().map_err(cut)? != check {
            return Err(invalid("the snapshot's header is damaged"));
        }
        let mut reader = Reader::new(body);
        let position = Position {
            index: reader.u64().map_err(cut)?,
            term: reader.u64().map_err(cut)?,
        };
        let membership = Membership::read(&mut reader).map_err(cut)?;
        Ok(SnapshotReader {
            file,
            name,
            meta: SnapshotMeta {
                position,
                membership,
            },
            offset: 16 + u64::from(len) + 4,
            block: Bytes::new(),
            content: 0,
            check,
            ended: false,
        })
    }

    /// What the snapshot covers.
    #[must_use]
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// The file's name, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn next_block(&mut self) -> io::Result<()> {
        let mut head = [0u8; 16];
        let read = self.file.read_at(self.offset, &mut head)?;
        if read < 8 {
            return Err(invalid("the snapshot is cut short"));
        }
        let mut fields = Reader::new(Bytes::copy_from_slice(&head));
        let cut = |m: Malformed| invalid(m.0);
        let len = fields.u32().map_err(cut)? as usize;
        if len == 0 {
            let content = fields.u64().map_err(cut)?;
            let check = crc32c::crc32c_append(self.check, &head[..12]);
            if read < 16 || fields.u32().map_err(cut)? != check || content != self.content {
                return Err(invalid("the snapshot's end is damaged"));
            }
            self.ended = true;
            return Ok(());
        }
        if len > BLOCK {
            return Err(invalid("a block of the snapshot is damaged"));
        }
        let mut block = vec![0u8; len];
        if self.file.read_at(self.offset + 8, &mut block)? < len {
            return Err(invalid("the snapshot is cut short"));
        }
        let check = crc32c::crc32c_append(self.check, &head[..4]);
        let check = crc32c::crc32c_append(check, &block);
        if fields.u32().map_err(cut)? != check {
            return Err(invalid("a block of the snapshot is damaged"));
        }
        self.check = check;
        self.offset += 8 + len as u64;
        self.content += len as u64;
        self.block = block.into();
        Ok(())
    }
}

impl Read for SnapshotReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.block.is_empty() && !self.ended {
            self.next_block()?;
        }
        let taken = buf.len().min(self.block.len());
        buf[..taken].copy_from_slice(&self.block.split_to(taken));
        Ok(taken)
    }
}
