//! What stands before a command in the log: when the leader proposed it, and who asked (docs/decisions/0009-command-stamps.md).
//!
//! Entries of logs from before stamps begin with the command's own type byte: nobody knows when they were made.

use super::{Command, DecodeError, kind};
use dialect::Bytes;
use dialect::msgpack::Writer;

/// The form of a stamp that is written: wall time, then the accessor if its bit is set.
const FORM: u8 = 1;
/// Set in the byte of the form when an accessor follows the time.
const WITH_ACCESSOR: u8 = 0x80;
/// Bytes of a stamp without an accessor: type, form, time.
const SHORT: usize = 10;
/// Bytes of an accessor ID.
const ACCESSOR: usize = 16;

/// When a command was proposed and for whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The leader's wall clock: nanoseconds since 1970, 0 where it was not noted. Clocks of servers differ: it may lie before that
    /// of the command before.
    pub at: u64,
    /// The UUID by which the token of who asked is known; `None` for the anonymous and for the servers' own commands.
    pub accessor: Option<[u8; ACCESSOR]>,
}

impl Stamp {
    fn write(&self, out: &mut Vec<u8>) {
        let form = match self.accessor {
            Some(_) => FORM | WITH_ACCESSOR,
            None => FORM,
        };
        out.extend_from_slice(&[kind::STAMPED, form]);
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(self.accessor.as_ref().map_or(&[], |id| &id[..]));
    }

    /// The stamp of an entry and where its command begins.
    pub(super) fn read(entry: &[u8]) -> Result<(Self, usize), DecodeError> {
        let Some((&[kind::STAMPED, form], rest)) = entry.split_first_chunk() else {
            return match entry.first() {
                Some(&kind::STAMPED) => Err(DecodeError::Stamp),
                _ => Ok((Self::default(), 0)),
            };
        };
        let (at, rest) = rest.split_first_chunk().ok_or(DecodeError::Stamp)?;
        let mut stamp = Self {
            at: u64::from_le_bytes(*at),
            accessor: None,
        };
        match form {
            FORM => Ok((stamp, SHORT)),
            _ if form == FORM | WITH_ACCESSOR => {
                stamp.accessor = Some(*rest.first_chunk().ok_or(DecodeError::Stamp)?);
                Ok((stamp, SHORT + ACCESSOR))
            }
            _ => Err(DecodeError::Stamp),
        }
    }
}

impl Command {
    /// The log entry of a leader, stamped. One allocation unless the command is larger than guessed.
    pub fn encode_stamped(&self, stamp: &Stamp) -> Bytes {
        let mut out = Vec::with_capacity(SHORT + ACCESSOR + self.size_hint());
        stamp.write(&mut out);
        out.push(self.kind());
        self.encode_body(&mut Writer::new(&mut out));
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMPS: [Stamp; 3] = [
        Stamp {
            at: 0,
            accessor: None,
        },
        Stamp {
            at: u64::MAX,
            accessor: None,
        },
        Stamp {
            at: 1,
            accessor: Some([7; ACCESSOR]),
        },
    ];

    #[test]
    fn a_stamp_survives_the_log() {
        for stamp in STAMPS {
            let entry = Command::RestoreAbort.encode_stamped(&stamp);
            assert_eq!(Command::known(&entry), Ok(()));
            let read = Command::decode_stamped(&entry);
            assert_eq!(read, Ok((stamp, Command::RestoreAbort)));
        }
    }

    #[test]
    fn an_entry_without_a_stamp_is_read_as_ever() {
        let read = Command::decode_stamped(&Command::RestoreAbort.encode());
        assert_eq!(read, Ok((Stamp::default(), Command::RestoreAbort)));
    }

    #[test]
    fn the_form_is_frozen() {
        let stamp = Stamp {
            at: 0x0102_0304_0506_0708,
            accessor: None,
        };
        let entry = Command::RestoreAbort.encode_stamped(&stamp);
        assert_eq!(&entry[..], [126, 1, 8, 7, 6, 5, 4, 3, 2, 1, 125, 0xc0]);
    }

    #[test]
    fn every_cut_and_every_other_form_is_refused_before_and_at_decoding() {
        for stamp in STAMPS {
            let entry = Command::RestoreAbort.encode_stamped(&stamp);
            for cut in 0..entry.len() - 1 {
                let cut = entry.slice(..cut);
                assert!(Command::known(&cut).is_err(), "{cut:?}");
                assert!(Command::decode_stamped(&cut).is_err(), "{cut:?}");
            }
            let mut other = entry.to_vec();
            other[1] ^= 2;
            assert_eq!(Command::known(&other), Err(DecodeError::Stamp));
        }
        // An unknown command is unknown with a stamp, too.
        let mut unknown = Command::RestoreAbort.encode_stamped(&STAMPS[0]).to_vec();
        unknown[SHORT] = 100;
        assert_eq!(Command::known(&unknown), Err(DecodeError::UnknownType(100)));
    }
}
