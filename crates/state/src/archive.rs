//! The reference's archive stream.

use crate::Root;

/// Why a stream cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ArchiveError(pub String);

/// Builds a root from a stream that arrives in pieces.
#[derive(Clone, Default)]
pub struct Loader(Root);

impl Loader {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn feed(&mut self, _bytes: &[u8]) -> Result<(), ArchiveError> {
        Ok(())
    }

    /// The root, once the whole stream was fed.
    pub fn finish(self) -> Result<Root, ArchiveError> {
        Ok(self.0)
    }
}
