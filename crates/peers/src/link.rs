//! The way out to one peer: connections that are made again until what waits has left.

use std::future::pending;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::frame;
use crate::greeting::{self, Lane, Refusal};
use crate::hub::Hub;
use crate::limits::{PIECE, SMALL};
use crate::queue::Link;

/// What is written at once.
#[derive(Default)]
struct Batch {
    /// Heads and small messages, with the large ones that follow a place in it.
    small: BytesMut,
    large: Vec<(usize, Bytes)>,
    bytes: usize,
}

impl Batch {
    /// Adds a message; whether there is room for more.
    fn push(&mut self, message: Bytes) -> bool {
        frame::put_head(&mut self.small, message.len());
        self.bytes += message.len();
        if message.len() <= SMALL {
            self.small.extend_from_slice(&message);
        } else {
            self.large.push((self.small.len(), message));
        }
        self.bytes < PIECE
    }

    fn is_empty(&self) -> bool {
        self.small.is_empty()
    }

    /// Writes all of it; each piece must be taken within the peer's patience.
    async fn write(&mut self, hub: &Hub, stream: &mut OwnedWriteHalf) -> io::Result<()> {
        let mut written = 0;
        for (upto, large) in self.large.drain(..) {
            write(hub, stream, &self.small[written..upto]).await?;
            written = upto;
            write(hub, stream, &large).await?;
        }
        write(hub, stream, &self.small[written..]).await?;
        self.small.clear();
        self.bytes = 0;
        Ok(())
    }
}

async fn write(hub: &Hub, stream: &mut OwnedWriteHalf, bytes: &[u8]) -> io::Result<()> {
    for piece in bytes.chunks(PIECE) {
        timeout(hub.limits.patience, stream.write_all(piece)).await??;
    }
    Ok(())
}

/// How a connection ended.
enum End {
    /// Nothing was sent for long.
    Idle,
    /// It broke.
    Failed(io::Error),
}

/// Carries what is put into `link` to `peer`, until nothing was for long.
pub async fn run(hub: Arc<Hub>, peer: u64, lane: Lane, link: Arc<Link>) {
    let mut pause = hub.limits.pause.0;
    let mut told = None;
    loop {
        link.wait().await;
        let error = match hub.connect(peer, lane).await {
            Ok(stream) => {
                pause = hub.limits.pause.0;
                told = None;
                match converse(&hub, stream, &link).await {
                    End::Idle => {
                        if link.close_if_empty() {
                            return hub.forget(peer, lane, &link);
                        }
                        continue;
                    }
                    End::Failed(error) => error,
                }
            }
            Err(error) => error,
        };
        link.clear();
        tell(peer, lane, &error, &mut told);
        if says_gone(&error) {
            hub.gone(peer);
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = link.heard() => {}
        }
        pause = (pause * 2).min(hub.limits.pause.1);
    }
}

/// Says in the log what is wrong with a peer, once for each refusal: the rest is the weather of networks.
fn tell(peer: u64, lane: Lane, error: &io::Error, told: &mut Option<Refusal>) {
    let refusal = greeting::refusal(error);
    if let Some(why) = refusal
        && *told != refusal
        && lane == Lane::Urgent
    {
        tracing::warn!(target: "agent.server.raft", peer, error = %why, "a server refuses our raft connection");
    } else {
        tracing::debug!(target: "agent.server.raft", peer, ?lane, %error, "raft connection failed");
    }
    *told = refusal;
}

/// Whether nobody is there, as far as the other machine can tell.
fn says_gone(error: &io::Error) -> bool {
    match greeting::refusal(error) {
        Some(refusal) => refusal.says_gone(),
        None => matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        ),
    }
}

async fn converse(hub: &Hub, stream: TcpStream, link: &Link) -> End {
    let (mut reading, mut writing) = stream.into_split();
    match speak(hub, &mut reading, &mut writing, link).await {
        Ok(()) => {
            let _ = write(hub, &mut writing, &frame::goodbye()).await;
            End::Idle
        }
        Err(error) => End::Failed(error),
    }
}

/// Sends what waits, until nothing did for long.
async fn speak(
    hub: &Hub,
    reading: &mut OwnedReadHalf,
    writing: &mut OwnedWriteHalf,
    link: &Link,
) -> io::Result<()> {
    let limits = &hub.limits;
    let mut batch = Batch::default();
    let mut pong_by: Option<Instant> = None;
    let mut next_ping = Instant::now();
    let mut last_sent = Instant::now();
    loop {
        tokio::select! {
            () = link.wait() => {
                link.drain(|message| batch.push(message));
                if !batch.is_empty() {
                    last_sent = Instant::now();
                    if pong_by.is_none() && next_ping <= last_sent {
                        frame::put_ping(&mut batch.small);
                        pong_by = Some(last_sent + limits.patience);
                    }
                    batch.write(hub, writing).await?;
                }
            }
            pong = reading.read_u8() => {
                pong?;
                pong_by = None;
                next_ping = Instant::now() + limits.ping_every;
            }
            () = until(pong_by) => return Err(io::ErrorKind::TimedOut.into()),
            () = sleep_until(last_sent + limits.idle) => return Ok(()),
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
