//! The servers that calls go to (spec/server.md §11.2, §12.1): the first of a list is asked, one that failed goes to its end, and
//! now and then the list is mixed so that no server has all the clients.

use crate::Server;
use rand::seq::SliceRandom;
use rand::{Rng, RngCore};
use serf::Status;
use std::collections::BTreeMap;
use std::time::Duration;
use thiserror::Error;

/// Whether a server is one of our kind. A server of the reference carries the same tags in the same pool, so this is not told by
/// gossip: who calls it learns it and says so with [`Servers::learn`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kin {
    /// Nobody asked it yet.
    #[default]
    Unknown,
    /// It is.
    Ours,
    /// It is not: no call is routed to it.
    Stranger,
}

#[derive(Clone, Debug)]
struct Entry {
    server: Server,
    kin: Kin,
}

/// The servers of one datacenter, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    list: Vec<Entry>,
}

/// Rebalances of all clients together per second.
const REBALANCES_PER_SECOND: u32 = 64;
/// Shortest time between rebalances of one agent, to which up to half as much is added by chance.
const REBALANCE_MIN: Duration = Duration::from_secs(120);

impl Servers {
    /// Adds a server, or takes over what it says now; one that is known keeps its place.
    pub fn put(&mut self, server: Server) {
        match self
            .list
            .iter_mut()
            .find(|entry| entry.server.name == server.name)
        {
            Some(entry) => {
                // Another process under the name is asked again.
                if entry.server.id != server.id || entry.server.address != server.address {
                    entry.kin = Kin::Unknown;
                }
                entry.server = server;
            }
            None => self.list.push(Entry {
                server,
                kin: Kin::Unknown,
            }),
        }
    }

    /// Forgets a server.
    pub fn remove(&mut self, name: &str) {
        self.list.retain(|entry| entry.server.name != name);
    }

    /// Says whose kind a server is.
    pub fn learn(&mut self, name: &str, kin: Kin) {
        if let Some(entry) = self.list.iter_mut().find(|entry| entry.server.name == name) {
            entry.kin = kin;
        }
    }

    /// Whose kind a server is; `None` for one that is not known.
    pub fn kin(&self, name: &str) -> Option<Kin> {
        let entry = self.list.iter().find(|entry| entry.server.name == name)?;
        Some(entry.kin)
    }

    /// The server to ask.
    pub fn first(&self) -> Option<&Server> {
        self.callable().next()
    }

    /// All servers, in their order.
    pub fn all(&self) -> impl Iterator<Item = &Server> {
        self.list.iter().map(|entry| &entry.server)
    }

    fn callable(&self) -> impl Iterator<Item = &Server> {
        let callable = |entry: &&Entry| {
            let gone = matches!(entry.server.status, Status::Failed | Status::Left);
            entry.kin != Kin::Stranger && !gone
        };
        self.list.iter().filter(callable).map(|entry| &entry.server)
    }

    /// A call to a server failed: if it is still the one to ask, another is from now on.
    pub fn failed(&mut self, name: &str) {
        if self.first().is_some_and(|first| first.name == name) {
            let place = self.list.iter().position(|entry| entry.server.name == name);
            if let Some(place) = place {
                let entry = self.list.remove(place);
                self.list.push(entry);
            }
        }
    }

    /// Mixes the list without a further look, as at the start.
    pub fn shuffle(&mut self, rng: &mut dyn RngCore) {
        self.list.shuffle(rng);
    }

    /// An order of chance in which to look for a server that answers `Status.Ping`; [`Servers::answered`] then says which did.
    pub fn candidates(&self, rng: &mut dyn RngCore) -> Vec<Server> {
        let mut order: Vec<Server> = self.callable().cloned().collect();
        order.shuffle(rng);
        order
    }

    /// Takes over an order of [`Servers::candidates`] of which `name` answered first. Servers that came meanwhile stand at the
    /// end, those that went are not there; where the one that answered went, nothing changes.
    pub fn answered(&mut self, order: &[Server], name: &str) {
        if !self.list.iter().any(|entry| entry.server.name == name) {
            return;
        }
        let place = |entry: &Entry| {
            let own = &entry.server.name;
            let place = order.iter().position(|server| server.name == *own);
            (own != name, place.unwrap_or(usize::MAX))
        };
        self.list.sort_by_key(place);
    }

    /// How long to wait until the next rebalance in a pool of `nodes`.
    pub fn rebalance_after(&self, nodes: usize, rng: &mut dyn RngCore) -> Duration {
        let least = REBALANCE_MIN + REBALANCE_MIN.mul_f64(rng.random::<f64>() / 2.0);
        let servers = u32::try_from(self.list.len()).unwrap_or(u32::MAX).max(1);
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        let fair = Duration::from_secs(1) / REBALANCES_PER_SECOND * nodes / servers;
        least.max(fair)
    }
}

/// Why no server of a datacenter can be asked. Texts are the reference's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoRoute {
    /// No server of it was ever heard of.
    #[error("No path to datacenter")]
    Unknown,
    /// None of its servers can be reached.
    #[error("Remote DC has no server currently reachable")]
    Unreachable,
}

/// The servers of all datacenters.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    by_datacenter: BTreeMap<String, Servers>,
}

impl Routes {
    /// Follows what a member says of itself, or where it stands now.
    pub fn follow(&mut self, server: Server) {
        let servers = self.by_datacenter.entry(server.datacenter.clone());
        servers.or_default().put(server);
    }

    /// A member is forgotten.
    pub fn forget(&mut self, server: &Server) {
        if let Some(servers) = self.by_datacenter.get_mut(&server.datacenter) {
            servers.remove(&server.name);
            if servers.list.is_empty() {
                self.by_datacenter.remove(&server.datacenter);
            }
        }
    }

    /// The server of a datacenter to ask.
    ///
    /// # Errors
    /// See [`NoRoute`].
    pub fn route(&self, datacenter: &str) -> Result<&Server, NoRoute> {
        let servers = self.by_datacenter.get(datacenter).ok_or(NoRoute::Unknown)?;
        servers.first().ok_or(NoRoute::Unreachable)
    }

    /// The servers of a datacenter, to tell how calls went.
    pub fn servers(&mut self, datacenter: &str) -> Option<&mut Servers> {
        self.by_datacenter.get_mut(datacenter)
    }

    /// All datacenters with their servers, by name.
    pub fn datacenters(&self) -> impl Iterator<Item = (&str, &Servers)> {
        self.by_datacenter
            .iter()
            .map(|(name, servers)| (name.as_str(), servers))
    }
}
