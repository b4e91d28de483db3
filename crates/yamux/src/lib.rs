//! yamux version 0 (spec/wire.md §3.4) as a value: bytes and time come in, bytes and events go out.
//!
//! Owns frames, streams with their windows, keep-alive, the rules that end a session. It must never learn sockets, clocks or what
//! the streams carry. A driver does, again and again:
//!
//! 1. reads the socket while [`Session::wants_input`], hands the bytes to [`Session::receive`];
//! 2. takes [`Session::next_event`] until there is none;
//! 3. writes [`Session::take_output`] until there is none;
//! 4. calls [`Session::tick`] at [`Session::deadline`].
//!
//! Times are durations since any fixed moment of the driver's choosing, and never go back.
//!
//! Nothing a peer sends grows memory beyond [`Limits`]: data stays within the windows and within one budget of unread bytes,
//! streams are counted, and answers to pings stop the reading when nobody takes the output.

mod frame;
mod limits;
mod session;
mod stream;

pub use frame::{Code, HEADER_LEN};
pub use limits::Limits;
pub use session::{Closed, Event, OpenError, Role, SendError, Session};
pub use stream::StreamId;
