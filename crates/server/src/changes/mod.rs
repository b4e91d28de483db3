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
use ports::{Authorized, RpcError};
use scope::Scopes;
use stream::Changes;

/// Streams that one server serves at a time; beyond, a stream is refused.
pub(crate) const STREAMS_MAX: usize = 256;

impl Server {
    /// Begins a stream, or resumes it behind `since`. Rows are shown as the authorizer of today allows: all of them.
    pub(crate) fn open_changes(
        &self,
        authorized: Authorized,
        subjects: Vec<Subject>,
        since: Option<u64>,
    ) -> Result<Box<dyn ChangeStream>, RpcError> {
        match Changes::open(self.board.clone(), authorized, Scopes::of(subjects), since) {
            Some(stream) => Ok(Box::new(stream)),
            None => {
                Counters::add(&self.board.counters.limited);
                Err(RpcError::Limited(format!(
                    "too many streams of changes (limit {STREAMS_MAX})"
                )))
            }
        }
    }
}
