//! What tests and fuzz targets share.

pub mod decoders;
mod until;

pub use until::until;
