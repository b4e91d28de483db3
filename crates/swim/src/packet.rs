//! Packets: messages within their wrappings (spec/wire.md §1.3).

use crate::compress::{DecompressError, compress, decompress};
use crate::keyring::{Keyring, NONCE_LEN, OVERHEAD, SealError};
use crate::messages::{Compressed, Message, kind};
use bytes::{Buf, Bytes};
use dialect::msgpack;
use thiserror::Error;

/// Bytes of a packet that is sent, everything included.
pub const PACKET_BUDGET: usize = 1400;
/// Bytes of a packet that is read, and of what its compressed parts may become together.
pub const PACKET_MAX: usize = 64 * 1024;
/// Messages of one packet that are read.
pub const MESSAGES_MAX: usize = 1024;
/// Wrappers within wrappers that are read; honest senders need two.
const DEPTH_MAX: usize = 8;
/// Parts a compound can count.
const PARTS_MAX: usize = 255;
/// Type byte and count of a compound, and the length of its first part.
const COMPOUND_LEN: usize = 4;
/// A checksum with its type byte.
const CRC_LEN: usize = 5;

/// Why a packet, or the rest of one, is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// Another label than ours, or none where we have one.
    #[error("discarding packet with unacceptable label {0:?}")]
    Label(String),
    /// It cannot be decrypted.
    #[error("Decrypt packet failed: {0}")]
    Sealed(#[from] SealError),
    /// The checksum says another thing.
    #[error("Got invalid checksum for UDP packet")]
    Checksum,
    /// Nothing in it.
    #[error("missing message type byte")]
    Empty,
    /// A type that packets do not carry.
    #[error("msg type ({0}) not supported")]
    Kind(u8),
    /// Compressed content that cannot be read.
    #[error("Failed to decompress packet: {0}")]
    Compressed(#[from] DecompressError),
    /// A message that cannot be read.
    #[error("Failed to decode message: {0}")]
    Body(#[from] msgpack::Error),
    /// Parts of a compound that are cut off.
    #[error("Compound request had {0} truncated messages")]
    Truncated(usize),
    /// Beyond [`MESSAGES_MAX`], or wrapped too often.
    #[error("packet holds too much")]
    TooMuch,
}

/// How packets and streams are wrapped.
#[derive(Debug)]
pub struct Wrapping {
    /// Keys; none means that nothing is encrypted.
    pub keyring: Keyring,
    /// Stands before everything, and is authenticated; at most 255 bytes, usually empty.
    pub label: Bytes,
    /// Whether plain packets and streams are refused while there are keys.
    pub verify_incoming: bool,
    /// Whether what is sent is encrypted while there are keys.
    pub verify_outgoing: bool,
    /// Whether what is sent is compressed.
    pub compress: bool,
}

impl Default for Wrapping {
    fn default() -> Self {
        Self {
            keyring: Keyring::default(),
            label: Bytes::new(),
            verify_incoming: true,
            verify_outgoing: true,
            compress: true,
        }
    }
}

impl Wrapping {
    /// Whether what is sent is encrypted.
    pub(crate) fn seals(&self) -> bool {
        self.verify_outgoing && !self.keyring.is_empty()
    }

    /// Bytes of a packet that are left for messages beside `first`, the parts' own costs (2 bytes each) not counted.
    pub fn room(&self, first: usize) -> usize {
        let label = match self.label.len() {
            0 => 0,
            len => 2 + len,
        };
        let sealing = if self.seals() { OVERHEAD } else { 0 };
        PACKET_BUDGET.saturating_sub(first + COMPOUND_LEN + CRC_LEN + label + sealing)
    }

    /// A packet of these encoded messages, at least one and at most 255; `crc` when the receiver is known to check it. The nonce
    /// is used if packets are sealed.
    pub fn pack(&self, messages: &[Vec<u8>], crc: bool, nonce: [u8; NONCE_LEN]) -> Vec<u8> {
        let mut packet = match messages {
            [one] => one.clone(),
            all => compound(all),
        };
        if self.compress {
            let packed = compress(&packet);
            if packed.len() < packet.len() {
                packet = packed;
            }
        }
        if crc {
            let sum = crc32fast::hash(&packet).to_be_bytes();
            packet.splice(0..0, std::iter::once(kind::CRC).chain(sum));
        }
        if self.seals()
            && let Some(sealed) = self.keyring.seal(&packet, &self.label, nonce)
        {
            packet = sealed;
        }
        if !self.label.is_empty() {
            let head = [kind::LABEL, self.label.len() as u8];
            packet.splice(0..0, head.into_iter().chain(self.label.iter().copied()));
        }
        packet
    }

    /// The messages of a packet, in order. On an error what was read before it stands in `out`.
    ///
    /// # Errors
    /// See [`PacketError`]; the rest of the packet is to be dropped.
    pub fn unpack(&self, packet: Bytes, out: &mut Vec<Message>) -> Result<(), PacketError> {
        let mut packet = self.unlabel(packet)?;
        if !self.keyring.is_empty() {
            match self.keyring.open(&packet, &self.label) {
                Ok(plain) => packet = plain,
                Err(error) if self.verify_incoming => return Err(error.into()),
                Err(_) => {}
            }
        }
        if packet.len() >= CRC_LEN && packet[0] == kind::CRC {
            let (head, content) = packet.split_at(CRC_LEN);
            if crc32fast::hash(content).to_be_bytes() != head[1..] {
                return Err(PacketError::Checksum);
            }
            packet.advance(CRC_LEN);
        }
        let mut unpacking = Unpacking {
            out,
            left: PACKET_MAX,
        };
        unpacking.message(packet, 0)
    }

    /// Takes the label off.
    pub(crate) fn unlabel(&self, mut packet: Bytes) -> Result<Bytes, PacketError> {
        let mut label = Bytes::new();
        if packet.first() == Some(&kind::LABEL) {
            let len = packet.get(1).copied().map_or(0, usize::from);
            if len == 0 || packet.len() < 2 + len {
                return Err(PacketError::Label(String::new()));
            }
            packet.advance(2);
            label = packet.split_to(len);
        }
        if label == self.label {
            Ok(packet)
        } else {
            Err(PacketError::Label(
                String::from_utf8_lossy(&label).into_owned(),
            ))
        }
    }
}

/// Messages back to back behind their lengths.
fn compound(messages: &[Vec<u8>]) -> Vec<u8> {
    debug_assert!((1..=PARTS_MAX).contains(&messages.len()));
    let total: usize = messages.iter().map(|part| 2 + part.len()).sum();
    let mut out = Vec::with_capacity(2 + total);
    out.extend([kind::COMPOUND, messages.len() as u8]);
    for part in messages {
        out.extend((part.len() as u16).to_be_bytes());
    }
    for part in messages {
        out.extend_from_slice(part);
    }
    out
}

struct Unpacking<'a> {
    out: &'a mut Vec<Message>,
    /// Bytes that may still come out of compressed parts.
    left: usize,
}

impl Unpacking<'_> {
    fn message(&mut self, mut message: Bytes, depth: usize) -> Result<(), PacketError> {
        if message.is_empty() {
            return Err(PacketError::Empty);
        }
        let kind = message.get_u8();
        match kind {
            kind::COMPOUND | kind::COMPRESS if depth >= DEPTH_MAX => Err(PacketError::TooMuch),
            kind::COMPOUND => self.parts(message, depth),
            kind::COMPRESS => {
                let content: Compressed = msgpack::from_bytes(&message)?;
                let plain = decompress(&content, self.left)?;
                self.left -= plain.len();
                self.message(plain, depth + 1)
            }
            _ if self.out.len() >= MESSAGES_MAX => Err(PacketError::TooMuch),
            _ => match Message::decode(kind, &message) {
                Some(decoded) => {
                    self.out.push(decoded?);
                    Ok(())
                }
                None => Err(PacketError::Kind(kind)),
            },
        }
    }

    /// A part that cannot be read leaves the others readable; the first such error is told.
    fn parts(&mut self, mut content: Bytes, depth: usize) -> Result<(), PacketError> {
        let count = content.try_get_u8().map_err(|_| PacketError::Empty)?;
        let count = usize::from(count);
        if content.len() < 2 * count {
            return Err(PacketError::Truncated(count));
        }
        let mut lengths = content.split_to(2 * count);
        let mut result = Ok(());
        for part in 0..count {
            let len = usize::from(lengths.get_u16());
            if content.len() < len {
                return result.and(Err(PacketError::Truncated(count - part)));
            }
            let read = self.message(content.split_to(len), depth + 1);
            if read == Err(PacketError::TooMuch) {
                return read;
            }
            result = result.and(read);
        }
        result
    }
}
