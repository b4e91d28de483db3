//! The crate through its public face.

mod vectors;
