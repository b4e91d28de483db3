//! The crate through its public face.

mod bounds;
mod codecs;
mod hcl;
mod record;
mod times;
