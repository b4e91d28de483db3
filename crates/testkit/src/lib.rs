//! What tests and fuzz targets share.

pub mod decoders;
