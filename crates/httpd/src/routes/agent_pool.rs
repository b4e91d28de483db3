//! `/v1/agent/members`, `join`, `force-leave` (spec/http-api.md §10.7).

use super::agent::compiled;
use super::agent_view;
use crate::encode::list;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::request::{Handled, Request, attempt};
use ports::filter;

/// Members of the LAN pool, or of the WAN pool.
pub(crate) fn members(req: Request) -> Handled {
    let pool = &req.door.ports.members;
    let wan = !req.params.text("wan").is_empty();
    let rows = match (wan, req.params.text("segment")) {
        (true, "" | "_all") => pool.wan(),
        (true, _) => return Fault::bad("Cannot provide a segment with wan=true").into(),
        (false, "" | "_all") => Some(pool.lan()),
        (false, _) if pool.is_server() => {
            return Fault::internal("Network segments are not supported in this version of Consul")
                .into();
        }
        (false, segment) => {
            return Fault::internal(format!("segment {segment:?} not found")).into();
        }
    };
    let filter = attempt!(compiled(&req, &filter::MEMBER));
    let Some(mut rows) = rows else {
        return req.shape.json(|w| w.null()).into();
    };
    rows.retain(|row| filter.as_ref().is_none_or(|filter| filter.matches(row)));
    let write = |w: &mut dialect::json::Writer<'_>| list(w, &rows, agent_view::member);
    req.shape.json(write).into()
}

/// Joins a pool.
pub(crate) fn join(req: Request) -> Handled {
    let address = req.rest_text();
    let wan = !req.params.text("wan").is_empty();
    let door = req.door;
    Handled::later(async move {
        let members = &door.ports.members;
        if wan && !members.is_server() {
            return Err(Fault::internal("Must be a server to join WAN cluster"));
        }
        members.join(&address, wan).await.map_err(Fault::internal)?;
        Ok(Reply::nothing())
    })
}

/// Declares a failed member left.
pub(crate) fn force_leave(req: Request) -> Handled {
    let node = req.rest_text();
    let (prune, wan) = (req.params.has("prune"), req.params.has("wan"));
    let door = req.door;
    Handled::later(async move {
        let members = &door.ports.members;
        if wan && !members.is_server() {
            return Err(Fault::internal(
                "Must be a server to force-leave a node from the WAN cluster",
            ));
        }
        members
            .force_leave(&node, prune, wan)
            .await
            .map_err(Fault::internal)?;
        Ok(Reply::nothing())
    })
}
