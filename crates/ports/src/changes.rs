//! The stream of changes: rows as they are written and removed, over any mix of subjects, with an index to resume at
//! (docs/decisions/0007-change-stream.md).
//!
//! A stream is pulled: the door asks for the next step when its client has taken the one before, so a slow client costs its
//! own delay and no queue.

use crate::BoxFuture;
use bytes::Bytes;
use model::{HealthCheck, KvEntry, Node, NodeService};
use std::sync::Arc;

/// Most subjects of one stream.
pub const SUBJECTS_MAX: usize = 64;

/// What a stream tells of. `None` stands for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Keys with this prefix; empty: every key.
    Kv(Bytes),
    /// Instances of the service of that name, in any spelling.
    Service(Option<String>),
    /// The node of that name, in any spelling.
    Node(Option<String>),
    /// Checks with that ID, on any node.
    Check(Option<String>),
    /// Checks of the instances of a service.
    ServiceChecks(String),
}

/// One row, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A key.
    Kv {
        /// The key.
        key: Bytes,
        /// `None`: it is gone.
        row: Option<Arc<KvEntry>>,
    },
    /// A node.
    Node {
        /// Its name, folded: what tells nodes apart.
        node: String,
        /// `None`: it is gone.
        row: Option<Arc<Node>>,
    },
    /// A service instance.
    Service {
        /// Its node's name, folded.
        node: String,
        /// Its ID, folded.
        id: String,
        /// With its node, whose changes are told as changes of this row as well. `None`: it is gone, or is none of the
        /// stream's subjects any more.
        row: Option<(Arc<Node>, Arc<NodeService>)>,
    },
    /// A check.
    Check {
        /// Its node's name, folded.
        node: String,
        /// Its ID, folded.
        id: String,
        /// `None`: it is gone, or is none of the stream's subjects any more.
        row: Option<Arc<HealthCheck>>,
    },
}

/// Why everything is told anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The stream was not resumed.
    Begin,
    /// The index to resume at is older than what is kept, or from before this server's start.
    Expired,
    /// The index to resume at is above anything written here.
    Ahead,
    /// A snapshot was restored, or too much changed at once.
    Replaced,
}

/// What happened since the step before.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Forget every row: all of them follow.
    Reset(Reset),
    /// Rows in the order in which they are to be applied. A row that changed more than once is told once.
    Rows(Vec<(u64, Row)>),
    /// Everything up to this index has been told: the rows are exactly those of that moment. Resume here.
    Mark(u64),
    /// Nothing is new.
    Idle,
    /// The client fell behind what is kept: the stream is over, and begins with a reset when it is resumed.
    Behind(u64),
}

/// A stream of changes. Dropping it ends it.
pub trait ChangeStream: Send {
    /// What is next. With each row goes the index of its change, which for a row that is gone is that of its removal.
    fn step(&mut self) -> Step;

    /// Told when the next step may be more than [`Step::Idle`].
    fn changed(&mut self) -> BoxFuture<'_, ()>;

    /// Everything up to this index has been told. After [`Step::Idle`] it may be above that of the last mark, for what
    /// happened since concerns none of the subjects; a mark of it keeps a quiet stream resumable.
    fn index(&self) -> u64;
}
