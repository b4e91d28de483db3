//! What calls may cost and how long they may take.

use std::time::Duration;

/// Calls of one connection that run at the same time; the next one waits.
pub const CALLS_MAX: usize = 4_096;
/// Waits for different answers at the same time; beyond, a wait is a call of its own.
pub const FLIGHTS_MAX: usize = 65_536;
/// Bytes of one reply.
pub const REPLY_MAX: usize = 256 * 1024 * 1024;
/// Streams without a call that are kept for the next.
pub(crate) const IDLE_STREAMS_MAX: usize = 32;
/// A connection without calls is closed after so long.
pub(crate) const IDLE: Duration = Duration::from_secs(127);
/// Until a connection must be there.
pub(crate) const DIAL: Duration = Duration::from_secs(10);
/// Bytes that are read from a socket at once.
pub(crate) const PIECE: usize = 16 * 1024;
/// The first pause before another try is this part of the hold time; it doubles.
pub(crate) const FIRST_PAUSE_PART: u32 = 16;
/// The server's random part of a wait is at most this part of it.
pub(crate) const JITTER_PART: u32 = 16;
/// Longest wait that a server grants.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(600);
/// A wait that names no length.
pub(crate) const WAIT_DEFAULT: Duration = Duration::from_secs(300);

/// What is configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The own datacenter.
    pub datacenter: String,
    /// The own node.
    pub node: String,
    /// How long a call is tried again while there is no leader (`performance.rpc_hold_timeout`).
    pub hold: Duration,
    /// How long a call that does not wait may take (`limits.rpc_client_timeout`).
    pub client_timeout: Duration,
    /// Calls a second (`limits.rpc_rate`); negative is no limit.
    pub rate: f64,
    /// Calls at once (`limits.rpc_max_burst`).
    pub burst: u32,
}
