//! What stands behind the door of a server: its ports.

use crate::port::{Archive, BoxFuture, Call, Failure, Found, Methods, SnapshotRequest, Snapshots};
use bytes::{Bytes, BytesMut};
use calls::{Charge, Served};
use ports::{Caller, Operator, Pieces, Token};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use wire::rpc::QueryMeta;

/// Bytes of an archive that are read at once.
const ARCHIVE_PIECE: usize = 64 * 1024;

/// Whether a call may be made now; the error is its answer.
pub type Admit = Box<dyn Fn(Charge) -> Result<(), String> + Send + Sync>;

/// The methods of a server: `calls::CALLS`, served from its ports.
pub struct ServedMethods {
    served: Arc<Served>,
    admit: Admit,
}

impl ServedMethods {
    /// Methods over these ports, with a limit before them.
    pub fn new(served: Arc<Served>, admit: Admit) -> Self {
        Self { served, admit }
    }
}

impl Methods for ServedMethods {
    fn find(&self, service: &str, method: &str) -> Found {
        if calls::find(&format!("{service}.{method}")).is_some() {
            Found::Method
        } else if calls::has_service(service) {
            Found::NoMethod
        } else {
            Found::NoService
        }
    }

    fn admits(&self, method: &str, _: SocketAddr) -> Result<(), String> {
        match calls::find(method) {
            Some(call) => (self.admit)(call.charge),
            None => Ok(()),
        }
    }

    fn call(&self, call: Call) -> BoxFuture<'static, Result<Bytes, Failure>> {
        let Some(method) = calls::find(&call.method) else {
            let why = format!("no method {}", call.method);
            return Box::pin(std::future::ready(Err(Failure::Body(why))));
        };
        let serving = method.serve(self.served.clone(), call.body, call.peer);
        Box::pin(async move {
            serving.await.map_err(|failure| match failure {
                calls::Failure::Body(why) => Failure::Body(why),
                calls::Failure::Method(why) => Failure::Method(why),
            })
        })
    }
}

/// Archives of a server's state, from its port.
pub struct ServedSnapshots {
    operator: Arc<dyn Operator>,
    datacenter: String,
}

impl ServedSnapshots {
    /// Archives of the server of this datacenter.
    pub fn new(operator: Arc<dyn Operator>, datacenter: String) -> Self {
        Self {
            operator,
            datacenter,
        }
    }

    fn caller(request: &SnapshotRequest, peer: SocketAddr) -> Caller {
        Caller {
            token: Token::new(&request.token),
            remote: Some(peer),
        }
    }

    fn place<'a>(&self, request: &'a SnapshotRequest) -> &'a str {
        if request.datacenter == self.datacenter {
            ""
        } else {
            &request.datacenter
        }
    }
}

impl Snapshots for ServedSnapshots {
    fn save(
        &self,
        request: SnapshotRequest,
        peer: SocketAddr,
    ) -> BoxFuture<'_, Result<(QueryMeta, Archive), String>> {
        Box::pin(async move {
            let caller = Self::caller(&request, peer);
            let place = self.place(&request);
            let saved = self
                .operator
                .snapshot_save(&caller, place, request.allow_stale)
                .await
                .map_err(|error| error.to_string())?;
            let last_contact = i64::try_from(saved.last_contact.as_nanos()).unwrap_or(i64::MAX);
            let meta = QueryMeta {
                index: saved.index,
                known_leader: saved.known_leader,
                last_contact: dialect::Nanos(last_contact),
                ..QueryMeta::default()
            };
            let archive: Archive = Box::new(Outgoing::new(saved.archive));
            Ok((meta, archive))
        })
    }

    fn restore(
        &self,
        request: SnapshotRequest,
        peer: SocketAddr,
        archive: Archive,
    ) -> BoxFuture<'_, Result<QueryMeta, String>> {
        Box::pin(async move {
            let caller = Self::caller(&request, peer);
            let place = self.place(&request);
            self.operator
                .snapshot_restore(&caller, place, Box::new(Incoming(archive)))
                .await
                .map_err(|error| error.to_string())?;
            Ok(QueryMeta::default())
        })
    }
}

/// What a client sends, in pieces. Its end is that of the client's side of the connection.
struct Incoming(Archive);

impl Pieces for Incoming {
    fn next(&mut self) -> ports::BoxFuture<'_, io::Result<Bytes>> {
        Box::pin(async move {
            let mut piece = BytesMut::with_capacity(ARCHIVE_PIECE);
            self.0.read_buf(&mut piece).await?;
            Ok(piece.freeze())
        })
    }
}

type Read = (Box<dyn Pieces>, io::Result<Bytes>);

/// Pieces as a stream of bytes.
struct Outgoing {
    /// `None` behind the last.
    reading: Option<BoxFuture<'static, Read>>,
    piece: Bytes,
}

impl Outgoing {
    fn new(archive: Box<dyn Pieces>) -> Self {
        Self {
            reading: Some(next(archive)),
            piece: Bytes::new(),
        }
    }
}

fn next(mut archive: Box<dyn Pieces>) -> BoxFuture<'static, Read> {
    Box::pin(async move {
        let piece = archive.next().await;
        (archive, piece)
    })
}

impl AsyncRead for Outgoing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.piece.is_empty() {
            let Some(reading) = &mut self.reading else {
                return Poll::Ready(Ok(()));
            };
            let (archive, piece) = ready!(reading.as_mut().poll(cx));
            self.reading = None;
            self.piece = piece?;
            if !self.piece.is_empty() {
                self.reading = Some(next(archive));
            }
        }
        let count = self.piece.len().min(buf.remaining());
        buf.put_slice(&self.piece.split_to(count));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbered pieces of a length each.
    struct Numbered(u8, usize);

    impl Pieces for Numbered {
        fn next(&mut self) -> ports::BoxFuture<'_, io::Result<Bytes>> {
            if self.0 == 0 {
                return Box::pin(std::future::ready(Ok(Bytes::new())));
            }
            self.0 -= 1;
            let piece = Bytes::from(vec![self.0; self.1]);
            Box::pin(std::future::ready(Ok(piece)))
        }
    }

    #[tokio::test]
    async fn pieces_are_one_stream_and_a_stream_is_pieces() {
        let mut bytes = Vec::new();
        let mut outgoing = Outgoing::new(Box::new(Numbered(3, 100_000)));
        outgoing.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes.len(), 300_000);
        assert_eq!((bytes[0], bytes[299_999]), (2, 0));
        let mut incoming = Incoming(Box::new(io::Cursor::new(bytes.clone())));
        let mut again = Vec::new();
        loop {
            let piece = incoming.next().await.unwrap();
            if piece.is_empty() {
                break;
            }
            again.extend_from_slice(&piece);
        }
        assert_eq!(again, bytes);
    }
}
