//! What every [`Transport`] has to do, as a test that each implementation runs.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::disk::DiskFile;
use crate::machine::{Inbound, Transport};
use crate::snapshot::SnapshotFile;

/// Longest wait for what must happen.
const LIMIT: Duration = Duration::from_secs(60);
/// Bytes of one message.
const MESSAGE: usize = 1000;
/// Bytes of a snapshot.
const SNAPSHOT: usize = 300_000;

/// A transport under test, with servers 1, 2 and 3 on it.
pub trait Bench {
    /// The way out of a server.
    fn transport(&self, own: u64) -> Arc<dyn Transport>;
    /// What is sent to `id` arrives at `inbound`.
    fn join(&self, id: u64, inbound: Arc<dyn Inbound>);
    /// Connections from `from` to `to` break and cannot be made, or can again.
    fn cut(&self, from: u64, to: u64, cut: bool);
    /// Streams from `from` to `to` stop without breaking, or go on.
    fn stall(&self, from: u64, to: u64, stalled: bool);
    /// Bytes that may wait for one server, in queues and buffers together. Above 10,000.
    fn queue_bytes(&self) -> usize;
}

/// What a server saw.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Message(u64, Bytes),
    Gone(u64),
    /// Sender, message, content or how reading it failed.
    Snapshot(u64, Bytes, Result<Vec<u8>, io::ErrorKind>),
}

struct Server {
    seen: Mutex<Sender<Seen>>,
    /// Messages are not taken in while this is set.
    held: Mutex<bool>,
    go: Condvar,
    refuses: bool,
}

impl Server {
    fn hold(&self, held: bool) {
        *self.held.lock() = held;
        self.go.notify_all();
    }

    fn saw(&self, what: Seen) {
        let _ = self.seen.lock().send(what);
    }
}

impl Inbound for Server {
    fn deliver(&self, from: u64, message: Bytes) -> bool {
        let mut held = self.held.lock();
        while *held {
            self.go.wait(&mut held);
        }
        self.saw(Seen::Message(from, message));
        true
    }

    fn receive_snapshot(
        &self,
        from: u64,
        message: Bytes,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        let read = content.read_to_end(&mut bytes);
        let failed = read.as_ref().err().map(io::Error::kind);
        self.saw(Seen::Snapshot(from, message, failed.map_or(Ok(bytes), Err)));
        if self.refuses {
            return Err(io::Error::other("not wanted"));
        }
        read.map(drop)
    }

    fn peer_gone(&self, peer: u64) {
        self.saw(Seen::Gone(peer));
    }
}

fn server(bench: &dyn Bench, id: u64, refuses: bool) -> (Arc<Server>, Receiver<Seen>) {
    let (seen, sees) = channel();
    let server = Arc::new(Server {
        seen: Mutex::new(seen),
        held: Mutex::new(false),
        go: Condvar::new(),
        refuses,
    });
    bench.join(id, server.clone());
    (server, sees)
}

/// Version and kind of a heartbeat: messages without entries keep their order among each other.
const HEAD: [u8; 2] = [crate::message::VERSION, 6];

/// Message number `number`.
fn message(number: u32) -> Bytes {
    let mut bytes = HEAD.to_vec();
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.resize(MESSAGE, 7);
    bytes.into()
}

fn number(message: &Bytes) -> u32 {
    let bytes = message[HEAD.len()..].first_chunk();
    let bytes = bytes.expect("a message has a number");
    u32::from_le_bytes(*bytes)
}

fn next(sees: &Receiver<Seen>) -> Seen {
    sees.recv_timeout(LIMIT)
        .expect("what was sent has not arrived")
}

/// The next thing but messages that an earlier part left on their way.
fn next_but(sees: &Receiver<Seen>, left: impl Fn(&Seen) -> bool) -> Seen {
    loop {
        let seen = next(sees);
        if !left(&seen) {
            return seen;
        }
    }
}

/// Messages, and that a connection broke which brought them, come when they come.
fn is_aside(seen: &Seen) -> bool {
    matches!(seen, Seen::Message(..) | Seen::Gone(_))
}

/// Runs the whole of it. Takes as long as a stalled stream is given, and not more than a second besides.
///
/// # Panics
/// With what the transport does wrong.
pub fn check(bench: &dyn Bench) {
    ordered(bench);
    bounded(bench);
    refused(bench);
    snapshots(bench);
    broken(bench);
}

/// What one server sends to another arrives in order, under its sender's id.
fn ordered(bench: &dyn Bench) {
    let (_two, sees) = server(bench, 2, false);
    let (one, three) = (bench.transport(1), bench.transport(3));
    let count = (bench.queue_bytes() / MESSAGE / 2) as u32;
    for at in 0..count {
        one.send(2, message(at));
        three.send(2, message(at));
    }
    let mut upto = [0, 0];
    for _ in 0..2 * count {
        let Seen::Message(from, bytes) = next(&sees) else {
            panic!("no message");
        };
        let of = &mut upto[usize::from(from == 3)];
        assert_eq!(number(&bytes), *of, "order of what {from} sent");
        assert_eq!(bytes, message(*of));
        *of += 1;
    }
    // To nobody: no harm.
    one.send(9, message(0));
}

/// Who does not take in what it is sent holds up no sender and no other receiver, and costs a bounded number of bytes.
fn bounded(bench: &dyn Bench) {
    let (two, sees) = server(bench, 2, false);
    let (_three, others) = server(bench, 3, false);
    let one = bench.transport(1);
    two.hold(true);
    let count = (4 * bench.queue_bytes() / MESSAGE) as u32;
    for at in 0..count {
        one.send(2, message(at));
    }
    one.send(3, message(1));
    assert_eq!(next(&others), Seen::Message(1, message(1)));
    two.hold(false);
    // What was not dropped arrives in order; a message of the end is repeated until it does.
    let mut arrived = VecDeque::new();
    loop {
        one.send(2, message(count));
        match sees.recv_timeout(Duration::from_millis(20)) {
            Ok(Seen::Message(_, bytes)) if number(&bytes) == count => break,
            Ok(Seen::Message(_, bytes)) => arrived.push_back(number(&bytes)),
            Ok(other) => panic!("{other:?}"),
            Err(_) => {}
        }
    }
    assert!(arrived.iter().is_sorted(), "order after a stop");
    assert!(!arrived.is_empty(), "nothing waited");
    // One more may have been in the receiver's hands.
    let most = bench.queue_bytes() / MESSAGE + 1;
    assert!(arrived.len() <= most, "{} messages waited", arrived.len());
}

/// A connection that brought what cannot be is closed, its sender told, and the next message opens another.
fn refused(bench: &dyn Bench) {
    let (_one, told) = server(bench, 1, false);
    let (_two, sees) = server(bench, 2, false);
    insist(bench, 5, &sees);
    bench.transport(2).disconnect(1);
    assert_eq!(next(&told), Seen::Gone(2));
    insist(bench, 6, &sees);
}

/// Sends a message from 1 to 2 until it arrives: what waits from an earlier part may leave no room for it yet.
fn insist(bench: &dyn Bench, number: u32, sees: &Receiver<Seen>) {
    let wanted = Seen::Message(1, message(number));
    let until = Instant::now() + LIMIT;
    loop {
        bench.transport(1).send(2, message(number));
        while let Ok(seen) = sees.recv_timeout(Duration::from_millis(20)) {
            if seen == wanted {
                return;
            }
        }
        assert!(Instant::now() < until, "message {number} does not arrive");
    }
}

fn send_snapshot(bench: &dyn Bench, announced: &Bytes) -> Receiver<bool> {
    let (done, told) = channel();
    let content = SnapshotFile::of(Box::new(Content(content())));
    let done = Box::new(move |arrived| {
        let _ = done.send(arrived);
    });
    bench
        .transport(1)
        .send_snapshot(2, announced.clone(), content, done);
    told
}

fn arrived(told: &Receiver<bool>) -> bool {
    // Dropped without a word says no, too.
    match told.recv_timeout(LIMIT) {
        Ok(arrived) => arrived,
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => false,
        Err(error) => panic!("nobody tells what became of a snapshot: {error}"),
    }
}

/// A snapshot arrives whole, with its message and its sender, or its sender learns that it did not.
fn snapshots(bench: &dyn Bench) {
    let announced = message(8);
    for refuses in [false, true] {
        let (_two, sees) = server(bench, 2, refuses);
        let told = send_snapshot(bench, &announced);
        let whole = Seen::Snapshot(1, announced.clone(), Ok(content()));
        assert!(
            next_but(&sees, is_aside) == whole,
            "the snapshot is another one"
        );
        assert_eq!(arrived(&told), !refuses);
    }
}

/// A stream that breaks or stalls fails at its reader; it never looks like an end.
fn broken(bench: &dyn Bench) {
    let announced = message(9);
    let (_two, sees) = server(bench, 2, false);
    bench.stall(1, 2, true);
    let told = send_snapshot(bench, &announced);
    let stalled = next_but(&sees, is_aside);
    assert!(
        matches!(stalled, Seen::Snapshot(1, _, Err(_))),
        "a stalled stream ended"
    );
    assert!(!arrived(&told));
    let told = send_snapshot(bench, &announced);
    bench.cut(1, 2, true);
    assert!(!arrived(&told));
    bench.stall(1, 2, false);
    let told = send_snapshot(bench, &announced);
    assert!(!arrived(&told), "a snapshot crossed a cut connection");
    bench.cut(1, 2, false);
    while let Ok(seen) = sees.try_recv() {
        let failed = matches!(seen, Seen::Snapshot(1, _, Err(_)));
        assert!(failed || is_aside(&seen), "a broken stream ended");
    }
    // The next one is as good as the first.
    let told = send_snapshot(bench, &announced);
    assert!(arrived(&told));
}

fn content() -> Vec<u8> {
    (0..SNAPSHOT).map(|at| (at % 251) as u8).collect()
}

/// A file that is only read.
struct Content(Vec<u8>);

impl DiskFile for Content {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = self.0.get(offset as usize..).unwrap_or(&[]);
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
