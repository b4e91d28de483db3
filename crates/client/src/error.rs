//! What can go wrong. The texts are those of the reference's client library, because scripts match on them.

/// Failure of a call or of building a client.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with a status other than 200.
    #[error("Unexpected response code: {code} ({})", .body.trim())]
    Status {
        /// HTTP status.
        code: u16,
        /// Body as received.
        body: String,
    },
    /// No answer: connection refused, name not found, TLS refused, connection lost. Whether the server saw the request is
    /// unknown unless the reason says `dial`.
    #[error("{method} \"{url}\": {reason}")]
    Transport {
        /// `Get`, `Put`, `Post`, `Delete`.
        method: &'static str,
        /// Full URL.
        url: String,
        /// Cause.
        reason: String,
    },
    /// The body is not what the endpoint promises, or is longer than [`crate::Response::BODY_BYTES_MAX`].
    #[error("{0}")]
    Decode(String),
    /// A metadata header is missing or no number.
    #[error("Failed to parse {name}: {reason}")]
    Header {
        /// Header name.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The configuration cannot be used (address, files, key pair).
    #[error("{0}")]
    Config(String),
    /// A key that begins with a slash.
    #[error("Invalid key. Key must not begin with a '/': {0}")]
    Key(String),
    /// A lock or semaphore could not be taken or released.
    #[error("{0}")]
    Lock(LockError),
}

/// Why a lock or semaphore call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// The key exists and was not written by a lock.
    #[error("Existing key does not match lock use")]
    LockConflict,
    /// The key exists and was not written by a semaphore.
    #[error("Existing key does not match semaphore use")]
    SemaphoreConflict,
    /// Other contenders use another limit.
    #[error("semaphore limit conflict (lock: {theirs}, local: {ours})")]
    LimitConflict {
        /// Theirs.
        theirs: usize,
        /// Ours.
        ours: usize,
    },
    /// The lock is held by somebody, so it is not removed.
    #[error("Lock in use")]
    LockInUse,
    /// The semaphore is held by somebody, so it is not removed.
    #[error("Semaphore in use")]
    SemaphoreInUse,
    /// The time to wait is over.
    #[error("Timeout during lock acquisition")]
    Timeout,
}

impl Error {
    /// The status of an answer other than 200.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the same call may succeed later without change: server errors and lost connections.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Status { code, .. } => *code >= 500,
            Self::Transport { .. } => true,
            _ => false,
        }
    }
}

impl From<LockError> for Error {
    fn from(e: LockError) -> Self {
        Self::Lock(e)
    }
}

/// The text of an operating-system error without its number, in lower case, as Go prints it.
pub(crate) fn os_text(e: &std::io::Error) -> String {
    let text = e.to_string();
    match text.split_once(" (os error ") {
        Some((plain, _)) => plain.to_lowercase(),
        None => text,
    }
}
