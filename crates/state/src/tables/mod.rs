//! The tables: rows, their secondary indexes, and the reads over them.
//!
//! Storage here knows how a row is found; which indexes a write moves and whom it wakes is decided in `apply`. A new table is a
//! file here with its [`TableSpec`], its rule and its reads, and three lines below: module, member of [`Root`], [`TABLES`].

pub(crate) mod authority;
pub(crate) mod catalog;
pub(crate) mod catalog_reads;
mod catalog_spec;
mod checks_reads;
pub(crate) mod coordinates;
pub(crate) mod health_reads;
mod indexes;
pub(crate) mod kv;
mod kv_spec;
mod opaque;
pub(crate) mod queries;
pub(crate) mod sessions;
mod singles;
pub(crate) mod spec;
pub(crate) mod usage;
mod vips;

use crate::table::Table;
use model::{AutopilotConfig, Coordinate, SystemMetadataEntry};
use spec::TableSpec;
use std::sync::Arc;

/// All tables, in the order of their blocks in a native snapshot.
pub const TABLES: &[&TableSpec] = &[
    &catalog_spec::NODES,
    &catalog_spec::SERVICES,
    &catalog_spec::CHECKS,
    &coordinates::COORDINATES,
    &sessions::SESSIONS,
    &kv_spec::KV,
    &kv_spec::TOMBSTONES,
    &queries::QUERIES,
    &singles::AUTOPILOT,
    &authority::ROOTS_TABLE,
    &authority::PROVIDERS_TABLE,
    &authority::CONFIG_TABLE,
    &singles::METADATA,
    &indexes::INDEXES,
    &vips::VIPS,
    &vips::FREE_VIPS,
    &opaque::OPAQUE,
];

/// One version of the whole replicated state. Cloning is O(1); a clone never changes.
#[derive(Clone, Default)]
pub struct Root {
    pub(crate) catalog: catalog::Catalog,
    pub(crate) kv: kv::Kv,
    pub(crate) sessions: sessions::Sessions,
    pub(crate) queries: queries::Queries,
    /// By peer, node, segment.
    pub(crate) coordinates: Table<Arc<Coordinate>>,
    pub(crate) authority: authority::Authority,
    pub(crate) autopilot: Option<Arc<AutopilotConfig>>,
    /// By key.
    pub(crate) metadata: Table<Arc<SystemMetadataEntry>>,
    /// Raft index of the last change, by table or derived name.
    pub(crate) indexes: Table<u64>,
    pub(crate) usage: usage::Usage,
    pub(crate) vips: vips::Vips,
    pub(crate) opaque: opaque::Opaque,
}
