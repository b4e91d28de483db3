//! The crate through its door.

mod decisions;
mod explain;
mod naive;
mod records;
mod rules;
