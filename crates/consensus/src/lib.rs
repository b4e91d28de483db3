//! Consensus among servers: the Raft engine (raft-rs) inside a value, the segmented log and snapshot files
//! on a small disk trait, and the threads that drive them.
//!
//! Owns: the order in which things become durable, are sent, applied and acknowledged. Must never learn:
//! tables, RPC, HTTP: commands are bytes, the state machine is a trait, peers are a [`Transport`].
//! Invariant: nothing is acknowledged before a majority has it on disk, and a log is never silently shorter
//! than what was acknowledged. The `sim` crate runs [`driver::Driver`] as it is here, with all that is in
//! it, on disks that lose what was not synced.

mod codec;
mod consensus;
pub mod core;
pub mod disk;
pub mod driver;
pub mod faults;
mod inbox;
pub mod log;
mod machine;
pub mod membership;
pub mod message;
mod observe;
pub mod record;
pub mod recover;
mod scan;
mod shell;
pub mod snapshot;
mod status;
mod store;
pub mod testing;

pub use codec::Malformed;
pub use consensus::{Config, Consensus, MAX_WAITING_BYTES, MAX_WAITING_PROPOSALS};
pub use core::{Command as Entry, Role};
pub use driver::Callback;
pub use machine::{Inbound, SnapshotSource, StateMachine, Transport, not_understood};
pub use membership::{Change, Member, Membership};
pub use observe::{Counts, Event, Logged, Observer};
pub use status::{ProposeError, ReadError, Server, StartError, Status};
pub use store::Fetch;
