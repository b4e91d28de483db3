//! Two sessions with a pipe between them that cuts where it likes.

use bytes::{Bytes, BytesMut};
use std::time::Duration;
use yamux::{Event, Limits, Role, Session};

pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn session(role: Role) -> Session {
    Session::new(role, Limits::default(), Duration::ZERO)
}

/// All output at once.
pub fn output(session: &mut Session) -> Bytes {
    let mut all = BytesMut::new();
    while let Some(piece) = session.take_output() {
        all.extend_from_slice(&piece);
    }
    all.freeze()
}

pub fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.next_event()).collect()
}

/// Carries what `from` has to say to `to`, in pieces of `cut` bytes; whether there was anything.
pub fn carry(from: &mut Session, to: &mut Session, cut: usize, now: Duration) -> bool {
    let mut all = output(from);
    let any = !all.is_empty();
    while !all.is_empty() {
        let piece = all.split_to(all.len().min(cut));
        to.receive(now, piece);
    }
    any
}

/// A frame, as it stands on the wire.
pub fn frame(kind: u8, flags: u16, stream: u32, length: u32) -> Vec<u8> {
    let mut out = vec![0, kind];
    out.extend(flags.to_be_bytes());
    out.extend(stream.to_be_bytes());
    out.extend(length.to_be_bytes());
    out
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
