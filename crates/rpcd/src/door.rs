//! Connections: how many, and what their first byte says.

use crate::inside::Inside;
use crate::limits::{ACCEPT_PAUSE, Limits};
use crate::port::{Methods, Snapshots, Streams};
use crate::{multiplex, plain, snapshot};
use parking_lot::Mutex;
use rt::{Room, Time};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncReadExt;

/// First bytes (spec/wire.md §3.1).
mod first {
    pub(super) const PLAIN: u8 = 0;
    pub(super) const MULTIPLEX: u8 = 4;
    pub(super) const SNAPSHOT: u8 = 5;
}

/// The door on the server port.
pub struct Door {
    inside: Inside,
    others: Vec<Arc<dyn Streams>>,
    /// Connections that one address may have.
    most: AtomicUsize,
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Door {
    /// A door to these; `others` are protocols that share the port.
    pub fn new(
        methods: Arc<dyn Methods>,
        snapshots: Arc<dyn Snapshots>,
        others: Vec<Arc<dyn Streams>>,
        limits: Limits,
        time: Time,
    ) -> Arc<Self> {
        Arc::new(Self {
            most: AtomicUsize::new(limits.connections_per_peer),
            inside: Inside::new(methods, snapshots, limits, time),
            others,
            peers: Arc::default(),
        })
    }

    /// Another limit of connections of one address from now on; those that are there stay.
    pub fn limit_connections(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Takes connections until the room closes.
    pub async fn serve(self: Arc<Self>, listener: net::Listener, room: Room) {
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok((stream, net::Peer::Tcp(peer))) => (stream, peer),
                Ok((_, net::Peer::Unix)) => continue,
                Err(error) => {
                    tracing::error!(target: "agent.server.rpc", %error, "failed to accept RPC conn");
                    self.inside.time.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = self.place(peer.ip()) else {
                tracing::error!(
                    target: "agent.server.rpc",
                    %peer,
                    "rejecting RPC conn because rpc_max_conns_per_client exceeded"
                );
                continue;
            };
            let (door, within) = (self.clone(), room.clone());
            room.spawn_to_end("rpc connection", async move {
                let _place = place;
                if let Err(error) = door.connection(stream, peer, within).await {
                    tracing::debug!(target: "agent.server.rpc", %peer, %error, "rpc connection ended");
                }
            });
        }
    }

    async fn connection(
        &self,
        mut stream: net::Stream,
        peer: SocketAddr,
        room: Room,
    ) -> io::Result<()> {
        let closing = room.closing();
        tokio::pin!(closing);
        let first = tokio::select! {
            first = stream.read_u8() => first?,
            () = self.inside.time.sleep(self.inside.limits.handshake_timeout) => return Ok(()),
            () = &mut closing => return Ok(()),
        };
        let other = self.others.iter().find(|other| other.first_byte() == first);
        if let Some(other) = other {
            if let net::Stream::Tcp(stream) = stream {
                other.take(stream, peer);
            }
            return Ok(());
        }
        let served = async {
            match first {
                first::PLAIN => plain::serve(stream, peer, &self.inside).await,
                first::MULTIPLEX => multiplex::serve(stream, peer, &self.inside, &room).await,
                first::SNAPSHOT => snapshot::serve(stream, peer, &self.inside).await,
                _ => Ok(()),
            }
        };
        if first == first::MULTIPLEX {
            // It says goodbye by itself.
            return served.await;
        }
        tokio::select! {
            served = served => served,
            () = &mut closing => Ok(()),
        }
    }

    /// A place for a connection of this address; `None` when it has as many as it may.
    fn place(&self, peer: IpAddr) -> Option<Place> {
        let mut peers = self.peers.lock();
        let count = peers.entry(peer).or_default();
        if *count >= self.most.load(Ordering::Relaxed) {
            return None;
        }
        *count += 1;
        Some(Place {
            peers: self.peers.clone(),
            peer,
        })
    }
}

/// A connection's place; dropping it gives it back.
struct Place {
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut peers = self.peers.lock();
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}
