//! The snapshot archive: a compressed tar of metadata, state and checksums (spec/wire.md §7.1).
//!
//! Reads and writes streams, so an archive of any size is verified in constant memory. What the state stream holds is not
//! known here.

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// Size of a block of a tar file.
const BLOCK: usize = 512;
/// Longest metadata or checksum member, bytes.
const SMALL_BYTES_MAX: u64 = 16 << 20;

/// Reads and verifies an archive; the state goes to `state`, the metadata is the answer. Errors are worded as the
/// reference's.
///
/// # Errors
/// What is wrong with the archive; what was written to `state` is then of no use.
pub fn read(archive: impl Read, state: &mut dyn Write) -> Result<Value, Damage> {
    let decompressed = GzDecoder::new(archive);
    let headless = decompressed.header().is_none();
    let failed = Cell::new(None);
    let inflating = Inflating {
        from: decompressed,
        failed: &failed,
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

/// Notes what the decompression failed of.
struct Inflating<'a, R> {
    from: R,
    failed: &'a Cell<Option<String>>,
}

impl<R: Read> Read for Inflating<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.from
            .read(to)
            .inspect_err(|e| self.failed.set(Some(gzip_text(e))))
    }
}

fn verified(archive: impl Read, headless: bool, state: &mut dyn Write) -> Result<Value, String> {
    let mut tar = tar::Archive::new(archive);
    let failed = |e: String| format!("failed to read snapshot file: {e}");
    let members = members(&mut tar, state, headless).map_err(|e| match e {
        Problem::Compression(e) => format!("failed to decompress snapshot: {e}"),
        Problem::Content(e) => failed(e),
    })?;
    check(&members)
        .map_err(|e| format!("failed checking integrity of snapshot: {e}"))
        .map_err(failed)?;
    let mut rest = tar.into_inner();
    // A tar file ends in two blocks of zeros, of which the reader took the first.
    let mut last = Vec::with_capacity(BLOCK);
    let broken = |e: io::Error| gzip_text(&e);
    (&mut rest)
        .take(BLOCK as u64)
        .read_to_end(&mut last)
        .map_err(broken)?;
    let mut unread = io::copy(&mut rest, &mut io::sink()).map_err(broken)?;
    if last.iter().any(|byte| *byte != 0) {
        unread += last.len() as u64;
    }
    if unread > 0 {
        return Err(format!("{unread} unread uncompressed bytes remain"));
    }
    Ok(members.meta)
}

enum Problem {
    Compression(String),
    Content(String),
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
    out: &'a mut dyn Write,
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
    state: &mut dyn Write,
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
    let data = |e: io::Error| {
        Problem::Content(format!(
            "failed to read or write snapshot data: {}",
            gzip_text(&e)
        ))
    };
    for entry in tar.entries().map_err(reading)? {
        let entry = entry.map_err(reading)?;
        let name = entry.path_bytes().into_owned();
        let mut small = entry;
        match name.as_slice() {
            b"meta.json" => {
                let bytes = read_small(&mut small).map_err(data)?;
                members
                    .found
                    .insert("meta.json", hex(Sha256::new_with_prefix(&bytes)));
                members.meta = metadata(&bytes).map_err(|e| {
                    Problem::Content(format!("failed to decode snapshot metadata: {e}"))
                })?;
            }
            b"state.bin" => {
                let mut hashing = Hashing {
                    hash: Sha256::new(),
                    out: state,
                };
                io::copy(&mut small, &mut hashing).map_err(data)?;
                members.found.insert("state.bin", hex(hashing.hash));
            }
            b"SHA256SUMS" => members.sums = read_small(&mut small).map_err(data)?,
            other => {
                let name = quote(&String::from_utf8_lossy(other));
                return Err(Problem::Content(format!(
                    "unexpected file {name} in snapshot"
                )));
            }
        }
    }
    Ok(members)
}

/// The metadata; errors are Go's.
fn metadata(bytes: &[u8]) -> Result<Value, String> {
    use dialect::json::{Mode, unmarshal};
    unmarshal::<dialect::Any>(bytes, Mode::Lax).map_err(|e| e.to_string())?;
    serde_json::from_slice(bytes).map_err(|e| e.to_string())
}

fn read_small(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(SMALL_BYTES_MAX).read_to_end(&mut bytes)?;
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
