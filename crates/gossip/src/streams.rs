//! Streams: one request, at most one answer, each with a deadline, and all of them together with limits (spec/wire.md §1.7).

use crate::driver::{Calls, Shared};
use crate::gate::Place;
use crate::limits::{ACCEPT_PAUSE, STREAM_PIECE};
use crate::sockets::canonical;
use rand::RngCore;
use rt::{Instant, Room};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use swim::{NONCE_LEN, Side, StreamError, StreamMessage, StreamReader, Swim};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::SemaphorePermit;

/// A stream that holds as much is read beside the runtime's other tasks.
const LONG: usize = 256 * 1024;

/// How a stream came to nothing.
#[derive(Debug, Error)]
enum Failure {
    #[error("{0}")]
    Message(#[from] StreamError),
    #[error("{}", net::error_text(.0))]
    Io(#[from] io::Error),
    #[error("EOF")]
    End,
    #[error("streams hold too many bytes")]
    Full,
    #[error("i/o timeout")]
    Late,
}

/// Takes connections until the room closes.
pub(crate) async fn accept(
    tcp: TcpListener,
    shared: Arc<Shared>,
    calls: Calls,
    timeout: Duration,
    room: Room,
) {
    loop {
        let (socket, from) = match tcp.accept().await {
            Ok((socket, from)) => (socket, canonical(from)),
            Err(error) => {
                shared
                    .logger
                    .trouble("failed to accept a connection", &error);
                shared.time.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(place) = shared.gate.enter(from.ip()) else {
            continue;
        };
        let (shared, calls) = (shared.clone(), calls.clone());
        room.spawn("gossip stream", async move {
            let until = shared.time.now() + timeout;
            let served = serve(socket, place, &shared, &calls);
            match before(until, &shared, served).await {
                // Who says nothing at all only looked whether somebody listens.
                Ok(()) | Err(Failure::End) => {}
                Err(error) => shared.logger.stream(from, &error),
            }
        });
    }
}

/// The outcome of `work`, if it is there in time.
async fn before<T>(
    until: Instant,
    shared: &Shared,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        done = work => done,
        () = shared.time.sleep_until(until) => Err(Failure::Late),
    }
}

async fn serve(
    mut socket: TcpStream,
    mut place: Place,
    shared: &Shared,
    calls: &Calls,
) -> Result<(), Failure> {
    let mut reader = StreamReader::new(Side::Dialer);
    let (answer, failure) = match read(&mut socket, &mut reader, &mut place, shared).await {
        Ok((request, turn)) => {
            let asked = calls.ask(move |driver| {
                driver.with(|serf, moment| serf.stream_request(request, moment))
            });
            let answer = asked.await.ok().flatten();
            drop(turn);
            (answer, None)
        }
        Err(Failure::Message(error)) => (Some(Swim::refusal(&error)), Some(error)),
        Err(error) => return Err(error),
    };
    if let Some(answer) = answer {
        write(&mut socket, answer, Side::Listener, &mut place, shared).await?;
    }
    failure.map_or(Ok(()), |error| Err(error.into()))
}

/// Reads one message. With it comes the turn it was read in: few messages are in memory at once, however small they were while
/// they were compressed.
async fn read<'a>(
    socket: &mut TcpStream,
    reader: &mut StreamReader,
    place: &mut Place,
    shared: &'a Shared,
) -> Result<(StreamMessage, SemaphorePermit<'a>), Failure> {
    let mut piece = Vec::new();
    loop {
        // Until something is there a stream costs no buffer.
        socket.readable().await?;
        piece.resize(STREAM_PIECE, 0);
        let count = socket.read(&mut piece).await?;
        if count == 0 {
            return Err(Failure::End);
        }
        if !place.holds(reader.buffered() + count) {
            return Err(Failure::Full);
        }
        let turn = shared.turns.acquire().await.map_err(|_| Failure::End)?;
        let wrapping = shared.wrapping.load();
        let message = if reader.buffered() + count > LONG {
            rt::aside(|| reader.push(&wrapping, &piece[..count]))?
        } else {
            reader.push(&wrapping, &piece[..count])?
        };
        if let Some(message) = message {
            return Ok((message, turn));
        }
    }
}

async fn write(
    socket: &mut TcpStream,
    message: StreamMessage,
    side: Side,
    place: &mut Place,
    shared: &Shared,
) -> Result<(), Failure> {
    let mut nonce = [0; NONCE_LEN];
    rand::rng().fill_bytes(&mut nonce);
    let bytes = shared.wrapping.load().frame(&message, side, nonce);
    drop(message);
    if !place.holds(bytes.len()) {
        return Err(Failure::Full);
    }
    Ok(socket.write_all(&bytes).await?)
}

/// Connects, asks, hears the answer.
///
/// # Errors
/// What went wrong, in Go's words.
pub(crate) async fn exchange(
    to: SocketAddr,
    request: StreamMessage,
    until: Instant,
    shared: &Shared,
) -> Result<StreamMessage, String> {
    let connect = async { Ok(TcpStream::connect(to).await?) };
    let mut socket = before(until, shared, connect)
        .await
        .map_err(|error| match error {
            Failure::Late => format!("dial tcp {to}: {error}"),
            error => format!("dial tcp {to}: connect: {error}"),
        })?;
    let local = socket.local_addr().map(canonical);
    let mut place = shared.gate.own();
    let asked = async {
        write(&mut socket, request, Side::Dialer, &mut place, shared).await?;
        let mut reader = StreamReader::new(Side::Listener);
        let (answer, _) = read(&mut socket, &mut reader, &mut place, shared).await?;
        Ok(answer)
    };
    before(until, shared, asked)
        .await
        .map_err(|error| match (&error, local) {
            (Failure::Io(_), Ok(local)) => format!("read tcp {local}->{to}: read: {error}"),
            (Failure::Late, Ok(local)) => format!("read tcp {local}->{to}: {error}"),
            _ => error.to_string(),
        })
}
