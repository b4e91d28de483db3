//! Who takes part: raft id → node id and name, and whether it votes.
//!
//! Owns: the membership record, single changes to it, their bytes. Must never learn: addresses.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use raft::eraftpb::{ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState};

use crate::codec::{Malformed, Reader, put_text};

/// Members a cluster may have; a change beyond it is refused.
pub const MAX_MEMBERS: usize = 256;

/// One server of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The server's node id (a UUID in text).
    pub node_id: String,
    /// The server's node name.
    pub node_name: String,
    /// Whether it counts for majorities; a learner only receives.
    pub voter: bool,
}

/// All members by raft id. Raft ids are random and never used again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// The members.
    pub members: BTreeMap<u64, Member>,
}

/// One step from a membership to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new server that receives but does not vote.
    AddLearner {
        /// Its raft id.
        raft_id: u64,
        /// Its node id.
        node_id: String,
        /// Its node name.
        node_name: String,
    },
    /// A learner becomes a voter.
    Promote {
        /// Its raft id.
        raft_id: u64,
    },
    /// A voter becomes a learner.
    Demote {
        /// Its raft id.
        raft_id: u64,
    },
    /// A server leaves for good.
    Remove {
        /// Its raft id.
        raft_id: u64,
    },
}

impl Membership {
    /// The membership of a cluster of one.
    #[must_use]
    pub fn of_one(raft_id: u64, node_id: &str, node_name: &str) -> Membership {
        let member = Member {
            node_id: node_id.to_owned(),
            node_name: node_name.to_owned(),
            voter: true,
        };
        Membership {
            members: BTreeMap::from([(raft_id, member)]),
        }
    }

    /// Whether `change` makes sense here: it must alter something and leave a voter.
    #[must_use]
    pub fn allows(&self, change: &Change) -> bool {
        let voters = self.members.values().filter(|m| m.voter).count();
        match change {
            Change::AddLearner { raft_id, .. } => {
                *raft_id != 0
                    && !self.members.contains_key(raft_id)
                    && self.members.len() < MAX_MEMBERS
            }
            Change::Promote { raft_id } => self.members.get(raft_id).is_some_and(|m| !m.voter),
            Change::Demote { raft_id } => {
                voters > 1 && self.members.get(raft_id).is_some_and(|m| m.voter)
            }
            Change::Remove { raft_id } => self
                .members
                .get(raft_id)
                .is_some_and(|m| !m.voter || voters > 1),
        }
    }

    /// Applies a change; one that [`Membership::allows`] refuses changes nothing.
    pub fn apply(&mut self, change: &Change) {
        if !self.allows(change) {
            return;
        }
        match change {
            Change::AddLearner {
                raft_id,
                node_id,
                node_name,
            } => {
                let member = Member {
                    node_id: node_id.clone(),
                    node_name: node_name.clone(),
                    voter: false,
                };
                self.members.insert(*raft_id, member);
            }
            Change::Promote { raft_id } => self.set_voter(*raft_id, true),
            Change::Demote { raft_id } => self.set_voter(*raft_id, false),
            Change::Remove { raft_id } => {
                self.members.remove(raft_id);
            }
        }
    }

    fn set_voter(&mut self, raft_id: u64, voter: bool) {
        if let Some(member) = self.members.get_mut(&raft_id) {
            member.voter = voter;
        }
    }

    pub(crate) fn conf_state(&self) -> ConfState {
        let mut state = ConfState::default();
        for (id, member) in &self.members {
            if member.voter {
                state.voters.push(*id);
            } else {
                state.learners.push(*id);
            }
        }
        state
    }

    /// Appends the record's bytes.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u32_le(self.members.len() as u32);
        for (id, member) in &self.members {
            out.put_u64_le(*id);
            out.put_u8(u8::from(member.voter));
            put_text(out, &member.node_id);
            put_text(out, &member.node_name);
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not one membership with at most [`MAX_MEMBERS`] members.
    pub fn decode(bytes: &Bytes) -> Result<Membership, Malformed> {
        let mut reader = Reader::new(bytes.clone());
        let membership = Self::read(&mut reader)?;
        reader.end()?;
        Ok(membership)
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<Membership, Malformed> {
        let count = reader.u32()? as usize;
        if count > MAX_MEMBERS {
            return Err(Malformed("too many members"));
        }
        let mut members = BTreeMap::new();
        for _ in 0..count {
            let id = reader.u64()?;
            let voter = reader.flag()?;
            let member = Member {
                voter,
                node_id: reader.text()?,
                node_name: reader.text()?,
            };
            if id == 0 || members.insert(id, member).is_some() {
                return Err(Malformed("a raft id is zero or listed twice"));
            }
        }
        Ok(Membership { members })
    }
}

impl Change {
    /// Appends the change's bytes.
    pub fn encode(&self, out: &mut BytesMut) {
        let (tag, id) = match self {
            Change::AddLearner { raft_id, .. } => (1, *raft_id),
            Change::Promote { raft_id } => (2, *raft_id),
            Change::Remove { raft_id } => (3, *raft_id),
            Change::Demote { raft_id } => (4, *raft_id),
        };
        out.put_u8(tag);
        out.put_u64_le(id);
        if let Change::AddLearner {
            node_id, node_name, ..
        } = self
        {
            put_text(out, node_id);
            put_text(out, node_name);
        }
    }

    /// Reads a change.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not exactly one change.
    pub fn decode(bytes: &Bytes) -> Result<Change, Malformed> {
        let mut reader = Reader::new(bytes.clone());
        let tag = reader.u8()?;
        let raft_id = reader.u64()?;
        let change = match tag {
            1 => Change::AddLearner {
                raft_id,
                node_id: reader.text()?,
                node_name: reader.text()?,
            },
            2 => Change::Promote { raft_id },
            3 => Change::Remove { raft_id },
            4 => Change::Demote { raft_id },
            _ => return Err(Malformed("unknown membership change")),
        };
        reader.end()?;
        Ok(change)
    }

    pub(crate) fn for_engine(&self) -> ConfChangeV2 {
        let (kind, id) = match self {
            Change::AddLearner { raft_id, .. } | Change::Demote { raft_id } => {
                (ConfChangeType::AddLearnerNode, *raft_id)
            }
            Change::Promote { raft_id } => (ConfChangeType::AddNode, *raft_id),
            Change::Remove { raft_id } => (ConfChangeType::RemoveNode, *raft_id),
        };
        let mut single = ConfChangeSingle::default();
        single.set_change_type(kind);
        single.node_id = id;
        let mut change = ConfChangeV2::default();
        change.set_changes(vec![single].into());
        change
    }
}
