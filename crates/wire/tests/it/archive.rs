//! Archives that want more than they are worth, and archives with something behind their end.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use wire::archive::{Measure, Meta, Sink, read, write};

fn meta() -> Meta {
    Meta {
        term: 2,
        index: 15,
        unix_millis: 1_700_000_000_000,
        voters: Vec::new(),
    }
}

fn archive(state: &[u8]) -> Vec<u8> {
    let mut measure = Measure::default();
    measure.write_all(state).unwrap();
    write(Vec::new(), &meta(), measure, |out| out.write_all(state)).unwrap()
}

fn text(archive: &[u8]) -> String {
    read(archive, &mut io::sink()).unwrap_err().text
}

fn header(kind: u8, name: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_cksum();
    header
}

/// A compressed file of tar members: type, name, content, which is `size` times the same byte.
fn packed(members: &[(u8, &str, u8, u64)]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    let piece = |byte| vec![byte; 1 << 20];
    for (kind, name, byte, size) in members {
        out.write_all(header(*kind, name, *size).as_bytes())
            .unwrap();
        let padded = size.next_multiple_of(512);
        for at in (0..padded).step_by(1 << 20) {
            let part = usize::try_from((padded - at).min(1 << 20)).unwrap();
            out.write_all(&piece(*byte)[..part]).unwrap();
        }
    }
    out.write_all(&[0; 1024]).unwrap();
    out.finish().unwrap()
}

/// Bytes of a bomb, unpacked.
const LONG: u64 = 256 << 20;

#[test]
fn headers_are_bounded() {
    // A long name, a long link, an extended header: each would be held in memory.
    for kind in [b'L', b'K', b'x'] {
        let bomb = packed(&[
            (kind, "././@LongLink", b'a', LONG),
            (b'0', "meta.json", b'x', 1),
        ]);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(
            text(&bomb),
            "failed to read snapshot file: failed reading snapshot: archive/tar: header field too long",
            "kind {kind}"
        );
    }
    // What Go reads is read: the name is unknown, not too long.
    let named = packed(&[(b'L', "././@LongLink", b'a', 4000), (b'0', "x", b'x', 1)]);
    let error = text(&named);
    assert!(error.starts_with("failed to read snapshot file: unexpected file \"aaaa"));
}

#[test]
fn small_members_are_small() {
    for name in ["meta.json", "SHA256SUMS"] {
        let bomb = packed(&[(b'0', name, b' ', LONG)]);
        assert_eq!(
            text(&bomb),
            "failed to read snapshot file: failed to read or write snapshot data: the member is too large",
            "{name}"
        );
    }
}

#[test]
fn a_member_comes_once() {
    let twice = packed(&[(b'0', "state.bin", 0, 1), (b'0', "state.bin", 0, 1)]);
    assert_eq!(
        text(&twice),
        "failed to read snapshot file: unexpected file \"state.bin\" in snapshot"
    );
}

#[test]
fn bytes_behind_the_end_are_refused() {
    let good = archive(b"some state");
    read(&good[..], &mut io::sink()).unwrap();
    // Behind the compressed file.
    for (behind, told) in [
        (&b"x"[..], "unexpected EOF"),
        (b"garbage that is no file", "gzip: invalid header"),
        (&[0; 512], "gzip: invalid header"),
    ] {
        let more = [&good[..], behind].concat();
        assert_eq!(text(&more), told, "{behind:?}");
    }
    // A second compressed file is part of the first, as gzip has it.
    let twice = [&good[..], &archive(b"other")].concat();
    assert!(text(&twice).ends_with("unread uncompressed bytes remain"));
    // Behind the end of the tar, and more than anybody wants to count.
    let zeros = packed(&[]);
    let mut behind = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..LONG >> 20 {
        behind.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let more = [&good[..], &behind.finish().unwrap(), &zeros].concat();
    assert!(text(&more).ends_with("unread uncompressed bytes remain"));
}

/// Wants at most so many bytes.
struct Picky(u64);

impl Sink for Picky {
    fn announced(&mut self, size: u64) -> Result<(), String> {
        if size > self.0 {
            return Err(format!("{size} are too many"));
        }
        Ok(())
    }
}

impl Write for Picky {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(self.0 >= 10, "it was told that this is not wanted");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_size_is_told_before_the_state() {
    let good = archive(b"some state");
    read(&good[..], &mut Picky(10)).unwrap();
    assert_eq!(
        read(&good[..], &mut Picky(9)).unwrap_err().text,
        "10 are too many"
    );
}
