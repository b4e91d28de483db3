//! Nouns: the records of catalog, KV, sessions, prepared queries, coordinates and access control, as they stand in the replicated state,
//! on the wire and in JSON.
//!
//! Each record is described once with [`dialect::record!`]; both codecs come from that description. The declaration order is
//! the order of JSON members (spec/http-api.md §7); msgpack sorts the keys itself (spec/wire.md §0.2).
//!
//! This crate must never learn verbs: requests, replies and commands live in `wire`.

mod acl;
mod authority;
mod catalog;
mod check;
mod coordinate;
mod definition;
mod kv;
mod names;
mod operator;
mod proxy;
mod query;
mod service;
mod session;

pub use acl::*;
pub use authority::*;
pub use catalog::*;
pub use check::*;
pub use coordinate::*;
pub use definition::*;
pub use kv::*;
pub use names::*;
pub use operator::*;
pub use proxy::*;
pub use query::*;
pub use service::*;
pub use session::*;

use dialect::record;

record! {
    /// Raft indexes of the first and the last effective write of a stored object.
    pub struct RaftIndex {
        create_index: u64 = "CreateIndex",
        modify_index: u64 = "ModifyIndex",
    }
}

record! {
    /// Where a node or service stands in a cloud's topology.
    pub struct Locality {
        region: String = "Region" [omit],
        zone: String = "Zone" [omit],
    }
}
