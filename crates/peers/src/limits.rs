//! What peers may cost.

use std::time::Duration;

/// Bytes of one message: an entry of the largest size, and as much again for those that travel with it.
pub const MESSAGE_MAX: usize = 48 << 20;
/// Connections that have not told who they are.
pub const GREETINGS_MAX: usize = 64;
/// Bytes read from or written to a socket at once.
pub(crate) const PIECE: usize = 64 << 10;
/// A message up to this size is copied out of what was read, so that a small entry does not keep its neighbours' memory.
pub(crate) const SMALL: usize = 4 << 10;

/// Limits and deadlines; [`Limits::default`] but for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of messages that may wait for one connection; what comes on top is dropped, consensus repeats it.
    pub queue_bytes: usize,
    /// Until a connection is made and greeted.
    pub greeting: Duration,
    /// Until a peer that was asked for a sign of life must have given it, and a snapshot's stream its next bytes.
    pub patience: Duration,
    /// Between two such questions on a connection in use.
    pub ping_every: Duration,
    /// Until a connection that nothing is sent over is closed.
    pub idle: Duration,
    /// Until a server must have said what became of a snapshot that it has whole.
    pub placing: Duration,
    /// Pause after a first failure to connect, and the longest one.
    pub pause: (Duration, Duration),
    /// Bytes the kernel may keep for a connection in each direction; its own choice if `None`.
    pub socket_bytes: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            queue_bytes: 64 << 20,
            greeting: Duration::from_secs(2),
            patience: Duration::from_secs(2),
            ping_every: Duration::from_millis(500),
            idle: Duration::from_secs(300),
            placing: Duration::from_secs(120),
            pause: (Duration::from_millis(25), Duration::from_millis(400)),
            socket_bytes: None,
        }
    }
}
