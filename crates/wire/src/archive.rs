//! The snapshot archive: a compressed tar of metadata, state and checksums (spec/wire.md §7.1).
//!
//! Reads and writes streams, so an archive of any size is verified in constant memory, whatever its headers claim. What the
//! state stream holds is not known here.

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// Size of a block of a tar file.
const BLOCK: usize = 512;
/// Longest metadata or checksum member, bytes; those of a cluster of nine are below 4 KiB.
const SMALL_BYTES_MAX: u64 = 1 << 20;
/// What stands before a member, in bytes: a long name or extended header as Go reads them (1 MiB), and blocks around them. They
/// compress a thousand to one and are held in memory.
const HEADERS_MAX: u64 = (1 << 20) + 8 * BLOCK as u64;
/// Bytes behind the end that are counted; more are refused without knowing how many.
const TRAILING_MAX: u64 = 64 << 20;

/// Where the state of an archive goes.
pub trait Sink: Write {
    /// How many bytes the metadata says there are; every writer puts it before the state.
    ///
    /// # Errors
    /// Such a state is not wanted; the text is the whole answer.
    fn announced(&mut self, size: u64) -> Result<(), String>;
}

/// Takes any state.
impl Sink for Vec<u8> {
    fn announced(&mut self, _: u64) -> Result<(), String> {
        Ok(())
    }
}

/// Takes any state.
impl Sink for io::Sink {
    fn announced(&mut self, _: u64) -> Result<(), String> {
        Ok(())
    }
}

/// Reads and verifies an archive; the state goes to `state`, the metadata is the answer. Errors are worded as the
/// reference's.
///
/// # Errors
/// What is wrong with the archive; what was written to `state` is then of no use.
pub fn read(archive: impl Read, state: &mut dyn Sink) -> Result<Value, Damage> {
    // All members of the compressed file, as Go reads it: what stands behind the first one is not passed over.
    let decompressed = MultiGzDecoder::new(archive);
    let headless = decompressed.header().is_none();
    let (failed, allowed) = (Cell::new(None), Cell::new(HEADERS_MAX));
    let inflating = Inflating {
        from: decompressed,
        failed: &failed,
        allowed: &allowed,
    };
    verified(inflating, headless, state).map_err(|text| Damage {
        text,
        inflating: failed.take().filter(|_| !headless),
    })
}

/// Why an archive is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Damage {
    /// In the reference's words.
    pub text: String,
    /// What the decompression failed of, if it began.
    pub inflating: Option<String>,
}

impl From<Damage> for String {
    fn from(damage: Damage) -> Self {
        damage.text
    }
}

/// Notes what the decompression failed of, and ends where more is read than is allowed.
struct Inflating<'a, R> {
    from: R,
    failed: &'a Cell<Option<String>>,
    /// Bytes that may still be read.
    allowed: &'a Cell<u64>,
}

impl<R: Read> Read for Inflating<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let allowed = usize::try_from(self.allowed.get()).unwrap_or(usize::MAX);
        let to = match to.len() {
            0 => return Ok(0),
            _ if allowed == 0 => {
                return Err(io::Error::other("archive/tar: header field too long"));
            }
            len => &mut to[..len.min(allowed)],
        };
        let n = self
            .from
            .read(to)
            .inspect_err(|e| self.failed.set(Some(gzip_text(e))))?;
        self.allowed.set(self.allowed.get() - n as u64);
        Ok(n)
    }
}

fn verified<R: Read>(
    archive: Inflating<'_, R>,
    headless: bool,
    state: &mut dyn Sink,
) -> Result<Value, String> {
    let allowed = archive.allowed;
    let mut tar = tar::Archive::new(archive);
    let failed = |e: String| format!("failed to read snapshot file: {e}");
    let members = members(&mut tar, allowed, state, headless).map_err(|e| match e {
        Problem::Compression(e) => format!("failed to decompress snapshot: {e}"),
        Problem::Content(e) => failed(e),
        Problem::Unwanted(e) => e,
    })?;
    check(&members)
        .map_err(|e| format!("failed checking integrity of snapshot: {e}"))
        .map_err(failed)?;
    allowed.set(u64::MAX);
    let unread = unread(tar.into_inner()).map_err(|e| gzip_text(&e))?;
    if unread > 0 {
        return Err(format!("{unread} unread uncompressed bytes remain"));
    }
    Ok(members.meta)
}

/// How many bytes stand behind the end of the tar file.
fn unread(mut rest: impl Read) -> io::Result<u64> {
    // It ends in two blocks of zeros, of which the reader took the first.
    let mut last = Vec::with_capacity(BLOCK);
    (&mut rest).take(BLOCK as u64).read_to_end(&mut last)?;
    let behind = io::copy(&mut rest.take(TRAILING_MAX), &mut io::sink())?;
    let is_end = last.iter().all(|byte| *byte == 0);
    Ok(behind + if is_end { 0 } else { last.len() as u64 })
}

enum Problem {
    Compression(String),
    Content(String),
    /// The receiver's own words.
    Unwanted(String),
}

#[derive(Default)]
struct Members {
    meta: Value,
    sums: Vec<u8>,
    /// SHA-256 by name, hex.
    found: BTreeMap<&'static str, String>,
}

fn gzip_text(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
        // What the reader of tar files says of a cut one.
        _ if e.to_string() == "failed to read entire block" => "unexpected EOF".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            "gzip: invalid header".to_owned()
        }
        _ => e.to_string(),
    }
}

/// Passes bytes on and hashes them.
struct Hashing<'a> {
    hash: Sha256,
    out: &'a mut dyn Sink,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.hash.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// `headless` says that the compressed stream did not even begin well.
fn members<R: Read>(
    tar: &mut tar::Archive<R>,
    allowed: &Cell<u64>,
    state: &mut dyn Sink,
    headless: bool,
) -> Result<Members, Problem> {
    let mut members = Members::default();
    for name in ["meta.json", "state.bin"] {
        members.found.insert(name, hex(Sha256::new()));
    }
    let reading = |e: io::Error| {
        if headless {
            Problem::Compression(gzip_text(&e))
        } else {
            Problem::Content(format!("failed reading snapshot: {}", gzip_text(&e)))
        }
    };
    let mut entries = tar.entries().map_err(reading)?;
    let mut seen: Vec<Vec<u8>> = Vec::new();
    loop {
        allowed.set(HEADERS_MAX);
        let Some(entry) = entries.next() else {
            return Ok(members);
        };
        let mut entry = entry.map_err(reading)?;
        allowed.set(u64::MAX);
        let name = entry.path_bytes().into_owned();
        // A member may come once: an archive of a few bytes could hold millions of small ones.
        if seen.contains(&name) || !members.take(&name, &mut entry, state)? {
            let name = quote(&String::from_utf8_lossy(&name));
            return Err(Problem::Content(format!(
                "unexpected file {name} in snapshot"
            )));
        }
        seen.push(name);
    }
}

impl Members {
    /// Reads a member; whether there is one of that name.
    fn take(
        &mut self,
        name: &[u8],
        entry: &mut impl Read,
        state: &mut dyn Sink,
    ) -> Result<bool, Problem> {
        let data = |e: io::Error| {
            Problem::Content(format!(
                "failed to read or write snapshot data: {}",
                gzip_text(&e)
            ))
        };
        match name {
            b"meta.json" => {
                let bytes = read_small(entry).map_err(data)?;
                let hash = Sha256::new_with_prefix(&bytes);
                self.found.insert("meta.json", hex(hash));
                self.meta = metadata(&bytes).map_err(|e| {
                    Problem::Content(format!("failed to decode snapshot metadata: {e}"))
                })?;
                let size = self.meta["Size"].as_u64().unwrap_or(0);
                state.announced(size).map_err(Problem::Unwanted)?;
            }
            b"state.bin" => {
                let mut hashing = Hashing {
                    hash: Sha256::new(),
                    out: state,
                };
                io::copy(entry, &mut hashing).map_err(data)?;
                self.found.insert("state.bin", hex(hashing.hash));
            }
            b"SHA256SUMS" => self.sums = read_small(entry).map_err(data)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The metadata; errors are Go's.
fn metadata(bytes: &[u8]) -> Result<Value, String> {
    use dialect::json::{Mode, unmarshal};
    unmarshal::<dialect::Any>(bytes, Mode::Lax).map_err(|e| e.to_string())?;
    serde_json::from_slice(bytes).map_err(|e| e.to_string())
}

fn read_small(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(SMALL_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL_BYTES_MAX {
        return Err(io::Error::other("the member is too large"));
    }
    Ok(bytes)
}

fn check(members: &Members) -> Result<(), String> {
    let mut listed = Vec::new();
    for line in String::from_utf8_lossy(&members.sums).lines() {
        let Some((sum, name)) = line.split_once("  ") else {
            return Err("hash list is malformed".to_owned());
        };
        match members.found.get(name) {
            None => return Err(format!("list missing hash for {}", quote(name))),
            Some(found) if *found != sum => {
                return Err(format!("hash check failed for {}", quote(name)));
            }
            Some(_) => listed.push(name.to_owned()),
        }
    }
    match members
        .found
        .keys()
        .find(|name| !listed.iter().any(|l| l == *name))
    {
        Some(name) => Err(format!("file missing for {}", quote(name))),
        None => Ok(()),
    }
}

/// What `meta.json` tells of a state.
#[derive(Clone, Debug)]
pub struct Meta {
    /// Raft term.
    pub term: u64,
    /// Index of the last change.
    pub index: u64,
    /// Unix time in milliseconds, part of the archive's ID.
    pub unix_millis: u64,
    /// Node ID and server address of every voter.
    pub voters: Vec<(String, String)>,
}

impl Meta {
    fn json(&self, size: u64) -> String {
        let servers: Vec<Value> = self
            .voters
            .iter()
            .map(|(id, address)| serde_json::json!({"Suffrage": 0, "ID": id, "Address": address}))
            .collect();
        let addresses: Vec<dialect::Bytes> = self
            .voters
            .iter()
            .map(|(_, address)| dialect::Bytes::from(address.clone().into_bytes()))
            .collect();
        let peers = dialect::msgpack::to_vec(&dialect::List::from(addresses));
        // The order of members is the reference's; a map of our own would sort them.
        format!(
            "{{\"Version\":1,\"ID\":\"{}-{}-{}\",\"Index\":{},\"Term\":{},\"Peers\":{},\"Configuration\":{{\"Servers\":{}}},\"ConfigurationIndex\":1,\"Size\":{size}}}\n",
            self.term,
            self.index,
            self.unix_millis,
            self.index,
            self.term,
            dialect::json::to_string(&dialect::Bytes::from(peers)),
            Value::Array(servers),
        )
    }
}

/// Measures a state stream: what an archive says of it before it comes.
#[derive(Default)]
pub struct Measure {
    hash: Sha256,
    size: u64,
}

impl Write for Measure {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes an archive of the state stream that `state` writes and that was measured before. Memory is constant.
///
/// # Errors
/// Those of `out` and `state`; the stream is not the one that was measured.
pub fn write<W: Write>(
    out: W,
    meta: &Meta,
    measured: Measure,
    state: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<W> {
    let mut out = GzEncoder::new(out, Compression::fast());
    let Measure { hash, size } = measured;
    let text = meta.json(size);
    let sums = format!(
        "{}  meta.json\n{}  state.bin\n",
        hex(Sha256::new_with_prefix(text.as_bytes())),
        hex(hash)
    );
    let header = |name: &str, size: u64| {
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_mode(0o600);
        header.set_mtime(meta.unix_millis / 1000);
        header.set_size(size);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        Ok::<_, io::Error>(header)
    };
    let member = |out: &mut dyn Write, name: &str, bytes: &[u8]| {
        out.write_all(header(name, bytes.len() as u64)?.as_bytes())?;
        out.write_all(bytes)?;
        pad(out, bytes.len() as u64)
    };
    member(&mut out, "meta.json", text.as_bytes())?;
    out.write_all(header("state.bin", size)?.as_bytes())?;
    let mut counted = Counted {
        out: &mut out,
        count: 0,
    };
    state(&mut counted)?;
    if counted.count != size {
        return Err(io::Error::other("the state changed while it was written"));
    }
    pad(&mut out, size)?;
    member(&mut out, "SHA256SUMS", sums.as_bytes())?;
    out.write_all(&[0; 2 * BLOCK])?;
    out.finish()
}

/// Fills the last block of a member.
fn pad(out: &mut dyn Write, size: u64) -> io::Result<()> {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    let zeros = [0; BLOCK];
    match over {
        0 => Ok(()),
        over => out.write_all(zeros.get(over..).unwrap_or_default()),
    }
}

/// Counts what passes.
struct Counted<'a> {
    out: &'a mut dyn Write,
    count: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.count += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A text between quotes as Go's `%q` prints it.
fn quote(text: &str) -> String {
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(state: &[u8]) -> Vec<u8> {
        let meta = Meta {
            term: 2,
            index: 15,
            unix_millis: 1_700_000_000_000,
            voters: vec![("id".into(), "10.0.0.1:8300".into())],
        };
        let mut measure = Measure::default();
        measure.write_all(state).unwrap();
        write(Vec::new(), &meta, measure, |out| out.write_all(state)).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let state: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let mut back = Vec::new();
        let meta = read(archive(&state).as_slice(), &mut back).unwrap();
        assert_eq!(back, state);
        assert_eq!(meta["ID"], "2-15-1700000000000");
        assert_eq!(meta["Peers"], "ka0xMC4wLjAuMTo4MzAw");
        assert_eq!(meta["Size"], state.len());
    }

    #[test]
    fn every_cut_is_refused() {
        let whole = archive(b"some state");
        for length in 0..whole.len() {
            assert!(
                read(&whole[..length], &mut Vec::new()).is_err(),
                "cut at {length}"
            );
        }
    }

    #[test]
    fn no_flip_changes_what_is_read() {
        let whole = archive(b"some state");
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                let mut state = Vec::new();
                // Some bytes of the headers (times, the system that made it) carry nothing.
                if read(damaged.as_slice(), &mut state).is_ok() {
                    assert_eq!(state, b"some state", "flip at {at}");
                }
            }
        }
    }
}
