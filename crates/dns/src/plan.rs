//! The grammar of names (spec/dns.md §3): what a question needs to know before it can be answered.
//!
//! Everything here borrows from the question; nothing is allocated. Must never learn how the need is met.

use crate::name::Name;
use crate::policy::Policy;
use crate::question::{Question, rtype};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which instances provide the service asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Instances of that name.
    Name,
    /// Mesh-capable endpoints for it.
    Connect,
    /// Ingress gateways that expose it.
    Ingress,
}

/// What must be known to answer; names are lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need<'q> {
    /// Nothing: [`crate::Responder::respond`] knows the answer by itself.
    Nothing,
    /// The instances of a service that are not critical (or pass, see [`Policy::only_passing`]).
    Health {
        /// Service name.
        name: &'q str,
        /// Instances must have this tag.
        tag: Option<&'q str>,
        /// Who counts as an instance.
        provider: Provider,
        /// "" is the agent's own.
        datacenter: &'q str,
        /// "" is none.
        peer: &'q str,
    },
    /// Healthy instances of the service `consul` in the own datacenter.
    Servers,
    /// One node.
    Node {
        /// Node name.
        name: &'q str,
        /// "" is the agent's own.
        datacenter: &'q str,
        /// "" is none.
        peer: &'q str,
    },
    /// The result of a prepared query.
    Query {
        /// Name or ID.
        name: &'q str,
        /// "" is the agent's own.
        datacenter: &'q str,
    },
    /// The virtual address of a service.
    Virtual {
        /// Service name.
        name: &'q str,
        /// "" is none.
        peer: &'q str,
    },
    /// Who has this address: a node, else a service. If nobody, the recursors.
    Reverse(IpAddr),
    /// A reverse name that is no address: the recursors, if any.
    ReverseUnknown,
    /// Forward the packet to the recursors.
    Recurse,
}

/// How a question without a need is answered, and how the rows of the others are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Outside all zones.
    Refused,
    /// Zone transfers.
    NotImplemented,
    /// The name follows no form.
    BadName,
    /// A type that nodes do not have.
    EmptyNode,
    /// An address spelt in the name.
    Address(IpAddr),
    Service,
    Soa,
    Ns,
    Node,
    Query,
    Virtual,
    Reverse,
    Recurse,
}

/// A question understood.
#[derive(Clone, Debug)]
pub struct Plan<'q> {
    /// What to look up.
    pub need: Need<'q>,
    pub(crate) kind: Kind,
    /// Where the domain begins in the question's name.
    pub(crate) zone: usize,
}

impl<'q> Plan<'q> {
    /// Whether the name followed no form, which is worth a warning in the log.
    pub fn bad_name(&self) -> bool {
        self.kind == Kind::BadName
    }

    /// Whether the question lies below `arpa.`; such questions have a metric of their own.
    pub fn reverse(&self) -> bool {
        self.kind == Kind::Reverse
    }

    /// Reads the question's name.
    pub fn new(question: &'q Question, policy: &Policy) -> Self {
        let name = &question.name;
        let plan = |kind, need| Self {
            need,
            kind,
            zone: 0,
        };
        if question.qtype == rtype::DS && policy.recursion {
            return plan(Kind::Recurse, Need::Recurse);
        }
        if let Some(zone) = policy.zone_start(name) {
            let (kind, need) = domain(question, policy, zone);
            return Self { need, kind, zone };
        }
        if name.zone_start(&ARPA).is_some() {
            let need = reverse_address(&question.text).map_or(Need::ReverseUnknown, Need::Reverse);
            return plan(Kind::Reverse, need);
        }
        match policy.recursion {
            true => plan(Kind::Recurse, Need::Recurse),
            false => plan(Kind::Refused, Need::Nothing),
        }
    }
}

/// The zone of reverse names.
static ARPA: std::sync::LazyLock<Name> =
    std::sync::LazyLock::new(|| Name::from_text("arpa").unwrap_or_default());

fn domain<'q>(question: &'q Question, policy: &Policy, zone: usize) -> (Kind, Need<'q>) {
    match question.qtype {
        rtype::SOA => return (Kind::Soa, Need::Servers),
        rtype::NS => return (Kind::Ns, Need::Servers),
        rtype::AXFR => return (Kind::NotImplemented, Need::Nothing),
        _ => {}
    }
    // The text of a zone is as long as its labels with their dots: the wire form without its two outer length bytes.
    let zone_bytes = question.name.suffix(zone).len().saturating_sub(2);
    let head_bytes = question.text.len().saturating_sub(zone_bytes);
    let head = question.text.get(..head_bytes).unwrap_or_default();
    let head = head.strip_suffix('.').unwrap_or(head);
    parse(head, question.qtype, policy).unwrap_or((Kind::BadName, Need::Nothing))
}

/// Where a name's suffix leads.
#[derive(Default)]
struct Locality<'q> {
    datacenter: &'q str,
    peer: &'q str,
}

/// `None`: the name follows no form.
fn parse<'q>(head: &'q str, qtype: u16, policy: &Policy) -> Option<(Kind, Need<'q>)> {
    let (parts, keyword, suffix) = split(head, qtype)?;
    if parts.is_empty() {
        return None;
    }
    let last = parts.rsplit('.').next()?;
    let local = |dc: &'q str| if dc == policy.datacenter { "" } else { dc };
    Some(match keyword {
        "service" => {
            let Locality { datacenter, peer } = locality(suffix)?;
            let (name, tag) = service_and_tag(parts);
            let need = Need::Health {
                name,
                tag,
                provider: Provider::Name,
                datacenter: local(datacenter),
                peer,
            };
            (Kind::Service, need)
        }
        "connect" | "ingress" => {
            let provider = if keyword == "connect" {
                Provider::Connect
            } else {
                Provider::Ingress
            };
            let datacenter = local(locality(suffix)?.datacenter);
            (
                Kind::Service,
                Need::Health {
                    name: last,
                    tag: None,
                    provider,
                    datacenter,
                    peer: "",
                },
            )
        }
        "virtual" => {
            // A single label names a peer here, not a datacenter; with `.dc` it is ignored.
            let peer = if suffix.is_empty() || suffix.contains('.') {
                locality(suffix)?.peer
            } else {
                suffix
            };
            (Kind::Virtual, Need::Virtual { name: last, peer })
        }
        "node" => {
            let Locality { datacenter, peer } = locality(suffix)?;
            match qtype {
                rtype::A | rtype::AAAA | rtype::ANY | rtype::TXT => (
                    Kind::Node,
                    Need::Node {
                        name: parts,
                        datacenter: local(datacenter),
                        peer,
                    },
                ),
                _ => (Kind::EmptyNode, Need::Nothing),
            }
        }
        "query" => {
            if suffix.contains('.') {
                return None;
            }
            (
                Kind::Query,
                Need::Query {
                    name: query_name(parts),
                    datacenter: local(suffix),
                },
            )
        }
        "addr" => (Kind::Address(spelt_address(parts)?), Need::Nothing),
        _ => return None,
    })
}

/// Cuts a name, without its domain, at the rightmost keyword into parts, keyword and suffix.
fn split(head: &str, qtype: u16) -> Option<(&str, &str, &str)> {
    let mut end = head.len();
    loop {
        let left = head.get(..end)?;
        let start = left.rfind('.').map_or(0, |dot| dot + 1);
        let label = left.get(start..)?;
        let suffix = head.get(end + 1..).unwrap_or_default();
        match label {
            "service" | "connect" | "virtual" | "ingress" | "node" | "query" | "addr" => {
                return Some((left.get(..start.saturating_sub(1))?, label, suffix));
            }
            _ if qtype == rtype::SRV && label.starts_with('_') => {
                return Some((left, "service", suffix));
            }
            _ => {}
        }
        end = start.checked_sub(1)?;
    }
}

/// Reads the labels after the keyword. Later ones win; datacenter and peer exclude each other.
fn locality(suffix: &str) -> Option<Locality<'_>> {
    let mut labels = suffix.split('.').filter(|label| !label.is_empty());
    let labels: [Option<&str>; 5] = std::array::from_fn(|_| labels.next());
    let mut found = Locality::default();
    let pairs = match labels {
        [None, ..] => return Some(found),
        [Some(datacenter), None, ..] => {
            return Some(Locality {
                datacenter,
                peer: "",
            });
        }
        [Some(a), Some(b), None, ..] => [Some((a, b)), None],
        [Some(a), Some(b), Some(c), Some(d), None] => [Some((a, b)), Some((c, d))],
        _ => return None,
    };
    for (value, word) in pairs.into_iter().flatten() {
        match word {
            "dc" => found.datacenter = value,
            "peer" => found.peer = value,
            _ => return None,
        }
    }
    (found.datacenter.is_empty() || found.peer.is_empty()).then_some(found)
}

/// `_NAME._TAG` (RFC 2782; `_tcp` and a bare `_` are no tag), or `TAG.NAME` where the tag may have dots.
fn service_and_tag(parts: &str) -> (&str, Option<&str>) {
    let Some((left, last)) = parts.rsplit_once('.') else {
        return (parts, None);
    };
    match (left.strip_prefix('_'), last.strip_prefix('_')) {
        (Some(name), Some(tag)) if !name.contains('.') => {
            (name, (!tag.is_empty() && tag != "tcp").then_some(tag))
        }
        _ => (last, Some(left)),
    }
}

/// `_NAME._PROTO` loses underscore and protocol; anything else is the name with its dots.
fn query_name(parts: &str) -> &str {
    match parts.rsplit_once('.') {
        Some((name, protocol)) if protocol.starts_with('_') => {
            name.strip_prefix('_').unwrap_or(parts)
        }
        _ => parts,
    }
}

/// The address spelt by eight or thirty-two hexadecimal digits.
fn spelt_address(parts: &str) -> Option<IpAddr> {
    if !parts.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    match parts.len() {
        8 => Some(Ipv4Addr::from(u32::from_str_radix(parts, 16).ok()?).into()),
        32 => Some(Ipv6Addr::from(u128::from_str_radix(parts, 16).ok()?).into()),
        _ => None,
    }
}

/// The address whose reverse name this is.
fn reverse_address(text: &str) -> Option<IpAddr> {
    if let Some(labels) = text.strip_suffix(".in-addr.arpa") {
        let mut octets = labels.rsplit('.');
        let mut address = [0; 4];
        for slot in &mut address {
            // Only the canonical spelling is the reverse of an address: no leading zeros, no sign.
            let octet = octets.next()?;
            *slot = octet
                .parse()
                .ok()
                .filter(|value: &u8| value.to_string() == octet)?;
        }
        return octets.next().is_none().then(|| address.into());
    }
    let mut nibbles = text.strip_suffix(".ip6.arpa")?.rsplit('.');
    let mut address = 0u128;
    for _ in 0..32 {
        let nibble = nibbles.next().filter(|n| n.len() == 1)?;
        address = address << 4 | u128::from(u8::from_str_radix(nibble, 16).ok()?);
    }
    nibbles
        .next()
        .is_none()
        .then(|| Ipv6Addr::from(address).into())
}

#[cfg(test)]
mod tests;
