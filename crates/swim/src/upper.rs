//! The layer above: what it says, hears and decides.

use crate::Node;
use bytes::Bytes;
use std::time::Duration;
use thiserror::Error;

/// What the layer above (serf) adds to membership. Nothing here may fail or wait; what it wants to do in turn it keeps until the
/// call that led here has returned.
pub trait Upper {
    /// Messages to fill a packet with, each costing `overhead` more than its length, together at most `room` bytes. They travel
    /// as [`Message::User`](crate::Message::User).
    fn broadcasts(&mut self, overhead: usize, room: usize) -> Vec<Vec<u8>>;
    /// A message of another node's layer above.
    fn message(&mut self, now: Duration, body: Bytes);
    /// What is told in a push/pull.
    fn local_state(&mut self, join: bool) -> Bytes;
    /// What another told in a push/pull.
    fn merge_state(&mut self, now: Duration, state: Bytes, join: bool);
    /// What goes with every answer to a probe.
    fn ack_payload(&mut self) -> Bytes;
    /// A node answered our probe directly after `took`.
    fn answered(&mut self, node: &Node, took: Duration, payload: &Bytes);
    /// Whether a node that says that it is there may be: without its word, or with a reason.
    ///
    /// # Errors
    /// The reason, for the log; the word is ignored.
    fn admits(&mut self, node: &Node) -> Result<(), String>;
    /// The same of all nodes of a join.
    ///
    /// # Errors
    /// The reason; nothing is merged, and the join fails with it.
    fn admits_all(&mut self, nodes: &[Node]) -> Result<(), String>;
    /// A node is there, or is back.
    fn joined(&mut self, now: Duration, node: &Node);
    /// A node is dead or has left.
    fn left(&mut self, now: Duration, node: &Node);
    /// A node has other metadata.
    fn updated(&mut self, now: Duration, node: &Node);
    /// Another node says that it has the name of `known`.
    fn conflict(&mut self, known: &Node, other: &Node);
    /// Something for the log.
    fn note(&mut self, note: Note);
}

/// What is worth a line in the log; `Display` is the reference's text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs)]
pub enum Note {
    #[error("Suspect {node} has failed, no acks received")]
    Suspect { node: String },
    #[error("Marking {node} as failed, suspect timeout reached ({accusers} peer confirmations)")]
    Failed { node: String, accusers: usize },
    #[error(
        "Was able to connect to {node} over TCP but UDP probes failed, network may be misconfigured"
    )]
    OnlyStreams { node: String },
    #[error("Refuting a suspect message (from: {from})")]
    RefutedSuspect { from: String },
    #[error("Refuting a dead message (from: {from})")]
    RefutedDead { from: String },
    #[error("Refuting an alive message for '{node}'")]
    RefutedAlive { node: String },
    #[error("Got ping for unexpected node '{node}'")]
    ForeignPing { node: String },
    #[error("ignoring alive message for '{node}' because: {why}")]
    Ignored { node: String, why: String },
    #[error("Updating address for left or failed node {node} from {from} to {to}")]
    Moved {
        node: String,
        from: std::net::SocketAddr,
        to: std::net::SocketAddr,
    },
    #[error("Push/Pull with {with} failed: {why}")]
    PushPull { with: String, why: String },
    #[error("dropping what {node} says: its counter went from {from} to {to} at once")]
    Jump { node: String, from: u32, to: u32 },
    #[error("dropping what {node} says: {what} is reached")]
    Limit { node: String, what: &'static str },
}
