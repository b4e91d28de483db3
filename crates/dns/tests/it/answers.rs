//! Records: the rules seen in the recordings, one by one.

use crate::support::*;
use dns::{
    Data, Holder, Hosts, Name, Policy, QueryRows, Record, Rows, ServiceTtls, Soa, Transport, rtype,
};
use std::net::Ipv4Addr;

const SOA: &str = "ns consul. 0 SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0";

fn soa(head: &str) -> String {
    format!("{head}\n{SOA}")
}

#[test]
fn service_addresses_and_ports() {
    let mut n1 = node("n1", "10.0.0.11");
    n1.meta.insert("rack", "a1".into());
    let rows = [
        row(n1, service("web", 80, "")),
        row(node("n2", "10.0.0.12"), service("web", 8080, "10.0.0.99")),
        row(node("n3", "2001:db8::3"), service("web", 81, "")),
    ];
    let ask = Ask::instances(&rows);
    ask.check(
        "Web.service.Consul",
        rtype::A,
        "NOERROR AA RD
        an Web.service.Consul. 0 A 10.0.0.11
        an Web.service.Consul. 0 A 10.0.0.99",
    );
    ask.check(
        "web.service.consul",
        rtype::AAAA,
        "NOERROR AA RD
        an web.service.consul. 0 AAAA 2001:db8::3",
    );
    assert_eq!(
        ask.counts("web.service.consul", rtype::ANY),
        "NOERROR AA RD an:A=2 an:AAAA=1"
    );
    assert_eq!(
        ask.counts("web.service.consul", rtype::TXT),
        "NOERROR AA RD an:A=2 an:AAAA=1"
    );
    ask.check("web.service.consul", 15, &soa("NOERROR AA RD"));
    ask.check(
        "web.service.consul",
        rtype::SRV,
        "NOERROR AA RD
        an web.service.consul. 0 SRV 1 1 80 n1.node.dc1.consul.
        an web.service.consul. 0 SRV 1 1 8080 0a000063.addr.dc1.consul.
        an web.service.consul. 0 SRV 1 1 81 n3.node.dc1.consul.
        ar 0a000063.addr.dc1.consul. 0 A 10.0.0.99
        ar n1.node.dc1.consul. 0 A 10.0.0.11
        ar n1.node.dc1.consul. 0 TXT \"rack=a1\"
        ar n3.node.dc1.consul. 0 AAAA 2001:db8::3",
    );
    Ask::instances(&[]).check("web.service.consul", rtype::A, &soa("NXDOMAIN AA RD"));
    Ask::of(Rows::NoPath).check("web.service.dc9.consul", rtype::A, &soa("NXDOMAIN AA RD"));
    Ask::of(Rows::Failed).check("web.service.consul", rtype::A, "SERVFAIL AA RD");
}

#[test]
fn tagged_addresses_choose_the_family() {
    let mut both = service("both", 6, "");
    both.tagged_addresses
        .insert("lan_ipv4", tagged("10.2.0.1", 61));
    both.tagged_addresses
        .insert("lan_ipv6", tagged("2001:db8:2::1", 62));
    both.tagged_addresses
        .insert("wan", tagged("198.51.100.6", 63));
    let rows = [row(node("n4", "10.0.0.1"), both)];
    let ask = Ask::instances(&rows);
    ask.check(
        "both.service.consul",
        rtype::A,
        "NOERROR AA RD\nan both.service.consul. 0 A 10.2.0.1",
    );
    ask.check(
        "both.service.consul",
        rtype::AAAA,
        "NOERROR AA RD\nan both.service.consul. 0 AAAA 2001:db8:2::1",
    );
    ask.check(
        "both.service.consul",
        rtype::SRV,
        "NOERROR AA RD
        an both.service.consul. 0 SRV 1 1 6 20010db8000200000000000000000001.addr.dc1.consul.
        ar 20010db8000200000000000000000001.addr.dc1.consul. 0 AAAA 2001:db8:2::1",
    );
    let wan = Ask {
        policy: Policy {
            translate_wan: true,
            datacenter: "dc2".into(),
            ..Policy::default()
        },
        ..ask
    };
    wan.check(
        "both.service.dc1.consul",
        rtype::A,
        "NOERROR AA RD\nan both.service.dc1.consul. 0 A 10.2.0.1",
    );
}

#[test]
fn wan_addresses_replace_those_of_another_datacenter() {
    let mut web = service("web", 80, "10.1.0.1");
    web.tagged_addresses
        .insert("wan", tagged("198.51.100.1", 8080));
    let mut w2 = node("w2", "10.0.0.2");
    w2.tagged_addresses.insert("wan", "203.0.113.2".into());
    let rows = [row(w2.clone(), web), row(w2, service("web", 81, ""))];
    let policy = Policy {
        translate_wan: true,
        datacenter: "home".into(),
        ..Policy::default()
    };
    Ask {
        policy: policy.clone(),
        ..Ask::instances(&rows)
    }
    .check(
        "web.service.dc1.consul",
        rtype::SRV,
        "NOERROR AA RD
        an web.service.dc1.consul. 0 SRV 1 1 8080 c6336401.addr.dc1.consul.
        an web.service.dc1.consul. 0 SRV 1 1 81 cb007102.addr.dc1.consul.
        ar c6336401.addr.dc1.consul. 0 A 198.51.100.1
        ar cb007102.addr.dc1.consul. 0 A 203.0.113.2",
    );
    Ask {
        policy,
        ..Ask::instances(&rows)
    }
    .check(
        "web.service.consul",
        rtype::A,
        "NOERROR AA RD
        an web.service.consul. 0 A 10.0.0.2
        an web.service.consul. 0 A 10.1.0.1",
    );
}

#[test]
fn duplicates_and_weights() {
    let n1 = || node("n1", "10.0.0.1");
    let mut rows = vec![
        row(n1(), service("web", 1, "")),
        row(n1(), service("web", 1, "")),
        row(n1(), service("web", 2, "")),
    ];
    check(&mut rows[2], "warning");
    let mut heavy = service("web", 3, "");
    heavy.weights = None;
    rows.push(row(n1(), heavy));
    check(&mut rows[0], "passing");
    let ask = Ask::instances(&rows);
    ask.check(
        "web.service.consul",
        rtype::A,
        "NOERROR AA RD\nan web.service.consul. 0 A 10.0.0.1",
    );
    ask.check(
        "web.service.consul",
        rtype::SRV,
        "NOERROR AA RD
        an web.service.consul. 0 SRV 1 1 1 n1.node.dc1.consul.
        an web.service.consul. 0 SRV 1 1 2 n1.node.dc1.consul.
        an web.service.consul. 0 SRV 1 1 3 n1.node.dc1.consul.
        ar n1.node.dc1.consul. 0 A 10.0.0.1",
    );
}

#[test]
fn weights_follow_the_worst_check() {
    for (statuses, weight) in [
        (vec![], 7),
        (vec!["passing"], 7),
        (vec!["passing", "warning"], 3),
        (vec!["critical"], 0),
    ] {
        let mut web = service("web", 1, "");
        web.weights = Some(Box::new(model::Weights {
            passing: 7,
            warning: 3,
        }));
        let mut row = row(node("n1", "10.0.0.1"), web);
        for status in &statuses {
            check(&mut row, status);
        }
        Ask::instances(&[row]).check(
            "web.service.consul",
            rtype::SRV,
            &format!(
                "NOERROR AA RD
            an web.service.consul. 0 SRV 1 {weight} 1 n1.node.dc1.consul.
            ar n1.node.dc1.consul. 0 A 10.0.0.1"
            ),
        );
    }
}

fn hosts(entries: &[(&str, &[(&str, Data)])]) -> Hosts {
    let name = |text: &str| Name::from_text(text).expect("valid");
    let mut hosts = Hosts::default();
    for (host, records) in entries {
        let records = records
            .iter()
            .map(|(owner, data)| Record {
                name: name(owner),
                ttl: 300,
                data: *data,
            })
            .collect();
        hosts.push(name(host), records);
    }
    hosts
}

#[test]
fn host_names_become_aliases() {
    let rows = [row(
        node("n1", "10.0.0.1"),
        service("ext", 80, "www.example.com."),
    )];
    let mut ask = Ask::instances(&rows);
    ask.check(
        "ext.service.consul",
        rtype::AAAA,
        "NOERROR AA RD\nan ext.service.consul. 0 CNAME www.example.com.",
    );
    ask.check(
        "ext.service.consul",
        rtype::SRV,
        "NOERROR AA RD\nan ext.service.consul. 0 SRV 1 1 80 www.example.com.",
    );
    ask.hosts = Some(hosts(&[(
        "www.example.com",
        &[("www.example.com", Data::A([192, 0, 2, 1]))],
    )]));
    ask.policy.service_ttl = ServiceTtls::new([("*".to_owned(), 7)]);
    ask.policy.recursion = true;
    ask.check(
        "ext.service.consul",
        rtype::A,
        "NOERROR AA RD RA
        an ext.service.consul. 7 CNAME www.example.com.
        an www.example.com. 7 A 192.0.2.1",
    );
    ask.check(
        "ext.service.consul",
        rtype::SRV,
        "NOERROR AA RD RA
        an ext.service.consul. 7 SRV 1 1 80 www.example.com.
        ar www.example.com. 7 A 192.0.2.1",
    );
    let mixed = [
        rows[0].clone(),
        row(node("m2", "10.0.0.6"), service("ext", 2, "")),
    ];
    Ask::instances(&mixed).check(
        "ext.service.consul",
        rtype::A,
        "NOERROR AA RD\nan ext.service.consul. 0 A 10.0.0.6",
    );
    Ask::instances(&mixed).check(
        "ext.service.consul",
        rtype::AAAA,
        "NOERROR AA RD\nan ext.service.consul. 0 CNAME www.example.com.",
    );
    let own = [row(
        node("n4", "10.0.0.1"),
        service("self", 5, "self.service.consul"),
    )];
    Ask::instances(&own).check(
        "self.service.consul",
        rtype::SRV,
        "NOERROR AA RD
        an self.service.consul. 0 SRV 1 1 5 n4.node.dc1.consul.
        ar n4.node.dc1.consul. 0 A 10.0.0.1",
    );
}

#[test]
fn unfollowed_hosts_are_reported_and_nothing_is_written() {
    let rows = [row(
        node("n1", "10.0.0.1"),
        service("ext", 80, "www.example.com"),
    )];
    let policy = Policy::default();
    for qtype in [rtype::A, rtype::SRV] {
        let question = question(&packet("ext.service.consul", qtype, None));
        let plan = dns::Plan::new(&question, &policy);
        let context = dns::Context {
            policy: &policy,
            transport: Transport::Udp,
            now: 0,
            hosts: None,
        };
        let mut out = b"kept".to_vec();
        let mut rng = <rand::rngs::SmallRng as rand::SeedableRng>::seed_from_u64(1);
        let wanted = dns::Responder::default().respond(
            &question,
            &plan,
            Rows::Instances(&rows),
            &context,
            &mut rng,
            &mut out,
        );
        assert_eq!(
            wanted,
            Err(vec![Name::from_text("www.example.com").expect("valid")])
        );
        assert_eq!(out, b"kept");
    }
}

#[test]
fn chains_are_short_without_edns() {
    let records: Vec<_> = (1..=8)
        .map(|i| ("many.example.com", Data::A([192, 0, 2, i])))
        .collect();
    let rows = [row(
        node("n1", "10.0.0.1"),
        service("many", 83, "many.example.com"),
    )];
    let mut ask = Ask {
        hosts: Some(hosts(&[("many.example.com", &records)])),
        ..Ask::instances(&rows)
    };
    assert_eq!(
        ask.counts("many.service.consul", rtype::A),
        "NOERROR AA RD an:A=2 an:CNAME=1"
    );
    assert_eq!(
        ask.counts("many.service.consul", rtype::SRV),
        "NOERROR AA RD an:SRV=1 ar:A=5"
    );
    ask.edns = Some(4096);
    assert_eq!(
        ask.counts("many.service.consul", rtype::A),
        "NOERROR AA RD an:A=8 an:CNAME=1 ar:4096=1"
    );
}

#[test]
fn nodes() {
    let mut n1 = node("n1", "10.0.0.11");
    n1.meta.insert("rack", "a1".into());
    n1.meta.insert("zone", "z=9".into());
    let mut ask = Ask::of(Rows::Node(Some(&n1)));
    ask.check(
        "N1.Node.consul",
        rtype::A,
        "NOERROR AA RD
        an N1.Node.consul. 0 A 10.0.0.11
        ar N1.Node.consul. 0 TXT \"rack=a1\"
        ar N1.Node.consul. 0 TXT \"zone=z=9\"",
    );
    assert_eq!(
        ask.counts("n1.node.consul", rtype::AAAA),
        "NOERROR AA RD ar:TXT=2"
    );
    assert_eq!(
        ask.counts("n1.node.consul", rtype::ANY),
        "NOERROR AA RD an:A=1 an:TXT=2"
    );
    assert_eq!(
        ask.counts("n1.node.consul", rtype::TXT),
        "NOERROR AA RD an:TXT=2"
    );
    ask.check("n1.node.consul", rtype::SRV, "NOERROR AA RD");
    ask.policy.node_meta_txt = false;
    ask.policy.node_ttl = 30;
    ask.check(
        "n1.node.consul",
        rtype::A,
        "NOERROR AA RD\nan n1.node.consul. 30 A 10.0.0.11",
    );
    let hosty = node("hosty", "www.example.com");
    let alias = Ask {
        hosts: Some(hosts(&[(
            "www.example.com",
            &[("www.example.com", Data::A([192, 0, 2, 1]))],
        )])),
        ..Ask::of(Rows::Node(Some(&hosty)))
    };
    alias.check(
        "hosty.node.consul",
        rtype::AAAA,
        "NOERROR AA RD
        an hosty.node.consul. 0 CNAME www.example.com.
        an www.example.com. 300 A 192.0.2.1",
    );
    Ask::of(Rows::Node(None)).check("nobody.node.consul", rtype::TXT, &soa("NXDOMAIN AA RD"));
}

#[test]
fn metadata_text() {
    let text = dns::text_of_meta;
    assert_eq!(text("back`tick", "a`b"), "back``tick=a``b");
    assert_eq!(text("eq=key", "x=y"), "eq`=key=x=y");
    assert_eq!(
        (text(" lead", "1"), text("trail ", "2")),
        ("` lead=1".into(), "trail` =2".into())
    );
    assert_eq!(
        (text("rfc1035-spf", "v=`x`"), text("rfc1035", "k")),
        ("v=`x`".into(), "rfc1035=k".into())
    );
    assert_eq!(
        (text(" ", ""), text("a b", "")),
        ("` =".into(), "a b=".into())
    );
    let mut long = node("t", "10.0.0.1");
    long.meta.insert("k", "x".repeat(512));
    let reply = Ask {
        transport: Transport::Tcp,
        ..Ask::of(Rows::Node(Some(&long)))
    }
    .bytes("t.node.consul", rtype::TXT);
    assert_eq!(
        render(&reply).len(),
        2,
        "a long text is several strings of one record"
    );
}

#[test]
fn spelt_and_virtual_addresses() {
    let ask = Ask::of(Rows::None);
    ask.check(
        "0A000063.ADDR.Consul",
        rtype::A,
        "NOERROR AA RD\nan 0a000063.addr.Consul. 0 A 10.0.0.99",
    );
    ask.check(
        "0a000063.addr.any.thing.consul",
        rtype::SRV,
        "NOERROR AA RD\nar 0a000063.addr.any.thing.consul. 0 A 10.0.0.99",
    );
    ask.check(
        "00000000000000000000ffff0a000001.addr.consul",
        rtype::AAAA,
        "NOERROR AA RD\nan 00000000000000000000ffff0a000001.addr.consul. 0 AAAA ::ffff:10.0.0.1",
    );
    ask.check("0a0000.addr.consul", rtype::A, &soa("NXDOMAIN AA RD"));
    let found = Ask::of(Rows::Virtual(Some(Ipv4Addr::new(240, 0, 0, 1))));
    found.check(
        "WEB.Virtual.consul",
        rtype::SRV,
        "NOERROR AA RD\nan web.virtual.consul. 0 A 240.0.0.1",
    );
    Ask::of(Rows::Virtual(None)).check("web.virtual.consul", rtype::A, "NOERROR AA RD");
    Ask::of(Rows::Failed).check("web.virtual.consul", rtype::A, "SERVFAIL AA RD");
}

#[test]
fn servers_and_zone() {
    let rows = [
        row(node("Server1", "127.0.0.1"), service("consul", 8300, "")),
        row(
            node("under_score", "127.0.0.2"),
            service("consul", 8300, ""),
        ),
    ];
    let mut ask = Ask::instances(&rows);
    ask.policy.node_ttl = 9;
    ask.policy.soa = Soa {
        refresh: 11,
        retry: 22,
        expire: 33,
        min_ttl: 44,
    };
    ask.check(
        "no.such.CONSUL",
        rtype::NS,
        "NOERROR AA RD
        an CONSUL. 9 NS server1.node.dc1.consul.
        ar server1.node.dc1.consul. 9 A 127.0.0.1",
    );
    ask.check(
        "web.service.consul",
        rtype::SOA,
        "NOERROR AA RD
        an consul. 44 SOA ns.consul. hostmaster.consul. 1700000000 11 22 33 44
        ns consul. 9 NS server1.node.dc1.consul.
        ar server1.node.dc1.consul. 9 A 127.0.0.1",
    );
    Ask::of(Rows::Failed).check(
        "consul",
        rtype::SOA,
        &SOA.replace("ns consul", "NOERROR AA RD\nan consul"),
    );
    Ask::of(Rows::Failed).check("consul", rtype::NS, "NOERROR AA RD");
    Ask::of(Rows::None).check("consul", rtype::AXFR, "NOTIMP AA RD");
    Ask::of(Rows::None).check("consul", rtype::A, &soa("NXDOMAIN AA RD"));
    Ask::of(Rows::None).check("example.com", rtype::A, "REFUSED RD");
    Ask {
        edns: Some(1232),
        ..Ask::of(Rows::None)
    }
    .check("example.com", rtype::A, "REFUSED RD");
}

#[test]
fn the_alternative_domain_is_kept_in_names() {
    let rows = [row(node("n1", "10.0.0.1"), service("web", 80, ""))];
    let mut ask = Ask::instances(&rows);
    ask.policy.domain = Name::from_text("corp.example").expect("valid");
    ask.policy.alt_domain = Name::from_text("alt.test");
    ask.check(
        "web.service.Alt.Test",
        rtype::SRV,
        "NOERROR AA RD
        an web.service.Alt.Test. 0 SRV 1 1 80 n1.node.dc1.Alt.Test.
        ar n1.node.dc1.Alt.Test. 0 A 10.0.0.1",
    );
    let negative = |name: &str, zone: &str| {
        let ask = Ask {
            policy: ask.policy.clone(),
            ..Ask::instances(&[])
        };
        ask.check(
            name,
            rtype::A,
            &format!(
                "NXDOMAIN AA RD
            ns {zone}. 0 SOA ns.{zone}. hostmaster.{zone}. 1700000000 3600 600 86400 0"
            ),
        );
    };
    negative("nope.service.alt.test", "alt.test");
    negative("alt.test", "alt.test");
    negative("Alt.test", "corp.example");
    negative("nope.service.Alt.Test", "corp.example");
    negative("nope.service.CORP.example", "corp.example");
}

#[test]
fn a_domain_inside_the_alternative_one_denies_for_the_alternative_one() {
    let mut ask = Ask::instances(&[]);
    ask.policy.domain = Name::from_text("dc.corp").expect("valid");
    ask.policy.alt_domain = Name::from_text("corp");
    let denied = |zone: &str| {
        format!(
            "NXDOMAIN AA RD
            ns {zone}. 0 SOA ns.{zone}. hostmaster.{zone}. 1700000000 3600 600 86400 0"
        )
    };
    ask.check("nope.service.dc.corp", rtype::A, &denied("corp"));
    ask.check("nope.service.dc.Corp", rtype::A, &denied("dc.corp"));
}

#[test]
fn reverse_names() {
    let of = |holder| Ask::of(Rows::Holder(holder));
    of(Some(Holder::Node("n1"))).check(
        "11.0.0.10.IN-ADDR.arpa",
        rtype::A,
        "NOERROR AA RD
        an 11.0.0.10.IN-ADDR.arpa. 0 PTR n1.node.dc1.consul.",
    );
    of(Some(Holder::Service("Six"))).check(
        "11.0.0.10.in-addr.arpa",
        rtype::SOA,
        &format!(
            "NOERROR AA RD
        an 11.0.0.10.in-addr.arpa. 0 PTR Six.service.dc1.consul.\n{SOA}"
        ),
    );
    of(None).check("11.0.0.10.in-addr.arpa", rtype::PTR, &soa("NXDOMAIN AA RD"));
    Ask::of(Rows::Failed).check("11.0.0.10.in-addr.arpa", rtype::PTR, &soa("NXDOMAIN AA RD"));
}

#[test]
fn prepared_queries_keep_order_and_ttl() {
    let rows = many(4, "web");
    let found = QueryRows {
        rows: &rows,
        service: "db",
        ttl: None,
        datacenter: "dc1",
    };
    let mut ask = Ask {
        transport: Transport::Tcp,
        ..Ask::of(Rows::Query(Some(found)))
    };
    ask.policy.service_ttl = ServiceTtls::new([("db".to_owned(), 15)]);
    let reply = ask.bytes("q.query.consul", rtype::A);
    let addresses: Vec<_> = dns::read_answers(&reply)
        .into_iter()
        .map(|record| (record.ttl, record.data))
        .collect();
    assert_eq!(
        addresses,
        (1..=4)
            .map(|i| (15, Data::A([10, 0, 0, i])))
            .collect::<Vec<_>>()
    );
    ask.rows = Rows::Query(Some(QueryRows {
        ttl: Some(99),
        ..found
    }));
    assert_eq!(
        dns::read_answers(&ask.bytes("q.query.consul", rtype::A))[0].ttl,
        99
    );
    ask.rows = Rows::Query(None);
    ask.check("q.query.consul", rtype::A, &soa("NXDOMAIN AA RD"));
    let peer = model::Node {
        peer_name: "p".into(),
        ..node("n1", "10.0.0.1")
    };
    let rows = [
        row(peer.clone(), service("web", 1, "")),
        row(peer, service("web", 2, "10.0.0.9")),
    ];
    Ask::instances(&rows).check(
        "web.service.p.peer.consul",
        rtype::SRV,
        "NOERROR AA RD
        an web.service.p.peer.consul. 0 SRV 1 1 1 n1.node.p.peer.consul.
        an web.service.p.peer.consul. 0 SRV 1 1 2 0a000009.addr.consul.
        ar 0a000009.addr.consul. 0 A 10.0.0.9
        ar n1.node.p.peer.consul. 0 A 10.0.0.1",
    );
}
