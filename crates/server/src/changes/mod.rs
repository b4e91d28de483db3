//! The stream of changes (docs/decisions/0007-change-stream.md): a ring of the rows last touched, and streams that read along it.
//!
//! Owns what is kept for resuming, its limits, and who is woken for which row. A stream tells rows as they stand in one
//! published root, and a mark with that root's index: at a mark its client has exactly the rows of that root.

mod journal;
mod scope;
mod stream;

pub(crate) use journal::Journal;

use crate::counters::Counters;
use crate::server::Server;
use ports::changes::{ChangeStream, Subject};
use ports::{Authorized, Caller, RpcError};
use scope::Scopes;
use stream::Changes;

impl Server {
    /// Begins a stream, or resumes it behind `since`. Rows are shown as the authorizer of today allows: all of them.
    pub(crate) fn open_changes(
        &self,
        authorized: Authorized,
        caller: &Caller,
        subjects: Vec<Subject>,
        since: Option<u64>,
    ) -> Result<Box<dyn ChangeStream>, RpcError> {
        let board = self.board.clone();
        let place = board.streams.take(caller);
        let place = place.inspect_err(|_| Counters::add(&board.counters.limited))?;
        let scopes = Scopes::of(subjects);
        Ok(Box::new(Changes::open(
            board, authorized, place, scopes, since,
        )))
    }
}
