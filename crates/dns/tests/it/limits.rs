//! Sizes: the counts of the recordings `dns/limits-*` on the same catalog.

use crate::support::*;
use dns::{Data, Hosts, Name, Policy, Record, Rows, Transport, rtype};

fn counts(
    rows: usize,
    policy: &Policy,
    name: &str,
    qtype: u16,
    edns: Option<u16>,
    transport: Transport,
) -> String {
    let rows = many(rows, "web");
    let ask = Ask {
        policy: policy.clone(),
        edns,
        transport,
        ..Ask::instances(&rows)
    };
    ask.counts(&format!("{name}.service.consul"), qtype)
}

#[test]
fn default_limits() {
    let policy = Policy::default();
    let udp = |qtype, edns| counts(60, &policy, "web", qtype, edns, Transport::Udp);
    for edns in [None, Some(512), Some(100)] {
        assert_eq!(udp(rtype::A, edns), "NOERROR AA RD an:A=3");
        assert_eq!(udp(rtype::SRV, edns), "NOERROR AA RD an:SRV=3 ar:A=3");
    }
    assert_eq!(udp(rtype::ANY, None), "NOERROR AA RD an:A=3");
    assert_eq!(udp(rtype::A, Some(600)), "NOERROR AA RD an:A=34");
    assert_eq!(udp(rtype::SRV, Some(600)), "NOERROR AA RD an:SRV=9 ar:A=9");
    assert_eq!(udp(rtype::A, Some(1232)), "NOERROR AA RD an:A=60 ar:1232=1");
    assert_eq!(
        udp(rtype::SRV, Some(1232)),
        "NOERROR AA RD an:SRV=19 ar:A=19"
    );
    assert_eq!(
        udp(rtype::SRV, Some(4096)),
        "NOERROR AA RD an:SRV=60 ar:4096=1 ar:A=60"
    );
    assert_eq!(
        counts(60, &policy, "web", rtype::SRV, None, Transport::Tcp),
        "NOERROR AA RD an:SRV=60 ar:A=60"
    );
    assert_eq!(
        counts(5000, &policy, "web", rtype::A, None, Transport::Tcp),
        "NOERROR AA RD an:A=4092"
    );
}

#[test]
fn truncation_is_told_when_wanted() {
    let policy = Policy {
        enable_truncate: true,
        udp_answer_limit: 8,
        a_record_limit: 30,
        ..Policy::default()
    };
    let udp = |qtype, edns| counts(45, &policy, "web", qtype, edns, Transport::Udp);
    assert_eq!(udp(rtype::A, None), "NOERROR AA TC RD an:A=8");
    assert_eq!(udp(rtype::SRV, None), "NOERROR AA TC RD an:SRV=4 ar:A=4");
    assert_eq!(udp(rtype::A, Some(600)), "NOERROR AA RD an:A=30 ar:600=1");
    assert_eq!(
        udp(rtype::SRV, Some(600)),
        "NOERROR AA TC RD an:SRV=9 ar:A=9"
    );
    assert_eq!(
        udp(rtype::SRV, Some(1232)),
        "NOERROR AA TC RD an:SRV=19 ar:A=19"
    );
    let small = |qtype| counts(8, &policy, "small", qtype, None, Transport::Udp);
    assert_eq!(small(rtype::A), "NOERROR AA RD an:A=8");
    assert_eq!(small(rtype::SRV), "NOERROR AA TC RD an:SRV=7 ar:A=7");
}

#[test]
fn without_compression_less_fits() {
    let policy = Policy {
        enable_truncate: true,
        udp_answer_limit: 100,
        compress: false,
        ..Policy::default()
    };
    let udp = |qtype, edns| counts(45, &policy, "web", qtype, edns, Transport::Udp);
    assert_eq!(udp(rtype::A, None), "NOERROR AA TC RD an:A=8");
    assert_eq!(udp(rtype::SRV, None), "NOERROR AA TC RD an:SRV=4 ar:A=4");
    assert_eq!(udp(rtype::A, Some(600)), "NOERROR AA TC RD an:A=16");
    assert_eq!(
        udp(rtype::SRV, Some(600)),
        "NOERROR AA TC RD an:SRV=5 ar:A=5"
    );
    assert_eq!(udp(rtype::A, Some(1232)), "NOERROR AA TC RD an:A=34");
    assert_eq!(
        udp(rtype::SRV, Some(1232)),
        "NOERROR AA TC RD an:SRV=11 ar:A=11"
    );
    assert_eq!(
        udp(rtype::SRV, Some(4096)),
        "NOERROR AA TC RD an:SRV=39 ar:A=39"
    );
}

#[test]
fn a_limit_of_zero_leaves_nothing() {
    let policy = Policy {
        udp_answer_limit: 0,
        ..Policy::default()
    };
    assert_eq!(
        counts(2, &policy, "web", rtype::A, None, Transport::Udp),
        "NOERROR AA RD"
    );
    assert_eq!(
        counts(2, &policy, "web", rtype::SRV, Some(512), Transport::Udp),
        "NOERROR AA RD"
    );
    assert_eq!(
        counts(2, &policy, "web", rtype::A, Some(1024), Transport::Udp),
        "NOERROR AA RD an:A=2 ar:1024=1"
    );
    assert_eq!(
        counts(2, &policy, "web", rtype::A, None, Transport::Tcp),
        "NOERROR AA RD an:A=2"
    );
    assert_eq!(
        counts(2, &policy, "web", rtype::NS, None, Transport::Udp),
        "NOERROR AA RD"
    );
}

#[test]
fn metadata_goes_first_when_room_is_short() {
    let mut rows = Vec::new();
    for i in 0..3 {
        let mut node = node(&format!("n{i}"), &format!("10.0.0.{i}"));
        node.meta.insert("k", "v".repeat(120));
        rows.push(row(node, service("web", 80, "")));
    }
    let told = Policy {
        enable_truncate: true,
        ..Policy::default()
    };
    for edns in [None, Some(512), Some(600)] {
        let ask = Ask {
            policy: told.clone(),
            edns,
            ..Ask::instances(&rows)
        };
        let opt = edns.map_or(String::new(), |size| format!(" ar:{size}=1"));
        assert_eq!(
            ask.counts("web.service.consul", rtype::SRV),
            format!("NOERROR AA RD an:SRV=3{opt} ar:A=3"),
            "no instance is lost, so nothing is truncated"
        );
    }
    let one = &rows[..1];
    assert_eq!(
        Ask::instances(one).counts("web.service.consul", rtype::SRV),
        "NOERROR AA RD an:SRV=1 ar:A=1 ar:TXT=1"
    );
}

/// Instances behind host names, each of which leads over an alias to `addresses` addresses.
fn behind_hosts(count: u8, addresses: u8, zone: &str) -> (Vec<model::CheckServiceNode>, Hosts) {
    let (mut rows, mut hosts) = (Vec::new(), Hosts::default());
    for i in 0..count {
        let host = format!("host-{i}.{zone}");
        let address = format!("10.0.0.{i}");
        rows.push(row(
            node(&format!("n{i}"), &address),
            service("web", 80, &host),
        ));
        let name = Name::from_text(&host).expect("a name");
        let records = (0..addresses).map(|last| Record {
            name,
            ttl: 60,
            data: Data::A([192, 0, i, last]),
        });
        hosts.push(name, records.collect());
    }
    (rows, hosts)
}

#[test]
fn a_target_keeps_one_address_before_an_answer_goes() {
    let count = |rows: u8, addresses: u8, zone: &str| {
        let (rows, hosts) = behind_hosts(rows, addresses, zone);
        let mut ask = Ask {
            hosts: Some(hosts),
            ..Ask::instances(&rows)
        };
        ask.policy.udp_answer_limit = 8;
        ask.policy.enable_truncate = true;
        let reply = ask.bytes("web.service.consul", rtype::SRV);
        assert!(reply.len() <= 512, "{} bytes", reply.len());
        ask.counts("web.service.consul", rtype::SRV)
    };
    assert_eq!(count(3, 5, "test"), "NOERROR AA RD an:SRV=3 ar:A=15");
    let crowded = count(6, 5, "test");
    let kept: usize = crowded
        .strip_prefix("NOERROR AA RD an:SRV=6 ar:A=")
        .and_then(|kept| kept.parse().ok())
        .unwrap_or_else(|| panic!("{crowded}"));
    assert!((6..30).contains(&kept), "{kept} addresses");
    assert_eq!(
        count(8, 5, "a-long-zone.test"),
        "NOERROR AA TC RD an:SRV=7 ar:A=9",
        "an answer goes when even one address each is too much; what fits then is kept"
    );
}

#[test]
fn a_single_answer_takes_its_extras_only_where_they_fit() {
    let mut big = node("n1", "10.0.0.1");
    for i in 0..64 {
        big.meta.insert(format!("k{i}"), "v".repeat(500));
    }
    let rows = [row(big.clone(), service("web", 80, ""))];
    let srv = |edns| Ask {
        edns,
        ..Ask::instances(&rows)
    };
    assert_eq!(
        srv(None).counts("web.service.consul", rtype::SRV),
        "NOERROR AA RD an:SRV=1 ar:A=1"
    );
    assert_eq!(
        srv(Some(4096)).counts("web.service.consul", rtype::SRV),
        "NOERROR AA RD an:SRV=1 ar:4096=1 ar:A=1"
    );
    assert_eq!(
        Ask::of(Rows::Node(Some(&big))).counts("n1.node.consul", rtype::A),
        "NOERROR AA RD an:A=1"
    );
}

#[test]
fn a_cap_on_datagrams_cuts_and_tells() {
    let policy = Policy {
        udp_bytes_max: 1232,
        ..Policy::default()
    };
    let rows = many(60, "web");
    let ask = |edns| Ask {
        policy: policy.clone(),
        edns: Some(edns),
        ..Ask::instances(&rows)
    };
    assert_eq!(
        ask(1232).counts("web.service.consul", rtype::SRV),
        "NOERROR AA RD an:SRV=19 ar:A=19"
    );
    assert_eq!(
        ask(4096).counts("web.service.consul", rtype::SRV),
        "NOERROR AA TC RD an:SRV=19 ar:A=19",
        "this client would have taken more"
    );
    assert!(ask(4096).bytes("web.service.consul", rtype::SRV).len() <= 1232);
    let smallest = Ask {
        policy: Policy {
            udp_bytes_max: 1,
            ..policy.clone()
        },
        ..ask(4096)
    };
    let reply = smallest.bytes("web.service.consul", rtype::A);
    assert!((400..=512).contains(&reply.len()), "{} bytes", reply.len());
}

#[test]
fn every_instance_has_its_chance() {
    let rows = many(10, "web");
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let ask = Ask {
            seed,
            ..Ask::instances(&rows)
        };
        let lines = render(&ask.bytes("web.service.consul", rtype::A));
        assert_eq!(lines.len(), 4);
        seen.extend(lines.into_iter().skip(1));
    }
    assert_eq!(seen.len(), 10);
}
