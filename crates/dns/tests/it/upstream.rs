//! Replies of recursors: what is believed of them, and what of them a small datagram takes.

use crate::support::*;
use dns::{Data, Name, Policy, rtype};

/// A reply to `www.test A`: records as owner, type and data, and an OPT record if wanted.
fn reply(records: &[(&str, u16, Vec<u8>)], opt: bool) -> Vec<u8> {
    let mut reply = packet("www.test", rtype::A, None);
    reply[2] |= 0x80;
    reply[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    for (owner, rtype, data) in records {
        reply.extend(wire(owner));
        reply.extend(rtype.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60]);
        reply.extend((data.len() as u16).to_be_bytes());
        reply.extend(data);
    }
    if opt {
        reply[11] = 1;
        reply.extend(b"\0\0\x29\x10\0\0\0\0\0\0\0");
    }
    reply
}

fn wire(name: &str) -> Vec<u8> {
    Name::from_text(name).expect("a name").wire().to_vec()
}

fn a(owner: &str, last: u8) -> (&str, u16, Vec<u8>) {
    (owner, rtype::A, vec![192, 0, 2, last])
}

#[test]
fn only_the_chain_is_believed() {
    let host = Name::from_text("www.test").expect("a name");
    let records = [
        a("bank.test", 66),
        a("WWW.edge.TEST", 1),
        ("www.test", rtype::CNAME, wire("edge.test")),
        ("bank.test", rtype::CNAME, wire("evil.test")),
        ("edge.test", rtype::CNAME, wire("www.edge.test")),
        a("www.edge.test", 2),
        a("evil.test", 67),
    ];
    let reply = reply(&records, false);
    let kept: Vec<_> = dns::read_chain(&reply, &host)
        .into_iter()
        .map(|record| match record.data {
            Data::A(octets) => octets[3].to_string(),
            Data::Cname(target) => target.to_string(),
            Data::Aaaa(_) => unreachable!("none was sent"),
        })
        .collect();
    assert_eq!(kept, ["1", "edge.test.", "www.edge.test.", "2"]);
}

#[test]
fn a_loop_of_aliases_ends() {
    let host = Name::from_text("www.test").expect("a name");
    let looped = [
        ("www.test", rtype::CNAME, wire("edge.test")),
        ("edge.test", rtype::CNAME, wire("www.test")),
    ];
    assert_eq!(dns::read_chain(&reply(&looped, false), &host).len(), 2);
    let names: Vec<String> = (0..200).map(|i| format!("h{i}.test")).collect();
    let mut long = vec![("www.test", rtype::CNAME, wire("h0.test"))];
    for pair in names.windows(2) {
        long.push((&pair[0], rtype::CNAME, wire(&pair[1])));
    }
    let kept = dns::read_chain(&reply(&long, false), &host).len();
    assert!((16..32).contains(&kept), "{kept}");
}

#[test]
fn a_forwarded_reply_is_cut_to_its_client() {
    let records: Vec<_> = (0..250).map(|i| a("www.test", i)).collect();
    let whole = reply(&records, true);
    assert!(whole.len() > 6000);
    let policy = Policy {
        udp_bytes_max: 1400,
        ..Policy::default()
    };
    for (edns, most) in [
        (None, 512),
        (Some(100), 512),
        (Some(1232), 1232),
        (Some(4096), 1400),
    ] {
        let question = question(&packet("www.test", rtype::A, edns));
        let mut cut = whole.clone();
        dns::fit_forwarded(&mut cut, &question, &policy);
        assert!(
            (most - 40..=most).contains(&cut.len()),
            "{} of {most} bytes",
            cut.len()
        );
        let lines = render(&cut);
        assert_eq!(lines[0], "NOERROR TC RD");
        assert_eq!(lines.last().map(String::as_str), Some("ar OPT 0 4096"));
        assert_eq!(
            lines.len(),
            2 + usize::from(u16::from_be_bytes([cut[6], cut[7]]))
        );
    }
    let mut small = reply(&records[..3], true);
    let before = small.clone();
    let asked = question(&packet("www.test", rtype::A, None));
    dns::fit_forwarded(&mut small, &asked, &policy);
    assert_eq!(small, before, "what fits stays as it is");
    let mut broken = whole;
    broken[12] = 0xff;
    dns::fit_forwarded(&mut broken, &asked, &policy);
    assert_eq!(broken.len(), 12);
}

#[test]
fn nothing_but_the_question_is_left() {
    let mut out = b"before".to_vec();
    out.extend(reply(&[a("www.test", 1)], true));
    dns::cut_to_question(&mut out, 6);
    assert_eq!(&out[..6], b"before");
    assert_eq!(render(&out[6..]), ["NOERROR TC RD"]);
    assert_eq!(out.len(), 6 + packet("www.test", rtype::A, None).len());
}
