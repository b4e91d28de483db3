//! `Session.*`.

use crate::ask::{Asked, Origin, Out, Request, decode, read_options};
use crate::catalog::ask_node;
use crate::reply::{answered, meta, rows, shared};
use crate::row::{Change, Failure, Handler, ReadRow, WriteRow};
use dialect::List;
use dialect::msgpack::{self, Error};
use model::Session;
use ports::{Answered, Data, Query, Read, Write};
use std::sync::Arc;
use wire::Outcome;
use wire::command::SessionRequest;
use wire::errors::state::invalid_operation;
use wire::rpc::{IndexedSessions, NodeSpecificRequest, SessionSpecificRequest};

fn reply(_: &Query, answered: &Answered) -> Vec<u8> {
    shared(answered, "Sessions", |data, w| match data {
        Data::Sessions(found) => rows(w, found, false),
        _ => w.nil(),
    })
}

pub(crate) fn sessions(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedSessions = decode(body)?;
    let found = reply.sessions.into_vec();
    Ok(answered(Data::Sessions(found), &reply.meta))
}

/// The session that a request is about: older clients spell it otherwise.
fn id(request: &mut SessionSpecificRequest) -> String {
    if request.session_id.is_empty() {
        std::mem::take(&mut request.session)
    } else {
        std::mem::take(&mut request.session_id)
    }
}

fn ask_session(out: &Out<'_>, id: &str) -> SessionSpecificRequest {
    SessionSpecificRequest {
        datacenter: out.datacenter(),
        session_id: id.to_owned(),
        session: id.to_owned(),
        options: out.options(),
    }
}

pub(crate) static GET: ReadRow = ReadRow {
    name: "Session.Get",
    decode: |body| {
        let mut request: SessionSpecificRequest = decode(body)?;
        let read = Read::SessionGet {
            id: id(&mut request),
        };
        Ok(Asked::new(read, request.datacenter, request.options))
    },
    reply,
};

pub(crate) fn ask_get(out: &Out<'_>, id: &str) -> Request {
    Request::new(GET.name, &ask_session(out, id))
}

pub(crate) static LIST: ReadRow = ReadRow {
    name: "Session.List",
    decode: |body| {
        let request: SessionSpecificRequest = decode(body)?;
        Ok(Asked::new(
            Read::Sessions,
            request.datacenter,
            request.options,
        ))
    },
    reply,
};

pub(crate) fn ask_list(out: &Out<'_>) -> Request {
    Request::new(LIST.name, &ask_session(out, ""))
}

pub(crate) static NODE_SESSIONS: ReadRow = ReadRow {
    name: "Session.NodeSessions",
    decode: |body| {
        let request: NodeSpecificRequest = decode(body)?;
        let read = Read::SessionsOfNode { node: request.node };
        Ok(Asked::new(read, request.datacenter, request.options))
    },
    reply,
};

pub(crate) fn ask_of_node(out: &Out<'_>, node: &str) -> Request {
    Request::new(NODE_SESSIONS.name, &ask_node(out, node))
}

pub(crate) static APPLY: WriteRow = WriteRow {
    name: "Session.Apply",
    decode: |body| {
        let request: SessionRequest = decode(body)?;
        let (write, said): (_, fn(&Outcome) -> Vec<u8>) = match &*request.op {
            "create" => (Write::SessionCreate(Box::new(request.session)), said_id),
            "destroy" => (Write::SessionDestroy(request.session.id), |_: &Outcome| {
                msgpack::to_vec("")
            }),
            op => return Err(Failure::Method(invalid_operation("session", op))),
        };
        Ok(Change {
            token: request.token,
            datacenter: request.datacenter,
            write,
            said,
        })
    },
};

/// The ID of what was made, as a reply.
pub(crate) fn said_id(outcome: &Outcome) -> Vec<u8> {
    match outcome {
        Outcome::Id(id) => msgpack::to_vec(&**id),
        _ => msgpack::to_vec(""),
    }
}

fn apply(from: &Origin<'_>, datacenter: &str, op: &str, session: Session) -> Request {
    let request = SessionRequest {
        datacenter: from.datacenter(datacenter),
        op: op.to_owned(),
        session,
        token: from.token.to_owned(),
    };
    Request::new(APPLY.name, &request)
}

pub(crate) fn ask_create(
    from: &Origin<'_>,
    datacenter: &str,
    session: Session,
) -> (Request, crate::ask::Outcomes) {
    let request = apply(from, datacenter, "create", session);
    (request, |body| Ok(Outcome::Id(decode(body)?)))
}

pub(crate) fn ask_destroy(
    from: &Origin<'_>,
    datacenter: &str,
    id: String,
) -> (Request, crate::ask::Outcomes) {
    let session = Session {
        id,
        ..Session::default()
    };
    let request = apply(from, datacenter, "destroy", session);
    (request, |body| decode::<String>(body).map(|_| Outcome::Nil))
}

/// `Session.Renew`: its reply does not know the leader, and its index is that of the lookup.
pub(crate) static RENEW: Handler = |served, body, caller| {
    Box::pin(async move {
        let mut request: SessionSpecificRequest = decode(&body)?;
        let id = id(&mut request);
        let caller = caller.with(&request.options.token);
        let datacenter = served.datacenter(&request.datacenter);
        let renewed = served.rpc.session_renew(&caller, datacenter, &id).await?;
        let mut query = Query::new(Read::SessionGet { id });
        datacenter.clone_into(&mut query.datacenter);
        let found = served
            .rpc
            .read(&caller, query, read_options(&request.options))
            .await?;
        let mut meta = meta(&found);
        meta.known_leader = false;
        meta.last_contact = dialect::Nanos(0);
        let sessions = match renewed {
            Some(session) => [Arc::new(session)].into(),
            None => List::nil(),
        };
        Ok(msgpack::to_bytes(&IndexedSessions { sessions, meta }))
    })
};

/// A renewal on its way out.
pub(crate) fn ask_renew(from: &Origin<'_>, datacenter: &str, id: &str) -> Request {
    let request = SessionSpecificRequest {
        datacenter: from.datacenter(datacenter),
        session_id: id.to_owned(),
        session: id.to_owned(),
        options: from.options(&ports::ReadOptions::default()),
    };
    Request::new("Session.Renew", &request)
}

/// The renewed session; `None` when there is none.
pub(crate) fn renewed(body: &[u8]) -> Result<Option<Session>, Error> {
    let reply: IndexedSessions = decode(body)?;
    let found = reply.sessions.into_iter().next();
    Ok(found.map(Arc::unwrap_or_clone))
}
