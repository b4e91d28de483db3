//! Who has an address: an index over the answer it was built from, so that reverse lookups do not scan the catalog.

use arc_swap::ArcSwapOption;
use dns::Holder;
use ports::{Answer, Data};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Positions of rows by address, for exactly one answer.
struct Indexed {
    answer: Arc<Answer>,
    rows: HashMap<IpAddr, usize>,
}

/// The latest index of nodes and that of services. An index counts only for the very answer it was built from: another
/// answer, another index.
#[derive(Default)]
pub(crate) struct ReverseIndex {
    nodes: ArcSwapOption<Indexed>,
    services: ArcSwapOption<Indexed>,
}

impl ReverseIndex {
    /// Position of the first node or service of this answer that has the address.
    pub(crate) fn find(&self, answer: &Arc<Answer>, ip: IpAddr) -> Option<usize> {
        let (slot, ip) = if matches!(answer.data, Data::Nodes(_)) {
            (&self.nodes, ip)
        } else {
            (&self.services, ip.to_canonical())
        };
        let known = slot.load();
        if let Some(indexed) = known
            .as_ref()
            .filter(|indexed| Arc::ptr_eq(&indexed.answer, answer))
        {
            return indexed.rows.get(&ip).copied();
        }
        let rows = index(&answer.data);
        let found = rows.get(&ip).copied();
        slot.store(Some(Arc::new(Indexed {
            answer: answer.clone(),
            rows,
        })));
        found
    }
}

/// First row by address. A node counts whatever its spelling, a service only if it is spelt canonically (spec/dns.md §9). IPv4
/// in IPv6 form is IPv4: its reverse name lies below `in-addr.arpa`, its canonical spelling has dots.
fn index(data: &Data) -> HashMap<IpAddr, usize> {
    let mut rows = HashMap::new();
    match data {
        Data::Nodes(nodes) => {
            for (at, node) in nodes.iter().enumerate() {
                if let Ok(ip) = node.address.parse::<IpAddr>() {
                    rows.entry(ip.to_canonical()).or_insert(at);
                }
            }
        }
        Data::CheckServiceNodes(instances) => {
            for (at, row) in instances.iter().enumerate() {
                let address = &row.service.address;
                if let Ok(ip) = address.parse::<IpAddr>()
                    && ip.to_canonical().to_string() == *address
                {
                    rows.entry(ip).or_insert(at);
                }
            }
        }
        _ => {}
    }
    rows
}

/// The name of the row at a position given by [`ReverseIndex::find`].
pub(crate) fn holder(data: &Data, at: usize) -> Option<Holder<'_>> {
    match data {
        Data::Nodes(nodes) => nodes.get(at).map(|node| Holder::Node(&node.node)),
        Data::CheckServiceNodes(rows) => rows
            .get(at)
            .map(|row| Holder::Service(&row.service.service)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{CheckServiceNode, Node, NodeService};

    fn nodes(addresses: &[&str]) -> Arc<Answer> {
        let node = |(i, address): (usize, &&str)| {
            Arc::new(Node {
                node: format!("n{i}"),
                address: (*address).into(),
                ..Node::default()
            })
        };
        Arc::new(Answer::new(
            1,
            Data::Nodes(addresses.iter().enumerate().map(node).collect()),
            false,
        ))
    }

    #[test]
    fn an_index_counts_for_its_answer_only() {
        let index = ReverseIndex::default();
        let ip: IpAddr = "10.0.0.1".parse().expect("address");
        let (first, second) = (
            nodes(&["10.0.0.1", "10.0.0.1"]),
            nodes(&["10.0.0.2", "10.0.0.1"]),
        );
        for _ in 0..2 {
            assert_eq!(index.find(&first, ip), Some(0));
            assert_eq!(index.find(&second, ip), Some(1));
        }
        assert_eq!(index.find(&nodes(&["x"]), ip), None);
        assert!(matches!(holder(&second.data, 1), Some(Holder::Node("n1"))));
    }

    #[test]
    fn ipv4_in_ipv6_form_is_ipv4() {
        let index = ReverseIndex::default();
        let mapped = nodes(&["::ffff:10.0.0.1"]);
        let at = |text: &str| index.find(&mapped, text.parse().expect("address"));
        assert_eq!(at("10.0.0.1"), Some(0));
        assert_eq!(at("::ffff:10.0.0.1"), None, "below ip6.arpa nobody has it");
    }

    #[test]
    fn services_are_compared_as_text() {
        let row = |address: &str| CheckServiceNode {
            node: Arc::default(),
            service: Arc::new(NodeService {
                service: "s".into(),
                address: address.into(),
                ..NodeService::default()
            }),
            checks: Vec::new(),
        };
        let rows = [
            "2001:DB8::1",
            "2001:db8::1",
            "",
            "::ffff:10.0.0.1",
            "10.0.0.1",
        ];
        let rows = rows.into_iter().map(row).collect();
        let answer = Arc::new(Answer::new(1, Data::CheckServiceNodes(rows), false));
        let index = ReverseIndex::default();
        let at = |text: &str| index.find(&answer, text.parse().expect("address"));
        assert_eq!(at("2001:db8::1"), Some(1));
        for spelling in ["10.0.0.1", "::ffff:10.0.0.1"] {
            assert_eq!(at(spelling), Some(4), "{spelling}");
        }
    }
}
