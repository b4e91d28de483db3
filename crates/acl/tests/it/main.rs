//! The crate through its door.

mod decisions;
mod explain;
mod login;
mod naive;
mod objects;
mod record_keeping;
mod records;
mod rules;
mod templates;
