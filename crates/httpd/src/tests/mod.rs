//! The door before a port of its own.

mod fake;
mod frame;
mod socket;
