//! Numbers of the protocol, and what a session may cost.

use std::time::Duration;

/// Bytes a side may send on a stream before the other grants more. Fixed by the protocol.
pub(crate) const WINDOW: u32 = 256 * 1024;
/// Credit is announced when this much has been read, and not for less.
pub(crate) const CREDIT_MIN: u32 = WINDOW / 2;
/// Streams opened by us that the peer has not acknowledged, and streams opened by the peer that we have not accepted.
pub(crate) const BACKLOG: usize = 256;
/// Longest payload of one frame of ours: others get their turn behind it.
pub(crate) const FRAME_MAX: usize = 64 * 1024;

/// What a session may cost, and its clocks. The defaults are those of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Streams open at the same time, of both sides together; the peer's next one is reset.
    pub streams: usize,
    /// Bytes received and not yet [`consumed`](crate::Session::consumed), of all streams together; the stream that goes beyond is
    /// reset.
    pub unread: usize,
    /// Bytes of output nobody took; beyond, [`send`](crate::Session::send) takes nothing and no input is wanted.
    pub output: usize,
    /// Time between pings of ours.
    pub keepalive: Duration,
    /// A ping that is not answered for so long ends the session.
    pub ping_timeout: Duration,
    /// A stream of ours that is not acknowledged for so long ends the session.
    pub open_timeout: Duration,
    /// A stream that we ended and the peer did not is reset after so long.
    pub close_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 65_536,
            unread: 64 * 1024 * 1024,
            output: 1024 * 1024,
            keepalive: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(10),
            open_timeout: Duration::from_secs(75),
            close_timeout: Duration::from_secs(300),
        }
    }
}
