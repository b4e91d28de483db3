//! The tables: rows, their secondary indexes, and the reads over them.
//!
//! Storage here knows how a row is found; which indexes a write moves and whom it wakes is decided in `apply`.

pub(crate) mod authority;
pub(crate) mod catalog;
pub(crate) mod catalog_reads;
mod checks_reads;
pub(crate) mod coordinates;
pub(crate) mod health_reads;
pub(crate) mod kv;
pub(crate) mod opaque;
pub(crate) mod queries;
pub(crate) mod sessions;
mod singles;
pub(crate) mod usage;
pub(crate) mod vips;
