//! The bytes of a command: type byte, then msgpack.

use super::{Command, RestorePlace, kind};
use dialect::Bytes;
use dialect::msgpack::{self, Encode, Reader, Writer};

/// Largest piece of an archive in one command, in bytes.
pub const MAX_RESTORE_CHUNK: usize = 512 * 1024;

/// From this size on, values share the memory of their log entry; below, what surrounds a value would outweigh a copy.
const SHARE_FROM: usize = 4096;

/// Why an entry of the log is not a command. Either ends the process: a server that skips an entry is no replica.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No type byte.
    #[error("failed to apply request: empty log entry")]
    Empty,
    /// A type this version does not know and that must not be skipped.
    #[error("failed to apply request: unknown command type {0}")]
    UnknownType(u8),
    /// The body is not what its type wants.
    #[error("failed to decode request of type {kind}: {error}")]
    Body {
        /// The type byte, without the flag.
        kind: u8,
        /// What is wrong.
        error: msgpack::Error,
    },
}

impl Command {
    /// The type byte as it is logged. Coordinates may be skipped by versions that do not know them.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Register(_) => kind::REGISTER,
            Self::Deregister(_) => kind::DEREGISTER,
            Self::Kvs(_) => kind::KVS,
            Self::Session(_) => kind::SESSION,
            Self::Tombstone(_) => kind::TOMBSTONE,
            Self::CoordinateBatch(_) => kind::COORDINATE_BATCH | kind::IGNORE_UNKNOWN,
            Self::PreparedQuery(_) => kind::PREPARED_QUERY,
            Self::Txn(_) => kind::TXN,
            Self::Autopilot(_) => kind::AUTOPILOT,
            Self::ConnectCa(_) => kind::CONNECT_CA,
            Self::SystemMetadata(_) => kind::SYSTEM_METADATA,
            Self::RestoreBegin(_) => kind::RESTORE_BEGIN,
            Self::RestoreChunk(_) => kind::RESTORE_CHUNK,
            Self::RestoreCommit => kind::RESTORE_COMMIT,
            Self::RestorePiece(..) => kind::RESTORE_PIECE,
            Self::RestoreEnd(_) => kind::RESTORE_END,
            Self::RestoreAbort => kind::RESTORE_ABORT,
            Self::Ignored(kind) => kind | kind::IGNORE_UNKNOWN,
        }
    }

    /// The log entry. One allocation unless the command is larger than guessed.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.size_hint());
        out.push(self.kind());
        let w = &mut Writer::new(&mut out);
        match self {
            Self::Register(body) => body.as_ref().encode(w),
            Self::Deregister(body) => body.as_ref().encode(w),
            Self::Kvs(body) => body.as_ref().encode(w),
            Self::Session(body) => body.as_ref().encode(w),
            Self::Tombstone(body) => body.encode(w),
            Self::CoordinateBatch(body) => body.encode(w),
            Self::PreparedQuery(body) => body.as_ref().encode(w),
            Self::Txn(body) => body.as_ref().encode(w),
            Self::Autopilot(body) => body.as_ref().encode(w),
            Self::ConnectCa(body) => body.as_ref().encode(w),
            Self::SystemMetadata(body) => body.as_ref().encode(w),
            Self::RestoreBegin(index) => w.uint(*index),
            Self::RestoreChunk(bytes) => w.raw(bytes),
            Self::RestorePiece(place, bytes) => {
                w.array(3);
                w.uint(place.restore);
                w.uint(place.sequence);
                w.raw(bytes);
            }
            Self::RestoreEnd(place) => {
                w.array(2);
                w.uint(place.restore);
                w.uint(place.sequence);
            }
            Self::RestoreCommit | Self::RestoreAbort | Self::Ignored(_) => w.nil(),
        }
        out.into()
    }

    fn size_hint(&self) -> usize {
        match self {
            Self::Register(body) => 2048 + 1024 * body.checks.len(),
            Self::Kvs(body) => {
                let value = body.entry.value.as_ref().map_or(0, |value| value.len());
                256 + value + body.entry.key.len() + body.token.len()
            }
            Self::Txn(body) => body.ops.iter().fold(128, |size, op| {
                let value = op
                    .kv
                    .as_ref()
                    .and_then(|kv| kv.entry.value.as_ref())
                    .map_or(0, |value| value.len());
                size + value + if op.kv.is_some() { 256 } else { 1280 }
            }),
            Self::CoordinateBatch(batch) => 16 + 192 * batch.len(),
            Self::PreparedQuery(_) => 1024,
            Self::ConnectCa(_) => 4096,
            Self::RestoreChunk(bytes) | Self::RestorePiece(_, bytes) => 32 + bytes.len(),
            Self::Tombstone(_)
            | Self::RestoreBegin(_)
            | Self::RestoreCommit
            | Self::RestoreEnd(_)
            | Self::RestoreAbort
            | Self::Ignored(_) => 96,
            Self::Deregister(_)
            | Self::Session(_)
            | Self::Autopilot(_)
            | Self::SystemMetadata(_) => 512,
        }
    }

    /// Whether this version knows the command's type, by its first byte; [`Command::decode`] may still refuse the body.
    ///
    /// # Errors
    /// As [`Command::decode`].
    pub fn known(entry: &[u8]) -> Result<(), DecodeError> {
        let byte = *entry.first().ok_or(DecodeError::Empty)?;
        let kind = byte & !kind::IGNORE_UNKNOWN;
        let known = matches!(
            kind,
            kind::REGISTER
                | kind::DEREGISTER
                | kind::KVS
                | kind::SESSION
                | kind::TOMBSTONE
                | kind::COORDINATE_BATCH
                | kind::PREPARED_QUERY
                | kind::TXN
                | kind::AUTOPILOT
                | kind::CONNECT_CA
                | kind::SYSTEM_METADATA
                | kind::RESTORE_BEGIN
                | kind::RESTORE_CHUNK
                | kind::RESTORE_COMMIT
                | kind::RESTORE_PIECE
                | kind::RESTORE_END
                | kind::RESTORE_ABORT
                | kind::LEGACY_ACL
                | kind::VERIFIER
        );
        if known || byte & kind::IGNORE_UNKNOWN != 0 {
            Ok(())
        } else {
            Err(DecodeError::UnknownType(kind))
        }
    }

    /// Reads a log entry. Large values share the memory of `entry`.
    pub fn decode(entry: &Bytes) -> Result<Self, DecodeError> {
        let Some(&byte) = entry.first() else {
            return Err(DecodeError::Empty);
        };
        let body = entry.slice(1..);
        let kind = byte & !kind::IGNORE_UNKNOWN;
        let mut r = if body.len() < SHARE_FROM {
            Reader::new(&body)
        } else {
            Reader::shared(&body)
        };
        let r = &mut r;
        let command = match kind {
            kind::REGISTER => r.value().map(|body| Self::Register(Box::new(body))),
            kind::DEREGISTER => r.value().map(|body| Self::Deregister(Box::new(body))),
            kind::KVS => r.value().map(|body| Self::Kvs(Box::new(body))),
            kind::SESSION => r.value().map(|body| Self::Session(Box::new(body))),
            kind::TOMBSTONE => r.value().map(Self::Tombstone),
            kind::COORDINATE_BATCH => r.value().map(Self::CoordinateBatch),
            kind::PREPARED_QUERY => r.value().map(|body| Self::PreparedQuery(Box::new(body))),
            kind::TXN => r.value().map(|body| Self::Txn(Box::new(body))),
            kind::AUTOPILOT => r.value().map(|body| Self::Autopilot(Box::new(body))),
            kind::CONNECT_CA => r.value().map(|body| Self::ConnectCa(Box::new(body))),
            kind::SYSTEM_METADATA => r.value().map(|body| Self::SystemMetadata(Box::new(body))),
            kind::RESTORE_BEGIN => r.uint().map(Self::RestoreBegin),
            kind::RESTORE_CHUNK => r
                .owned_bytes()
                .map(|bytes| Self::RestoreChunk(bytes.unwrap_or_default())),
            kind::RESTORE_COMMIT => Ok(Self::RestoreCommit),
            kind::RESTORE_PIECE => place(r, 3).and_then(|place| {
                let bytes = r.owned_bytes()?.unwrap_or_default();
                Ok(Self::RestorePiece(place, bytes))
            }),
            kind::RESTORE_END => place(r, 2).map(Self::RestoreEnd),
            kind::RESTORE_ABORT => Ok(Self::RestoreAbort),
            kind::LEGACY_ACL | kind::VERIFIER => Ok(Self::Ignored(kind)),
            _ if byte & kind::IGNORE_UNKNOWN != 0 => Ok(Self::Ignored(kind)),
            _ => return Err(DecodeError::UnknownType(kind)),
        };
        command.map_err(|error| DecodeError::Body { kind, error })
    }
}

/// The head of an array of `len` elements, and the place that is its first two.
fn place(r: &mut Reader<'_>, len: usize) -> Result<RestorePlace, msgpack::Error> {
    let at = r.position();
    if r.array_len()? != Some(len) {
        let what = "piece of a restore";
        return Err(msgpack::Error::Invalid { at, what });
    }
    Ok(RestorePlace {
        restore: r.uint()?,
        sequence: r.uint()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{KvsRequest, TombstoneRequest};

    #[test]
    fn what_is_known_is_what_is_decoded() {
        for byte in 0..=u8::MAX {
            let decoded = Command::decode(&Bytes::copy_from_slice(&[byte]));
            let unknown = matches!(decoded, Err(DecodeError::UnknownType(_)));
            assert_eq!(Command::known(&[byte]).is_err(), unknown, "{byte}");
        }
    }
    use model::KvEntry;

    fn again(command: Command) {
        assert_eq!(Command::known(&command.encode()), Ok(()));
        assert_eq!(Command::decode(&command.encode()), Ok(command));
    }

    #[test]
    fn commands_survive_the_log() {
        for len in [0, 1, 31, 32, 5000, 70_000] {
            let value = (len > 0).then(|| vec![7; len].into());
            let entry = KvEntry {
                key: [0xff, 0, 1][..].into(),
                value,
                ..KvEntry::default()
            };
            again(Command::Kvs(Box::new(KvsRequest {
                op: "set".into(),
                entry,
                ..KvsRequest::default()
            })));
        }
        again(Command::Register(Box::default()));
        again(Command::Deregister(Box::default()));
        again(Command::Session(Box::default()));
        again(Command::Txn(Box::default()));
        again(Command::PreparedQuery(Box::default()));
        again(Command::Autopilot(Box::default()));
        again(Command::ConnectCa(Box::default()));
        again(Command::SystemMetadata(Box::default()));
        again(Command::RestoreBegin(u64::MAX));
        again(Command::RestoreChunk(vec![0; 1000].into()));
        again(Command::RestoreCommit);
        let place = RestorePlace {
            restore: u64::MAX,
            sequence: 70_000,
        };
        again(Command::RestorePiece(place, vec![7; 100_000].into()));
        again(Command::RestorePiece(place, vec![7].into()));
        again(Command::RestoreEnd(place));
        again(Command::RestoreAbort);
    }

    #[test]
    fn the_bytes_are_those_of_the_reference() {
        let reap = TombstoneRequest {
            op: "reap".into(),
            reap_index: 9,
            ..TombstoneRequest::default()
        };
        assert_eq!(
            &Command::Tombstone(reap).encode()[..],
            b"\x05\x84\xaaDatacenter\xa0\xa2Op\xa4reap\xa9ReapIndex\x09\xa5Token\xa0"
        );
        assert_eq!(
            &Command::CoordinateBatch(Vec::new().into()).encode()[..],
            [0x86, 0x90]
        );
        assert_eq!(
            Command::decode(&vec![0x86, 0x90].into()),
            Ok(Command::CoordinateBatch(Vec::new().into()))
        );
        assert_eq!(
            Command::decode(&vec![2, 0x81].into()),
            Err(DecodeError::Body {
                kind: 2,
                error: msgpack::Error::Eof
            })
        );
    }
}
