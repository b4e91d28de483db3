//! `/v1/query` and below (spec/http-api.md §19).

use super::json_body;
use crate::encode;
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, reading};
use crate::reply::{JSON, Reply};
use crate::request::{Handled, Request, attempt};
use bytes::Bytes;
use dialect::json::{Mode, from_slice};
use hyper::Method;
use hyper::header::{ALLOW, HeaderValue};
use model::PreparedQuery;
use ports::{Data, Read, Write};
use wire::Outcome;
use wire::errors::QUERY_NOT_FOUND;

/// All definitions.
pub(crate) fn list(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    Ask::new(req, reading, Read::PreparedQueries, MetaOn::Always)
        .effective()
        .send(encode::data)
}

/// Stores a new definition.
pub(crate) fn create(req: Request) -> Handled {
    let datacenter = req.datacenter();
    let Request {
        door,
        caller,
        shape,
        body,
        ..
    } = req;
    Handled::later(async move {
        let query = decoded(&json_body(body).await?)?;
        match door
            .ports
            .rpc
            .write(&caller, &datacenter, Write::QueryCreate(Box::new(query)))
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

fn decoded(body: &[u8]) -> Result<PreparedQuery, Fault> {
    from_slice(body, Mode::Strict).map_err(|error| Fault::decode(&error))
}

/// The subtree: one definition, or what follows from it. Names may contain slashes, so the end of the path decides.
pub(crate) fn below(req: Request) -> Handled {
    match req.method {
        Method::OPTIONS => Reply::typed(JSON, Bytes::from_static(b"{}"))
            .with(ALLOW, HeaderValue::from_static("OPTIONS,GET,PUT,DELETE"))
            .into(),
        Method::GET => read(req),
        Method::PUT => update(req),
        Method::DELETE => delete(req),
        _ => refused(&req.method, "GET,PUT,DELETE"),
    }
}

/// 405 of this subtree, whose list of methods does not name `OPTIONS`.
pub(crate) fn refused(method: &Method, allow: &'static str) -> Handled {
    let fault = Fault::new(405, format!("method {method} not allowed"));
    Reply::of_fault(fault)
        .with(ALLOW, HeaderValue::from_static(allow))
        .into()
}

fn read(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let id = req.rest_text();
    let ask = Ask::new(req, reading, Read::PreparedQuery { id }, MetaOn::Always).effective();
    ask.then(|view, answered| match &answered.answer.data {
        Data::PreparedQueries(rows) if rows.is_empty() => {
            Err(Fault::new(404, QUERY_NOT_FOUND).with_meta())
        }
        _ => Ok(view
            .shape
            .shared(&answered.answer, encode::data)
            .with_meta(view, &answered)),
    })
}

fn update(req: Request) -> Handled {
    let datacenter = req.datacenter();
    let id = req.rest_text();
    let has_body = req.content_length().is_some_and(|len| len > 0);
    let Request {
        door, caller, body, ..
    } = req;
    Handled::later(async move {
        let mut query = if has_body {
            decoded(&json_body(body).await?)?
        } else {
            PreparedQuery::default()
        };
        query.id = id;
        door.ports
            .rpc
            .write(&caller, &datacenter, Write::QueryUpdate(Box::new(query)))
            .await?;
        Ok(Reply::nothing())
    })
}

fn delete(req: Request) -> Handled {
    let datacenter = req.datacenter();
    let id = req.rest_text();
    let Request { door, caller, .. } = req;
    Handled::later(async move {
        door.ports
            .rpc
            .write(&caller, &datacenter, Write::QueryDelete(id))
            .await?;
        Ok(Reply::nothing())
    })
}
