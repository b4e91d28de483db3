//! The names that SRV and NS records point at (spec/dns.md §5.2), and what compression knows of them.

use crate::address::Choice;
use crate::name::Name;
use crate::pick::Seen;
use crate::writer::Writer;
use model::{CheckServiceNode, Node};
use smallvec::SmallVec;
use std::net::IpAddr;

/// One SRV or NS answer and what it points at.
pub(crate) struct Entry<'a> {
    pub(crate) row: &'a CheckServiceNode,
    pub(crate) choice: Choice<'a>,
    pub(crate) target_at: usize,
    /// Length of the target's name.
    pub(crate) target_bytes: usize,
    /// No answer before has the same target.
    pub(crate) first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum TargetKey<'a> {
    Node(&'a str, &'a str),
    Address(IpAddr),
    Host(&'a str),
}

/// The targets of SRV and NS answers, and how their names are made (spec/dns.md §5.2).
pub(crate) struct Targets<'a> {
    zone: &'a [u8],
    /// For rows that do not say theirs.
    datacenter: &'a str,
    pub(crate) entries: SmallVec<[Entry<'a>; 8]>,
    seen: Seen<TargetKey<'a>>,
    named: u8,
}

/// Targets whose suffixes are remembered for compression: the first few show all suffixes an answer usually has.
const REMEMBERED_TARGETS_MAX: u8 = 4;

impl<'a> Targets<'a> {
    pub(crate) fn new(zone: &'a [u8], datacenter: &'a str) -> Self {
        Self {
            zone,
            datacenter,
            entries: SmallVec::new(),
            seen: Seen::new(),
            named: 0,
        }
    }

    /// Of the first `kept` answers those whose target is new.
    pub(crate) fn firsts(&self, kept: usize) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter().take(kept).filter(|entry| entry.first)
    }

    /// `«node».node.«dc».DOMAIN`, for a peer's node `«node».node.«peer».peer.DOMAIN`.
    pub(crate) fn node_name(&self, node: &Node) -> Option<Name> {
        let mut name = Name::unfinished();
        name.push_labels(&node.node)?;
        name.push_labels("node")?;
        match node.peer_name.as_str() {
            "" => name.push_labels(self.datacenter_of(node))?,
            peer => {
                name.push_labels(peer)?;
                name.push_labels("peer")?;
            }
        }
        name.push_wire(self.zone)?;
        Some(name)
    }

    fn datacenter_of<'n>(&'n self, node: &'n Node) -> &'n str {
        if node.datacenter.is_empty() {
            self.datacenter
        } else {
            &node.datacenter
        }
    }

    /// `«hex».addr.«dc».DOMAIN`, without datacenter for a peer's instance.
    fn address_name(&self, row: &CheckServiceNode, ip: IpAddr) -> Option<Name> {
        let mut text: SmallVec<[u8; 32]> = SmallVec::new();
        let mut hex = |octets: &[u8]| {
            for octet in octets {
                for digit in [octet >> 4, octet & 0x0f] {
                    text.push(if digit < 10 {
                        b'0' + digit
                    } else {
                        b'a' + digit - 10
                    });
                }
            }
        };
        match ip {
            IpAddr::V4(ip) => hex(&ip.octets()),
            IpAddr::V6(ip) => hex(&ip.octets()),
        }
        let mut name = Name::unfinished();
        name.push_labels(std::str::from_utf8(&text).ok()?)?;
        name.push_labels("addr")?;
        if row.node.peer_name.is_empty() {
            name.push_labels(self.datacenter_of(&row.node))?;
        }
        name.push_wire(self.zone)?;
        Some(name)
    }

    pub(crate) fn name(&self, row: &CheckServiceNode, choice: Choice<'_>) -> Option<Name> {
        match choice {
            Choice::OfNode(_) => self.node_name(&row.node),
            Choice::Own(ip) => self.address_name(row, ip),
            Choice::Host(host) => Name::from_text(host),
        }
    }

    /// Writes a target in full: SRV targets are never compressed (RFC 2782).
    pub(crate) fn write(&mut self, w: &mut Writer<'_>, name: &Name) {
        if self.named < REMEMBERED_TARGETS_MAX {
            self.named += 1;
            w.name(name.wire(), false);
        } else {
            w.bytes(name.wire());
        }
    }

    /// Remembers an answer; gives the least number of bytes that its address record will take.
    pub(crate) fn push(
        &mut self,
        w: &Writer<'_>,
        row: &'a CheckServiceNode,
        choice: Choice<'a>,
        target_at: usize,
        name_bytes: usize,
    ) -> usize {
        let (key, data_bytes) = match choice {
            Choice::OfNode(ip) => (
                TargetKey::Node(&row.node.node, &row.node.datacenter),
                ip_bytes(ip),
            ),
            Choice::Own(ip) => (TargetKey::Address(ip), ip_bytes(ip)),
            Choice::Host(host) => (TargetKey::Host(host), 0),
        };
        let first = self.seen.insert(key);
        self.entries.push(Entry {
            row,
            choice,
            target_at,
            target_bytes: name_bytes,
            first,
        });
        match first && data_bytes > 0 {
            true => w.owner_bytes(target_at, name_bytes) + 10 + data_bytes,
            false => 0,
        }
    }
}

fn ip_bytes(ip: IpAddr) -> usize {
    if ip.is_ipv4() { 4 } else { 16 }
}
