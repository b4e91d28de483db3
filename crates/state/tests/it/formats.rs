//! Formats that are frozen. The fixtures were written by the version before commands were stamped: a log (length and entry, one
//! after the other), the state it leads to with a restore half-way, and the archive stream of the state before that restore.

use crate::common::{Cluster, set};
use dialect::Bytes;
use state::archive::{Loader, write_stream};
use state::{Store, Touched};
use wire::command::Stamp;
use wire::{Command, Outcome};

const LOG: &[u8] = include_bytes!("../fixtures/unstamped.log");
const STATE: &[u8] = include_bytes!("../fixtures/unstamped.state");
const STREAM: &[u8] = include_bytes!("../fixtures/unstamped.stream");

/// The entries of the log.
pub fn log() -> Vec<Bytes> {
    let (mut rest, mut entries) = (LOG, Vec::new());
    while let Some((len, more)) = rest.split_first_chunk() {
        let (entry, more) = more.split_at(u32::from_le_bytes(*len) as usize);
        entries.push(Bytes::from_static(entry));
        rest = more;
    }
    entries
}

fn native(store: &Store) -> Vec<u8> {
    let mut out = Vec::new();
    store.write_to(&mut out).expect("memory takes all");
    out
}

#[test]
fn an_old_log_leads_to_the_same_bytes() {
    let mut c = Cluster::default();
    for entry in log() {
        let (stamp, command) = Command::decode_stamped(&entry).expect("an old entry");
        assert_eq!(stamp, Stamp::default());
        if matches!(command, Command::RestoreBegin(_)) {
            let mut stream = Vec::new();
            write_stream(c.store.root(), &mut stream).expect("memory takes all");
            assert!(stream == STREAM, "the archive");
        }
        c.index += 1;
        let outcome = c
            .store
            .apply(c.index, &stamp, &command, &mut Touched::new());
        assert!(!matches!(outcome, Outcome::Error(_)), "{outcome:?}");
    }
    assert!(c.store.is_restoring());
    assert!(native(&c.store) == STATE, "the snapshot");
}

#[test]
fn an_old_snapshot_and_an_old_archive_are_written_back_as_they_were() {
    let store = Store::load(&mut &STATE[..]).expect("an old snapshot");
    assert!(native(&store) == STATE);
    let mut loader = Loader::new();
    loader.feed(STREAM).expect("an old archive");
    let mut stream = Vec::new();
    write_stream(&loader.finish().expect("whole"), &mut stream).expect("memory takes all");
    assert!(stream == STREAM);
}

#[test]
fn the_log_has_a_time_of_its_own_that_never_falls_and_is_in_no_archive() {
    let mut c = Cluster::default();
    let mut stamped = |at, command: Command| {
        let entry = command.encode_stamped(&Stamp { at, accessor: None });
        let (stamp, command) = Command::decode_stamped(&entry).expect("own bytes");
        c.index += 1;
        c.store
            .apply(c.index, &stamp, &command, &mut Touched::new());
        c.store.clone()
    };
    let earlier = stamped(900, set("k", "1"));
    let store = stamped(500, set("k", "2"));
    assert_eq!((earlier.clock(), store.clock()), (900, 900));
    let again = Store::load(&mut &native(&store)[..]).expect("own bytes");
    assert_eq!(again.clock(), 900);
    assert_eq!(native(&again), native(&store));
    let mut stream = Vec::new();
    write_stream(store.root(), &mut stream).expect("memory takes all");
    let mut unstamped = Cluster::default();
    unstamped.ok(set("k", "1"));
    unstamped.ok(set("k", "2"));
    let mut plain = Vec::new();
    write_stream(unstamped.store.root(), &mut plain).expect("memory takes all");
    assert!(stream == plain);
}
