//! Sockets and TLS: listeners on TCP and unix sockets, one stream type for both with or without TLS, and TLS configurations
//! that are replaced while connections go on.
//!
//! This crate must never learn which protocol runs on a stream.

mod clients;
mod errors;
mod listener;
mod stream;
pub mod tls;
mod twin;
mod vacant;

pub use clients::TlsClients;
pub use errors::error_text;
pub use listener::{Listener, SocketMode, bind_tcp, bind_unix};
pub use stream::{Peer, Stream};
pub use twin::bind_tcp_twin;
pub use vacant::{vacant_tcp, vacant_udp};
