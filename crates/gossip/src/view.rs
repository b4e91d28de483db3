//! What others may look at without asking the pool's task: members and coordinates.

use model::NetCoord;
use parking_lot::RwLock;
use serf::{Event, Member};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

#[derive(Default)]
struct Known {
    members: BTreeMap<String, Arc<Member>>,
    /// Coordinates of others that were measured; of members only.
    coordinates: HashMap<String, NetCoord>,
    own: NetCoord,
}

/// The pool as of the last thing that happened. Locks are held for a look, never across a wait.
#[derive(Default)]
pub(crate) struct View(RwLock<Known>);

impl View {
    /// Takes over what happened; whether it is about a member.
    pub(crate) fn follow(&self, event: &Event) {
        match event {
            Event::Join(member)
            | Event::Leave(member)
            | Event::Failed(member)
            | Event::Update(member)
            | Event::Intent(member) => {
                let member = Arc::new(member.clone());
                self.0.write().members.insert(member.name.clone(), member);
            }
            Event::Reap(member) => {
                let mut known = self.0.write();
                known.members.remove(&member.name);
                known.coordinates.remove(&member.name);
            }
            Event::Coordinate { node, coord } => {
                let mut known = self.0.write();
                known.coordinates.insert(node.clone(), coord.clone());
            }
            _ => {}
        }
    }

    pub(crate) fn set_own(&self, coord: &NetCoord) {
        self.0.write().own = coord.clone();
    }

    /// All members, by name.
    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        self.0.read().members.values().cloned().collect()
    }

    pub(crate) fn member(&self, name: &str) -> Option<Arc<Member>> {
        self.0.read().members.get(name).cloned()
    }

    pub(crate) fn own(&self) -> NetCoord {
        self.0.read().own.clone()
    }

    pub(crate) fn coordinate(&self, name: &str) -> Option<NetCoord> {
        self.0.read().coordinates.get(name).cloned()
    }
}
