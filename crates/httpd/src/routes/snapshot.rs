//! `/v1/snapshot` (spec/http-api.md §20). Both directions look at the datacenter, the token and `?stale` only.

use crate::fault::Fault;
use crate::reply::{Reply, View};
use crate::request::{BodyFault, Handled, Request, attempt};
use hyper::header::HeaderValue;
use ports::{Consistency, Operator};
use std::sync::Arc;

/// Largest archive that is taken in.
const MAX_ARCHIVE: u64 = 4 << 30;

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
        let reply = Reply::typed(
            HeaderValue::from_static("application/x-gzip"),
            snapshot.archive,
        );
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
        let archive = body.read(MAX_ARCHIVE).await.map_err(|fault| match fault {
            BodyFault::TooLarge => Fault::new(
                413,
                format!("Request body too large, max size: {MAX_ARCHIVE} bytes."),
            ),
            BodyFault::Broken(text) => Fault::internal(text),
        })?;
        operator
            .snapshot_restore(&caller, &datacenter, archive)
            .await?;
        Ok(Reply::nothing())
    })
}
