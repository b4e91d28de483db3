//! The crate through its public face.

mod hcl;
mod record;
