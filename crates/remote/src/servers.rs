//! The servers that are asked.

use parking_lot::Mutex;
use std::net::SocketAddr;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Where it takes calls.
    pub address: SocketAddr,
}

/// A list of servers that somebody keeps: gossip in an agent.
pub trait Servers: Send + Sync + 'static {
    /// The server to ask; `None` when none is known.
    fn first(&self) -> Option<Place>;

    /// A call to this server failed: another is asked next.
    fn failed(&self, name: &str);
}

impl Servers for Mutex<pool::Servers> {
    fn first(&self) -> Option<Place> {
        self.lock().first().map(|server| Place {
            name: server.name.clone(),
            address: server.address,
        })
    }

    fn failed(&self, name: &str) {
        self.lock().failed(name);
    }
}
