//! The crate from outside: the driver on a real directory, the log under truncation and bit flips.

mod core;
mod driver;
mod fuzz;
mod log;
mod protobuf;
mod receive;
mod support;
mod transport;
