//! What an acknowledgement rests on, and what happens when the disk fails.

use crate::agent::Agent;
use crate::http::Client;
use crate::load::Book;
use crate::shim::{Call, Shimmed, wrote};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Longer than writers need for a few writes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);
/// How long an answer must not come that is held back.
const SILENCE: Duration = Duration::from_millis(300);
/// Writers that run at the same time.
const WRITERS: usize = 8;

fn marker(writer: usize, n: usize) -> String {
    format!("marker-{writer}-{n}-end")
}

/// An acknowledged write: its marker and where the trace stood when the answer was read.
struct Acknowledged {
    marker: String,
    at: u64,
}

/// `each` writes by every writer, side by side.
fn write_side_by_side(shimmed: &Shimmed, agent: &Agent, each: usize) -> Vec<Acknowledged> {
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let mut client = agent.client();
                    (0..each)
                        .map(|n| {
                            let marker = marker(writer, n);
                            let target = format!("/v1/kv/side/{writer}/{n}");
                            let answer = client.ask("PUT", &target, marker.as_bytes()).unwrap();
                            let at = shimmed.mark();
                            assert!(answer.is_acknowledgement(), "{answer:?}");
                            Acknowledged { marker, at }
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    })
}

/// Where the trace stood when the first sync had ended that began after `write` had ended, on the same file; a failed one
/// does not count.
fn covered(trace: &[Call], write: &Call) -> Option<u64> {
    trace
        .iter()
        .filter(|call| call.is_sync && call.result == 0)
        .filter(|sync| sync.path == write.path && sync.start >= write.end)
        .map(|sync| sync.mark)
        .min()
}

#[test]
fn no_acknowledgement_before_the_sync_that_covers_it() {
    let shimmed = Shimmed::new();
    let agent = shimmed.start();
    shimmed.tell("delay 15000");
    let acknowledged = write_side_by_side(&shimmed, &agent, 6);
    let trace = shimmed.trace();
    for Acknowledged { marker, at } in &acknowledged {
        let write = trace
            .iter()
            .find(|call| wrote(call, marker.as_bytes()))
            .unwrap_or_else(|| panic!("{marker} was acknowledged and never written"));
        let covered = covered(&trace, write)
            .unwrap_or_else(|| panic!("{marker} was acknowledged and never synced"));
        assert!(
            covered <= *at,
            "{marker} was acknowledged before its sync ended"
        );
    }
    // One sync serves those who wait together.
    let first = trace
        .iter()
        .position(|call| {
            acknowledged
                .iter()
                .any(|a| wrote(call, a.marker.as_bytes()))
        })
        .unwrap();
    let syncs = trace[first..].iter().filter(|call| call.is_sync).count();
    assert!(
        syncs < acknowledged.len(),
        "{syncs} syncs for {} writes",
        acknowledged.len()
    );
}

#[test]
fn a_sync_that_hangs_holds_answers_and_no_reads() {
    let shimmed = Shimmed::new();
    let agent = shimmed.start();
    let mut reader = agent.client();
    shimmed.tell("hold");
    let mut waiting: Vec<Client> = (0..4)
        .map(|n| {
            let mut client = agent.client();
            client
                .send("PUT", &format!("/v1/kv/held/{n}"), b"held back")
                .unwrap();
            client
        })
        .collect();
    for client in &mut waiting {
        assert!(
            !client.answers_within(SILENCE),
            "acknowledged while its sync hangs"
        );
    }
    assert_eq!(reader.value("ready").as_deref(), Some(&b"1"[..]));
    assert_eq!(reader.value("held/0"), None, "read before it is durable");
    shimmed.tell("");
    for client in &mut waiting {
        assert!(client.receive().unwrap().is_acknowledgement());
    }
    assert_eq!(reader.value("held/0").as_deref(), Some(&b"held back"[..]));
}

/// What has to happen before a disk that failed is written to again.
#[derive(PartialEq)]
enum Until {
    /// There is space again.
    Space,
    Restart,
}

/// A disk that fails in one way: writes stop being acknowledged and say why, reads go on, and as soon as there is space again, or
/// after a restart on a healthy disk, everything acknowledged is there and writing goes on.
fn fails(fault: &str, reason: &str, until: Until) {
    let shimmed = Shimmed::new();
    let mut agent = shimmed.start();
    let mut books: Vec<Book> = (0..3).map(Book::new).collect();
    let stop = AtomicBool::new(false);
    let address = agent.address;
    std::thread::scope(|scope| {
        for book in &mut books {
            scope.spawn(|| book.write(address, &stop));
        }
        // Some writes of every writer are to be acknowledged before.
        for writer in 0..3 {
            let written = format!("/v1/kv/single/{writer}/?keys");
            agent
                .client()
                .until(LIMIT, &written, |answer| answer.status == 200);
        }
        shimmed.tell(fault);
        // The writers end by themselves, because nothing is acknowledged any more.
    });
    let mut client = agent.client();
    for n in 0..3 {
        let answer = client
            .ask("PUT", &format!("/v1/kv/late/{n}"), b"late")
            .unwrap();
        assert_eq!(answer.status, 500, "{fault}: {answer:?}");
        assert!(
            answer.text().contains(reason),
            "{fault}: the answer does not say why: {answer:?}"
        );
    }
    assert_eq!(client.value("ready").as_deref(), Some(&b"1"[..]));
    for book in &mut books.clone() {
        book.check(&mut client);
    }
    let log = agent.log();
    let said = log
        .lines()
        .any(|line| line.contains("[ERROR]") && line.contains(reason));
    assert!(said, "{fault}: the log does not say why:\n{log}");
    let mut health = agent.client();
    let healthy = |client: &mut Client| {
        let state = client.ask("GET", "/v1/operator/autopilot/health", b"");
        state.is_ok_and(|answer| answer.status == 200)
    };
    assert!(!healthy(&mut health), "{fault}: it says that it is healthy");
    shimmed.tell("");
    let began = Instant::now();
    while until == Until::Space && !healthy(&mut health) {
        assert!(began.elapsed() < LIMIT, "{fault}: space is not noticed");
        std::thread::yield_now();
    }
    let answer = client.ask("PUT", "/v1/kv/again", b"again").unwrap();
    let goes_on = until == Until::Space;
    assert_eq!(answer.is_acknowledgement(), goes_on, "{fault}: {answer:?}");
    agent.kill();
    let agent = shimmed.start();
    let mut client = agent.client();
    for book in &mut books {
        book.check(&mut client);
    }
    let again = client.value("again");
    assert!(!goes_on || again.is_some(), "{fault}: the last write");
    let answer = client.ask("PUT", "/v1/kv/after", b"after").unwrap();
    assert!(answer.is_acknowledgement(), "{fault}: {answer:?}");
    let written: u64 = books.iter().map(|book| book.count).sum();
    assert!(written > 0, "{fault}: nothing was written before");
}

#[test]
fn no_space_for_a_write() {
    fails("write 28", "No space left on device", Until::Space);
}

#[test]
fn half_a_write_and_then_no_space() {
    fails("short 28", "No space left on device", Until::Space);
}

#[test]
fn a_write_that_fails() {
    fails("write 5", "Input/output error", Until::Restart);
}

#[test]
fn a_sync_that_fails() {
    fails("sync 5", "Input/output error", Until::Restart);
}

#[test]
fn no_space_at_a_sync() {
    fails("sync 28", "No space left on device", Until::Restart);
}

#[test]
fn no_space_for_the_next_segment() {
    // Large values fill the segment at hand; the next one cannot be reserved.
    fails("reserve 28", "No space left on device", Until::Space);
}

/// What of the store would be left if the power failed at the end of call number `cut`: what was synced, and of the writes
/// since then only those that `survives` says.
fn image(
    base: &BTreeMap<PathBuf, Vec<u8>>,
    trace: &[Call],
    cut: usize,
    survives: impl Fn(usize) -> bool,
    to: &Path,
) {
    std::fs::create_dir_all(to).unwrap();
    for (path, bytes) in base {
        std::fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
    }
    let before = &trace[..=cut];
    for (number, write) in before.iter().enumerate() {
        if write.is_sync || write.result <= 0 {
            continue;
        }
        let durable = before.iter().any(|sync| {
            sync.is_sync && sync.result == 0 && sync.path == write.path && sync.start >= write.end
        });
        if durable || survives(number) {
            let name = to.join(write.path.file_name().unwrap());
            // A file that came after the base: nothing of it was promised unless its directory was synced.
            let file = std::fs::File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(name)
                .unwrap();
            let offset = u64::try_from(write.offset).unwrap();
            file.write_all_at(&write.data, offset).unwrap();
        }
    }
}

#[test]
fn what_a_power_failure_leaves_holds_everything_acknowledged() {
    let shimmed = Shimmed::new();
    let mut agent = shimmed.start();
    // Nothing writes by itself once the agent has started up; wait for that, so that the base is a point in the trace.
    let calm = Instant::now();
    let mut known = shimmed.trace().len();
    let mut since = calm;
    while since.elapsed() < Duration::from_millis(300) {
        let len = shimmed.trace().len();
        if len != known {
            (known, since) = (len, Instant::now());
        }
        std::thread::yield_now();
    }
    let mut base = BTreeMap::new();
    for entry in std::fs::read_dir(shimmed.store()).unwrap() {
        let path = entry.unwrap().path();
        base.insert(path.clone(), std::fs::read(&path).unwrap());
    }
    shimmed.tell("delay 3000");
    let acknowledged = write_side_by_side(&shimmed, &agent, 8);
    agent.kill();
    let trace = shimmed.trace();
    let trace = &trace[known..];
    let files: Vec<_> = trace.iter().map(|call| &call.path).collect();
    assert!(
        files.iter().all(|path| base.contains_key(*path)),
        "the test wants one segment: {files:?}"
    );
    // At a write that no sync covers yet, early, in the middle and late.
    let writes: Vec<usize> = (0..trace.len()).filter(|n| !trace[*n].is_sync).collect();
    for part in 1..=3 {
        let cut = writes[(writes.len() - 1) * part / 3];
        for torn in [false, true] {
            let home = tempfile::tempdir().unwrap();
            let store = home.path().join("data/raft");
            image(&base, trace, cut, |_| torn, &store);
            for file in ["data/node-id", "data/checkpoint-signature"] {
                let from = shimmed.home.path().join(file);
                if from.exists() {
                    std::fs::copy(from, home.path().join(file)).unwrap();
                }
            }
            let agent = Agent::start(home.path(), &[]);
            let mut client = agent.client();
            let promised = acknowledged
                .iter()
                .filter(|a| a.at <= trace[cut].mark)
                .collect::<Vec<_>>();
            for Acknowledged { marker, .. } in &promised {
                let mut parts = marker.split('-').skip(1);
                let key = format!("side/{}/{}", parts.next().unwrap(), parts.next().unwrap());
                assert_eq!(
                    client.value(&key).as_deref(),
                    Some(marker.as_bytes()),
                    "{key} was acknowledged before the power failed"
                );
            }
            assert!(part < 3 || !promised.is_empty());
        }
    }
}

#[test]
fn a_sync_that_began_before_the_write_covers_nothing() {
    let call = |is_sync, start: u64, end: u64| Call {
        is_sync,
        start,
        end,
        mark: end,
        result: 0,
        offset: 0,
        path: "log".into(),
        data: Vec::new(),
    };
    let write = call(false, 10, 20);
    let beside = call(true, 15, 30);
    assert_eq!(covered(&[write.clone(), beside], &write), None);
    let failed = Call {
        result: -1,
        ..call(true, 25, 30)
    };
    assert_eq!(covered(&[write.clone(), failed], &write), None);
    let after = call(true, 25, 40);
    assert_eq!(covered(&[write.clone(), after], &write), Some(40));
}
