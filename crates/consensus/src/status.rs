//! What a server tells about itself, and the errors its users see.

use std::time::Instant;

use crate::core::Role;
use crate::membership::Membership;

/// A server of the cluster, by all its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Raft id.
    pub raft_id: u64,
    /// Node id.
    pub node_id: String,
    /// Node name.
    pub node_name: String,
}

/// Where this server stands.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// This server's raft id.
    pub raft_id: u64,
    /// What it does.
    pub role: Role,
    /// The leader, when one is known.
    pub leader: Option<Server>,
    /// Leads and has applied an entry of its term: its state machine has everything that was ever acknowledged, leader duties may start.
    pub established: bool,
    /// Current term.
    pub term: u64,
    /// Last index in the log.
    pub last_index: u64,
    /// Last index known to be committed.
    pub commit_index: u64,
    /// Last index applied.
    pub applied_index: u64,
    /// Index of the newest snapshot, 0 if none.
    pub snapshot_index: u64,
    /// When the leader was last heard; `None` when never, or when this server leads.
    pub last_contact: Option<Instant>,
    /// Why writes are refused.
    pub disk_error: Option<String>,
    /// Why this server takes part no more: its log or state is damaged, or of a newer version. Its process should end.
    pub ended: Option<String>,
    /// Who takes part.
    pub membership: Membership,
    /// For a leader: how far each server's log is known to match, by raft id.
    pub progress: Vec<(u64, u64)>,
}

/// Why a proposal was not applied, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Another server leads, or none. Nothing was done.
    #[error("node is not the leader")]
    NotLeader {
        /// Who leads, when known.
        leader: Option<Server>,
    },
    /// The log cannot be written. What was under way may be applied once there is space, or after a restart.
    #[error("raft log cannot be written: {0}")]
    Disk(String),
    /// The server is stopping. What was under way may be applied after a restart.
    #[error("raft is shutting down")]
    Shutdown,
    /// Leadership ended before the outcome was known: the command may still be applied.
    #[error("leadership lost while committing log")]
    LeadershipLost,
    /// Too much waits already. Nothing was done.
    #[error("too many writes are waiting")]
    Full,
    /// The command is empty or larger than [`crate::log::MAX_PAYLOAD`]. Nothing was done.
    #[error("a command must have between 1 and {} bytes", crate::log::MAX_PAYLOAD)]
    Size,
    /// Another membership change is under way. Nothing was done.
    #[error("another membership change is under way")]
    ChangeUnderWay,
    /// The change would alter nothing or leave no voter. Nothing was done.
    #[error("the membership change is not possible")]
    ChangeImpossible,
}

/// Why a read barrier was not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Another server leads, or none.
    #[error("node is not the leader")]
    NotLeader {
        /// Who leads, when known.
        leader: Option<Server>,
    },
    /// No majority answered in time.
    #[error("timed out waiting for a quorum of servers")]
    Timeout,
    /// Too many reads wait.
    #[error("too many reads are waiting")]
    Full,
    /// The server is stopping.
    #[error("raft is shutting down")]
    Shutdown,
}

/// Why consensus could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log is damaged or cannot be read.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// The snapshot is damaged or cannot be read.
    #[error("raft snapshot {file}: {error}")]
    Snapshot {
        /// Its name in the directory.
        file: String,
        /// What is wrong.
        error: std::io::Error,
    },
    /// The directory, a thread or the source of raft ids is not available.
    #[error("raft: {0}")]
    Io(#[from] std::io::Error),
    /// What the log needs stands in snapshots that are damaged.
    #[error("{log}; damaged snapshots: {damaged}")]
    Snapshots {
        /// What the log misses.
        log: crate::log::LogError,
        /// Names in the directory, each with what is wrong.
        damaged: String,
    },
    /// The log holds a command of a newer version.
    #[error("{0}")]
    NotUnderstood(String),
    /// Log and snapshot contradict each other.
    #[error(transparent)]
    Violation(#[from] crate::core::Violation),
}
