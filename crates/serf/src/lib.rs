//! Members, user events, queries and keys of a gossip pool as serf has them (spec/wire.md §2), as a value above [`swim`].
//!
//! Owns: who is a member and what it says of itself (tags), intents to join and leave, logical clocks, events and queries with
//! what was seen of them, keys by query, network coordinates, the lines of a snapshot. It must never learn sockets, clocks, files,
//! or what Consul makes of members and events; who may be a member it asks [`Rules`].
//!
//! A driver gives a [`Serf`] packets, streams' messages and the time, does what [`Serf::next_output`] says, and takes
//! [`Serf::next_event`] until there is none.

mod config;
mod coordinate;
mod core;
mod keys;
mod leave;
mod member;
pub mod messages;
mod query;
mod serf;
mod snapshot;
pub mod tags;
mod window;

pub use config::{
    Anybody, Config, EVENT_SIZE_LIMIT, Event, PROTOCOL, QUERY_SIZE_MAX, QueryKey, Question,
    Refused, Rules,
};
pub use keys::{Operation, key_request, key_response};
pub use member::{Member, Status};
pub use query::Ask;
pub use serf::{Moment, Serf};
pub use snapshot::Snapshot;
