//! Packets: the sanity rules of the recording `dns/packets`, EDNS, and whatever else may come in.

use crate::support::*;
use dns::{Context, Plan, Policy, Request, Responder, Rows, Transport, UpstreamReply, rtype};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

const PLAIN: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03web\x07service\x06consul\0\0\x01\0\x01";
const RECORD: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04";

fn with(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = PLAIN.to_vec();
    change(&mut packet);
    packet
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The reply to a question about one instance; flags bytes and counts of it.
fn header(packet: &[u8]) -> Option<String> {
    match Request::parse(packet) {
        Request::Ignore => None,
        Request::Refuse(reply) => {
            assert_eq!(reply[..2], packet[..2]);
            Some(format!("{} {}", hex(&reply[2..4]), hex(&reply[4..])))
        }
        Request::Question(question) => {
            let rows = [row(node("n1", "10.0.0.1"), service("web", 80, ""))];
            let policy = Policy::default();
            let plan = Plan::new(&question, &policy);
            let context = Context {
                policy: &policy,
                transport: Transport::Udp,
                now: 0,
                hosts: None,
            };
            let mut out = Vec::new();
            let mut rng = SmallRng::seed_from_u64(1);
            let rows = Rows::Instances(&rows);
            Responder::default()
                .respond(&question, &plan, rows, &context, &mut rng, &mut out)
                .expect("no hosts");
            assert_eq!(out[..2], packet[..2]);
            Some(format!("{} {}", hex(&out[2..4]), hex(&out[4..12])))
        }
    }
}

#[test]
fn sanity_rules() {
    let answered = Some("8500 0001000100000000".to_owned());
    let refused = |bits: &str| Some(format!("{bits} 0000000000000000"));
    assert_eq!(header(PLAIN), answered);
    for (opcode, bits) in [
        (1, "8904"),
        (2, "9104"),
        (5, "a904"),
        (6, "b104"),
        (15, "f904"),
    ] {
        assert_eq!(header(&with(|p| p[2] = opcode << 3 | 1)), refused(bits));
    }
    assert_eq!(
        header(&with(|p| p[2] = 4 << 3 | 1)),
        Some("a400 0001000100000000".into()),
        "NOTIFY"
    );
    assert_eq!(header(&with(|p| p[2] |= 0x80)), None, "a response");
    assert_eq!(header(&PLAIN[..11]), None, "shorter than a header");
    assert_eq!(header(&with(|p| p[5] = 0)), refused("8101"), "no question");
    assert_eq!(
        header(&with(|p| p[5] = 2)),
        refused("8101"),
        "two questions"
    );
    assert_eq!(header(&PLAIN[..20]), refused("8101"), "cut inside the name");
    assert_eq!(
        header(&with(|p| p.extend(b"junk"))),
        answered,
        "trailing bytes"
    );
    assert_eq!(
        header(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01"),
        refused("8101"),
        "a pointer to itself"
    );
    assert_eq!(header(&with(|p| p[3] |= 0x20)), answered, "AD");
    assert_eq!(
        header(&with(|p| p[3] |= 0x10)),
        Some("8510 0001000100000000".into()),
        "CD"
    );
    assert_eq!(
        header(&with(|p| p[2] &= !1)),
        Some("8400 0001000100000000".into()),
        "no RD"
    );
    assert_eq!(
        header(&with(|p| {
            p[2] |= 6;
            p[3] |= 0x80
        })),
        answered,
        "AA, TC, RA"
    );
    assert_eq!(
        header(&with(|p| {
            p[7] = 1;
            p.extend(RECORD)
        })),
        answered,
        "an answer record"
    );
    assert_eq!(
        header(&with(|p| {
            p[7] = 2;
            p.extend(RECORD);
            p.extend(RECORD)
        })),
        refused("8101")
    );
    assert_eq!(
        header(&with(|p| {
            p[11] = 2;
            p.extend(RECORD);
            p.extend(RECORD)
        })),
        answered
    );
    assert_eq!(header(&with(|p| p[11] = 3)), refused("8101"));
    assert_eq!(
        header(&with(|p| {
            p[7] = 1;
            p.extend(&RECORD[..9])
        })),
        Some(format!("8101 0001000000000000{}", hex(&PLAIN[12..]))),
        "a record cut short: the question was understood"
    );
}

#[test]
fn special_labels_never_split() {
    for label in [&b"\x03a.b"[..], b"\x03a\0b", b"\x05sp ce"] {
        let packet = [&PLAIN[..12], label, &PLAIN[16..]].concat();
        let question = question(&packet);
        let policy = Policy::default();
        match Plan::new(&question, &policy).need {
            dns::Need::Health { name, .. } => assert!(name.contains('\\') || name == "b", "{name}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn edns_is_mirrored() {
    let mut packet = with(|p| p[11] = 1);
    packet.extend(b"\0\0\x29\x10\0\0\0\0\0\0\x0b\0\x08\0\x07\0\x01\x18\0\xc0\0\x02");
    let question = match Request::parse(&packet) {
        Request::Question(question) => question,
        other => panic!("{other:?}"),
    };
    let subnet = question
        .edns
        .as_ref()
        .and_then(|edns| edns.subnet.as_ref())
        .expect("subnet");
    assert_eq!(
        subnet.address(),
        Some("192.0.2.0".parse().expect("address"))
    );
    let policy = Policy::default();
    let plan = Plan::new(&question, &policy);
    let context = Context {
        policy: &policy,
        transport: Transport::Udp,
        now: 0,
        hosts: None,
    };
    let mut out = Vec::new();
    let rows = [row(node("n1", "10.0.0.1"), service("web", 80, ""))];
    Responder::default()
        .respond(
            &question,
            &plan,
            Rows::Instances(&rows),
            &context,
            &mut SmallRng::seed_from_u64(1),
            &mut out,
        )
        .expect("no hosts");
    assert!(
        out.ends_with(&[
            0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2
        ]),
        "{out:?}"
    );
}

#[test]
fn upstream_replies_are_judged() {
    let question = question(PLAIN);
    let reply = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut reply = PLAIN.to_vec();
        reply[2] |= 0x80;
        change(&mut reply);
        dns::same_question(&reply, &question, 0x1234)
    };
    assert_eq!(reply(&|_| {}), UpstreamReply::Final);
    assert_eq!(reply(&|r| r[3] = 3), UpstreamReply::Final);
    assert_eq!(reply(&|r| r[13] = b'W'), UpstreamReply::Final);
    assert_eq!(reply(&|r| r[3] = 2), UpstreamReply::Refused);
    assert_eq!(
        reply(&|r| {
            r[3] = 1;
            r[5] = 0;
            r.truncate(12)
        }),
        UpstreamReply::Refused
    );
    assert_eq!(reply(&|r| r[0] = 0), UpstreamReply::Foreign);
    assert_eq!(reply(&|r| r[2] &= 0x7f), UpstreamReply::Foreign);
    assert_eq!(reply(&|r| r[13] = b'x'), UpstreamReply::Foreign);
    assert_eq!(reply(&|r| r.truncate(14)), UpstreamReply::Foreign);
    let mut out = Vec::new();
    dns::fail_forwarding(&question, &mut out);
    assert_eq!(render(&out), ["SERVFAIL RD RA"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// No packet panics the parser, and what it accepts is answered with a readable message.
    #[test]
    fn any_packet(mut packet in prop::collection::vec(any::<u8>(), 0..96), plain in any::<bool>(), seed in any::<u64>()) {
        if plain && packet.len() >= 12 {
            packet[..12].copy_from_slice(&PLAIN[..12]);
        }
        let parsed = Request::parse(&packet);
        dns::read_answers(&packet);
        dns::read_chain(&packet, &dns::Name::root());
        if let Request::Question(question) = parsed {
            dns::same_question(&packet, &question, 1);
            let policy = Policy::default();
            let plan = Plan::new(&question, &policy);
            let context = Context { policy: &policy, transport: Transport::Udp, now: 0, hosts: Some(&Default::default()) };
            let mut out = Vec::new();
            let rows = many(3, "web");
            Responder::default()
                .respond(&question, &plan, Rows::Instances(&rows), &context, &mut SmallRng::seed_from_u64(seed), &mut out)
                .expect("hosts are given");
            render(&out);
            let mut forwarded = packet.repeat(20);
            dns::fit_forwarded(&mut forwarded, &question, &policy);
            prop_assert!(forwarded.len() <= packet.len().max(512));
            dns::cut_to_question(&mut out, 0);
            render(&out);
        }
        dns::cut_to_question(&mut packet, 0);
    }

    /// Replies fit their limits for every advertised size and name, and an independent decoder reads them.
    #[test]
    fn replies_fit(
        count in 2usize..400,
        size in 0u16..5000,
        label in "[a-z0-9]{1,40}",
        tcp in any::<bool>(),
        compress in any::<bool>(),
        srv in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let rows = many(count, "web");
        let mut ask = Ask::instances(&rows);
        ask.edns = Some(size);
        ask.seed = seed;
        ask.policy.compress = compress;
        ask.transport = if tcp { Transport::Tcp } else { Transport::Udp };
        let reply = ask.bytes(&format!("{label}.service.consul"), if srv { rtype::SRV } else { rtype::A });
        render(&reply);
        let limit = if tcp { 65_523 } else { usize::from(size).max(512) - 8 };
        prop_assert!(reply.len() <= limit, "{} > {limit}", reply.len());
        prop_assert!(dns::read_answers(&reply).len() + usize::from(srv) >= 1);
    }
}

/// Names that point at names that point at names, as far as a packet holds them, and names of a million labels.
#[test]
fn chains_of_pointers_need_little_stack() {
    let deep = std::thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let question = with(|_| {});
        let Request::Question(asked) = Request::parse(&question) else {
            panic!("a question");
        };
        for (label, answers) in [("\x01a", 200u16), ("", 200), ("\x01a", u16::MAX)] {
            let mut reply = question.clone();
            reply[2] |= 0x80;
            reply[6..8].copy_from_slice(&answers.to_be_bytes());
            // Each name is one label more than, or the same as, the one before it.
            let mut before = 12u16;
            while reply.len() < 16_000 {
                let here = reply.len() as u16;
                reply.extend_from_slice(label.as_bytes());
                reply.extend((0xc000 | before).to_be_bytes());
                reply.extend_from_slice(b"\0\x05\0\x01\0\0\0\0\0\x02");
                reply.extend((0xc000 | here).to_be_bytes());
                before = here;
            }
            let _ = dns::read_answers(&reply);
            let _ = dns::read_chain(&reply, &asked.name);
            let _ = dns::same_question(&reply, &asked, 0x1234);
            let _ = Request::parse(&reply);
        }
        // Names that point at themselves and at each other.
        for pointers in [&b"\xc0\x0c"[..], b"\xc0\x0e\xc0\x0c"] {
            let packet = [&PLAIN[..12], pointers, b"\0\x01\0\x01"].concat();
            let _ = Request::parse(&packet);
            assert!(dns::Name::read(&packet, 12).is_none());
        }
        for text in [
            "a.".repeat(1_000_000),
            ".".repeat(1_000_000),
            "\\".repeat(1_000_000),
        ] {
            assert!(dns::Name::from_text(&text).is_none());
        }
    });
    deep.expect("a thread").join().expect("no overflow");
}
