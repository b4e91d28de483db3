//! What goes wrong: crashes, cuts, changes of who takes part.

use std::collections::BTreeSet;

use consensus::Change;
use consensus::driver::Input;

use crate::Failure;
use crate::server::Server;
use crate::world::{Event, MAX_SERVERS, MS, World};

impl World {
    pub(super) fn mishap(&mut self) -> Result<(), Failure> {
        if !self.chaos {
            return Ok(());
        }
        let next = self.random.between(1, 2 * self.weather.mishap_every);
        self.later(next, Event::Mishap);
        let count = self.servers.len() as u64;
        let at = self.random.below(count) as usize;
        if self.weather.changes && self.random.chance(25) {
            return self.change_membership();
        }
        match self.random.below(12) {
            0 | 1 if self.servers[at].running.is_some() => self.crash(at),
            2 | 3 => {
                let operations = self.random.below(12) as u32;
                self.servers[at].disk.crash_after(operations);
                Ok(())
            }
            4 => {
                let leader = self.leader();
                leader.map_or(Ok(()), |leader| self.crash(leader))
            }
            5 => self.cut_off(at),
            6 => {
                let other = self.random.below(count) as usize;
                self.blocked.insert((at, other));
                Ok(())
            }
            7 | 8 => {
                self.blocked.clear();
                Ok(())
            }
            9 if self.servers[at].running.is_some() => self.give(at, [Input::SnapshotNow]),
            11 => {
                self.servers[at].disk.set_full(true);
                let pause = self.random.between(1, 3000) * MS;
                self.later(pause, Event::Space(at));
                Ok(())
            }
            10 => {
                let leader = self.leader();
                let target = self.servers[at].id;
                if let Some(leader) = leader {
                    return self.give(leader, [Input::Transfer(target)]);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Separates one server, or a group, from the others, both ways.
    pub(super) fn cut_off(&mut self, at: usize) -> Result<(), Failure> {
        let mut group = BTreeSet::from([at]);
        if self.random.chance(40) {
            group.insert(self.random.below(self.servers.len() as u64) as usize);
        }
        for other in 0..self.servers.len() {
            for one in &group {
                if !group.contains(&other) {
                    self.blocked.insert((*one, other));
                    self.blocked.insert((other, *one));
                }
            }
        }
        Ok(())
    }

    pub(super) fn change_membership(&mut self) -> Result<(), Failure> {
        let Some(leader) = self.leader() else {
            return Ok(());
        };
        let Some(membership) = self.servers[leader].membership() else {
            return Ok(());
        };
        let members = membership.members.clone();
        let (voters, learners): (Vec<_>, Vec<_>) = members.iter().partition(|(_, m)| m.voter);
        let change = if let Some((id, _)) = learners.first() {
            if self.random.chance(80) {
                Change::Promote { raft_id: **id }
            } else {
                Change::Remove { raft_id: **id }
            }
        } else if voters.len() > 3 && self.random.chance(60) {
            let (id, _) = voters[self.random.below(voters.len() as u64) as usize];
            Change::Remove { raft_id: *id }
        } else if self.servers.len() < MAX_SERVERS {
            self.add_server();
            let at = self.servers.len() - 1;
            self.start(at)?;
            let id = self.servers[at].id;
            Change::AddLearner {
                raft_id: id,
                node_id: format!("id-{id}"),
                node_name: format!("node-{id}"),
            }
        } else {
            return Ok(());
        };
        self.give(leader, [Server::change(change)])
    }
}
