//! What a user of consensus provides: the state machine and the way to its peers.

use std::io;

use bytes::Bytes;

use crate::Entry;
use crate::snapshot::SnapshotFile;

/// Deterministic state machine fed with committed entries.
pub trait StateMachine: Send + 'static {
    /// What applying a command yields for its proposer.
    type Outcome: Send + 'static;

    /// Applies committed commands in log order (index ascending, payload = command bytes) and returns one
    /// outcome per entry. Called on the apply thread; a batch is what was committed since the last call.
    ///
    /// # Errors
    /// When a command cannot be applied at all ([`not_understood`]): skipping it would make this server's
    /// state another one. The server then stops, votes no more, and its process should end.
    fn apply(&mut self, batch: &[Entry]) -> io::Result<Vec<Self::Outcome>>;

    /// Whether this version knows the kind of a command. Asked at the start for every entry of the log, so
    /// that no server takes part with a log it cannot apply; must be cheap.
    ///
    /// # Errors
    /// Why it does not.
    fn understands(&self, payload: &Bytes) -> Result<(), String> {
        let _ = payload;
        Ok(())
    }

    /// A handle on the current state, in O(1); another thread writes it out.
    fn snapshot(&self) -> Box<dyn SnapshotSource>;

    /// Replaces the state by what `input` holds (bytes that [`SnapshotSource::write_to`] wrote); `index` is
    /// the last applied one in it.
    ///
    /// # Errors
    /// When the bytes cannot be read or make no state (`InvalidData`, `UnexpectedEof`); the state is then what
    /// it was before. At a start an older snapshot is tried, later the server stops.
    fn restore(&mut self, index: u64, input: &mut dyn io::Read) -> io::Result<()>;

    /// Called once when the replay of the log found at start has ended.
    fn replayed(&mut self) {}
}

/// What to tell the operator about a committed command that cannot be applied.
#[must_use]
pub fn not_understood(index: u64, why: &str) -> String {
    format!("raft log entry {index} cannot be applied by this version: {why}: upgrade this server")
}

/// A state to write out.
pub trait SnapshotSource: Send {
    /// Writes the state's bytes.
    ///
    /// # Errors
    /// What `out` reports.
    fn write_to(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<()>;
}

/// What arrives at a server over a [`Transport`]. `from` is the raft id of the server at the other end of the connection, which the
/// transport knows; a message that says it is another's is refused.
pub trait Inbound: Send + Sync + 'static {
    /// A message arrived; whether it was taken. Dropped when too much waits: peers repeat.
    fn deliver(&self, from: u64, message: Bytes) -> bool;

    /// A snapshot arrives: its message, then the file's bytes until the end of `content`, whose reads must fail when the stream
    /// breaks, or stalls for longer than its transport allows.
    ///
    /// # Errors
    /// When the message is none of a snapshot of `from`, the content is not the whole file it speaks of, the server does not want
    /// it (any more), a newer one took its place, or the content or the disk fails. Nothing of it is left then; the sender is to be
    /// told.
    fn receive_snapshot(
        &self,
        from: u64,
        message: Bytes,
        content: &mut dyn io::Read,
    ) -> io::Result<()>;

    /// The connection to a peer was refused or reset.
    fn peer_gone(&self, peer: u64);
}

/// The way to the other servers. [`crate::testing::conformance`] is what it has to do. Calls must not block: what cannot be sent is dropped, consensus repeats it.
pub trait Transport: Send + Sync + 'static {
    /// Sends a message to the server with raft id `to`, whose transport hands it to [`Inbound::deliver`], or not at all. Messages with
    /// entries ([`crate::message::is_append`]) arrive in order, and so do the others, which may overtake those.
    fn send(&self, to: u64, message: Bytes);

    /// A message of `peer` was one that no server sends which works: closes the connection it came over.
    fn disconnect(&self, peer: u64);

    /// Sends a snapshot's message and its file over a connection of its own, to [`Inbound::receive_snapshot`]. `done` is called with whether it took it; dropping it says that it
    /// did not.
    fn send_snapshot(
        &self,
        to: u64,
        message: Bytes,
        content: SnapshotFile,
        done: Box<dyn FnOnce(bool) + Send>,
    );
}
