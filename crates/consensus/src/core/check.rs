//! Which messages the engine may see: it panics on impossible ones. Every assertion of the engine that a message, a campaign or a
//! completion can reach is looked at here or in [`super`] first (docs/decisions/0004 lists them).

use raft::StateRole;
use raft::eraftpb::{EntryType, Message, MessageType};

use super::Core;
use crate::faults::Faults;
use crate::membership::Change;
use crate::message;

/// No index or term beyond this is real; leaves room for sums.
const MAX_NUMBER: u64 = 1 << 62;

/// Something happened that cannot happen unless this server's own disk or program lost what it promised to keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("consensus stopped: {0}")]
pub struct Violation(pub String);

/// A message that no server sends which works and speaks this version: it was not taken in, and its connection should be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message of server {from} refused: {reason}")]
pub struct Refused {
    /// Raft id of the sender as the message gives it, 0 when it cannot be read.
    pub from: u64,
    /// What is impossible about it.
    pub reason: String,
}

impl<W, R> Core<W, R> {
    /// False for a message to drop, because it comes at the wrong time or to the wrong server.
    pub(super) fn sensible(&self, message: &Message) -> Result<bool, String> {
        let raft = &self.node.raft;
        let numbers = [
            message.term,
            message.log_term,
            message.index,
            message.commit,
            message.commit_term,
            message.reject_hint,
        ];
        if message.to != self.id {
            // An address may have a new owner.
            return Ok(false);
        }
        if message.from == self.id
            || message.from == 0
            || message.term == 0
            || message.request_snapshot != 0
            || numbers.iter().any(|n| *n > MAX_NUMBER)
        {
            return Err("sender, term or index are none".to_owned());
        }
        if message.term < raft.term {
            return Ok(true);
        }
        let last = raft.raft_log.last_index();
        match message.get_msg_type() {
            MessageType::MsgAppend if self.faults == Faults::AnyAppend => Ok(true),
            MessageType::MsgAppend => consecutive(message),
            MessageType::MsgHeartbeat if message.commit > last => Err(format!(
                "the leader counts on entries up to {}, but the log ends at {last}: entries were lost",
                message.commit
            )),
            // Who led before it lost power may still be answered about what it lost; only the one that leads has all it sent.
            MessageType::MsgAppendResponse
                if message.term == raft.term
                    && raft.state == StateRole::Leader
                    && message.index > last =>
            {
                Err(format!(
                    "it has entries up to {}, but the log ends at {last}",
                    message.index
                ))
            }
            MessageType::MsgRequestVoteResponse | MessageType::MsgRequestPreVoteResponse => {
                Ok(self.faults == Faults::AnyVote || self.may_win())
            }
            MessageType::MsgSnapshot => {
                let meta = message.get_snapshot().get_metadata();
                if meta.get_conf_state().voters.is_empty()
                    || !(1..=MAX_NUMBER).contains(&meta.index)
                    || !(1..=message.term).contains(&meta.term)
                {
                    return Err("the snapshot is none".to_owned());
                }
                Ok(!self.is_installing())
            }
            MessageType::MsgTimeoutNow => Ok(self.may_campaign()),
            _ => Ok(true),
        }
    }

    /// Whether the engine may become leader: it insists that it votes and that its own log is on disk. A candidate's question leaves
    /// after its log is durable, so no honest answer comes earlier.
    fn may_win(&self) -> bool {
        let log = &self.node.raft.raft_log;
        self.node.raft.promotable() && !self.is_installing() && log.last_index() == log.persisted
    }

    /// Whether a campaign may begin. The last voter wins in the same moment; the others once they are answered.
    pub(super) fn may_campaign(&self) -> bool {
        if self.faults == Faults::AnyCampaign {
            return true;
        }
        // The engine takes over a snapshot's members with its message, before anything is installed.
        let voters = self.node.raft.prs().conf().voters().ids();
        let alone = voters.contains(self.id) && voters.iter().all(|id| id == self.id);
        !self.is_installing() && (!alone || self.outstanding.is_empty() && self.may_win())
    }

    /// Whether a snapshot was taken in and is not in the log yet.
    pub(super) fn is_installing(&self) -> bool {
        self.installing || self.node.raft.snap().is_some()
    }
}

/// Whether the entries continue `index` without gaps, terms never fall nor exceed the sender's, and changes can be read.
fn consecutive(message: &Message) -> Result<bool, String> {
    // Only nothing has no term; the engine takes a term of 0 for what it does not have.
    if (message.index == 0) != (message.log_term == 0) {
        return Err("an entry without a term, or a term without an entry".to_owned());
    }
    if message.log_term > message.term {
        return Err("an entry of a later term than its leader's".to_owned());
    }
    let (mut index, mut term) = (message.index, message.log_term);
    for entry in message.entries.iter() {
        if entry.index != index + 1 || entry.term < term.max(1) || entry.term > message.term {
            return Err("entries that do not continue each other".to_owned());
        }
        if entry.get_entry_type() != EntryType::EntryNormal
            && let Err(malformed) = Change::decode(message::payload(entry))
        {
            return Err(format!("membership change {}: {malformed}", entry.index));
        }
        (index, term) = (entry.index, entry.term);
    }
    Ok(true)
}
