//! What is held of a node, and the list of them all.

use crate::messages::{Alive, NodeState, State, Versions};
use crate::suspicion::Suspicion;
use bytes::Bytes;
use rand::RngCore;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A node as the layer above sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique in the pool.
    pub name: Arc<str>,
    /// Where it takes packets and streams.
    pub addr: SocketAddr,
    /// What the layer above says of it, at most [`META_MAX`](crate::META_MAX) bytes.
    pub meta: Bytes,
    /// Its protocol versions.
    pub versions: Versions,
    /// What is held of it.
    pub state: State,
    /// Its own counter of what it says of itself.
    pub incarnation: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) node: Node,
    /// When the state changed.
    pub(crate) changed: Duration,
    pub(crate) suspicion: Option<Suspicion>,
}

impl Entry {
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.node.state, State::Dead | State::Left)
    }

    pub(crate) fn set(&mut self, state: State, now: Duration) {
        self.node.state = state;
        self.changed = now;
    }

    pub(crate) fn alive(&self) -> Alive {
        let Node { addr, .. } = &self.node;
        Alive {
            incarnation: self.node.incarnation,
            node: self.node.name.to_string(),
            addr: ip_bytes(addr.ip()),
            port: addr.port(),
            meta: self.node.meta.clone(),
            vsn: self.node.versions.bytes(),
        }
    }

    pub(crate) fn told(&self) -> NodeState {
        let Node { addr, .. } = &self.node;
        NodeState {
            name: self.node.name.to_string(),
            addr: ip_bytes(addr.ip()),
            port: addr.port(),
            meta: self.node.meta.clone(),
            incarnation: self.node.incarnation,
            state: self.node.state.number(),
            vsn: self.node.versions.bytes(),
        }
    }
}

/// An address of 4 or 16 bytes; IPv6 forms of IPv4 are IPv4.
pub(crate) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four));
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::from(sixteen).to_canonical())
}

/// The bytes of an address.
pub(crate) fn ip_bytes(ip: IpAddr) -> Bytes {
    match ip {
        IpAddr::V4(four) => Bytes::copy_from_slice(&four.octets()),
        IpAddr::V6(six) => Bytes::copy_from_slice(&six.octets()),
    }
}

/// All nodes, in the order in which they are probed.
#[derive(Default)]
pub(crate) struct Nodes {
    entries: Vec<Entry>,
    places: HashMap<Arc<str>, usize>,
    /// Place of the next one to probe.
    hand: usize,
}

impl Nodes {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.places.get(name).map(|place| &self.entries[*place])
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Entry> {
        self.places.get(name).map(|place| &mut self.entries[*place])
    }

    /// Adds a node at a random place, so that nobody finds all others in the same order.
    pub(crate) fn insert(&mut self, entry: Entry, rng: &mut dyn RngCore) {
        let last = self.entries.len();
        let place = below(rng, last + 1);
        self.places.insert(entry.node.name.clone(), last);
        self.entries.push(entry);
        self.entries.swap(place, last);
        for place in [place, last] {
            self.places
                .insert(self.entries[place].node.name.clone(), place);
        }
    }

    /// The name of the next node to probe, which is neither `own` nor gone. Nodes that are gone for longer than `forget` are
    /// forgotten at the end of a round, and the order is drawn anew.
    pub(crate) fn next_to_probe(
        &mut self,
        own: &str,
        now: Duration,
        forget: Duration,
        rng: &mut dyn RngCore,
    ) -> Option<Arc<str>> {
        for _ in 0..=self.entries.len() {
            if self.hand >= self.entries.len() {
                self.hand = 0;
                self.reset(now, forget, rng);
            }
            let entry = self.entries.get(self.hand)?;
            self.hand += 1;
            if !entry.is_gone() && &*entry.node.name != own {
                return Some(entry.node.name.clone());
            }
        }
        None
    }

    fn reset(&mut self, now: Duration, forget: Duration, rng: &mut dyn RngCore) {
        self.entries
            .retain(|entry| !entry.is_gone() || now.saturating_sub(entry.changed) <= forget);
        for place in (1..self.entries.len()).rev() {
            self.entries.swap(place, below(rng, place + 1));
        }
        self.places = self
            .entries
            .iter()
            .enumerate()
            .map(|(place, entry)| (entry.node.name.clone(), place))
            .collect();
    }

    /// Up to `count` different nodes that are wanted.
    pub(crate) fn some(
        &self,
        count: usize,
        rng: &mut dyn RngCore,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Vec<Node> {
        let mut chosen: Vec<usize> = Vec::with_capacity(count);
        // A bounded number of draws: where few are wanted, few are found.
        for _ in 0..3 * self.entries.len() {
            if chosen.len() == count {
                break;
            }
            let place = below(rng, self.entries.len());
            if !chosen.contains(&place) && wanted(&self.entries[place]) {
                chosen.push(place);
            }
        }
        chosen
            .into_iter()
            .map(|place| self.entries[place].node.clone())
            .collect()
    }
}

/// A number below `bound`, which is not zero.
pub(crate) fn below(rng: &mut dyn RngCore, bound: usize) -> usize {
    // The bias of a remainder of 64 bits is nothing here.
    (rng.next_u64() % bound.max(1) as u64) as usize
}
