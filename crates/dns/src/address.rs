//! Which address of an instance or node an answer shows (spec/dns.md §5).

use crate::question::rtype;
use dialect::Dict;
use model::{CheckServiceNode, Node, ServiceAddress};
use std::net::IpAddr;

/// A selected address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// The address of the instance, or one of the node that differs from its registered one.
    Own(IpAddr),
    /// The node's registered address.
    OfNode(IpAddr),
    /// A host name.
    Host(&'a str),
}

/// An address text as Go reads it: IPv4 in IPv6 form counts as IPv4.
pub(crate) fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// Base, v4 and v6 spellings of an address; which one counts depends on the question type.
fn select<'a>(
    base: &'a str,
    tagged: impl Fn(&str) -> Option<&'a str>,
    qtype: u16,
    wan: bool,
) -> &'a str {
    let pick = |wan_key: &str, lan_key: Option<&str>| {
        wan.then(|| tagged(wan_key))
            .flatten()
            .or_else(|| lan_key.and_then(&tagged))
            .filter(|address| !address.is_empty())
    };
    let base = || pick("wan", None).unwrap_or(base);
    let v4 = || pick("wan_ipv4", Some("lan_ipv4"));
    let v6 = || pick("wan_ipv6", Some("lan_ipv6"));
    match qtype {
        rtype::A => v4().unwrap_or_else(base),
        rtype::AAAA => v6().unwrap_or_else(base),
        _ => v6().or_else(v4).unwrap_or_else(base),
    }
}

/// The node's address for a question type.
pub(crate) fn of_node(node: &Node, qtype: u16, wan: bool) -> &str {
    if node.tagged_addresses.is_empty() {
        return &node.address;
    }
    select(
        &node.address,
        |key| node.tagged_addresses.get(key).map(String::as_str),
        qtype,
        wan,
    )
}

fn of_service<'a>(
    base: &'a str,
    tagged: &'a Dict<ServiceAddress>,
    qtype: u16,
    wan: bool,
) -> &'a str {
    if tagged.is_empty() {
        return base;
    }
    select(
        base,
        |key| tagged.get(key).map(|address| address.address.as_str()),
        qtype,
        wan,
    )
}

/// The address of an instance under the rules of spec/dns.md §5.2; `None` if it has none. `question` is the lower-case name
/// asked for: an instance that names itself by it is shown by its node.
pub(crate) fn of_instance<'a>(
    row: &'a CheckServiceNode,
    qtype: u16,
    wan: bool,
    question: &str,
) -> Option<Choice<'a>> {
    let own = of_service(
        &row.service.address,
        &row.service.tagged_addresses,
        qtype,
        wan,
    );
    if let Some(ip) = parse_ip(own) {
        return Some(Choice::Own(ip));
    }
    let from_node = || {
        let address = of_node(&row.node, qtype, wan);
        match parse_ip(address) {
            Some(ip) if address == row.node.address => Some(Choice::OfNode(ip)),
            Some(ip) => Some(Choice::Own(ip)),
            None if address.is_empty() => None,
            None => Some(Choice::Host(address)),
        }
    };
    if own.is_empty() {
        return from_node();
    }
    if own
        .strip_suffix('.')
        .unwrap_or(own)
        .eq_ignore_ascii_case(question)
    {
        return from_node().filter(|choice| !matches!(choice, Choice::Host(_)));
    }
    Some(Choice::Host(own))
}

/// The port of an instance as SRV shows it; what does not fit is cut to the range of the field.
pub(crate) fn port(row: &CheckServiceNode, wan: bool) -> u16 {
    let wan_port = if wan {
        row.service
            .tagged_addresses
            .get("wan")
            .map_or(0, |address| address.port)
    } else {
        0
    };
    let port = if wan_port != 0 {
        wan_port
    } else {
        row.service.port
    };
    port.clamp(0, i64::from(u16::MAX)) as u16
}

/// The SRV weight: by the worst status among the instance's checks.
pub(crate) fn weight(row: &CheckServiceNode) -> u16 {
    let mut warning = false;
    for check in &row.checks {
        match check.status.as_str() {
            model::status::PASSING => {}
            model::status::WARNING => warning = true,
            _ => return 0,
        }
    }
    let weight = match &row.service.weights {
        None => 1,
        Some(weights) if warning => weights.warning,
        Some(weights) => weights.passing,
    };
    weight.clamp(0, i64::from(u16::MAX)) as u16
}
