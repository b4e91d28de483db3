//! Gossip members.

use bexpr::{Field, Kind, Schema};
use std::collections::BTreeMap;

/// A member as `/v1/agent/members` shows it, with the fields that can be selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberRow {
    /// Node name.
    pub name: String,
    /// Bytes of the IP address: 16 for IPv4 as well, as Go keeps it, or 4.
    pub address: Vec<u8>,
    /// Gossip port.
    pub port: u16,
    /// Serf's tags.
    pub tags: BTreeMap<String, String>,
    /// Serf's status: 0 none, 1 alive, 2 leaving, 3 left, 4 failed.
    pub status: i64,
    /// Least gossip protocol version understood.
    pub protocol_min: u8,
    /// Greatest gossip protocol version understood.
    pub protocol_max: u8,
    /// Gossip protocol version in use.
    pub protocol_cur: u8,
    /// Least Serf protocol version understood.
    pub delegate_min: u8,
    /// Greatest Serf protocol version understood.
    pub delegate_max: u8,
    /// Serf protocol version in use.
    pub delegate_cur: u8,
}

/// Rows of `/v1/agent/members`.
pub static MEMBER: Schema<MemberRow> = Schema {
    fields: &[
        Field::text("Name", |m| &m.name),
        Field {
            name: "Addr",
            kind: Kind::Bytes(|m| &m.address),
        },
        Field::uint("Port", 16, |m| u64::from(m.port)),
        Field::map("Tags", |m| &m.tags),
        Field::int("Status", |m| m.status),
        Field::uint("ProtocolMin", 8, |m| u64::from(m.protocol_min)),
        Field::uint("ProtocolMax", 8, |m| u64::from(m.protocol_max)),
        Field::uint("ProtocolCur", 8, |m| u64::from(m.protocol_cur)),
        Field::uint("DelegateMin", 8, |m| u64::from(m.delegate_min)),
        Field::uint("DelegateMax", 8, |m| u64::from(m.delegate_max)),
        Field::uint("DelegateCur", 8, |m| u64::from(m.delegate_cur)),
    ],
};
