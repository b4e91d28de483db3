//! Messages of packets and streams (spec/wire.md §1.6).

use bytes::Bytes;
use dialect::msgpack::{self, Decode, Encode};
use dialect::record;

/// First byte of a message.
pub(crate) mod kind {
    pub(crate) const PING: u8 = 0;
    pub(crate) const INDIRECT_PING: u8 = 1;
    pub(crate) const ACK: u8 = 2;
    pub(crate) const SUSPECT: u8 = 3;
    pub(crate) const ALIVE: u8 = 4;
    pub(crate) const DEAD: u8 = 5;
    pub(crate) const PUSH_PULL: u8 = 6;
    pub(crate) const COMPOUND: u8 = 7;
    pub(crate) const USER: u8 = 8;
    pub(crate) const COMPRESS: u8 = 9;
    pub(crate) const ENCRYPT: u8 = 10;
    pub(crate) const NACK: u8 = 11;
    pub(crate) const CRC: u8 = 12;
    pub(crate) const ERROR: u8 = 13;
    pub(crate) const LABEL: u8 = 244;
}

record! {
    /// Are you there? By packet and by stream.
    pub struct Ping {
        seq: u32 = "SeqNo",
        /// Who is meant; another node does not answer.
        node: String = "Node",
        source_addr: Bytes = "SourceAddr" [wire_omit],
        source_port: u16 = "SourcePort" [wire_omit],
        source_node: String = "SourceNode" [wire_omit],
    }
}

record! {
    /// Ask `target` for me.
    pub struct IndirectPing {
        seq: u32 = "SeqNo",
        target: Bytes = "Target",
        port: u16 = "Port",
        node: String = "Node",
        /// Whether the asker wants to hear of a silent target too.
        nack: bool = "Nack",
        source_addr: Bytes = "SourceAddr" [wire_omit],
        source_port: u16 = "SourcePort" [wire_omit],
        source_node: String = "SourceNode" [wire_omit],
    }
}

record! {
    /// I am here, with what the layer above has to say.
    pub struct Ack {
        seq: u32 = "SeqNo",
        payload: Bytes = "Payload",
    }
}

record! {
    /// The one you asked for does not answer me either.
    pub struct Nack {
        seq: u32 = "SeqNo",
    }
}

record! {
    /// Why a stream's request was refused.
    pub struct ErrorReply {
        error: String = "Error",
    }
}

record! {
    /// `from` had no answer of `node`.
    pub struct Suspect {
        incarnation: u32 = "Incarnation",
        node: String = "Node",
        from: String = "From",
    }
}

record! {
    /// `node` is gone: left when it says so itself.
    pub struct Dead {
        incarnation: u32 = "Incarnation",
        node: String = "Node",
        from: String = "From",
    }
}

record! {
    /// `node` is there, with address and metadata.
    pub struct Alive {
        incarnation: u32 = "Incarnation",
        node: String = "Node",
        /// 4 or 16 bytes.
        addr: Bytes = "Addr",
        port: u16 = "Port",
        meta: Bytes = "Meta",
        /// See [`Versions`].
        vsn: Bytes = "Vsn",
    }
}

record! {
    /// Head of a push/pull.
    pub(crate) struct PushPullHead {
        nodes: i64 = "Nodes",
        user_state_len: i64 = "UserStateLen",
        join: bool = "Join",
    }
}

record! {
    /// One node as a push/pull tells of it.
    pub struct NodeState {
        name: String = "Name",
        addr: Bytes = "Addr",
        port: u16 = "Port",
        meta: Bytes = "Meta",
        incarnation: u32 = "Incarnation",
        /// See [`State::of`].
        state: i64 = "State",
        vsn: Bytes = "Vsn",
    }
}

record! {
    pub(crate) struct UserHead {
        user_msg_len: i64 = "UserMsgLen",
    }
}

record! {
    pub(crate) struct Compressed {
        algo: u8 = "Algo",
        buf: Bytes = "Buf",
    }
}

/// What is held of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum State {
    Alive,
    Suspect,
    Dead,
    Left,
}

impl State {
    /// The state of a number on the wire; `None` for one that does not exist.
    pub fn of(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Alive,
            1 => Self::Suspect,
            2 => Self::Dead,
            3 => Self::Left,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub fn number(self) -> i64 {
        self as i64
    }
}

/// The protocol versions of a node: its six bytes `Vsn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Lowest version understood.
    pub min: u8,
    /// Highest version understood.
    pub max: u8,
    /// The version spoken.
    pub current: u8,
    /// The same of the layer above.
    pub delegate_min: u8,
    /// The same of the layer above.
    pub delegate_max: u8,
    /// The same of the layer above.
    pub delegate_current: u8,
}

impl Versions {
    /// What a node of this crate speaks, under a layer above that speaks `delegate_current` of 2 to 5.
    pub const fn speaking(delegate_current: u8) -> Self {
        Self {
            min: 1,
            max: 5,
            current: 2,
            delegate_min: 2,
            delegate_max: 5,
            delegate_current,
        }
    }

    /// The bytes on the wire.
    pub fn bytes(self) -> Bytes {
        let Self { min, max, .. } = self;
        Bytes::copy_from_slice(&[
            min,
            max,
            self.current,
            self.delegate_min,
            self.delegate_max,
            self.delegate_current,
        ])
    }

    /// Reads the bytes; missing ones are zero, as old nodes send none.
    pub fn of(bytes: &[u8]) -> Self {
        let at = |place: usize| bytes.get(place).copied().unwrap_or_default();
        Self {
            min: at(0),
            max: at(1),
            current: at(2),
            delegate_min: at(3),
            delegate_max: at(4),
            delegate_current: at(5),
        }
    }
}

/// A message of a packet.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Message {
    Ping(Ping),
    IndirectPing(IndirectPing),
    Ack(Ack),
    Nack(Nack),
    Suspect(Suspect),
    Alive(Alive),
    Dead(Dead),
    /// What the layer above says.
    User(Bytes),
}

impl Message {
    /// The bytes on the wire, type byte first.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ping(body) => with_kind(kind::PING, body),
            Self::IndirectPing(body) => with_kind(kind::INDIRECT_PING, body),
            Self::Ack(body) => with_kind(kind::ACK, body),
            Self::Nack(body) => with_kind(kind::NACK, body),
            Self::Suspect(body) => with_kind(kind::SUSPECT, body),
            Self::Alive(body) => with_kind(kind::ALIVE, body),
            Self::Dead(body) => with_kind(kind::DEAD, body),
            Self::User(body) => {
                let mut out = Vec::with_capacity(1 + body.len());
                out.push(kind::USER);
                out.extend_from_slice(body);
                out
            }
        }
    }

    /// Reads the body of a message that is no wrapper; `None` for a type that packets do not carry.
    pub(crate) fn decode(kind: u8, body: &Bytes) -> Option<Result<Self, msgpack::Error>> {
        fn read<T: Decode>(
            body: &Bytes,
            wrap: fn(T) -> Message,
        ) -> Option<Result<Message, msgpack::Error>> {
            Some(msgpack::from_bytes(body).map(wrap))
        }
        match kind {
            kind::PING => read(body, Self::Ping),
            kind::INDIRECT_PING => read(body, Self::IndirectPing),
            kind::ACK => read(body, Self::Ack),
            kind::NACK => read(body, Self::Nack),
            kind::SUSPECT => read(body, Self::Suspect),
            kind::ALIVE => read(body, Self::Alive),
            kind::DEAD => read(body, Self::Dead),
            kind::USER => Some(Ok(Self::User(body.clone()))),
            _ => None,
        }
    }
}

/// All that one side of a push/pull says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PushPull {
    /// A join rather than the regular exchange; the answer repeats it.
    pub join: bool,
    /// Every node known.
    pub nodes: Vec<NodeState>,
    /// What the layer above adds.
    pub user_state: Bytes,
}

impl PushPull {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let head = PushPullHead {
            nodes: self.nodes.len() as i64,
            user_state_len: self.user_state.len() as i64,
            join: self.join,
        };
        let mut out = with_kind(kind::PUSH_PULL, &head);
        let mut w = msgpack::Writer::new(&mut out);
        for node in &self.nodes {
            w.value(node);
        }
        out.extend_from_slice(&self.user_state);
        out
    }
}

pub(crate) fn with_kind<T: Encode>(kind: u8, body: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.push(kind);
    msgpack::Writer::new(&mut out).value(body);
    out
}
