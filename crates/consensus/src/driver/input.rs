//! What can happen to a driver, and who waits for what.

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::core::Wish;
use crate::driver::apply::Progress;
use crate::driver::writer::Done;
use crate::log::Position;
use crate::membership::Change;
use crate::snapshot::SnapshotMeta;
use crate::status::{ProposeError, ReadError};

/// An error that says: nobody will ever know, the server is stopping.
pub trait Ending {
    /// That error.
    const SHUTDOWN: Self;
}

impl Ending for ProposeError {
    const SHUTDOWN: Self = ProposeError::Shutdown;
}

impl Ending for ReadError {
    const SHUTDOWN: Self = ReadError::Shutdown;
}

/// What is called with the end of something.
pub type Call<T, E> = Box<dyn FnOnce(Result<T, E>) + Send>;

/// What a proposer wants called with the entry's index and outcome.
pub type Callback<O> = Call<(u64, O), ProposeError>;

/// The one call that a waiter gets back: made exactly once, with [`Ending::SHUTDOWN`] if nobody else did.
pub struct Completion<T, E: Ending>(Option<Call<T, E>>);

impl<T, E: Ending> Completion<T, E> {
    /// Calls `call` in the end.
    #[must_use]
    pub fn new(call: Call<T, E>) -> Completion<T, E> {
        Completion(Some(call))
    }

    pub(crate) fn call(mut self, result: Result<T, E>) {
        if let Some(call) = self.0.take() {
            call(result);
        }
    }
}

impl<T: Send + 'static, E: Ending + Send + 'static> Completion<T, E> {
    /// For a task that waits.
    pub(crate) fn awaited() -> (Completion<T, E>, oneshot::Receiver<Result<T, E>>) {
        let (sender, receiver) = oneshot::channel();
        let call = move |result| drop(sender.send(result));
        (Completion::new(Box::new(call)), receiver)
    }
}

impl<T, E: Ending> Drop for Completion<T, E> {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call(Err(E::SHUTDOWN));
        }
    }
}

/// Who waits for an entry.
pub enum Waiter<O> {
    /// For a command's index and outcome.
    Command(Completion<(u64, O), ProposeError>),
    /// For the index of a membership change.
    Change(Completion<u64, ProposeError>),
}

impl<O> Waiter<O> {
    pub(crate) fn applied(self, index: u64, outcome: O) {
        if let Waiter::Command(completion) = self {
            completion.call(Ok((index, outcome)));
        }
    }

    pub(crate) fn changed(self, index: u64) {
        if let Waiter::Change(completion) = self {
            completion.call(Ok(index));
        }
    }

    pub(crate) fn refuse(self, error: ProposeError) {
        match self {
            Waiter::Command(completion) => completion.call(Err(error)),
            Waiter::Change(completion) => completion.call(Err(error)),
        }
    }
}

/// Who waits for a read to be allowed, with the index it sees at least.
pub type ReadWaiter = Completion<u64, ReadError>;

/// Everything that can happen to a driver but the passing of time.
pub enum Input<O> {
    /// A command.
    Propose(Bytes, Completion<(u64, O), ProposeError>),
    /// A membership change.
    Change(Change, Completion<u64, ProposeError>),
    /// A read barrier.
    Read(ReadWaiter),
    /// A message over the connection to that peer; for a snapshot's the file is in place.
    Message(u64, Bytes),
    /// What became of so many jobs of the log that were handed out.
    Log(usize, Vec<Done>),
    /// What became of so much work of the state machine that was handed out.
    Applied(usize, Progress),
    /// The snapshot handed out last is in place, with its size in bytes, or failed.
    SnapshotEnded(Option<(SnapshotMeta, u64)>),
    /// A snapshot for a peer arrived there, or not.
    SnapshotSent(u64, bool),
    /// Whether the snapshot that a leader of that term sends is wanted.
    Wanted(u64, Position, std::sync::mpsc::Sender<Wish>),
    /// Take a snapshot now.
    SnapshotNow,
    /// The connection to a peer was refused or reset.
    PeerGone(u64),
    /// Hand leadership on.
    Transfer(u64),
    /// Campaign now.
    Campaign,
    /// The state machine cannot go on.
    Stopped(String),
    /// End; who asked is told when all is closed.
    Shutdown(Option<oneshot::Sender<()>>),
}
