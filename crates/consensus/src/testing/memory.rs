//! Connections in memory: the first [`Transport`], for whole servers in one process.
//!
//! Owns: queues between pairs of servers, and faults on them. One thread per direction delivers, so that a receiver that hangs
//! holds up nobody but who talks to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::machine::{Inbound, Transport};
use crate::snapshot::SnapshotFile;

/// Bytes that wait on one connection; what comes on top is dropped.
pub const QUEUE_BYTES: usize = 8 << 20;

#[derive(Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    bytes: usize,
    closed: bool,
}

/// One direction between two servers.
#[derive(Default)]
struct Link {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    servers: BTreeMap<u64, Arc<dyn Inbound>>,
    links: BTreeMap<(u64, u64), Arc<Link>>,
    cut: BTreeSet<(u64, u64)>,
    stalled: BTreeSet<(u64, u64)>,
}

/// Servers that reach each other.
pub struct Network {
    state: Mutex<State>,
    changed: Condvar,
    queue_bytes: usize,
    patience: Duration,
}

impl Network {
    /// Nobody yet. At most `queue_bytes` wait on a connection ([`QUEUE_BYTES`]), and a stream that brings nothing for `patience`
    /// is broken.
    #[must_use]
    pub fn new(queue_bytes: usize, patience: Duration) -> Arc<Network> {
        Arc::new(Network {
            state: Mutex::default(),
            changed: Condvar::new(),
            queue_bytes,
            patience,
        })
    }

    /// What is sent to `id` arrives at `inbound` from now on.
    pub fn join(&self, id: u64, inbound: Arc<dyn Inbound>) {
        self.state.lock().servers.insert(id, inbound);
    }

    /// `id` is reached no more; all its connections are closed.
    pub fn leave(&self, id: u64) {
        let mut state = self.state.lock();
        let gone = state.servers.remove(&id);
        let links = state
            .links
            .extract_if(.., |(from, to), _| *from == id || *to == id);
        for (_, link) in links {
            link.close();
        }
        self.changed.notify_all();
        drop(state);
        // The server may hold its transport, and that this network: its end is nothing to wait for under the lock.
        drop(gone);
    }

    /// The way out of server `own`.
    #[must_use]
    pub fn transport(self: &Arc<Self>, own: u64) -> Arc<dyn Transport> {
        Arc::new(Way {
            network: self.clone(),
            own,
        })
    }

    /// Nothing comes from `from` to `to` any more, or again; streams under way break.
    pub fn cut(&self, from: u64, to: u64, cut: bool) {
        let mut state = self.state.lock();
        if cut {
            state.cut.insert((from, to));
        } else {
            state.cut.remove(&(from, to));
        }
        self.changed.notify_all();
    }

    /// Streams from `from` to `to` bring nothing any more, without breaking, or go on.
    pub fn stall(&self, from: u64, to: u64, stalled: bool) {
        let mut state = self.state.lock();
        if stalled {
            state.stalled.insert((from, to));
        } else {
            state.stalled.remove(&(from, to));
        }
        self.changed.notify_all();
    }

    fn receiver(&self, from: u64, to: u64) -> Option<Arc<dyn Inbound>> {
        let state = self.state.lock();
        let open = !state.cut.contains(&(from, to));
        state.servers.get(&to).filter(|_| open).cloned()
    }

    fn link(self: &Arc<Self>, from: u64, to: u64) -> Arc<Link> {
        let mut state = self.state.lock();
        if let Some(link) = state.links.get(&(from, to)) {
            return link.clone();
        }
        let link: Arc<Link> = Arc::default();
        state.links.insert((from, to), link.clone());
        let (served, network) = (link.clone(), Arc::downgrade(self));
        std::thread::spawn(move || serve(&served, &network, from, to));
        link
    }

    /// What waits on a connection is lost, the next message opens another.
    fn close(&self, from: u64, to: u64) {
        let link = self.state.lock().links.remove(&(from, to));
        if let Some(link) = link {
            link.close();
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for link in self.state.get_mut().links.values() {
            link.close();
        }
    }
}

impl Link {
    fn close(&self) {
        let mut queue = self.queue.lock();
        *queue = Queue {
            closed: true,
            ..Queue::default()
        };
        self.wake.notify_one();
    }

    fn put(&self, message: Bytes, limit: usize) {
        let mut queue = self.queue.lock();
        if !queue.closed && queue.bytes + message.len() <= limit {
            queue.bytes += message.len();
            queue.messages.push_back(message);
            self.wake.notify_one();
        }
    }

    /// The next message; `None` when the connection was closed.
    fn next(&self) -> Option<Bytes> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(message) = queue.messages.pop_front() {
                queue.bytes -= message.len();
                return Some(message);
            }
            if queue.closed {
                return None;
            }
            self.wake.wait(&mut queue);
        }
    }
}

fn serve(link: &Link, network: &Weak<Network>, from: u64, to: u64) {
    while let Some(message) = link.next() {
        let receiver = network.upgrade().and_then(|n| n.receiver(from, to));
        if let Some(receiver) = receiver {
            receiver.deliver(from, message);
        }
    }
}

/// A server's way to the others.
struct Way {
    network: Arc<Network>,
    own: u64,
}

impl Transport for Way {
    fn send(&self, to: u64, message: Bytes) {
        if self.network.receiver(self.own, to).is_some() {
            let link = self.network.link(self.own, to);
            link.put(message, self.network.queue_bytes);
        }
    }

    fn disconnect(&self, peer: u64) {
        self.network.close(peer, self.own);
        if let Some(told) = self.network.receiver(self.own, peer) {
            told.peer_gone(self.own);
        }
    }

    fn send_snapshot(
        &self,
        to: u64,
        message: Bytes,
        content: SnapshotFile,
        done: Box<dyn FnOnce(bool) + Send>,
    ) {
        let Some(receiver) = self.network.receiver(self.own, to) else {
            return done(false);
        };
        let mut stream = Stream {
            network: self.network.clone(),
            ends: (self.own, to),
            content,
        };
        std::thread::spawn(move || {
            let from = stream.ends.0;
            let arrived = receiver.receive_snapshot(from, message, &mut stream);
            done(arrived.is_ok());
        });
    }
}

/// A snapshot's bytes on their way.
struct Stream {
    network: Arc<Network>,
    ends: (u64, u64),
    content: SnapshotFile,
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let until = Instant::now() + self.network.patience;
        let mut state = self.network.state.lock();
        loop {
            if state.cut.contains(&self.ends) || !state.servers.contains_key(&self.ends.0) {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if !state.stalled.contains(&self.ends) {
                break;
            }
            if self
                .network
                .changed
                .wait_until(&mut state, until)
                .timed_out()
            {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        drop(state);
        self.content.read(buf)
    }
}
