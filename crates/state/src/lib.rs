//! The replicated tables: a pure function of the log.
//!
//! Owns the rows, their indexes, the rules of every write (spec/server.md §3, §4) and the reads with their watch keys (§5.3),
//! and both forms of a snapshot: our own and the reference's archive stream. The same commands give byte-identical snapshots
//! on every server.
//!
//! It must never learn what time it is, who asked, how a reply is encoded, or that there is a network. What depends on the
//! clock leaves as [`Effect`]s.

mod apply;
pub mod archive;
mod key;
pub mod reads;
pub mod rows;
pub mod snapshot;
mod table;
mod tables;
mod watch;

pub use apply::Store;
pub use key::Key;
pub use rows::RowKey;
pub use tables::catalog_reads::{Instance, MetaFilter, NodeInstances, effective_address};
pub use tables::health_reads::Provider;
pub use tables::queries::{Resolved, TEMPLATE_TYPE, is_uuid};
pub use tables::spec::TableSpec;
pub use tables::usage::Usage;
pub use tables::{Root, TABLES};
pub use watch::{Effect, ReadResult, Taken, Touched, WatchKey, WatchSet};
