//! What an agent says of itself: its log and its metrics.
//!
//! This crate must never learn what the numbers and lines mean.

pub mod logging;
