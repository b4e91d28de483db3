//! What a pool may cost, whoever talks to it.

use std::time::Duration;

/// Streams of others at the same time; further ones are closed without a word, as the reference does.
pub const STREAMS_MAX: usize = 127;
/// Streams of one address at the same time: one peer alone must not take the places of all.
pub const STREAMS_PER_PEER_MAX: usize = 32;
/// Streams that we open at the same time; further ones fail at once.
pub const DIALS_MAX: usize = 127;
/// Bytes received on streams and not yet read as a message, of all streams together. The stream that would go beyond is closed.
pub const STREAM_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes that are read from a stream at once.
pub(crate) const STREAM_PIECE: usize = 16 * 1024;
/// Packets that are read in a row before timers and calls have their turn.
pub(crate) const PACKETS_PER_TURN: usize = 128;
/// Calls that wait for the pool's task; who calls beyond waits.
pub(crate) const CALLS_MAX: usize = 256;
/// Bytes of the sockets' buffers for packets, halved until the system agrees.
pub(crate) const SOCKET_BUFFER: usize = 2 * 1024 * 1024;
/// Bytes of events that wait to be taken, as [`PoolEvent`](crate::PoolEvent) counts them. Beyond, all that wait are let go and the
/// receiver is told that it missed some.
pub const EVENTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Addresses of one join, names resolved.
pub const JOIN_ADDRESSES_MAX: usize = 1024;
/// Bytes of lines that wait to be appended to a snapshot; beyond, the file is written anew instead.
pub(crate) const SNAPSHOT_LINES_MAX: usize = 1024 * 1024;
/// Longest wait of a line before it is in the file.
pub(crate) const SNAPSHOT_FLUSH: Duration = Duration::from_millis(500);
/// Bytes of a snapshot or keyring file that are read; longer ones are not ours.
pub(crate) const FILE_MAX: u64 = 256 * 1024 * 1024;
/// Pause after a connection could not be accepted (no file descriptors, for instance).
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Ports that are tried until UDP and TCP have the same one, where any will do.
pub(crate) const PORT_TRIES: usize = 64;
