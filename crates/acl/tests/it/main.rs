//! The crate through its door.

mod decisions;
mod naive;
mod records;
mod rules;
