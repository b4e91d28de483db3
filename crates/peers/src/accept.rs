//! The way in: who calls, and what it says.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::frame::{Frame, Frames};
use crate::greeting::{Greeting, Lane, answer};
use crate::hub::Hub;
use crate::snapshot;

/// The sign of life that a ping asks for.
const PONG: &[u8] = &[1];

/// Serves a connection until it ends.
pub async fn serve(hub: Arc<Hub>, stream: std::net::TcpStream, from: SocketAddr) {
    match greet(&hub, stream).await {
        Ok(Some((stream, greeting))) => {
            let (peer, lane) = (greeting.from, greeting.lane);
            hub.heard(peer);
            let (begin, begins) = tokio::sync::oneshot::channel();
            let served = hub.clone();
            let task = tokio::spawn(async move {
                let Ok(number) = begins.await else { return };
                if let Err(error) = listen(&served, stream, peer, lane).await {
                    tracing::debug!(target: "agent.server.raft", peer, ?lane, %error, "raft connection ended");
                }
                served.read(peer, lane, number);
            });
            let _ = begin.send(hub.reads(peer, lane, task.abort_handle()));
        }
        Ok(None) => {}
        Err(error) => {
            tracing::debug!(target: "agent.server.raft", %from, %error, "raft connection broke before its greeting");
        }
    }
}

/// Hears who calls and lets it in or not.
async fn greet(
    hub: &Hub,
    stream: std::net::TcpStream,
) -> io::Result<Option<(TcpStream, Greeting)>> {
    let mut stream = TcpStream::from_std(stream)?;
    let Ok(_place) = hub.greetings.clone().try_acquire_owned() else {
        return Err(io::Error::other(
            "too many connections that do not say who calls",
        ));
    };
    let greeted = async {
        let greeting = Greeting::receive(&mut stream).await?;
        let refusal = hub.refuses(greeting.as_ref());
        answer(&mut stream, refusal).await?;
        if let (Some(why), Some(greeting)) = (refusal, greeting) {
            let (peer, to) = (greeting.from, greeting.to);
            tracing::debug!(target: "agent.server.raft", peer, to, %why, "refused a raft connection");
        }
        Ok::<_, io::Error>(greeting.filter(|_| refusal.is_none()))
    };
    let greeting = timeout(hub.limits.greeting, greeted).await??;
    stream.set_nodelay(true)?;
    Ok(greeting.map(|greeting| (stream, greeting)))
}

async fn listen(hub: &Arc<Hub>, stream: TcpStream, peer: u64, lane: Lane) -> io::Result<()> {
    if lane == Lane::Snapshot {
        return snapshot::receive(hub, stream, peer).await;
    }
    let listened = messages(hub, stream, peer).await;
    // Who ends a conversation without a goodbye has died: with the leader gone there is no reason to wait.
    if !matches!(&listened, Err(error) if error.kind() == io::ErrorKind::TimedOut) {
        if let Ok(()) = listened {
            return Ok(());
        }
        hub.gone(peer);
    }
    listened
}

/// Hands on what a peer says until it says goodbye.
async fn messages(hub: &Hub, mut stream: TcpStream, peer: u64) -> io::Result<()> {
    let mut frames = Frames::default();
    // Half-open connections of machines that went without a word do not stay for ever.
    let silence = 2 * hub.limits.idle;
    loop {
        while let Some(frame) = frames.take()? {
            match frame {
                Frame::Message(message) => {
                    let Some(inbound) = hub.inbound() else {
                        return Ok(());
                    };
                    inbound.deliver(peer, message);
                }
                Frame::Ping => timeout(hub.limits.patience, stream.write_all(PONG)).await??,
                Frame::Goodbye => return Ok(()),
            }
        }
        if timeout(silence, frames.fill(&mut stream)).await?? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
