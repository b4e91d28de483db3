//! A server's way to the others, on a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use consensus::snapshot::SnapshotFile;
use consensus::{Inbound, Transport};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::greeting::Lane;
use crate::hub::{Cluster, Hub};
use crate::limits::{Limits, MESSAGE_MAX};
use crate::link;
use crate::queue::Link;
use crate::{accept, snapshot};

/// The way to the other servers. It ends with [`Peers::close`], or with its last handle.
pub struct Peers {
    hub: Arc<Hub>,
    runtime: Handle,
    closing: Arc<Notify>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Peers {
    /// Starts the thread. Nobody is let in before [`Peers::attach`].
    ///
    /// # Errors
    /// When there is no thread or no event queue to be had.
    pub fn start(cluster: Arc<dyn Cluster>, limits: Limits) -> io::Result<Arc<Peers>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("raft-snapshot")
            .build()?;
        let closing = Arc::new(Notify::new());
        let handle = runtime.handle().clone();
        let end = closing.clone();
        let thread = std::thread::Builder::new()
            .name("raft-peers".to_owned())
            .spawn(move || {
                runtime.block_on(end.notified());
                runtime.shutdown_background();
            })?;
        Ok(Arc::new(Peers {
            hub: Hub::new(cluster, limits),
            runtime: handle,
            closing,
            thread: Mutex::new(Some(thread)),
        }))
    }

    /// From now on this server is `own`, and what it is sent goes to `inbound`, as long as that lives.
    pub fn attach(&self, own: u64, inbound: &Arc<dyn Inbound>) {
        self.hub.attach(own, Arc::downgrade(inbound));
    }

    /// Takes a connection to the server port whose first byte was [`crate::FIRST_BYTE`]. Callable from any runtime.
    pub fn accept(&self, stream: TcpStream, from: SocketAddr) {
        // Its readiness is told to the runtime where it was made, and this is another one.
        match stream.into_std() {
            Ok(stream) => {
                let served = accept::serve(self.hub.clone(), stream, from);
                self.runtime.spawn(served);
            }
            Err(error) => tracing::debug!(%from, %error, "a raft connection broke at once"),
        }
    }

    /// Closes all connections and ends the thread, waiting for it. Calls after it do nothing.
    pub fn close(&self) {
        self.closing.notify_one();
        let thread = self.thread.lock().take();
        // The last handle may be dropped by what the thread itself just called.
        if let Some(thread) =
            thread.filter(|held| held.thread().id() != std::thread::current().id())
        {
            let _ = thread.join();
        }
    }
}

impl Peers {
    fn link(&self, to: u64, lane: Lane) -> Arc<Link> {
        self.hub.link(to, lane, |link| {
            self.runtime
                .spawn(link::run(self.hub.clone(), to, lane, link));
        })
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.close();
    }
}

impl Transport for Peers {
    fn send(&self, to: u64, message: Bytes) {
        if message.len() > MESSAGE_MAX {
            tracing::error!(
                to,
                bytes = message.len(),
                "a raft message above its limit is not sent"
            );
            return;
        }
        let lane = if consensus::message::is_append(&message) {
            Lane::Entries
        } else {
            Lane::Urgent
        };
        let limit = self.hub.limits.queue_bytes.max(message.len());
        // A link may end between being found and being filled; the next one is new.
        while !self.link(to, lane).put(&message, limit) {}
    }

    fn disconnect(&self, peer: u64) {
        self.hub.disconnect(peer);
    }

    fn send_snapshot(
        &self,
        to: u64,
        message: Bytes,
        content: SnapshotFile,
        done: Box<dyn FnOnce(bool) + Send>,
    ) {
        let hub = self.hub.clone();
        self.runtime.spawn(async move {
            let sent = snapshot::send(hub, to, message, content).await;
            if let Err(error) = &sent {
                tracing::warn!(target: "agent.server.raft", peer = to, %error, "failed to send snapshot");
            }
            done(sent.is_ok());
        });
    }
}
