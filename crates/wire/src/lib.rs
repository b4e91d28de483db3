//! Verbs: replicated commands, RPC requests and replies, and the exact error texts.
//!
//! This crate must never learn how bytes travel: transports, framing and retries live in `net` and above.

pub mod archive;
pub mod command;
pub mod errors;
pub mod rpc;

pub use command::{Command, Outcome};
