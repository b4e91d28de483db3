//! `/v1/status/*` (spec/http-api.md §17): this server's own view, without permissions or metadata.

use crate::encode::list;
use crate::fault::Fault;
use crate::read::reading;
use crate::request::{Handled, Request, attempt};
use ports::RpcError;

/// The leader's address, "" without one.
pub(crate) fn leader(req: Request) -> Handled {
    let status = attempt!(own(&req));
    req.shape.json(|w| w.str(&status.leader)).into()
}

/// Addresses of all raft peers.
pub(crate) fn peers(req: Request) -> Handled {
    let status = attempt!(own(&req));
    let write = |w: &mut dialect::json::Writer<'_>| match status.peers.as_slice() {
        [] => w.null(),
        peers => list(w, peers, |w, peer| w.str(peer)),
    };
    req.shape.json(write).into()
}

fn own(req: &Request) -> Result<ports::ClusterStatus, Fault> {
    // Parsed like any read, to no effect.
    let reading = reading(req)?;
    if reading.datacenter.is_empty() {
        Ok(req.door.ports.rpc.status())
    } else {
        Err(RpcError::NoPath.into())
    }
}
