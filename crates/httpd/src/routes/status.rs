//! `/v1/status/*` (spec/http-api.md §17): this server's own view, without permissions or metadata.

use crate::encode::list;
use crate::fault::Fault;
use crate::read::reading;
use crate::reply::{Reply, Shape};
use crate::request::{Handled, Request, attempt};
use ports::{ClusterStatus, RpcError};

/// The leader's address, "" without one.
pub(crate) fn leader(req: Request) -> Handled {
    own(req, |status, shape| shape.json(|w| w.str(&status.leader)))
}

/// Addresses of all raft peers.
pub(crate) fn peers(req: Request) -> Handled {
    own(req, |status, shape| {
        shape.json(|w| match status.peers.as_slice() {
            [] => w.null(),
            peers => list(w, peers, |w, peer| w.str(peer)),
        })
    })
}

fn own(req: Request, shown: fn(&ClusterStatus, Shape) -> Reply) -> Handled {
    // Parsed like any read, to no effect.
    let reading = attempt!(reading(&req));
    if !reading.datacenter.is_empty() {
        return Fault::from(RpcError::NoPath).into();
    }
    let Request {
        door,
        caller,
        shape,
        ..
    } = req;
    Handled::later(async move {
        let status = door.ports.rpc.cluster(&caller).await?;
        Ok(shown(&status, shape))
    })
}
