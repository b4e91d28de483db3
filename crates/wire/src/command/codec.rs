//! The bytes of a command: type byte, then msgpack.

use super::{Command, RestorePlace, Stamp, kind};
use dialect::Bytes;
use dialect::msgpack::{self, Reader, Writer};

/// Largest piece of an archive in one command, in bytes.
pub const MAX_RESTORE_CHUNK: usize = 512 * 1024;

/// From this size on, values share the memory of their log entry; below, what surrounds a value would outweigh a copy.
const SHARE_FROM: usize = 4096;

/// Why an entry of the log is not a command. Either ends the process: a server that skips an entry is no replica.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A stamp that ends too early, or of a form that this version does not know.
    #[error("failed to apply request: unknown form of a stamp")]
    Stamp,
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
    /// The log entry without a stamp, as versions before stamps wrote it. One allocation unless the command is larger than guessed.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.size_hint());
        out.push(self.kind());
        self.encode_body(&mut Writer::new(&mut out));
        out.into()
    }

    /// Whether this version knows the command's type, by its type byte; [`Command::decode`] may still refuse the body.
    ///
    /// # Errors
    /// As [`Command::decode`].
    pub fn known(entry: &[u8]) -> Result<(), DecodeError> {
        let (_, at) = Stamp::read(entry)?;
        let byte = *entry.get(at).ok_or(DecodeError::Empty)?;
        let kind = byte & !kind::IGNORE_UNKNOWN;
        let known = Self::listed(kind) || matches!(kind, kind::LEGACY_ACL | kind::VERIFIER);
        if known || byte & kind::IGNORE_UNKNOWN != 0 {
            Ok(())
        } else {
            Err(DecodeError::UnknownType(kind))
        }
    }

    /// Reads a log entry without its stamp.
    pub fn decode(entry: &Bytes) -> Result<Self, DecodeError> {
        Self::decode_stamped(entry).map(|(_, command)| command)
    }

    /// Reads a log entry. Large values share the memory of `entry`. The stamp of an entry without one is empty.
    pub fn decode_stamped(entry: &Bytes) -> Result<(Stamp, Self), DecodeError> {
        let (stamp, at) = Stamp::read(entry)?;
        let byte = *entry.get(at).ok_or(DecodeError::Empty)?;
        let body = entry.slice(at + 1..);
        let kind = byte & !kind::IGNORE_UNKNOWN;
        let mut r = if body.len() < SHARE_FROM {
            Reader::new(&body)
        } else {
            Reader::shared(&body)
        };
        let r = &mut r;
        let command = match kind {
            kind::LEGACY_ACL | kind::VERIFIER => Ok(Self::Ignored(kind)),
            _ => match Self::decode_body(kind, r) {
                Some(command) => command,
                None if byte & kind::IGNORE_UNKNOWN != 0 => Ok(Self::Ignored(kind)),
                None => return Err(DecodeError::UnknownType(kind)),
            },
        };
        command
            .map(|command| (stamp, command))
            .map_err(|error| DecodeError::Body { kind, error })
    }
}

/// The head of an array of `len` elements, and the place that is its first two.
pub(super) fn place(r: &mut Reader<'_>, len: usize) -> Result<RestorePlace, msgpack::Error> {
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
            let unknown = matches!(
                decoded,
                Err(DecodeError::UnknownType(_) | DecodeError::Stamp)
            );
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
