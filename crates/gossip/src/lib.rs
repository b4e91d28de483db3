//! The driver of a gossip pool: sockets, clock, chance and files for the value [`serf::Serf`] (spec/wire.md §1, §2.11).
//!
//! Owns: the UDP and TCP sockets of one pool, the task that holds the `Serf`, streams with their deadlines and limits, the
//! resolution of names to join, the snapshot and keyring files. It must never learn what Consul makes of members, tags and events:
//! who may be a member it asks [`serf::Rules`], what happens it tells through [`Events`].
//!
//! [`Pool`] is the door: cheap to clone, every call answers with the pool's own words. The pool ends with its room.

mod asks;
mod driver;
mod events;
mod files;
mod gate;
mod join;
mod keyring;
mod limits;
mod log;
mod names;
mod pool;
mod retry;
mod settings;
mod snapshot;
mod sockets;
mod streams;
mod view;

pub use asks::{Answer, Answers, KeyReport};
pub use events::{Events, PoolEvent};
pub use join::JoinError;
pub use keyring::{Key, KeyError};
pub use limits::*;
pub use log::Logger;
pub use names::{Host, Name, NameError, Resolver, System};
pub use pool::{Pool, Refusal, Stats, Stopped};
pub use retry::{Exhausted, Next, Retry};
pub use settings::{Encryption, Settings, StartError};
