//! JSON as Go's encoding/json writes and reads it.
//!
//! Output: HTML-safe escapes, compact or indented by four spaces. Input: member names without case, last of duplicates
//! wins, `null` leaves the default, unknown members refused or not by [`Mode`], and the error texts clients see
//! (spec/http-api.md §3.4). Reading takes two passes like the original: [`scan`] finds the end of the value and all
//! syntax errors, then [`Reader`] walks text known to be well-formed and collects the first error of meaning.

mod read;
mod scan;
mod write;

pub use read::{Error, FromJson, Kind, Mode, Reader, from_slice, from_slice_into, unmarshal};
pub use scan::{MAX_DEPTH, Stop, scan};
pub use write::{Style, ToJson, Writer, quote_into, to_string, to_vec, to_vec_pretty};
