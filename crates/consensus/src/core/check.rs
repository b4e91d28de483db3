//! Which messages the engine may see: it panics on impossible ones.

use raft::eraftpb::{Message, MessageType};

use super::Core;

/// No index or term beyond this is real; leaves room for sums.
const MAX_NUMBER: u64 = 1 << 62;

/// Something happened that cannot happen unless a disk or a server lost what it promised to keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("consensus stopped: {0}")]
pub struct Violation(pub String);

impl<W, R> Core<W, R> {
    /// False for a message to drop.
    pub(super) fn sensible(&self, message: &Message) -> Result<bool, Violation> {
        let raft = &self.node.raft;
        let numbers = [
            message.term,
            message.log_term,
            message.index,
            message.commit,
            message.commit_term,
            message.reject_hint,
        ];
        if message.to != self.id
            || message.from == self.id
            || message.from == 0
            || message.term == 0
            || message.request_snapshot != 0
            || numbers.iter().any(|n| *n > MAX_NUMBER)
        {
            return Ok(false);
        }
        if message.term < raft.term {
            return Ok(true);
        }
        let last = raft.raft_log.last_index();
        match message.get_msg_type() {
            MessageType::MsgAppend => Ok(consecutive(message)),
            MessageType::MsgHeartbeat if message.commit > last => Err(Violation(format!(
                "the leader counts on entries up to {}, but the log ends at {last}: entries were lost",
                message.commit
            ))),
            MessageType::MsgAppendResponse => Ok(message.term > raft.term || message.index <= last),
            MessageType::MsgSnapshot => {
                let meta = message.get_snapshot().get_metadata();
                let voters = !meta.get_conf_state().voters.is_empty();
                Ok(voters && !self.installing && meta.index > 0 && meta.index <= MAX_NUMBER)
            }
            MessageType::MsgTimeoutNow => Ok(!self.installing),
            _ => Ok(true),
        }
    }
}

/// Whether the entries continue `index` without gaps and terms never fall nor exceed the sender's.
fn consecutive(message: &Message) -> bool {
    let (mut index, mut term) = (message.index, message.log_term);
    for entry in message.entries.iter() {
        if entry.index != index + 1 || entry.term < term || entry.term > message.term {
            return false;
        }
        (index, term) = (entry.index, entry.term);
    }
    true
}
