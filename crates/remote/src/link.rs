//! A connection as callers see it.

use crate::driver::{Command, Lost, Reply, drive};
use crate::limits::{CALLS_MAX, DIAL};
use bytes::Bytes;
use dialect::msgpack;
use rt::{Room, Time};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use wire::rpc::RequestHeader;

/// A connection to a server.
pub(crate) struct Link {
    commands: mpsc::UnboundedSender<Command>,
    /// Calls that may still begin.
    places: Semaphore,
    next: AtomicU64,
}

impl Link {
    /// Dials.
    pub(crate) async fn dial(address: SocketAddr, time: &Time, room: &Room) -> io::Result<Self> {
        let stream = tokio::select! {
            stream = TcpStream::connect(address) => stream?,
            () = time.sleep(DIAL) => return Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout")),
        };
        stream.set_nodelay(true)?;
        let (commands, wanted) = mpsc::unbounded_channel();
        room.spawn(
            "server connection",
            drive(stream, wanted, time.clone(), room.clone()),
        );
        Ok(Self {
            commands,
            places: Semaphore::new(CALLS_MAX),
            next: AtomicU64::new(1),
        })
    }

    /// Whether the connection is gone.
    pub(crate) fn is_over(&self) -> bool {
        self.commands.is_closed()
    }

    /// Calls; dropping the future ends the call at the server too.
    pub(crate) async fn call(&self, method: &str, body: &[u8]) -> Result<Reply, Lost> {
        let gone = || Lost("session shutdown".to_owned());
        // Never closed.
        let _place = self.places.acquire().await;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut request = msgpack::to_vec(&RequestHeader {
            seq: number,
            service_method: method.to_owned(),
        });
        request.extend_from_slice(body);
        let (waiter, reply) = oneshot::channel();
        let call = Command::Call(number, Bytes::from(request), waiter);
        self.commands.send(call).map_err(|_| gone())?;
        let mut abandoned = Abandoned(Some((&self.commands, number)));
        let reply = reply.await.map_err(|_| gone())?;
        abandoned.0 = None;
        reply
    }
}

/// Tells the task that nobody waits any more, unless the call is over.
struct Abandoned<'a>(Option<(&'a mpsc::UnboundedSender<Command>, u64)>);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if let Some((commands, call)) = self.0 {
            // A connection that is gone has no calls.
            let _ = commands.send(Command::Cancel(call));
        }
    }
}
