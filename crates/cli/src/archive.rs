//! Snapshot archives: a compressed tar of metadata, state and checksums (spec: wire.md §7.1), and the records of a state
//! (§7.3). Reads streams, so an archive of any size is verified in constant memory.

use crate::text;
use flate2::read::GzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// Longest metadata or checksum member, bytes.
const SMALL_BYTES_MAX: u64 = 16 << 20;

/// Reads and verifies an archive; the state goes to `state`, the metadata is the answer. Errors are worded as the
/// reference's.
pub(crate) fn read(archive: impl Read, state: &mut dyn Write) -> Result<Value, String> {
    let decompressed = GzDecoder::new(archive);
    let headless = decompressed.header().is_none();
    let mut tar = tar::Archive::new(decompressed);
    let failed = |e: String| format!("failed to read snapshot file: {e}");
    let members = members(&mut tar, state, headless).map_err(|e| match e {
        Problem::Compression(e) => format!("failed to decompress snapshot: {e}"),
        Problem::Content(e) => failed(e),
    })?;
    check(&members)
        .map_err(|e| format!("failed checking integrity of snapshot: {e}"))
        .map_err(failed)?;
    let mut rest = tar.into_inner();
    let unread = io::copy(&mut rest, &mut io::sink())
        .map_err(|e| format!("failed to decompress snapshot: {}", gzip_text(&e)))?;
    if unread > 0 {
        return Err(format!("{unread} unread uncompressed bytes remain"));
    }
    serde_json::from_slice(&members.meta)
        .map_err(|e| failed(format!("failed to decode snapshot metadata: {e}")))
}

enum Problem {
    Compression(String),
    Content(String),
}

#[derive(Default)]
struct Members {
    meta: Vec<u8>,
    sums: Vec<u8>,
    /// SHA-256 by name, hex.
    found: BTreeMap<&'static str, String>,
}

fn gzip_text(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            "gzip: invalid header".to_owned()
        }
        _ => crate::api::os_text(e),
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
                members.meta = bytes;
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
                let name = text::quote(&String::from_utf8_lossy(other));
                return Err(Problem::Content(format!(
                    "unexpected file {name} in snapshot"
                )));
            }
        }
    }
    Ok(members)
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
            None => return Err(format!("list missing hash for {}", text::quote(name))),
            Some(found) if *found != sum => {
                return Err(format!("hash check failed for {}", text::quote(name)));
            }
            Some(_) => listed.push(name.to_owned()),
        }
    }
    match members
        .found
        .keys()
        .find(|name| !listed.iter().any(|l| l == *name))
    {
        Some(name) => Err(format!("file missing for {}", text::quote(name))),
        None => Ok(()),
    }
}

/// Record types by their byte.
const TYPES: &[(u8, &str)] = &[
    (0, "Register"),
    (1, "Deregister"),
    (2, "KVS"),
    (3, "Session"),
    (4, "ACL"),
    (5, "Tombstone"),
    (6, "CoordinateBatchUpdate"),
    (7, "PreparedQuery"),
    (8, "Txn"),
    (9, "Autopilot"),
    (10, "Area"),
    (11, "ACLBootstrap"),
    (12, "Intention"),
    (13, "ConnectCA"),
    (14, "ConnectCAProviderState"),
    (15, "ConnectCAConfig"),
    (16, "Index"),
    (17, "ACLToken"),
    (18, "ACLTokenDelete"),
    (19, "ACLPolicy"),
    (20, "ACLPolicyDelete"),
    (21, "ConnectCALeaf"),
    (22, "ConfigEntry"),
    (23, "ACLRole"),
    (24, "ACLRoleDelete"),
    (25, "ACLBindingRule"),
    (26, "ACLBindingRuleDelete"),
    (27, "ACLAuthMethod"),
    (28, "ACLAuthMethodDelete"),
    (29, "ChunkingState"),
    (30, "FederationState"),
    (31, "SystemMetadata"),
    (32, "ServiceVirtualIP"),
    (33, "FreeVirtualIP"),
    (34, "KindServiceName"),
    (35, "Peering"),
    (36, "PeeringDelete"),
    (38, "PeeringTrustBundle"),
    (39, "PeeringTrustBundleDelete"),
    (40, "PeeringSecret"),
    (41, "RaftLogVerifierCheckpoint"),
    (42, "Resource"),
    (43, "UpdateManualVirtualIPRequestType"),
];

/// Name of a record type.
pub(crate) fn type_name(byte: u8) -> String {
    let known = TYPES.iter().find(|(b, _)| *b == byte);
    known.map_or_else(
        || format!("Unknown({byte})"),
        |(_, name)| (*name).to_owned(),
    )
}

/// One record of a state.
pub(crate) struct Record<'a> {
    /// Type byte.
    pub(crate) kind: u8,
    /// Bytes since the end of the record before, type byte included.
    pub(crate) size: u64,
    /// The record itself, msgpack.
    pub(crate) body: &'a [u8],
}

/// Walks the records of a state; the header (the first value) is the answer.
pub(crate) fn walk<'a>(
    state: &'a [u8],
    mut each: impl FnMut(Record<'a>) -> Result<(), String>,
) -> Result<&'a [u8], String> {
    let damaged = |e: &dyn std::fmt::Display| format!("failed to read snapshot: {e}");
    let value_end = |from: usize| {
        let mut reader = dialect::msgpack::Reader::new(&state[from..]);
        reader.skip().map_err(|e| damaged(&e))?;
        Ok::<usize, String>(from + reader.position())
    };
    let header = value_end(0)?;
    // The bytes of the header are counted with the first record.
    let mut counted = 0;
    let mut at = header;
    while let Some(kind) = state.get(at) {
        let end = value_end(at + 1)?;
        each(Record {
            kind: *kind,
            size: (end - counted) as u64,
            body: &state[at + 1..end],
        })?;
        (at, counted) = (end, end);
    }
    Ok(&state[..header])
}
