//! What a port answers when it cannot do what was asked.

use thiserror::Error;

/// Failure of a port call. `Display` is exactly the text that the client sees; HTTP maps it to a status by the rules of
/// spec/http-api.md §2.2.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RpcError {
    /// The request is refused: validation, not found, conflicts. The text is the reference's.
    #[error("{0}")]
    Refused(String),
    /// The caller lacks a permission.
    #[error("{0}")]
    Denied(String),
    /// There is no leader now; the retry loop has given up.
    #[error("No cluster leader")]
    NoLeader,
    /// The datacenter is not known here.
    #[error("No path to datacenter")]
    NoPath,
    /// The leader cannot prove yet that its reads are current.
    #[error("Not ready to serve consistent reads")]
    NotReady,
    /// A named limit is reached; try again later.
    #[error("{0}")]
    Limited(String),
    /// The disk, a queue or the engine failed; the text says what and what to do.
    #[error("{0}")]
    Unavailable(String),
}

impl RpcError {
    /// A refusal with this text.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }
}
