//! The report of what would be refused, and the audit log's chain.

use acl::audit::{self, Event, Fault, Head, Outcome};
use acl::report::{NAMES_MAX, REPORT_BYTES_MAX, Report};
use acl::{Access, Denied, Resource, Right};
use dialect::GoTime;

fn at(seconds: i64) -> GoTime {
    GoTime::from_unix(1_800_000_000 + seconds, 0)
}

#[test]
fn a_report_counts_by_accessor_and_right() {
    let mut report = Report::default();
    let mut count = |accessor, name: &str, seconds| {
        let right = Right::new(Resource::Key, name, Access::Read);
        report.count(&Denied { accessor, right }, at(seconds));
    };
    count("a", "config/db", 1);
    count("a", "config/db", 2);
    count("a", "config/web", 3);
    count("b", "config/db", 4);
    let rows: Vec<_> = report.rows().collect();
    assert_eq!(rows.len(), 2);
    let (who, refusals) = rows[0];
    assert_eq!((&*who.accessor, refusals.count), ("a", 3));
    assert_eq!((refusals.first, refusals.last), (at(1), at(3)));
    assert_eq!(refusals.names[b"config/db".as_slice()], 2);
    assert_eq!(report.untold(), 0);
}

#[test]
fn a_report_stays_within_its_memory() {
    let mut report = Report::default();
    for n in 0..60_000u32 {
        let (accessor, name) = (format!("accessor-{}", n % 30_000), format!("key-{n}"));
        let right = Right::new(Resource::Key, &name, Access::Write);
        report.count(
            &Denied {
                accessor: &accessor,
                right,
            },
            at(0),
        );
    }
    assert!(report.bytes() <= REPORT_BYTES_MAX, "{}", report.bytes());
    assert!(report.untold() > 0);
    let told: u64 = report.rows().map(|(_, refusals)| refusals.count).sum();
    assert_eq!(told + report.untold(), 60_000, "none is lost");
    let mut report = Report::default();
    for n in 0..1000u32 {
        let name = format!("key-{n}");
        let right = Right::new(Resource::Key, &name, Access::Write);
        report.count(
            &Denied {
                accessor: "a",
                right,
            },
            at(0),
        );
    }
    let (_, refusals) = report.rows().next().unwrap();
    assert_eq!(refusals.names.len(), NAMES_MAX);
    assert_eq!(refusals.other_names, 1000 - NAMES_MAX as u64);
}

fn lines(count: i64) -> (Vec<String>, Head) {
    let mut head = Head::default();
    let mut lines = Vec::new();
    for n in 0..count {
        let name = format!("config/{n}\n{{\"Hash\":\"");
        let (line, next) = head.line(&Event {
            time: at(n),
            accessor: "11111111-bbbb-0000-0000-000000000001",
            source: "127.0.0.1:1234",
            route: "PUT /v1/kv/:key",
            names: &[&name],
            outcome: if n % 2 == 0 {
                Outcome::Allowed
            } else {
                Outcome::Denied
            },
            reason: "",
        });
        assert!(!line.contains('\n'));
        head = next;
        lines.push(line);
    }
    (lines, head)
}

fn verify(lines: &[String], from: Option<Head>) -> Result<Head, Fault> {
    audit::verify(lines.iter().map(String::as_str), from)
}

#[test]
fn a_whole_chain_is_believed_and_ends_where_it_was_written() {
    let (whole, head) = lines(20);
    assert_eq!(verify(&whole, Some(Head::default())), Ok(head));
    assert_eq!(verify(&[], Some(head)), Ok(head));
    // A file that continues an older one.
    let (older, newer) = whole.split_at(7);
    let middle = verify(older, Some(Head::default())).unwrap();
    assert_eq!(verify(newer, Some(middle)), Ok(head));
    assert_eq!(verify(newer, None), Ok(head));
    // Cut off at the end: shown by the head alone.
    assert_ne!(verify(&whole[..19], Some(Head::default())), Ok(head));
    assert_eq!(
        whole[0],
        "{\"Sequence\":1,\"Time\":\"2027-01-15T08:00:00Z\",\"Accessor\":\"11111111-bbbb-0000-0000-000000000001\",\"Source\":\"127.0.0.1:1234\",\"Route\":\"PUT /v1/kv/:key\",\"Names\":[\"config/0\\n{\\\"Hash\\\":\\\"\"],\"Outcome\":\"allowed\",\"Previous\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"Hash\":\"".to_owned() + &whole[0][whole[0].len() - 66..]
    );
}

#[test]
fn every_change_of_a_line_shows() {
    let (whole, _) = lines(4);
    let start = Some(Head::default());
    for at in 0..whole[1].len() {
        let mut changed = whole.clone();
        let mut bytes = changed[1].clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        changed[1] = text;
        assert!(verify(&changed, start).is_err(), "byte {at}");
    }
    for at in 0..4 {
        let mut removed = whole.clone();
        removed.remove(at);
        if at < 3 {
            let sequence = at as u64 + 2;
            let (line, after) = (at + 1, at as u64);
            let fault = Fault::Broken {
                line,
                sequence,
                after,
            };
            assert_eq!(verify(&removed, start), Err(fault));
        }
        let mut doubled = whole.clone();
        doubled.insert(at, whole[at].clone());
        assert!(verify(&doubled, start).is_err());
    }
    let mut moved = whole.clone();
    moved.swap(1, 2);
    assert!(verify(&moved, start).is_err());
    // A line of somebody's own making has a hash, but not the one that the next line names.
    let (forged, _) = Head::default().line(&Event {
        time: at(9),
        accessor: "",
        source: "",
        route: "GET /",
        names: &[],
        outcome: Outcome::Allowed,
        reason: "",
    });
    let mut replaced = whole.clone();
    replaced[0] = forged;
    assert!(matches!(
        verify(&replaced, start),
        Err(Fault::Broken { line: 2, .. })
    ));
}

#[test]
fn long_names_are_cut() {
    let long = "\u{e9}".repeat(5000);
    let names = vec![long.as_str(); 1000];
    let (line, _) = Head::default().line(&Event {
        time: at(0),
        accessor: &long,
        source: "",
        route: "PUT /v1/txn",
        names: &names,
        outcome: Outcome::Failed,
        reason: "",
    });
    assert!(line.len() < audit::LINE_BYTES_MAX, "{}", line.len());
    assert!(audit::verify([line.as_str()], Some(Head::default())).is_ok());
}
