//! Archives over connections of their own (spec/wire.md §3.6): one request, the end of which is that of our side.

use crate::caller::{Calls, lost};
use crate::limits::{DIAL, PIECE};
use bytes::{Bytes, BytesMut};
use dialect::Nanos;
use dialect::msgpack::{self, Scan};
use ports::{BoxFuture, Pieces, RpcError, Snapshot};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf};
use tokio::net::TcpStream;
use wire::errors;
use wire::rpc::SnapshotResponse;

/// The first byte of these connections.
const SNAPSHOT: u8 = 5;
/// Bytes of what a server says before the archive.
const RESPONSE_MAX: usize = 64 * 1024;

fn broken(error: &io::Error) -> RpcError {
    lost(&error.to_string())
}

/// A connection to the server to ask. Archives are asked for once: who wants one decides whether to try again.
async fn dial(calls: &Calls) -> Result<TcpStream, RpcError> {
    let Some(place) = calls.first() else {
        return Err(RpcError::Unavailable(errors::NO_SERVERS.to_owned()));
    };
    let dialled = tokio::select! {
        dialled = TcpStream::connect(place.address) => dialled,
        () = calls.time.sleep(DIAL) => Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout")),
    };
    dialled.map_err(|error| {
        calls.failed(&place.name);
        RpcError::Unavailable(format!(
            "rpc error getting client: failed to get conn: dial tcp {}: {error}",
            place.address
        ))
    })
}

/// What the server says, and the bytes that came behind it.
async fn response(
    input: &mut ReadHalf<TcpStream>,
) -> Result<(SnapshotResponse, BytesMut), RpcError> {
    let (mut read, mut scan) = (BytesMut::new(), Scan::default());
    loop {
        read.reserve(PIECE);
        let count = input
            .read_buf(&mut read)
            .await
            .map_err(|error| broken(&error))?;
        if count == 0 {
            return Err(broken(&io::ErrorKind::UnexpectedEof.into()));
        }
        let found = scan.advance(&read).map_err(|error| error.to_string());
        let said = match found {
            Ok(Some(end)) => msgpack::from_slice::<SnapshotResponse>(&read.split_to(end))
                .map_err(|error| error.to_string()),
            Ok(None) if read.len() <= RESPONSE_MAX => continue,
            Ok(None) => Err("a response without an end".to_owned()),
            Err(why) => Err(why),
        };
        let said = said.map_err(|why| lost(&why))?;
        if said.error.is_empty() {
            return Ok((said, read));
        }
        return Err(crate::caller::said(&said.error));
    }
}

/// An archive of the servers' state. It comes as it is read: the bytes that nobody takes wait at the server.
pub(crate) async fn save(calls: &Calls, request: Vec<u8>) -> Result<Snapshot, RpcError> {
    let (mut input, mut output) = tokio::io::split(dial(calls).await?);
    let asked = async {
        output.write_u8(SNAPSHOT).await?;
        output.write_all(&request).await?;
        output.shutdown().await
    };
    asked.await.map_err(|error| broken(&error))?;
    let (said, rest) = response(&mut input).await?;
    let Nanos(last_contact) = said.meta.last_contact;
    Ok(Snapshot {
        index: said.meta.index,
        known_leader: said.meta.known_leader,
        last_contact: Duration::from_nanos(u64::try_from(last_contact).unwrap_or_default()),
        archive: Box::new(Incoming {
            rest: rest.freeze(),
            input,
            _output: output,
        }),
    })
}

/// An archive on its way in.
struct Incoming {
    rest: Bytes,
    input: ReadHalf<TcpStream>,
    /// Dropped with it: the connection ends when nobody reads any more.
    _output: tokio::io::WriteHalf<TcpStream>,
}

impl Pieces for Incoming {
    fn next(&mut self) -> BoxFuture<'_, io::Result<Bytes>> {
        Box::pin(async move {
            if !self.rest.is_empty() {
                return Ok(std::mem::take(&mut self.rest));
            }
            let mut piece = BytesMut::with_capacity(PIECE);
            self.input.read_buf(&mut piece).await?;
            Ok(piece.freeze())
        })
    }
}

/// Puts an archive in the place of the servers' state.
pub(crate) async fn restore(
    calls: &Calls,
    request: Vec<u8>,
    mut archive: Box<dyn Pieces>,
) -> Result<(), RpcError> {
    let (mut input, mut output) = tokio::io::split(dial(calls).await?);
    let sent = async {
        output.write_u8(SNAPSHOT).await?;
        output.write_all(&request).await?;
        loop {
            let piece = archive.next().await?;
            if piece.is_empty() {
                return output.shutdown().await;
            }
            output.write_all(&piece).await?;
        }
    };
    // A server that refuses answers before all is sent; what it says counts more than that it listens no more.
    tokio::pin!(sent);
    tokio::select! {
        said = response(&mut input) => return said.map(drop),
        sent = &mut sent => match sent {
            Ok(()) => {}
            Err(error) => return match response(&mut input).await {
                Err(refused @ RpcError::Refused(_)) => Err(refused),
                _ => Err(broken(&error)),
            },
        },
    }
    response(&mut input).await.map(drop)
}
