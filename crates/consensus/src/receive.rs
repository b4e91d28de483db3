//! Taking in a snapshot that a leader sends.
//!
//! Owns: one receiver at a time, and that nothing comes into place but the whole file that its message speaks of, while the engine
//! wants it. Must never learn: connections; the transport's reads fail when a stream breaks or stalls.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::disk::Disk;
use crate::log::Position;
use crate::message;
use crate::snapshot::{Incoming, SnapshotMeta};

/// Longest time a snapshot may take to arrive.
pub(crate) const RECEIVE_LIMIT: Duration = Duration::from_secs(3600);
/// Bytes read at once.
const PIECE: usize = 64 << 10;

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
pub(crate) struct Receiver(Mutex<Turns>);

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

    /// Receives the file that `message` announces. `wanted` is asked before the file comes into place.
    ///
    /// # Errors
    /// When the message is none of a snapshot, the content is not the file it speaks of, breaks off or takes longer than `limit`, a
    /// newer one takes its place, nobody wants it, or the disk fails. Nothing of it is left then.
    pub(crate) fn receive(
        &self,
        disk: Arc<dyn Disk>,
        message: Bytes,
        content: &mut dyn Read,
        limit: Duration,
        wanted: impl FnOnce(u64, Position) -> bool,
    ) -> io::Result<()> {
        let (decoded, membership) =
            message::decode(message).map_err(|malformed| invalid(malformed.0))?;
        let membership = membership.ok_or_else(|| invalid("no message of a snapshot"))?;
        let meta = decoded.get_snapshot().get_metadata();
        let position = Position {
            index: meta.index,
            term: meta.term,
        };
        let meta = SnapshotMeta {
            position,
            membership,
        };
        let turn = self.begin(decoded.term, position.index)?;
        let done = self.take(disk, turn, &meta, content, limit, || {
            wanted(decoded.term, position)
        });
        self.end(turn);
        done
    }

    fn take(
        &self,
        disk: Arc<dyn Disk>,
        turn: Turn,
        meta: &SnapshotMeta,
        content: &mut dyn Read,
        limit: Duration,
        wanted: impl FnOnce() -> bool,
    ) -> io::Result<()> {
        let began = Instant::now();
        let mut file = Incoming::create(disk, turn.number)?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = match content.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if began.elapsed() > limit {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.while_current(turn, || Ok(()))?;
            file.write(&piece[..read])?;
        }
        file.verify(meta)?;
        if !wanted() {
            return Err(io::Error::other("the snapshot is no longer wanted"));
        }
        self.while_current(turn, || file.place(meta.position))
    }
}
