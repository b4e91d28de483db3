//! The ports of a client agent: what its doors ask is asked of a server, over one multiplexed connection (spec/server.md §12.2).
//!
//! Owns: the connection and its calls, which server is asked and when another, what equal waits share, the agent's own limit of
//! calls. It must never learn what a call says (that is `calls`) or who is in the pool ([`Servers`] is told).

mod caller;
mod driver;
mod flights;
mod kept;
mod limits;
mod link;
mod operator;

mod rate;
mod remote;
mod servers;
mod snapshot;

pub use kept::KEPT_BYTES_MAX;
pub use limits::{CALLS_MAX, FLIGHTS_MAX, REPLY_MAX, Settings};
pub use remote::Remote;
pub use servers::{Place, Servers};
