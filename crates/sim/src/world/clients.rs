//! Clients: each asks for one thing after the other and notes what it learns.

use crate::Failure;
use crate::history::{End, Operation};
use crate::machine::{Action, OpId};
use crate::server::Answer;
use crate::world::{Event, MS, World};

impl World {
    pub(super) fn ask(&mut self, client: usize) -> Result<(), Failure> {
        if !self.chaos {
            return Ok(());
        }
        let target = match self.random.chance(85) {
            true => self.leader(),
            false => Some(self.random.below(self.servers.len() as u64) as usize),
        };
        let ready =
            |at: &usize| self.servers[*at].running.is_some() && !self.servers[*at].is_broken();
        let Some(at) = target.filter(ready) else {
            self.later(20 * MS, Event::Ask(client));
            return Ok(());
        };
        let action = self.draw_action(client);
        let op = self.begin(action);
        self.clients[client] = Some(op);
        let patience = MS * self.random.between(300, 3000);
        self.later(patience, Event::GiveUp(client, op));
        self.submit(at, op, action)
    }

    pub(super) fn draw_action(&mut self, client: usize) -> Action {
        let key = self.random.below(3) as u8;
        let holder = client as u32 + 1;
        let value = self.next_op as u32;
        match self.random.below(10) {
            0..=2 => Action::Put(key, value),
            3..=4 => {
                let old = self.guess(key);
                Action::Cas(key, old, value)
            }
            5 => Action::Lock(key, holder),
            6 => Action::Unlock(key, holder),
            7 => Action::Holder(key),
            _ => Action::Get(key),
        }
    }

    /// A value that somebody wrote lately, so that some compare-and-sets succeed.
    pub(super) fn guess(&mut self, key: u8) -> u32 {
        let values: Vec<u32> = self
            .history
            .operations
            .values()
            .rev()
            .take(20)
            .filter_map(|o| match o.action {
                Action::Put(k, v) | Action::Cas(k, _, v) if k == key => Some(v),
                _ => None,
            })
            .take(2)
            .collect();
        self.random.pick(&values).copied().unwrap_or(0)
    }

    pub(super) fn begin(&mut self, action: Action) -> OpId {
        let op = self.next_op;
        self.next_op += 1;
        let operation = Operation {
            action,
            start: self.now,
            end: 0,
            result: End::Unknown,
        };
        self.history.operations.insert(op, operation);
        op
    }

    pub(super) fn submit(&mut self, at: usize, op: OpId, action: Action) -> Result<(), Failure> {
        let padding = if self.random.chance(20) {
            self.random.below(1500) as usize
        } else {
            0
        };
        let asked = self.servers[at].operation(op, action, padding);
        self.give(at, asked)
    }

    pub(super) fn final_write(&mut self, leader: usize) -> Option<OpId> {
        let action = Action::Put(200, 1);
        let op = self.begin(action);
        self.submit(leader, op, action).ok()?;
        Some(op)
    }

    pub(super) fn ended(&mut self, op: OpId, result: Answer) {
        self.end(
            op,
            match result {
                Answer::Done(index, answer) => End::Done(index, answer),
                Answer::Refused => End::Refused,
                Answer::Unknown | Answer::Dropped => End::Unknown,
            },
        );
    }

    pub(super) fn end(&mut self, op: OpId, result: End) {
        let client = self.clients.iter().position(|c| *c == Some(op));
        let Some(operation) = self.history.operations.get_mut(&op) else {
            return;
        };
        if operation.end != 0 {
            return;
        }
        operation.end = self.now.max(1);
        operation.result = result;
        if matches!(result, End::Done(..)) {
            self.acknowledged += 1;
        }
        if let Some(client) = client {
            self.clients[client] = None;
            let pause = self.random.below(30 * MS);
            self.later(pause, Event::Ask(client));
        }
    }
}
