//! Rows made by hand and replies rendered as text.

use dns::{Context, Hosts, Plan, Policy, Question, Request, Responder, Rows, Transport};
use domain::base::iana::{Opcode, Rtype};
use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::AllRecordData;
use model::{CheckServiceNode, HealthCheck, Node, NodeService, ServiceAddress, Weights};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::sync::Arc;

pub fn node(name: &str, address: &str) -> Node {
    Node {
        node: name.into(),
        address: address.into(),
        datacenter: "dc1".into(),
        ..Node::default()
    }
}

pub fn service(name: &str, port: i64, address: &str) -> NodeService {
    let weights = Some(Box::new(Weights {
        passing: 1,
        warning: 1,
    }));
    NodeService {
        id: name.into(),
        service: name.into(),
        port,
        address: address.into(),
        weights,
        ..NodeService::default()
    }
}

pub fn row(node: Node, service: NodeService) -> CheckServiceNode {
    CheckServiceNode {
        node: Arc::new(node),
        service: Arc::new(service),
        checks: Vec::new(),
    }
}

pub fn check(row: &mut CheckServiceNode, status: &str) {
    row.checks.push(Arc::new(HealthCheck {
        status: status.into(),
        ..HealthCheck::default()
    }));
}

pub fn tagged(address: &str, port: i64) -> ServiceAddress {
    ServiceAddress {
        address: address.into(),
        port,
    }
}

/// `count` instances on nodes `node-000` and so on, as the limit recordings have them.
pub fn many(count: usize, name: &str) -> Vec<CheckServiceNode> {
    let each = |i: usize| {
        let address = format!("10.0.{}.{}", i / 200, i % 200 + 1);
        row(
            node(&format!("node-{i:03}"), &address),
            service(name, 1000 + i as i64, ""),
        )
    };
    (0..count).map(each).collect()
}

/// A question as a client sends it.
pub fn packet(name: &str, qtype: u16, edns: Option<u16>) -> Vec<u8> {
    let name: Name<Vec<u8>> = name.parse().expect("valid name");
    let mut builder = MessageBuilder::new_vec().question();
    builder.header_mut().set_rd(true);
    builder.header_mut().set_opcode(Opcode::QUERY);
    builder.push((name, Rtype::from_int(qtype))).expect("room");
    let mut builder = builder.additional();
    if let Some(size) = edns {
        let set = |opt: &mut domain::base::message_builder::OptBuilder<'_, _>| {
            opt.set_udp_payload_size(size);
            Ok(())
        };
        builder.opt(set).expect("room");
    }
    builder.finish()
}

pub fn question(packet: &[u8]) -> Question {
    match Request::parse(packet) {
        Request::Question(question) => question,
        other => panic!("not a question: {other:?}"),
    }
}

/// One exchange: question, policy and rows in, bytes out.
pub struct Ask<'a> {
    pub policy: Policy,
    pub transport: Transport,
    pub edns: Option<u16>,
    pub rows: Rows<'a>,
    pub hosts: Option<Hosts>,
    pub seed: u64,
}

impl<'a> Ask<'a> {
    pub fn of(rows: Rows<'a>) -> Self {
        Self {
            policy: Policy::default(),
            transport: Transport::Udp,
            edns: None,
            rows,
            hosts: Some(Hosts::default()),
            seed: 7,
        }
    }

    pub fn instances(rows: &'a [CheckServiceNode]) -> Self {
        Self::of(Rows::Instances(rows))
    }

    pub fn bytes(&self, name: &str, qtype: u16) -> Vec<u8> {
        let question = question(&packet(name, qtype, self.edns));
        let plan = Plan::new(&question, &self.policy);
        let context = Context {
            policy: &self.policy,
            transport: self.transport,
            now: 1_700_000_000,
            hosts: self.hosts.as_ref(),
        };
        let mut out = Vec::new();
        let mut rng = SmallRng::seed_from_u64(self.seed);
        Responder::default()
            .respond(&question, &plan, self.rows, &context, &mut rng, &mut out)
            .expect("no host name to follow");
        out
    }

    #[track_caller]
    pub fn check(&self, name: &str, qtype: u16, expected: &str) {
        // The decoder's text form has a final dot for some names only.
        let plain = |text: &str| {
            let lines = text.lines().map(|line| {
                line.trim()
                    .replace(". ", " ")
                    .trim_end_matches('.')
                    .to_owned()
            });
            let mut lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
            lines[1..].sort();
            lines.join(
                "
",
            )
        };
        assert_eq!(
            plain(&render(&self.bytes(name, qtype)).join(
                "
"
            )),
            plain(expected),
            "{name}"
        );
    }

    /// Flags and how many records of which type stand in answer and additional section.
    pub fn counts(&self, name: &str, qtype: u16) -> String {
        let lines = render(&self.bytes(name, qtype));
        let mut text = lines.first().cloned().unwrap_or_default();
        for section in ["an", "ns", "ar"] {
            let mut types = std::collections::BTreeMap::new();
            for line in lines.iter().filter(|line| line.starts_with(section)) {
                *types
                    .entry(line.split(' ').nth(3).unwrap_or_default().to_owned())
                    .or_insert(0) += 1;
            }
            for (rtype, count) in types {
                text += &format!(" {section}:{rtype}={count}");
            }
        }
        text
    }
}

/// The reply as text: flags, then records by section, sorted within each (their order is random).
pub fn render(reply: &[u8]) -> Vec<String> {
    let message = Message::from_octets(reply).expect("a header");
    let header = message.header();
    let mut head = format!("{}", header.rcode());
    for (set, flag) in [
        (header.aa(), "AA"),
        (header.tc(), "TC"),
        (header.rd(), "RD"),
        (header.ra(), "RA"),
        (header.cd(), "CD"),
    ] {
        if set {
            head += &format!(" {flag}");
        }
    }
    let mut lines = vec![head];
    let (_, answer, authority, additional) = message.sections().expect("sections");
    for (name, section) in [("an", answer), ("ns", authority), ("ar", additional)] {
        let mut records = Vec::new();
        for record in section {
            let record = record.expect("a record");
            let parsed = record
                .to_record::<AllRecordData<_, _>>()
                .expect("data")
                .expect("known");
            if let AllRecordData::Opt(_) = parsed.data() {
                records.push(format!("{name} OPT 0 {}", parsed.class().to_int()));
                continue;
            }
            let (owner, ttl, data) = (parsed.owner(), parsed.ttl().as_secs(), parsed.data());
            records.push(format!("{name} {owner} {ttl} {} {data}", parsed.rtype()));
        }
        records.sort();
        lines.extend(records);
    }
    lines
}
