//! Snapshots that arrive at a server, piece by piece.

use std::collections::VecDeque;
use std::io::Read;
use std::rc::Rc;

use bytes::Bytes;
use consensus::core::Wish;
use consensus::driver::{Input, Outputs, Receiving};
use consensus::log::Position;
use consensus::snapshot::SnapshotFile;

use super::{Effects, Server, disk_of};
use crate::Failure;
use crate::disk::SimDisk;
use crate::ledger::SharedLedger;

/// Pieces in which a snapshot arrives.
const PIECES: usize = 4;

/// What became of a snapshot that arrives.
pub enum Arrival {
    /// There is more to come.
    More,
    /// It has ended: whether it is in place, and what followed.
    Ended(bool, Effects),
}

impl Arrival {
    fn refused() -> Arrival {
        Arrival::Ended(false, Effects::default())
    }
}

/// A snapshot that arrives.
pub(super) struct Stream {
    receiving: Receiving,
    from: u64,
    message: Bytes,
    content: Rc<Vec<u8>>,
    at: usize,
}

impl Server {
    /// A snapshot begins to arrive under a number of its own. Whether it is taken in.
    pub fn open_stream(
        &mut self,
        now: u64,
        number: u64,
        from: u64,
        message: Bytes,
        content: Rc<Vec<u8>>,
    ) -> bool {
        let clock = self.clock(now);
        let disk = disk_of(&self.disk);
        let Some(running) = self.running.as_mut() else {
            return false;
        };
        let receiver = running.driver.receiver();
        let Ok(receiving) = receiver.open(disk, message.clone(), clock) else {
            return false;
        };
        let stream = Stream {
            receiving,
            from,
            message,
            content,
            at: 0,
        };
        running.streams.insert(number, stream);
        true
    }

    /// The next piece of it arrives.
    ///
    /// # Errors
    /// What [`Server::poll`] reports.
    pub fn stream(
        &mut self,
        now: u64,
        number: u64,
        ledger: &SharedLedger,
    ) -> Result<Arrival, Failure> {
        let clock = self.clock(now);
        let Some(running) = self.running.as_mut() else {
            return Ok(Arrival::refused());
        };
        let Some(stream) = running.streams.get_mut(&number) else {
            return Ok(Arrival::refused());
        };
        let piece = (stream.content.len() / PIECES).max(1);
        let end = (stream.at + piece).min(stream.content.len());
        if stream.at < end {
            let taken = stream
                .receiving
                .piece(clock, &stream.content[stream.at..end]);
            stream.at = end;
            if taken.is_err() {
                running.streams.remove(&number);
                return Ok(Arrival::refused());
            }
            return Ok(Arrival::More);
        }
        let Some(Stream {
            receiving,
            from,
            message,
            ..
        }) = running.streams.remove(&number)
        else {
            return Ok(Arrival::refused());
        };
        let (driver, mut out) = (&mut running.driver, Outputs::default());
        let placed = receiving.finish(|term, position| {
            let (sender, wanted) = std::sync::mpsc::channel();
            let mut asked = VecDeque::from([Input::Wanted(term, position, sender)]);
            let polled = driver.poll(clock, &mut asked, &mut out);
            match polled {
                Ok(()) => wanted.try_recv().unwrap_or(Wish::Unwanted),
                Err(_) => Wish::Unwanted,
            }
        });
        let mut effects = self.collect(now, out, ledger)?;
        if placed.is_ok() {
            let message = [Input::Message(from, message)];
            effects.add(self.poll(now, message, ledger)?);
        }
        Ok(Arrival::Ended(placed.is_ok(), effects))
    }

    /// The stream broke: nothing more of it comes.
    pub fn break_stream(&mut self, number: u64) {
        if let Some(running) = &mut self.running {
            running.streams.remove(&number);
        }
    }
}

pub(super) fn content(disk: &SimDisk, position: Position) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let mut reader = SnapshotFile::open(disk, position).ok()?;
    reader.read_to_end(&mut content).ok()?;
    Some(content)
}
