//! From what the engine has ready to what may leave: what waits for which write, and what does not.

use raft::eraftpb::{Entry, EntryType, Message, MessageType};

use super::{Apply, Core, Entries, Gated, Outgoing, Refusal, Violation};
use crate::faults::Faults;
use crate::log::{Position, Write};
use crate::membership::Change;
use crate::message;

impl<W, R> Core<W, R> {
    pub(super) fn handle_ready(&mut self) -> Result<(), Violation> {
        let mut ready = self.node.ready();
        let number = ready.number();
        self.last_ready = number;
        let mut write = Write {
            number,
            entries: ready.take_entries(),
            ..Write::default()
        };
        let now = ready.take_messages();
        let mut later = ready.take_persisted_messages();
        let mut early = Vec::new();
        if self.faults == Faults::VoteEarly {
            let vote = |m: &Message| m.get_msg_type() == MessageType::MsgRequestVoteResponse;
            early = later.extract_if(.., |m| vote(m)).collect();
        }
        let reads = ready.take_read_states();
        let committed = ready.take_committed_entries();
        if let Some(state) = ready.hs() {
            self.node.mut_store().hard_state = state.clone();
        }
        let state = self.current_state();
        write.install = self.begin_install(&ready)?;
        // A membership may only change once its commit is on disk: a server that restarts with an
        // older membership than it acted under could elect a second leader.
        let change = committed
            .iter()
            .rev()
            .find(|e| e.get_entry_type() != EntryType::EntryNormal);
        let unsaved_change = change.is_some_and(|e| e.index > self.saved.commit);
        let vote_moved = (state.term, state.vote) != (self.saved.term, self.saved.vote);
        // A server that takes in entries has the commit index that came with them on disk when it says
        // so: who acknowledges one membership change then knows after a restart that the one before was
        // committed, and does not campaign under a membership two steps old.
        let alone = self.leading && self.membership.members.len() == 1;
        let commit_moved = !alone && !write.entries.is_empty() && state.commit != self.saved.commit;
        if vote_moved {
            self.voted = number;
        }
        if vote_moved || unsaved_change || commit_moved || write.install.is_some() {
            write.hard_state = Some(state);
            self.saved = state;
        }
        self.node.mut_store().append(&write.entries);
        self.node.advance_append_async(ready);
        if !committed.is_empty() {
            self.gated.push_back((number, Gated::Entries(committed)));
        }
        if !write.entries.is_empty() || write.hard_state.is_some() {
            self.outstanding.push_back(number);
            self.out.writes.push(write);
        }
        for state in reads {
            self.confirm_read(&state);
        }
        self.send(early);
        self.let_go(number, now, later);
        Ok(())
    }

    /// The snapshot that the engine took in, if any, as what the log has to do.
    fn begin_install(&mut self, ready: &raft::Ready) -> Result<Option<Position>, Violation> {
        let meta = ready.snapshot().get_metadata();
        if meta.index == 0 {
            return Ok(None);
        }
        let position = Position {
            index: meta.index,
            term: meta.term,
        };
        let Some((_, membership)) = self.incoming.take_if(|(p, _)| *p == position) else {
            return Err(Violation("a snapshot without its message".to_owned()));
        };
        self.installing = true;
        let store = self.node.mut_store();
        store.install(position, membership.clone());
        let gated = Gated::Install(position, membership);
        self.gated.push_back((ready.number(), gated));
        Ok(Some(position))
    }

    /// Messages leave now, or once the write with that number is durable.
    fn let_go(&mut self, number: u64, mut now: Vec<Message>, mut later: Vec<Message>) {
        // The only voter leads in the moment it campaigns: what it sends waits for its vote, as others' questions for votes do.
        if self.outstanding.contains(&self.voted) {
            now.append(&mut later);
            later = now;
        } else {
            self.send(now);
        }
        if !later.is_empty() {
            self.held.push_back((number, later));
        }
    }

    /// Releases what waited for writes that are durable by now.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        let early = u64::from(self.faults == Faults::WrittenEarly);
        let covered = self
            .outstanding
            .front()
            .map_or(self.last_ready, |open| open - 1 + early);
        self.node.on_persist_ready(covered);
        while let Some((_, messages)) = self.held.pop_front_if(|(n, _)| *n <= covered) {
            self.send(messages);
        }
        // Committed entries are durable already; only a membership change waits for its own write.
        while let Some((number, item)) = self.gated.front() {
            let waits = match item {
                Gated::Install(..) => true,
                Gated::Entries(entries) => entries
                    .iter()
                    .any(|e| e.get_entry_type() != EntryType::EntryNormal),
            };
            if waits && *number > covered {
                break;
            }
            match self.gated.pop_front() {
                Some((_, Gated::Entries(entries))) => self.release(entries)?,
                Some((_, Gated::Install(position, membership))) => {
                    self.installing = false;
                    self.released = position.index;
                    self.membership = membership.clone();
                    if position.index > self.node.raft.raft_log.applied {
                        self.node.advance_apply_to(position.index);
                    }
                    self.out.apply.push(Apply::Restore(position, membership));
                }
                None => break,
            }
        }
        Ok(())
    }

    fn release(&mut self, mut entries: Vec<Entry>) -> Result<(), Violation> {
        if self.faults == Faults::CommitAhead {
            entries.retain(|e| e.index > self.released);
            let next = entries.last().map_or(0, |e| e.index + 1);
            entries.extend(self.node.store().cached(next).cloned());
        }
        for entry in entries {
            self.released = entry.index;
            let waiter = self.take_waiter(entry.index, entry.term);
            if entry.get_entry_type() == EntryType::EntryNormal {
                if let Some(Apply::Entries(batch)) = self.out.apply.last_mut() {
                    batch.push(entry, waiter);
                } else {
                    let mut batch = Entries::default();
                    batch.push(entry, waiter);
                    self.out.apply.push(Apply::Entries(batch));
                }
            } else {
                self.release_change(&entry, waiter)?;
            }
        }
        Ok(())
    }

    fn release_change(&mut self, entry: &Entry, waiter: Option<W>) -> Result<(), Violation> {
        let change = Change::decode(message::payload(entry))
            .map_err(|m| Violation(format!("membership change {}: {m}", entry.index)))?;
        if self.membership.allows(&change) {
            // With a snapshot's message the engine has that one's members already, this change among them.
            if !self.is_installing() {
                let state = self
                    .node
                    .apply_conf_change(&change.for_engine())
                    .map_err(|error| Violation(error.to_string()))?;
                self.node.mut_store().conf_state = state;
            }
            self.membership.apply(&change);
        }
        // The engine would go on leading; and its role may be newer than what was noted of it.
        let votes = self
            .membership
            .members
            .get(&self.id)
            .is_some_and(|m| m.voter);
        if !votes {
            self.step_down();
        }
        self.out.apply.push(Apply::Membership {
            position: Position {
                index: entry.index,
                term: entry.term,
            },
            membership: self.membership.clone(),
            waiter,
        });
        Ok(())
    }

    fn take_waiter(&mut self, index: u64, term: u64) -> Option<W> {
        while let Some((position, _)) = self.waiting.front()
            && position.index <= index
        {
            let (position, waiter) = self.waiting.pop_front()?;
            if position.index == index && position.term == term {
                return (!self.faults.drops_waiter(index)).then_some(waiter);
            }
            self.out.refused.push((waiter, Refusal::LeadershipLost));
        }
        None
    }

    fn send(&mut self, messages: Vec<Message>) {
        for message in messages {
            let snapshot = (message.get_msg_type() == MessageType::MsgSnapshot).then(|| {
                let meta = message.get_snapshot().get_metadata();
                Position {
                    index: meta.index,
                    term: meta.term,
                }
            });
            let stored = self.node.store().snapshot.as_ref();
            let membership = stored
                .filter(|(position, _)| Some(*position) == snapshot)
                .map(|(_, membership)| membership);
            if let Some(bytes) = message::encode(&message, membership) {
                self.out.messages.push(Outgoing {
                    to: message.to,
                    bytes,
                    snapshot,
                });
            } else if snapshot.is_some() {
                self.node
                    .report_snapshot(message.to, raft::SnapshotStatus::Failure);
            }
        }
    }
}
