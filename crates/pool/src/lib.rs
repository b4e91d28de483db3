//! What Consul makes of a gossip pool, as values (spec/wire.md §2.7, §2.10, spec/server.md §12.1).
//!
//! serf knows members with tags of any kind; here they are servers and client agents of datacenters. Owns: what an agent says of
//! itself and what others' words mean, who may be in a pool, the lists of servers that calls go to. It must never learn sockets,
//! clocks or calls: `gossip` carries it, whoever calls asks [`Routes`] for a server and tells how it went.

mod build;
mod own;
mod rules;
mod server;
mod servers;

pub use build::Build;
pub use own::{Own, Role, ServerSettings};
pub use rules::{LanRules, WanRules};
pub use server::{Server, is_client, wan_short_name};
pub use servers::{Kin, NoRoute, Routes, Servers};
