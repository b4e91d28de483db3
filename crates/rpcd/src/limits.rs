//! What peers may cost.

use std::time::Duration;

/// Bytes of a call's head.
pub const HEAD_MAX: usize = 4 * 1024;
/// Bytes of a snapshot connection's request.
pub const SNAPSHOT_REQUEST_MAX: usize = 64 * 1024;
/// Bytes of requests that are not whole and of replies that are not taken, of all connections together. The stream that would go
/// beyond is reset.
pub const DOOR_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Bytes that are read from a socket at once.
pub(crate) const PIECE: usize = 16 * 1024;
/// Pause after a connection could not be accepted (no file descriptors, for instance).
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long what is left to say may take when the room closes.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// Limits that are configured; the defaults are the reference's where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of one address (`limits.rpc_max_conns_per_client`).
    pub connections_per_peer: usize,
    /// Until the first byte must be there (`limits.rpc_handshake_timeout`), and a snapshot connection's request.
    pub handshake_timeout: Duration,
    /// Bytes of a call's body.
    pub body_max: usize,
    /// Bytes of requests that are not whole and of replies that are not taken, of one connection.
    pub connection_bytes: usize,
    /// What a multiplexed connection may cost: each parked call of a client is a stream.
    pub session: yamux::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_per_peer: 100,
            handshake_timeout: Duration::from_secs(5),
            body_max: 32 * 1024 * 1024,
            connection_bytes: 128 * 1024 * 1024,
            session: yamux::Limits {
                streams: 8_192,
                ..yamux::Limits::default()
            },
        }
    }
}
