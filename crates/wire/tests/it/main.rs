//! The crate through its public face.

mod archive;
mod vectors;
