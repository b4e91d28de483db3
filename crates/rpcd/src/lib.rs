//! The door on the server port (spec/wire.md §3): parse, call a port, render.
//!
//! Owns: the first byte, calls in net/rpc's msgpack form on plain connections (0) and on multiplexed ones (4), snapshot connections
//! (5) with their half-closes, limits per peer and for all, the error texts of the protocol. It must never learn what a method does
//! or who may call it: it asks [`Methods`] and [`Snapshots`]. Connections of another protocol go to
//! its [`Streams`]; every other first byte is closed without a word, as a server closes them that has no certificate, no raft and no
//! gRPC on this port.

mod budget;
mod conversation;
mod door;
mod inside;
mod limits;
mod multiplex;
mod plain;
mod port;
mod served;
mod snapshot;

pub use door::Door;
pub use limits::{DOOR_BYTES_MAX, HEAD_MAX, Limits, SNAPSHOT_REQUEST_MAX};
pub use port::{
    Archive, BoxFuture, Call, Failure, Found, Methods, SnapshotRequest, Snapshots, Streams, Table,
};
pub use served::{Admit, ServedMethods, ServedSnapshots};
