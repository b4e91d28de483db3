//! Taking in a snapshot that a leader sends.
//!
//! Owns: one receiver at a time, and that nothing comes into place but the whole file that its message speaks of, while the engine
//! wants it. Must never learn: connections; the transport's reads fail when a stream breaks or stalls.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::core::Wish;
use crate::disk::Disk;
use crate::log::Position;
use crate::message;
use crate::snapshot::{Incoming, SnapshotMeta};

/// Longest time a snapshot may take to arrive.
pub const RECEIVE_LIMIT: Duration = Duration::from_secs(3600);
#[derive(Clone, Copy)]
struct Turn {
    number: u64,
    term: u64,
    index: u64,
}

#[derive(Default)]
struct Turns {
    given: u64,
    current: Option<Turn>,
}

/// Who receives now.
#[derive(Default)]
pub struct Receiver(Mutex<Turns>);

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn superseded() -> io::Error {
    io::Error::other("a newer snapshot is being received")
}

impl Receiver {
    /// A snapshot of a leader's later term, or of a later index, takes the place of one under way; so does the same again: its
    /// sender has given up the first stream.
    fn begin(&self, term: u64, index: u64) -> io::Result<Turn> {
        let mut turns = self.0.lock();
        if turns
            .current
            .is_some_and(|now| (term, index) < (now.term, now.index))
        {
            return Err(superseded());
        }
        turns.given += 1;
        let turn = Turn {
            number: turns.given,
            term,
            index,
        };
        turns.current = Some(turn);
        Ok(turn)
    }

    /// Does `work` while no other can begin, if the turn still holds.
    fn while_current<T>(&self, turn: Turn, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let turns = self.0.lock();
        if turns.current.is_some_and(|now| now.number == turn.number) {
            work()
        } else {
            Err(superseded())
        }
    }

    fn end(&self, turn: Turn) {
        let mut turns = self.0.lock();
        if turns.current.is_some_and(|now| now.number == turn.number) {
            turns.current = None;
        }
    }

    /// Begins to take in the file that `message` announces.
    ///
    /// # Errors
    /// When the message is none of a snapshot, a newer one is being received, or the disk fails.
    pub fn open(
        self: &Arc<Self>,
        disk: Arc<dyn Disk>,
        message: Bytes,
        now: Instant,
    ) -> io::Result<Receiving> {
        let (decoded, membership) =
            message::decode(message).map_err(|malformed| invalid(malformed.0))?;
        let membership = membership.ok_or_else(|| invalid("no message of a snapshot"))?;
        let meta = decoded.get_snapshot().get_metadata();
        let position = Position {
            index: meta.index,
            term: meta.term,
        };
        let turn = self.begin(decoded.term, position.index)?;
        let turn = Held(self.clone(), turn);
        let file = Incoming::create(disk, turn.1.number)?;
        Ok(Receiving {
            turn,
            meta: SnapshotMeta {
                position,
                membership,
            },
            file,
            until: now + RECEIVE_LIMIT,
        })
    }
}

/// A turn that ends with its holder.
struct Held(Arc<Receiver>, Turn);

impl Held {
    fn while_current<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.0.while_current(self.1, work)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

/// A snapshot that is being received, as a value: pieces go in; dropped before its end it leaves nothing.
pub struct Receiving {
    // Before the turn goes to another the file is gone.
    file: Incoming,
    turn: Held,
    meta: SnapshotMeta,
    until: Instant,
}

impl Receiving {
    /// Adds what arrived.
    ///
    /// # Errors
    /// When it takes longer than [`RECEIVE_LIMIT`], a newer one took its place, or the disk fails.
    pub fn piece(&mut self, now: Instant, bytes: &[u8]) -> io::Result<()> {
        if now > self.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.turn.while_current(|| Ok(()))?;
        self.file.write(bytes)
    }

    /// Nothing more comes. `ask` is asked, with the sender's term and the position, before the file comes into place. The message
    /// that announced it is to be given in after that.
    ///
    /// # Errors
    /// When the content is not the whole file that was announced, it is not wanted, a newer one took its place, or the disk fails.
    /// Nothing of it is left then.
    pub fn finish(self, ask: impl FnOnce(u64, Position) -> Wish) -> io::Result<()> {
        let Receiving {
            file, turn, meta, ..
        } = self;
        file.verify(&meta)?;
        match ask(turn.1.term, meta.position) {
            Wish::Wanted => turn.while_current(|| file.place(meta.position)),
            Wish::Known => Ok(()),
            Wish::Unwanted => Err(io::Error::other("the snapshot is no longer wanted")),
        }
    }
}
