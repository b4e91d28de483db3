//! Snapshots that arrive: whole, wanted, one at a time, or not at all.

use std::io::{self, Read, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use consensus::disk::Disk;
use consensus::log::Position;
use consensus::snapshot::{SnapshotFile, SnapshotMeta, SnapshotWriter};
use consensus::{Config, Consensus, Inbound, Member, Membership, Transport, message};
use raft::eraftpb::{Message, MessageType, Snapshot};

use crate::support::{Adder, MemoryDisk};

/// A way to peers that there are none of.
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, _: u64, _: Bytes) {}
    fn disconnect(&self, _: u64) {}
    fn send_snapshot(&self, _: u64, _: Bytes, _: SnapshotFile, _: Box<dyn FnOnce(bool) + Send>) {}
}

fn follower(disk: &MemoryDisk) -> Consensus<u64> {
    let config = Config {
        disk: Some(Arc::new(disk.clone())),
        bootstrap: false,
        ..Config::default()
    };
    Consensus::start(config, Adder::new().0, Some(Arc::new(Nowhere))).unwrap()
}

fn meta(index: u64, own: u64) -> SnapshotMeta {
    let member = |name: &str| Member {
        node_id: name.to_owned(),
        node_name: name.to_owned(),
        voter: true,
    };
    SnapshotMeta {
        position: Position { index, term: 2 },
        membership: Membership {
            members: [(own, member("own")), (2, member("two"))].into(),
        },
    }
}

/// A snapshot file that holds `sum`, padded to some blocks.
fn file(meta: &SnapshotMeta, sum: u64) -> Vec<u8> {
    let disk = MemoryDisk::default();
    let mut writer = SnapshotWriter::create(Arc::new(disk.clone()), "x", meta).unwrap();
    writer.write_all(&sum.to_le_bytes()).unwrap();
    writer.write_all(&[7; 200_000]).unwrap();
    writer.finish().unwrap();
    disk.contents().into_values().next().unwrap()
}

fn announce(meta: &SnapshotMeta, own: u64, term: u64) -> Bytes {
    let mut announced = Message {
        to: own,
        from: 2,
        term,
        ..Message::default()
    };
    announced.set_msg_type(MessageType::MsgSnapshot);
    let mut snapshot = Snapshot::default();
    snapshot.mut_metadata().index = meta.position.index;
    snapshot.mut_metadata().term = meta.position.term;
    announced.set_snapshot(snapshot);
    message::encode(&announced, Some(&meta.membership)).unwrap()
}

fn files(disk: &MemoryDisk) -> Vec<String> {
    let names = disk.list().unwrap().into_iter();
    names.filter(|name| !name.ends_with(".log")).collect()
}

/// Gives half, then waits to be let go on.
struct Halting {
    bytes: io::Cursor<Vec<u8>>,
    go_on: Option<Receiver<()>>,
    reached: std::sync::mpsc::Sender<()>,
}

impl Read for Halting {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let half = self.bytes.get_ref().len() as u64 / 2;
        if self.bytes.position() > half
            && let Some(go_on) = self.go_on.take()
        {
            self.reached.send(()).unwrap();
            go_on.recv().unwrap();
        }
        self.bytes.read(buf)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_snapshots_received_at_once_the_newer_comes_into_place_whole() {
    let disk = MemoryDisk::default();
    let server = follower(&disk);
    let own = server.status().raft_id;
    let (older, newer) = (meta(100, own), meta(200, own));
    let ((go, go_on), (reached, halted)) = (channel(), channel());
    let mut halting = Halting {
        bytes: io::Cursor::new(file(&older, 1)),
        go_on: Some(go_on),
        reached,
    };
    let (receiving, announced) = (server.clone(), announce(&older, own, 3));
    let first = std::thread::spawn(move || receiving.receive_snapshot(2, announced, &mut halting));
    halted.recv().unwrap();
    let content = file(&newer, 2);
    server
        .receive_snapshot(2, announce(&newer, own, 4), &mut &content[..])
        .unwrap();
    go.send(()).unwrap();
    first.join().unwrap().unwrap_err();
    let name = "00000000000000c8-0000000000000002.snap";
    assert_eq!(files(&disk), [name]);
    assert_eq!(disk.contents()[name], content);
    // One of an earlier leader is not wanted.
    let old = meta(300, own);
    let error = server
        .receive_snapshot(2, announce(&old, own, 3), &mut &file(&old, 1)[..])
        .unwrap_err();
    assert!(error.to_string().contains("wanted"), "{error}");
    assert_eq!(files(&disk), [name]);
    server.shutdown().await;
}

/// Its first answer was lost, so the leader sends the snapshot again: it must learn that all of it is here.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_here_already_is_answered_and_not_kept() {
    let (disk, (sender, answers)) = (MemoryDisk::default(), channel());
    let config = Config {
        disk: Some(Arc::new(disk.clone())),
        bootstrap: false,
        ..Config::default()
    };
    let transport = Arc::new(Told(std::sync::Mutex::new(sender)));
    let server = Consensus::start(config, Adder::new().0, Some(transport)).unwrap();
    let own = server.status().raft_id;
    let here = meta(200, own);
    let answered = || loop {
        let (message, _) = message::decode(answers.recv().unwrap()).unwrap();
        if message.get_msg_type() == MessageType::MsgAppendResponse {
            return (message.index, message.reject);
        }
    };
    for announced in [&here, &here, &meta(100, own)] {
        let content = file(announced, 1);
        let message = announce(announced, own, 4);
        server
            .receive_snapshot(2, message, &mut &content[..])
            .unwrap();
        assert_eq!(answered(), (200, false));
    }
    assert_eq!(files(&disk), ["00000000000000c8-0000000000000002.snap"]);
    server.shutdown().await;
}

/// Keeps what is sent.
struct Told(std::sync::Mutex<std::sync::mpsc::Sender<Bytes>>);

impl Transport for Told {
    fn send(&self, _: u64, message: Bytes) {
        let _ = self.0.lock().unwrap().send(message);
    }
    fn disconnect(&self, _: u64) {}
    fn send_snapshot(&self, _: u64, _: Bytes, _: SnapshotFile, _: Box<dyn FnOnce(bool) + Send>) {}
}

#[tokio::test]
async fn what_is_not_the_whole_announced_file_leaves_nothing() {
    let disk = MemoryDisk::default();
    let server = follower(&disk);
    let own = server.status().raft_id;
    let announced = meta(100, own);
    let whole = file(&announced, 1);
    let mut flipped = whole.clone();
    flipped[150_000] ^= 1;
    let longer = [&whole[..], b"x"].concat();
    let other = file(&meta(200, own), 1);
    for (what, content) in [
        ("cut short", &whole[..whole.len() - 1]),
        ("half", &whole[..whole.len() / 2]),
        ("nothing", &whole[..0]),
        ("flipped", &flipped[..]),
        ("longer", &longer[..]),
        ("another one's", &other[..]),
    ] {
        let mut content = content;
        let received = server.receive_snapshot(2, announce(&announced, own, 3), &mut content);
        assert!(received.is_err(), "{what}");
        assert_eq!(files(&disk), [""; 0], "{what}");
    }
    let broken = io::Error::from(io::ErrorKind::ConnectionReset);
    let mut content = (&whole[..1000]).chain(Broken(Some(broken)));
    server
        .receive_snapshot(2, announce(&announced, own, 3), &mut content)
        .unwrap_err();
    assert_eq!(files(&disk), [""; 0]);
    // The next attempt is as good as the first.
    server
        .receive_snapshot(2, announce(&announced, own, 3), &mut &whole[..])
        .unwrap();
    assert_eq!(files(&disk), ["0000000000000064-0000000000000002.snap"]);
    server.shutdown().await;
}

struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
