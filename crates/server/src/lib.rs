//! The server room: RPC methods over the replicated tables, blocking queries, leader duties.
//!
//! Owns: the way from a commit to everyone who waits for it ([`Board`](view), groups, registry), validation and defaults of
//! writes (spec/server.md §3), consistency of reads (§5), what only a leader does (§7), prepared queries (§14). It must never
//! learn HTTP, DNS or any other door: they meet it as [`ports::Rpc`].

mod archive;
mod authority;
mod calls;
mod changes;
mod config;
mod counters;
mod delays;
mod distance;
mod effects;
mod group;
mod leader;
mod limits;
mod machine;
mod measure;
mod methods;
mod observe;
mod operator;
mod places;
mod prepared;
mod queue;
mod ran;
mod read;
mod route;
mod rpc;
mod run;
mod server;
mod text;
mod told;
mod view;
mod watch;

pub use authority::AuthorityConfig;
pub use config::{Config, Ids, NodeConfig};
pub use counters::Counters;
pub use limits::{LimitMode, RateLimited, RequestLimits};
pub use server::{Server, StartError};
