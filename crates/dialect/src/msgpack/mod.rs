//! msgpack as HashiCorp's programs write it.
//!
//! Owns the bytes: shortest integers, strings and byte strings in the old raw family, structs as maps with sorted keys
//! (spec/wire.md §0.2). [`Dialect`] names the two relatives (§0.3). The reader accepts everything the Go reader accepts and
//! never trusts a length: nothing is allocated beyond what the remaining input can justify.

mod read;
mod value;
mod write;

pub(crate) use read::RecordHead;
pub use read::{Decode, Error, MAX_DEPTH, Reader, Scan, Token};
pub use read::{from_bytes, from_prefix, from_slice, from_slice_within};
pub use value::Value;
pub use write::{Dialect, Encode, Writer, to_bytes, to_vec, to_vec_in};
