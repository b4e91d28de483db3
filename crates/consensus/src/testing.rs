//! For tests of consensus and of the transports below it: connections in memory, and what every transport has to do.

pub mod conformance;
mod memory;

pub use memory::{Network, QUEUE_BYTES};
