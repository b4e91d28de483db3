//! Messages (spec/wire.md §2.2): a type byte and one record, as the payload of swim's user messages, as the state of an exchange,
//! as the payload of a query or its response.

use bytes::Bytes;
use dialect::msgpack::{self, Decode, Encode};
use dialect::{Dict, List, Nanos, record};

/// First byte of a message.
pub(crate) mod kind {
    pub(crate) const LEAVE: u8 = 0;
    pub(crate) const JOIN: u8 = 1;
    pub(crate) const PUSH_PULL: u8 = 2;
    pub(crate) const USER_EVENT: u8 = 3;
    pub(crate) const QUERY: u8 = 4;
    pub(crate) const QUERY_RESPONSE: u8 = 5;
    pub(crate) const CONFLICT_RESPONSE: u8 = 6;
    pub(crate) const KEY_REQUEST: u8 = 7;
    pub(crate) const KEY_RESPONSE: u8 = 8;
    pub(crate) const RELAY: u8 = 9;
}

record! {
    /// A node leaves, or is made to.
    pub struct Leave {
        time: u64 = "LTime",
        node: String = "Node",
        /// Forget it altogether.
        prune: bool = "Prune",
    }
}

record! {
    /// A node joins.
    pub struct Join {
        time: u64 = "LTime",
        node: String = "Node",
    }
}

record! {
    /// One event among those of the same time.
    pub struct EventOfTime {
        name: String = "Name",
        payload: Bytes = "Payload",
    }
}

record! {
    /// The events of one time.
    pub struct EventsOfTime {
        time: u64 = "LTime",
        events: List<EventOfTime> = "Events",
    }
}

record! {
    /// What an exchange tells beside swim's state.
    pub struct State {
        time: u64 = "LTime",
        status_times: Dict<u64> = "StatusLTimes",
        left: List<String> = "LeftMembers",
        event_time: u64 = "EventLTime",
        /// One slot a time modulo their number; most are empty.
        events: List<Option<EventsOfTime>> = "Events",
        query_time: u64 = "QueryLTime",
    }
}

record! {
    /// An event of a user.
    pub struct UserEvent {
        time: u64 = "LTime",
        name: String = "Name",
        payload: Bytes = "Payload",
        /// Whether a receiver may keep only the newest of a name.
        coalesce: bool = "CC",
    }
}

record! {
    /// A question to all.
    pub struct Query {
        time: u64 = "LTime",
        id: u32 = "ID",
        addr: Bytes = "Addr",
        port: u16 = "Port",
        source: String = "SourceNode",
        filters: List<Bytes> = "Filters",
        /// See [`flag`].
        flags: u32 = "Flags",
        /// How many others an answer also goes through.
        relay_factor: u8 = "RelayFactor",
        timeout: Nanos = "Timeout",
        name: String = "Name",
        payload: Bytes = "Payload",
    }
}

/// Flags of queries and responses.
pub mod flag {
    /// An acknowledgement is wanted; in a response: this is one.
    pub const ACK: u32 = 1;
    /// Not to be told further.
    pub const NO_BROADCAST: u32 = 2;
}

record! {
    /// An answer to a query, or an acknowledgement of it.
    pub struct QueryResponse {
        time: u64 = "LTime",
        id: u32 = "ID",
        from: String = "From",
        flags: u32 = "Flags",
        payload: Bytes = "Payload",
    }
}

record! {
    /// A member as the answer to a question about its name.
    pub struct MemberRecord {
        name: String = "Name",
        addr: Bytes = "Addr",
        port: u16 = "Port",
        tags: Dict<String> = "Tags",
        status: i64 = "Status",
        protocol_min: u8 = "ProtocolMin",
        protocol_max: u8 = "ProtocolMax",
        protocol_cur: u8 = "ProtocolCur",
        delegate_min: u8 = "DelegateMin",
        delegate_max: u8 = "DelegateMax",
        delegate_cur: u8 = "DelegateCur",
    }
}

record! {
    /// A key to do something with; empty for the list.
    pub struct KeyRequest {
        key: Bytes = "Key",
    }
}

record! {
    /// How it went.
    pub struct KeyResponse {
        result: bool = "Result",
        message: String = "Message",
        /// In base64.
        keys: List<String> = "Keys",
        /// In base64.
        primary: String = "PrimaryKey",
    }
}

record! {
    /// An address in a relay's head.
    pub struct RelayAddr {
        ip: Bytes = "IP",
        port: i64 = "Port",
        zone: String = "Zone",
    }
}

record! {
    /// To whom the message behind it is to be passed on.
    pub struct Relay {
        addr: RelayAddr = "DestAddr",
        name: String = "DestName",
    }
}

record! {
    /// A filter by tag.
    pub struct TagFilter {
        tag: String = "Tag",
        expr: String = "Expr",
    }
}

/// A message that travels on its own.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Message {
    Leave(Leave),
    Join(Join),
    UserEvent(UserEvent),
    Query(Query),
    Response(QueryResponse),
    /// A whole message for somebody else.
    Relay(Relay, Bytes),
}

/// Type byte and record.
pub(crate) fn encode<T: Encode>(kind: u8, body: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.push(kind);
    msgpack::Writer::new(&mut out).value(body);
    out
}

/// The record behind a type byte, if it is that type.
pub(crate) fn decode<T: Decode>(kind: u8, message: &[u8]) -> Option<T> {
    let (first, body) = message.split_first()?;
    (*first == kind).then(|| msgpack::from_slice(body).ok())?
}

impl Message {
    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Leave(body) => encode(kind::LEAVE, body),
            Self::Join(body) => encode(kind::JOIN, body),
            Self::UserEvent(body) => encode(kind::USER_EVENT, body),
            Self::Query(body) => encode(kind::QUERY, body),
            Self::Response(body) => encode(kind::QUERY_RESPONSE, body),
            Self::Relay(head, message) => {
                let mut out = encode(kind::RELAY, head);
                out.extend_from_slice(message);
                out
            }
        }
    }

    /// Reads a message; `None` for what does not exist or cannot be read.
    pub fn decode(message: &Bytes) -> Option<Self> {
        let kind = *message.first()?;
        let body = message.slice(1..);
        fn read<T: Decode>(body: &Bytes, wrap: fn(T) -> Message) -> Option<Message> {
            msgpack::from_bytes(body).ok().map(wrap)
        }
        match kind {
            kind::LEAVE => read(&body, Self::Leave),
            kind::JOIN => read(&body, Self::Join),
            kind::USER_EVENT => read(&body, Self::UserEvent),
            kind::QUERY => read(&body, Self::Query),
            kind::QUERY_RESPONSE => read(&body, Self::Response),
            kind::RELAY => {
                let (head, len) = msgpack::from_prefix(&body).ok()?;
                Some(Self::Relay(head, body.slice(len..)))
            }
            _ => None,
        }
    }
}

/// The state of an exchange.
pub(crate) fn encode_state(state: &State) -> Bytes {
    encode(kind::PUSH_PULL, state).into()
}

pub(crate) fn decode_state(message: &[u8]) -> Option<State> {
    decode(kind::PUSH_PULL, message)
}

/// The answer to a question about a name: a member, or nothing.
pub(crate) fn encode_conflict(member: Option<&MemberRecord>) -> Vec<u8> {
    match member {
        Some(member) => encode(kind::CONFLICT_RESPONSE, member),
        None => vec![kind::CONFLICT_RESPONSE, 0xc0],
    }
}
