//! Calls of the server port (spec/wire.md §4) as the ports mean them: how a read, a write and an answer become bodies of msgpack,
//! and back.
//!
//! Each file holds the methods of one service, both directions side by side. A server decodes requests and encodes replies:
//! [`find`] gives the [`Call`] of a name, which is served from the ports behind [`Served`]. A client encodes requests and decodes
//! replies: [`client`]. A new method is a row in `CALLS` (`table.rs`). Nothing here knows connections: heads, streams and the
//! texts of net/rpc are the door's and the caller's.

mod ask;
mod catalog;
pub mod client;
mod connect_ca;
mod coordinate;
mod health;
mod internal;
mod kvs;
mod later;
mod operator;
mod prepared_query;
mod reply;
mod row;
mod session;
mod status;
mod table;
mod txn;

pub use row::{Call, Charge, Failure, Served};
pub use table::{CALLS, find, has_service};
