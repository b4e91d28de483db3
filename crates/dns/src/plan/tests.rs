//! Names and what they need.

use super::*;
use crate::policy::Policy;

#[track_caller]
fn check(name: &str, qtype: u16, expected: Need<'_>) {
    check_in(name, qtype, expected, &Policy::default());
}

#[track_caller]
fn check_in(name: &str, qtype: u16, expected: Need<'_>, policy: &Policy) {
    let question = Question::internal(Name::from_text(name).expect("valid name"), qtype);
    assert_eq!(Plan::new(&question, policy).need, expected, "{name}");
}

fn health<'q>(name: &'q str, tag: Option<&'q str>, datacenter: &'q str, peer: &'q str) -> Need<'q> {
    Need::Health {
        name,
        tag,
        provider: Provider::Name,
        datacenter,
        peer,
    }
}

#[test]
fn services_and_tags() {
    check("web.service.consul", rtype::A, health("web", None, "", ""));
    check(
        "V1.WEB.Service.Consul",
        rtype::A,
        health("web", Some("v1"), "", ""),
    );
    check(
        "dot.ted.db.service.consul",
        rtype::A,
        health("db", Some("dot.ted"), "", ""),
    );
    check(
        "_web._tcp.service.consul",
        rtype::A,
        health("web", None, "", ""),
    );
    check(
        "_web._udp.service.consul",
        rtype::SRV,
        health("web", Some("udp"), "", ""),
    );
    check(
        "_web.service.consul",
        rtype::SRV,
        health("_web", None, "", ""),
    );
    for bare in ["_web._.service.consul", "_web._.consul"] {
        check(bare, rtype::SRV, health("web", None, "", ""));
    }
    check(
        "_a._web._tcp.service.consul",
        rtype::SRV,
        health("_tcp", Some("_a._web"), "", ""),
    );
    check("_web._tcp.consul", rtype::SRV, health("web", None, "", ""));
    check(
        "_web._tcp.dc2.consul",
        rtype::SRV,
        health("web", None, "dc2", ""),
    );
    check("_web._tcp.consul", rtype::A, Need::Nothing);
    check(
        "n1.node.service.consul",
        rtype::A,
        health("node", Some("n1"), "", ""),
    );
}

#[test]
fn suffixes() {
    for (suffix, datacenter, peer) in [
        ("dc1", "", ""),
        ("dc9", "dc9", ""),
        ("DC9.dc", "dc9", ""),
        ("x.peer", "", "x"),
        ("dc9.dc.dc1.dc", "", ""),
        ("a.peer.b.peer", "", "b"),
    ] {
        check(
            &format!("web.service.{suffix}.consul"),
            rtype::A,
            health("web", None, datacenter, peer),
        );
    }
    for suffix in [
        "x.peer.dc1.dc",
        "default.ns",
        "a.ap",
        "x.sg",
        "a.b.c",
        "x.foo",
        "a.dc.b.dc.c.dc",
        "a.dc.b",
    ] {
        check(
            &format!("web.service.{suffix}.consul"),
            rtype::A,
            Need::Nothing,
        );
    }
}

#[test]
fn other_forms() {
    check(
        "dotted.name.node.consul",
        rtype::A,
        Need::Node {
            name: "dotted.name",
            datacenter: "",
            peer: "",
        },
    );
    check(
        "n1.node.dc2.consul",
        rtype::TXT,
        Need::Node {
            name: "n1",
            datacenter: "dc2",
            peer: "",
        },
    );
    check("n1.node.consul", rtype::SRV, Need::Nothing);
    check(
        "dot.ted.query.consul",
        rtype::A,
        Need::Query {
            name: "dot.ted",
            datacenter: "",
        },
    );
    check(
        "_dot.ted._tcp.query.consul",
        rtype::SRV,
        Need::Query {
            name: "dot.ted",
            datacenter: "",
        },
    );
    check(
        "q.query.dc9.consul",
        rtype::A,
        Need::Query {
            name: "q",
            datacenter: "dc9",
        },
    );
    check("q.query.dc1.dc.consul", rtype::A, Need::Nothing);
    check(
        "x.web.virtual.consul",
        rtype::A,
        Need::Virtual {
            name: "web",
            peer: "",
        },
    );
    check(
        "web.virtual.p.consul",
        rtype::A,
        Need::Virtual {
            name: "web",
            peer: "p",
        },
    );
    check(
        "web.virtual.p.peer.consul",
        rtype::A,
        Need::Virtual {
            name: "web",
            peer: "p",
        },
    );
    check(
        "web.virtual.dc1.dc.consul",
        rtype::A,
        Need::Virtual {
            name: "web",
            peer: "",
        },
    );
    let connect = Need::Health {
        name: "web",
        tag: None,
        provider: Provider::Connect,
        datacenter: "",
        peer: "",
    };
    check("tag.web.connect.p.peer.consul", rtype::A, connect);
    check("any.name.consul", rtype::NS, Need::Servers);
    for name in [
        "consul",
        "web.consul",
        "service.consul",
        "node.consul",
        "x.0a000063.addr.consul",
    ] {
        check(name, rtype::A, Need::Nothing);
    }
}

#[test]
fn reverse_names() {
    let reverse = |name: &str, address: &str| {
        check(
            name,
            rtype::PTR,
            Need::Reverse(address.parse().expect("address")),
        );
    };
    reverse("11.0.0.10.IN-ADDR.arpa", "10.0.0.11");
    reverse(
        "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.d.0.1.0.0.2.ip6.arpa",
        "2001:db8::2",
    );
    for name in [
        "0.0.10.in-addr.arpa",
        "x.in-addr.arpa",
        "999.0.0.10.in-addr.arpa",
        "01.0.0.10.in-addr.arpa",
        "arpa",
    ] {
        check(name, rtype::PTR, Need::ReverseUnknown);
    }
    check("2.ip6.arpa", rtype::PTR, Need::ReverseUnknown);
}

#[test]
fn zones() {
    check("example.com", rtype::A, Need::Nothing);
    let mut policy = Policy {
        recursion: true,
        ..Policy::default()
    };
    check_in("example.com", rtype::A, Need::Recurse, &policy);
    check_in("consul", rtype::DS, Need::Recurse, &policy);
    policy.alt_domain = Name::from_text("alt.consul");
    check_in(
        "web.service.alt.consul",
        rtype::A,
        health("web", None, "", ""),
        &policy,
    );
    policy.domain = Name::from_text("corp.example").expect("valid");
    check_in(
        "web.service.Corp.example",
        rtype::A,
        health("web", None, "", ""),
        &policy,
    );
    check_in("web.service.consul", rtype::A, Need::Recurse, &policy);
}
