//! Configuration: raw, merged, validated.

pub mod duration;
mod flags;

pub use flags::{FlagValue, Flags};
