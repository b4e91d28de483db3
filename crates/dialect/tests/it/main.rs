//! The crate through its public face.

mod codecs;
mod hcl;
mod record;
mod times;
