//! Messages against the specification's vectors and real agents' bytes; pools in a simulated network.

mod net;
mod pool;
mod questions;
mod vectors;
