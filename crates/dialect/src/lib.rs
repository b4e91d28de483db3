//! Go-isms: record descriptions with their msgpack and JSON codecs, durations, times, HCL 1, HIL.
//!
//! Owns the two encodings every record of the system has, the [`record!`] description both come from, and the textual
//! forms (durations, times, configuration language) that Go's standard library gives the reference implementation.
//! It must never learn what a record means: no domain noun, no transport, no clock.
//!
//! * [`msgpack`]: the "old raw" dialect of RPC, replicated log and gossip (and its two close relatives).
//! * [`json`]: encoding/json's output and its forgiving, case-insensitive input with its error texts.
//! * [`base64`]: bytes that come as text.
//! * [`record!`]: one description per struct, both codecs follow from it.
//! * [`url`]: `net/url`, which decides what Go programs ask of whom.
//! * [`List`], [`Dict`]: Go slices and maps, which know nil from empty.

mod any;
pub mod base64;
mod collections;
mod containers;
pub mod duration;
mod gotime;
pub mod hcl;
pub mod hil;

pub mod json;
pub mod msgpack;
pub mod record;
mod scalars;
mod text;
pub mod url;

pub use any::Any;
pub use bytes::Bytes;
pub use collections::{Dict, List};
pub use duration::{DurText, Nanos, Readable};
pub use gotime::GoTime;
pub use text::Text;
