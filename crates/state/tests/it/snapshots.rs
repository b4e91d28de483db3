//! The native snapshot form.

use crate::common::*;
use model::KvEntry;
use state::{Effect, Store, Touched, WatchKey};
use wire::command::{RestorePlace, Stamp};
use wire::{Command, Outcome};

fn bytes(store: &Store) -> Vec<u8> {
    let mut out = Vec::new();
    store.write_to(&mut out).expect("memory takes all");
    out
}

fn full() -> Cluster {
    let mut c = Cluster::default();
    c.ok(with_service("Node", service("web", "w")));
    c.ok(with_check("node", check("Node", "c", "w", "passing")));
    c.ok(session("s", "node", &["c"], ""));
    c.ok(kvs(
        "lock",
        KvEntry {
            session: "s".into(),
            ..entry("k", "v")
        },
    ));
    c.ok(kvs(
        "set",
        KvEntry {
            value: None,
            flags: 7,
            ..entry("null", "")
        },
    ));
    c.ok(set("big", &"x".repeat(400_000)));
    c.ok(set("gone", ""));
    c.ok(kvs("delete", entry("gone", "")));
    c.ok(coordinate("node"));
    c
}

#[test]
fn a_round_trip_gives_the_same_bytes_and_the_same_answers() {
    let c = full();
    let written = bytes(&c.store);
    let store = Store::load(&mut &written[..]).expect("own bytes");
    assert_eq!(bytes(&store), written);
    assert_eq!(store.root().hash(), c.store.root().hash());
    assert_eq!(store.root().usage(), c.store.root().usage());
    assert_eq!(store.root().kv_list(b""), c.store.root().kv_list(b""));
    // Secondary indexes work as before: the same commands lead to the same state.
    let mut again = Cluster {
        store,
        index: c.index,
    };
    let mut c = c;
    for command in [destroy("s"), reap(99), deregister("node", "", "")] {
        assert_eq!(c.ok(command.clone()).keys, again.ok(command).keys);
    }
    assert_eq!(bytes(&again.store), bytes(&c.store));
}

#[test]
fn damage_is_noticed_wherever_it_is() {
    let mut c = full();
    c.ok(kvs("delete", entry("big", "")));
    let written = bytes(&c.store);
    for at in 0..written.len() {
        let mut bad = written.clone();
        bad[at] ^= 0x10;
        assert!(Store::load(&mut &bad[..]).is_err(), "byte {at}");
        assert!(Store::load(&mut &written[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_restore_may_stand_still_anywhere() {
    let source = full();
    let mut stream = Vec::new();
    state::archive::write_stream(source.store.root(), &mut stream).expect("memory takes all");
    for cut in [0, 1, stream.len() / 3, stream.len() - 1] {
        let mut c = Cluster::default();
        c.ok(set("old", "1"));
        c.ok(Command::RestoreBegin(77));
        c.ok(Command::RestoreChunk(stream[..cut].to_vec().into()));
        let mut c = Cluster {
            store: Store::load(&mut &bytes(&c.store)[..]).expect("own bytes"),
            ..c
        };
        assert!(
            c.store.root().kv_get(b"old").rows.is_some(),
            "the current root stays until the commit"
        );
        c.ok(Command::RestoreChunk(stream[cut..].to_vec().into()));
        let did = c.ok(Command::RestoreCommit);
        assert_eq!(
            (did.outcome, did.keys),
            (Outcome::Index(77), vec![WatchKey::Everything])
        );
        assert_eq!(did.effects, [Effect::Restored]);
        assert_eq!(c.store.root().hash(), source.store.root().hash());
    }
}

#[test]
fn a_restore_with_places_goes_on_where_a_snapshot_was_taken() {
    let source = full();
    let mut stream = Vec::new();
    state::archive::write_stream(source.store.root(), &mut stream).expect("memory takes all");
    let (one, two) = stream.split_at(stream.len() / 2);
    let mut c = Cluster::default();
    let Outcome::Index(restore) = c.ok(Command::RestoreBegin(77)).outcome else {
        panic!("a begin tells its place");
    };
    let place = |sequence| RestorePlace { restore, sequence };
    c.ok(Command::RestorePiece(place(0), one.to_vec().into()));
    let mut c = Cluster {
        store: Store::load(&mut &bytes(&c.store)[..]).expect("own bytes"),
        ..c
    };
    assert!(c.store.is_restoring());
    let again = Command::RestorePiece(place(0), one.to_vec().into());
    assert!(c.error(again).starts_with("another restore began"));
    c.ok(Command::RestorePiece(place(1), two.to_vec().into()));
    c.ok(Command::RestoreEnd(place(2)));
    assert!(!c.store.is_restoring());
    assert_eq!(c.store.root().hash(), source.store.root().hash());
}

/// Table 13, as written before pieces of a restore had a place.
#[test]
fn a_snapshot_of_before_goes_on_too() {
    let block = |table: u8, rows: &[u8]| {
        let len = u32::try_from(rows.len()).unwrap().to_le_bytes();
        let head = [&[table][..], &len].concat();
        let sum = crc32c::crc32c(&[&head[..], rows].concat()).to_le_bytes();
        [&head[..], &sum, rows].concat()
    };
    // Archive index 77, the header was read, no undecoded tail.
    let restore = block(13, &[0x93, 77, 0xc3, 0xa0]);
    let snapshot = [
        &state::snapshot::MAGIC[..],
        &restore,
        &block(0xff, &1u64.to_le_bytes()),
    ]
    .concat();
    let mut c = Cluster {
        store: Store::load(&mut &snapshot[..]).expect("an older form"),
        ..Cluster::default()
    };
    assert!(c.store.is_restoring());
    c.ok(Command::RestoreChunk(Vec::new().into()));
    assert_eq!(c.ok(Command::RestoreCommit).outcome, Outcome::Index(77));
}

#[test]
fn what_nobody_ends_is_let_go() {
    let mut c = full();
    let before = c.store.root().hash();
    c.ok(Command::RestoreBegin(1));
    c.ok(Command::RestoreAbort);
    assert!(!c.store.is_restoring());
    assert_eq!(c.error(Command::RestoreCommit), "no restore is in progress");
    c.ok(Command::RestoreAbort);
    assert_eq!(c.store.root().hash(), before);
}

#[test]
fn a_bad_restore_keeps_the_state() {
    let mut c = full();
    assert_eq!(c.error(Command::RestoreCommit), "no restore is in progress");
    for (record, text) in [
        (
            vec![0x81, 0xa1, b'x', 1, 34, 0xc0],
            "Unrecognized msg type 34",
        ),
        (
            vec![0x81, 0xa1, b'x', 1, 64],
            "msg type <64> is a Consul Enterprise log entry. Consul CE cannot restore it",
        ),
    ] {
        c.ok(Command::RestoreBegin(1));
        assert_eq!(c.error(Command::RestoreChunk(record.into())), text);
        assert_eq!(c.error(Command::RestoreCommit), "no restore is in progress");
    }
    c.ok(Command::RestoreBegin(1));
    c.ok(Command::RestoreChunk(vec![0x80, 2, 0x81].into()));
    assert_eq!(c.error(Command::RestoreCommit), "unexpected EOF");
}

#[test]
fn commands_of_other_versions() {
    let mut store = Store::new();
    let mut run = |bytes: &'static [u8]| {
        let command = Command::decode(&bytes.into());
        command
            .map(|command| store.apply(1, &Stamp::default(), &command, &mut Touched::new()))
            .map_err(|error| error.to_string())
    };
    assert_eq!(run(&[0xa9, 0xc0]), Ok(Outcome::Nil));
    assert_eq!(run(&[100 | 128, 1, 2]), Ok(Outcome::Nil));
    assert_eq!(
        run(&[100]),
        Err("failed to apply request: unknown command type 100".into())
    );
    assert_eq!(
        run(&[]),
        Err("failed to apply request: empty log entry".into())
    );
    let removed = "legacy ACL command has been removed with the legacy ACL system";
    assert_eq!(run(&[4, 0xc0]), Ok(Outcome::Error(removed.into())));
}
