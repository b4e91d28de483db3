//! Formats that are frozen. The fixtures were written by the version before commands were stamped: a log (length and entry, one
//! after the other), the state it leads to with a restore half-way, and the archive stream of the state before that restore.

use crate::common::Cluster;
use dialect::Bytes;
use state::archive::{Loader, write_stream};
use state::{Store, Touched};
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
        let command = Command::decode(&entry).expect("an old entry");
        if matches!(command, Command::RestoreBegin(_)) {
            let mut stream = Vec::new();
            write_stream(c.store.root(), &mut stream).expect("memory takes all");
            assert!(stream == STREAM, "the archive");
        }
        c.index += 1;
        let outcome = c.store.apply(c.index, &command, &mut Touched::new());
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
