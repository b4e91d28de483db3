//! The way between the servers of one cluster: [`consensus::Transport`] over TCP connections to the server port.
//!
//! Owns: who may say what under which name, how long a peer may be silent, what waits for a slow one. Must never learn: what a
//! message says, where addresses come from.
//!
//! A connection begins with [`FIRST_BYTE`] and a greeting that names cluster, sender and receiver: an address alone says nothing
//! about who answers there. Each direction between two servers has two connections, so that votes and heartbeats never wait behind
//! entries, and one more for each snapshot. Everything runs on a thread of its own: no busy runtime makes a heartbeat late.

mod accept;
mod frame;
mod greeting;
mod hub;
mod limits;
mod link;
mod peers;
mod queue;
mod snapshot;

pub use greeting::{FIRST_BYTE, Refusal};
pub use hub::Cluster;
pub use limits::Limits;
pub use peers::Peers;
