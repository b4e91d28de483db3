//! `/v1/snapshot` (spec/http-api.md §20). Both directions look at the datacenter, the token and `?stale` only.

use crate::fault::Fault;
use crate::reply::{Body, BodyError, Reply, View};
use crate::request::{BodyPieces, Handled, Request, attempt};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use hyper::header::HeaderValue;
use ports::{Consistency, Operator, Pieces};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Largest archive that is taken in.
const MAX_ARCHIVE: u64 = 64 << 30;

fn port(req: &Request) -> Result<Arc<dyn Operator>, Fault> {
    req.door
        .ports
        .operator
        .clone()
        .ok_or_else(|| Fault::internal("Snapshots are not served by this agent"))
}

/// An archive of the state.
pub(crate) fn save(req: Request) -> Handled {
    let operator = attempt!(port(&req));
    let datacenter = req.datacenter();
    let stale = req.params.has("stale");
    let consistency = if stale {
        Consistency::Stale
    } else {
        Consistency::Default
    };
    let view = View {
        shape: req.shape,
        consistency,
        ..View::default()
    };
    let Request { caller, .. } = req;
    Handled::later(async move {
        let snapshot = operator.snapshot_save(&caller, &datacenter, stale).await?;
        let mut reply = Reply::typed(HeaderValue::from_static("application/x-gzip"), Bytes::new());
        reply.body = Body::stream(Download::next(snapshot.archive));
        Ok(reply.with_own_meta(
            &view,
            snapshot.index,
            snapshot.known_leader,
            snapshot.last_contact,
        ))
    })
}

/// Replaces the state by an archive's.
pub(crate) fn restore(req: Request) -> Handled {
    let operator = attempt!(port(&req));
    let datacenter = req.datacenter();
    if req.params.has("stale") {
        return Fault::internal("stale not allowed for restore").into();
    }
    let Request { caller, body, .. } = req;
    Handled::later(async move {
        let archive = Box::new(BodyPieces::new(body, MAX_ARCHIVE));
        operator
            .snapshot_restore(&caller, &datacenter, archive)
            .await?;
        Ok(Reply::nothing())
    })
}

type Read = (Box<dyn Pieces>, io::Result<Bytes>);

/// An archive on its way out.
struct Download(Option<Pin<Box<dyn Future<Output = Read> + Send>>>);

impl Download {
    fn next(mut archive: Box<dyn Pieces>) -> Self {
        Self(Some(Box::pin(async move {
            let piece = archive.next().await;
            (archive, piece)
        })))
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(reading) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let Poll::Ready((archive, piece)) = reading.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        self.0 = None;
        match piece {
            Ok(piece) if piece.is_empty() => Poll::Ready(None),
            Ok(piece) => {
                *self = Self::next(archive);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Err(error) => Poll::Ready(Some(Err(error.into()))),
        }
    }
}
