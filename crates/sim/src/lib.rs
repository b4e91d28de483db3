//! Seeded simulation of consensus clusters: one, three or five servers run [`consensus::driver`] as it is,
//! on disks that lose what was not synced and a network that loses, delays,
//! reorders, duplicates and cuts, in virtual time from one seed.
//!
//! Owns: the world around the servers and what must hold in it. Must never learn: how the servers work
//! inside. A run fails with a text; the same seed fails the same way again.

pub mod disk;
pub mod history;
pub mod ledger;
pub mod machine;
pub mod random;
pub mod replica;
pub mod server;
pub mod world;

pub use world::{Plan, Report, run};

/// Something that must never happen did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn fail<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure(text.into()))
}
