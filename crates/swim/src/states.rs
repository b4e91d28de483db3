//! What is said of nodes, and what is made of it (spec/wire.md §1.9, "State rules").

use crate::Node;
use crate::messages::{Alive, Dead, Message, State, Suspect, Versions};
use crate::node::{Entry, ip};
use crate::suspicion::Suspicion;
use crate::swim::{MEMBERS_MAX, META_MAX, NAME_MAX, Swim, Turn};
use crate::upper::Note;
use std::net::SocketAddr;
use std::time::Duration;

/// A node's counter never honestly goes this far at once. Who let it could be told of its own death with the highest number there
/// is, which nobody can refute.
const JUMP_MAX: u32 = 1 << 20;

impl Swim {
    /// A node says that it is there.
    pub(crate) fn on_alive(&mut self, alive: Alive, turn: &mut Turn<'_>) {
        let own = alive.node == self.config.name;
        if own && self.leaving {
            return;
        }
        let Some(told) = self.sensible(&alive, turn) else {
            return;
        };
        if let Err(why) = turn.upper.admits(&told) {
            let node = alive.node;
            turn.upper.note(Note::Ignored { node, why });
            return;
        }
        let Some(moved) = self.place(&told, turn) else {
            return;
        };
        if own {
            self.said_of_us(&told, turn);
        } else {
            self.said_of_another(alive, told, moved, turn);
        }
    }

    /// The node as the message tells it, unless that makes no sense.
    fn sensible(&self, alive: &Alive, turn: &mut Turn<'_>) -> Option<Node> {
        let versions = Versions::of(&alive.vsn);
        if alive.vsn.len() >= 3
            && (versions.min == 0 || versions.max == 0 || versions.min > versions.max)
        {
            return None;
        }
        if alive.meta.len() > META_MAX || alive.node.len() > NAME_MAX || alive.node.is_empty() {
            return None;
        }
        let addr = SocketAddr::new(ip(&alive.addr)?, alive.port);
        if self.jumps(&alive.node, alive.incarnation, turn) {
            return None;
        }
        Some(Node {
            name: alive.node.as_str().into(),
            addr,
            // Not a piece of a long message, which it would keep.
            meta: bytes::Bytes::copy_from_slice(&alive.meta),
            versions,
            state: State::Dead,
            incarnation: alive.incarnation,
        })
    }

    /// Whether a known node's counter jumps beyond all sense.
    fn jumps(&self, name: &str, to: u32, turn: &mut Turn<'_>) -> bool {
        let Some(entry) = self.nodes.get(name) else {
            return false;
        };
        let from = entry.node.incarnation;
        let jumps = to > from.saturating_add(JUMP_MAX);
        if jumps {
            turn.upper.note(Note::Jump {
                node: name.to_owned(),
                from,
                to,
            });
        }
        jumps
    }

    /// Makes sure that the node is in the list. Whether it takes another address over; `None` when it may not, or when there is no
    /// place.
    fn place(&mut self, told: &Node, turn: &mut Turn<'_>) -> Option<bool> {
        let Some(entry) = self.nodes.get(&told.name) else {
            if self.nodes.len() >= MEMBERS_MAX {
                turn.upper.note(Note::Limit {
                    node: told.name.to_string(),
                    what: "the number of members",
                });
                return None;
            }
            let mut node = told.clone();
            // Anything that it says is news.
            node.incarnation = 0;
            let entry = Entry {
                node,
                changed: turn.now,
                suspicion: None,
            };
            self.nodes.insert(entry, turn.rng);
            return Some(true);
        };
        if entry.node.addr == told.addr {
            return Some(false);
        }
        let reclaim = self.config.timing.dead_node_reclaim;
        let given_up = entry.node.state == State::Left
            || (entry.node.state == State::Dead
                && !reclaim.is_zero()
                && turn.now.saturating_sub(entry.changed) > reclaim);
        if !given_up {
            turn.upper.conflict(&entry.node, told);
            return None;
        }
        turn.upper.note(Note::Moved {
            node: told.name.to_string(),
            from: entry.node.addr,
            to: told.addr,
        });
        Some(true)
    }

    fn said_of_us(&mut self, told: &Node, turn: &mut Turn<'_>) {
        let Some(own) = self.own() else { return };
        let same = told.meta == own.meta && told.versions == own.versions;
        if told.incarnation < own.incarnation || (told.incarnation == own.incarnation && same) {
            return;
        }
        turn.upper.note(Note::RefutedAlive {
            node: told.name.to_string(),
        });
        self.refute(told.incarnation);
    }

    fn said_of_another(&mut self, alive: Alive, told: Node, moved: bool, turn: &mut Turn<'_>) {
        let Some(entry) = self.nodes.get_mut(&told.name) else {
            return;
        };
        if told.incarnation <= entry.node.incarnation && !moved {
            return;
        }
        let (was_gone, other_meta) = (entry.is_gone(), entry.node.meta != told.meta);
        if let Some(suspicion) = entry.suspicion.take() {
            self.suspected
                .remove(&(suspicion.expires(), told.name.clone()));
        }
        let state = entry.node.state;
        entry.node = Node { state, ..told };
        if state != State::Alive {
            entry.set(State::Alive, turn.now);
        }
        let node = entry.node.clone();
        self.tell(Message::Alive(alive), &node.name);
        if was_gone {
            turn.upper.joined(turn.now, &node);
        } else if other_meta {
            turn.upper.updated(turn.now, &node);
        }
    }

    /// Somebody got no answer of a node.
    pub(crate) fn on_suspect(&mut self, suspect: Suspect, turn: &mut Turn<'_>) {
        if self.jumps(&suspect.node, suspect.incarnation, turn) {
            return;
        }
        let nodes = self.nodes.len();
        let Some(entry) = self.nodes.get_mut(&suspect.node) else {
            return;
        };
        if suspect.incarnation < entry.node.incarnation {
            return;
        }
        let name = entry.node.name.clone();
        if let Some(suspicion) = &mut entry.suspicion {
            let before = suspicion.expires();
            if suspicion.confirm(&suspect.from) {
                let after = suspicion.expires();
                self.suspected.remove(&(before, name.clone()));
                self.suspected.insert((after, name.clone()));
                self.tell(Message::Suspect(suspect), &name);
            }
            return;
        }
        if entry.node.state != State::Alive {
            return;
        }
        if *name == *self.config.name {
            turn.upper.note(Note::RefutedSuspect { from: suspect.from });
            return self.refute(suspect.incarnation);
        }
        let suspicion = self.config.timing.suspicion(nodes, turn.now, &suspect.from);
        self.suspected.insert((suspicion.expires(), name.clone()));
        entry.suspicion = Some(suspicion);
        entry.node.incarnation = suspect.incarnation;
        entry.set(State::Suspect, turn.now);
        self.tell(Message::Suspect(suspect), &name);
    }

    /// A node is gone, by somebody's word or its own.
    pub(crate) fn on_dead(&mut self, dead: Dead, turn: &mut Turn<'_>) {
        if self.jumps(&dead.node, dead.incarnation, turn) {
            return;
        }
        let Some(entry) = self.nodes.get_mut(&dead.node) else {
            return;
        };
        if dead.incarnation < entry.node.incarnation {
            return;
        }
        let name = entry.node.name.clone();
        if let Some(suspicion) = entry.suspicion.take() {
            self.suspected.remove(&(suspicion.expires(), name.clone()));
        }
        if entry.is_gone() {
            return;
        }
        if *name == *self.config.name && !self.leaving {
            turn.upper.note(Note::RefutedDead { from: dead.from });
            return self.refute(dead.incarnation);
        }
        entry.node.incarnation = dead.incarnation;
        let left = dead.from == dead.node;
        entry.set(if left { State::Left } else { State::Dead }, turn.now);
        let node = entry.node.clone();
        self.tell(Message::Dead(dead), &name);
        turn.upper.left(turn.now, &node);
    }

    /// Says that we are there, above what was said of us.
    fn refute(&mut self, accused: u32) {
        let own = self.config.name.clone();
        let Some(entry) = self.nodes.get_mut(&own) else {
            return;
        };
        let incarnation = entry.node.incarnation.max(accused).saturating_add(1);
        entry.node.incarnation = incarnation;
        let alive = entry.alive();
        self.worsen(1);
        self.tell(Message::Alive(alive), &own);
    }

    /// Suspected nodes whose time is over are dead.
    pub(crate) fn suspicions(&mut self, turn: &mut Turn<'_>) {
        while let Some((at, name)) = self.suspected.first().cloned()
            && at <= turn.now
        {
            self.suspected.remove(&(at, name.clone()));
            let Some(entry) = self.nodes.get_mut(&name) else {
                continue;
            };
            let accusers = entry.suspicion.take().map_or(0, |s| s.confirmations());
            let dead = Dead {
                incarnation: entry.node.incarnation,
                node: name.to_string(),
                from: self.config.name.clone(),
            };
            turn.upper.note(Note::Failed {
                node: name.to_string(),
                accusers,
            });
            self.on_dead(dead, turn);
        }
    }
}

impl crate::Timing {
    /// The time that a node has which `from` is the first to suspect.
    fn suspicion(&self, nodes: usize, now: Duration, from: &str) -> Suspicion {
        let mut wanted = self.suspicion_mult.saturating_sub(2) as usize;
        // There are not enough others to confirm it.
        if nodes.saturating_sub(2) < wanted {
            wanted = 0;
        }
        let min = self.suspicion_min(nodes);
        Suspicion::new(now, from, wanted, min, min * self.suspicion_max_mult)
    }
}
