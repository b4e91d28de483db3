//! Headers: twelve bytes, big endian.

/// Length of a header in bytes.
pub const HEADER_LEN: usize = 12;

const VERSION: u8 = 0;

/// Flags of a frame.
pub(crate) mod flag {
    /// Opens a stream, or asks for an answer to a ping.
    pub(crate) const SYN: u16 = 1;
    /// Acknowledges a stream or a ping.
    pub(crate) const ACK: u16 = 2;
    /// The sender writes no more.
    pub(crate) const FIN: u16 = 4;
    /// The stream is gone.
    pub(crate) const RST: u16 = 8;
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Window,
    Ping,
    GoAway,
}

/// Why a side ends a session, as the wire says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// No new streams; those that are there go on.
    Normal,
    /// The other side broke the protocol.
    Protocol,
    /// The sender failed; also any number that is not known.
    Internal,
}

impl Code {
    pub(crate) fn of(number: u32) -> Self {
        match number {
            0 => Self::Normal,
            1 => Self::Protocol,
            _ => Self::Internal,
        }
    }

    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Normal => 0,
            Self::Protocol => 1,
            Self::Internal => 2,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) flags: u16,
    pub(crate) stream: u32,
    /// Payload bytes, credit, a ping's value or a code, by kind.
    pub(crate) length: u32,
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[0] = VERSION;
        out[1] = self.kind as u8;
        out[2..4].copy_from_slice(&self.flags.to_be_bytes());
        out[4..8].copy_from_slice(&self.stream.to_be_bytes());
        out[8..].copy_from_slice(&self.length.to_be_bytes());
        out
    }

    /// `None` for another version or an unknown kind.
    pub(crate) fn decode(bytes: [u8; HEADER_LEN]) -> Option<Self> {
        let [version, kind, f0, f1, s0, s1, s2, s3, l0, l1, l2, l3] = bytes;
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Window,
            2 => Kind::Ping,
            3 => Kind::GoAway,
            _ => return None,
        };
        (version == VERSION).then_some(Self {
            kind,
            flags: u16::from_be_bytes([f0, f1]),
            stream: u32::from_be_bytes([s0, s1, s2, s3]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        })
    }

    pub(crate) fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}
