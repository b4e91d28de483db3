//! Archives that the reference wrote.

use dialect::msgpack::{self, Reader, Value};
use state::archive::{Checker, Loader, write_stream};
use state::{Root, Store};
use std::{collections::BTreeMap, io::Read};

fn state_of(archive: &[u8]) -> Vec<u8> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    for file in archive.entries().expect("a tar") {
        let mut file = file.expect("a member");
        if file.path().expect("a name").ends_with("state.bin") {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("whole");
            return bytes;
        }
    }
    panic!("no state.bin");
}

fn load(stream: &[u8], step: usize) -> Root {
    let (mut loader, mut checker) = (Loader::new(), Checker::new());
    for piece in stream.chunks(step) {
        loader.feed(piece).expect("a stream of the reference");
        checker.feed(piece).expect("what loads is found good");
    }
    checker.finish().expect("whole");
    loader.finish().expect("whole")
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Map(mut pairs) => {
            pairs.sort_by_key(|(key, _)| format!("{key:?}"));
            Value::Map(
                pairs
                    .into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Entries of the index table, whose names are told apart without regard to case.
const INDEX: u8 = 16;

/// The records by type, each printed with its maps in key order; order within a type does not count.
fn records(stream: &[u8]) -> BTreeMap<u8, Vec<String>> {
    let mut r = Reader::new(stream);
    let header: Value = r.value().expect("a header");
    let mut out = BTreeMap::from([(255, vec![format!("{header:?}")])]);
    while let Some((&kind, rest)) = r.rest().split_first() {
        let (value, len) = msgpack::from_prefix::<Value>(rest).expect("a record");
        let mut text = format!("{:?}", sorted(value));
        if kind == INDEX {
            text = text.to_lowercase();
        }
        out.entry(kind).or_default().push(text);
        r = Reader::new(&rest[len..]);
    }
    out.values_mut().for_each(|rows| rows.sort());
    out
}

#[test]
fn streams_are_written_back_record_by_record() {
    for archive in [
        &include_bytes!("../fixtures/catalog.snap")[..],
        include_bytes!("../fixtures/acl.snap"),
        include_bytes!("../fixtures/mesh.snap"),
    ] {
        let stream = state_of(archive);
        let root = load(&stream, stream.len());
        let mut written = Vec::new();
        write_stream(&root, &mut written).expect("memory takes all");
        let (mut theirs, mut ours) = (records(&stream), records(&written));
        for kind in theirs
            .keys()
            .chain(ours.keys())
            .copied()
            .collect::<std::collections::BTreeSet<_>>()
        {
            assert_eq!(theirs.remove(&kind), ours.remove(&kind), "type {kind}");
        }
    }
}

#[test]
fn pieces_of_any_size_give_the_same_root() {
    let stream = state_of(include_bytes!("../fixtures/catalog.snap"));
    let whole = load(&stream, stream.len());
    for step in [1, 7, 1000] {
        assert_eq!(load(&stream, step).hash(), whole.hash());
    }
    let mut snapshot = Vec::new();
    whole.write_to(&mut snapshot).expect("memory takes all");
    let again = Store::load(&mut &snapshot[..]).expect("own bytes");
    assert_eq!(again.root().hash(), whole.hash());
}

#[test]
fn a_cut_stream_is_refused_unless_cut_between_records() {
    let stream = state_of(include_bytes!("../fixtures/acl.snap"));
    for cut in (0..stream.len()).step_by(13) {
        let mut loader = Loader::new();
        loader.feed(&stream[..cut]).expect("so far so good");
        let _ = loader.finish();
    }
    assert_eq!(
        Loader::new().finish().err().map(|error| error.to_string()),
        Some("unexpected EOF".into())
    );
}

/// An empty header, then a record of type `kind`.
fn stream(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[0x80, kind][..], body].concat()
}

/// What a checker and a loader say of a stream that comes in small pieces.
fn refused(stream: &[u8]) -> String {
    let (mut loader, mut checker) = (Loader::new(), Checker::new());
    let mut pieces = stream.chunks(4096);
    let checked = pieces.try_for_each(|piece| checker.feed(piece));
    let checked = checked.and_then(|()| checker.finish());
    let mut pieces = stream.chunks(4096);
    let loaded = pieces.try_for_each(|piece| loader.feed(piece));
    let loaded = loaded.and_then(|()| loader.finish().map(drop));
    assert_eq!(checked, loaded);
    loaded.expect_err("refused").to_string()
}

/// Time grows with the bytes of a record, not with their square: what takes milliseconds took minutes.
#[test]
fn a_record_of_nested_arrays_is_looked_at_once() {
    let began = std::time::Instant::now();
    let deep = stream(17, &vec![0x91; 32 << 20]);
    assert_eq!(refused(&deep), "unexpected EOF");
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
}

/// A list of nothings is a byte each in the stream, nothing at all when compressed, and hundreds of bytes each in memory.
#[test]
fn a_list_of_millions_of_nothings_is_refused() {
    let mut coordinates = b"\xdd\x00\x40\x00\x00".to_vec();
    coordinates.resize(5 + (4 << 20), 0xc0);
    assert!(refused(&stream(6, &coordinates)).ends_with("too many elements"));
    let mut checks = b"\x81\xa6Checks".to_vec();
    checks.extend_from_slice(&coordinates);
    assert!(refused(&stream(0, &checks)).ends_with("too many elements"));
}

#[test]
fn a_record_that_must_be_too_large_is_refused_at_its_head() {
    let claims = b"\xdd\xff\xff\xff\xff".repeat(3);
    assert_eq!(
        refused(&stream(17, &claims)),
        "record of type 17 is too large"
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused_or_loaded_without_a_panic(bytes: Vec<u8>) {
        let (mut loader, mut checker) = (Loader::new(), Checker::new());
        let loaded = loader.feed(&[0x80]).and_then(|()| loader.feed(&bytes)).and_then(|()| loader.finish());
        let checked = checker.feed(&[0x80]).and_then(|()| checker.feed(&bytes)).and_then(|()| checker.finish());
        proptest::prop_assert_eq!(loaded.err(), checked.err());
        let _ = Store::load(&mut &bytes[..]);
    }
}
