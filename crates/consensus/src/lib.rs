//! Consensus among servers: the Raft engine (raft-rs) inside a value, the segmented log and snapshot files
//! on a small disk trait, and the threads that drive them.
//!
//! Owns: the order in which things become durable, are sent, applied and acknowledged. Must never learn:
//! tables, RPC, HTTP: commands are bytes, the state machine is a trait, peers are a [`Transport`].
//! Invariant: nothing is acknowledged before a majority has it on disk, and a log is never silently shorter
//! than what was acknowledged. The `sim` crate runs [`core::Core`], [`log`] and [`snapshot`] as they are
//! here, on disks that lose what was not synced.

mod apply;
mod codec;
mod consensus;
pub mod core;
pub mod disk;
mod engine;
pub mod faults;
mod inbox;
pub mod log;
mod machine;
pub mod membership;
pub mod message;
mod observe;
mod receive;
pub mod record;
pub mod recover;
mod scan;
pub mod snapshot;
mod status;
mod store;
mod writer;

pub use codec::Malformed;
pub use consensus::{Config, Consensus, MAX_WAITING_BYTES, MAX_WAITING_PROPOSALS};
pub use core::{Command as Entry, Role};
pub use engine::Callback;
pub use machine::{SnapshotSource, StateMachine, Transport, not_understood};
pub use membership::{Change, Member, Membership};
pub use observe::{Counts, Event, Logged, Observer};
pub use status::{ProposeError, ReadError, Server, StartError, Status};
pub use store::Fetch;
