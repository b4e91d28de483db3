//! `/v1/session/*` (spec/http-api.md §15).

use super::json_body;
use crate::encode::{self, list};
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, reading};
use crate::request::{Handled, Request, attempt};
use dialect::json::{Mode, from_slice_into};
use dialect::{List, Nanos, json::ToJson as _};
use model::{SERF_HEALTH, Session};
use ports::{Read, Write};
use wire::Outcome;

const NO_SESSION: &str = "Missing session";

/// Lock delay of a session that gives none.
const DEFAULT_LOCK_DELAY: i64 = 15_000_000_000;
/// A lock delay below this many nanoseconds is taken as seconds: clients used to send plain numbers of seconds.
const SECONDS_BELOW: i64 = 1000;

/// Creates a session. The body is optional and may hold unknown members.
pub(crate) fn create(req: Request) -> Handled {
    let datacenter = req.datacenter();
    let mut session = Session {
        node: req.settings.config.node_name.clone(),
        node_checks: [SERF_HEALTH.to_owned()].into(),
        // As if given, so that `null` differs from a member that is left out.
        checks: [SERF_HEALTH.to_owned()].into(),
        lock_delay: Nanos(DEFAULT_LOCK_DELAY),
        behavior: "release".to_owned(),
        ..Session::default()
    };
    let has_body = req.content_length().is_some_and(|len| len > 0);
    let Request {
        door,
        caller,
        shape,
        body,
        ..
    } = req;
    Handled::later(async move {
        if has_body {
            let body = json_body(body).await?;
            from_slice_into(&mut session, &body, Mode::Lax)
                .map_err(|error| Fault::decode(&error))?;
        }
        settle(&mut session);
        match door
            .ports
            .rpc
            .write(
                &caller,
                &datacenter,
                Write::SessionCreate(Box::new(session)),
            )
            .await?
        {
            Outcome::Id(id) => Ok(shape.json(|w| {
                w.begin_object();
                w.member("ID", &id);
                w.end_object();
            })),
            other => Err(Fault::internal(format!("unexpected outcome: {other:?}"))),
        }
    })
}

/// Applies the rules for the deprecated list of checks and for lock delays in seconds.
fn settle(session: &mut Session) {
    session.id.clear();
    session.indexes = Default::default();
    if session.lock_delay.0 < SECONDS_BELOW {
        session.lock_delay.0 = session.lock_delay.0.saturating_mul(1_000_000_000);
    }
    // `[]` and `null` alike.
    if session.checks.is_empty() {
        session.node_checks = List::empty();
        session.checks = List::nil();
    } else if session.node_checks.is_empty() || session.checks.as_slice() == [SERF_HEALTH] {
        session.checks = List::nil();
    }
}

/// Ends a session; `true` also for one that is not there.
pub(crate) fn destroy(req: Request) -> Handled {
    let datacenter = req.datacenter();
    let id = attempt!(req.rest_or(NO_SESSION));
    let Request {
        door,
        caller,
        shape,
        ..
    } = req;
    Handled::later(async move {
        door.ports
            .rpc
            .write(&caller, &datacenter, Write::SessionDestroy(id))
            .await?;
        Ok(shape.bool(true))
    })
}

/// Starts the TTL over.
pub(crate) fn renew(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let id = attempt!(req.rest_or(NO_SESSION));
    let Request {
        door,
        caller,
        shape,
        ..
    } = req;
    Handled::later(async move {
        match door
            .ports
            .rpc
            .session_renew(&caller, &reading.datacenter, &id)
            .await?
        {
            Some(session) => {
                Ok(shape.json(|w| list(w, [session], |w, session| session.write_json(w))))
            }
            None => Err(Fault::new(404, format!("Session id '{id}' not found"))),
        }
    })
}

/// One session, as a list.
pub(crate) fn info(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let id = attempt!(req.rest_or(NO_SESSION));
    Ask::new(req, reading, Read::SessionGet { id }, MetaOn::Always).send(encode::data)
}

/// Sessions of a node.
pub(crate) fn node(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let node = attempt!(req.rest_or("Missing node name"));
    Ask::new(req, reading, Read::SessionsOfNode { node }, MetaOn::Always).send(encode::data)
}

/// All sessions.
pub(crate) fn list_all(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    Ask::new(req, reading, Read::Sessions, MetaOn::Always).send(encode::data)
}
