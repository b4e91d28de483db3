//! `/v1/query` and below (spec/http-api.md §19).

use super::json_body;
use crate::encode::{self, Embedded};
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, Reading, boolean, near, quoted, reading};
use crate::reply::{JSON, Reply, View, consistency_name};
use crate::request::{Handled, Request, attempt};
use bytes::Bytes;
use dialect::json::{Mode, from_slice};
use hyper::Method;
use hyper::header::{ALLOW, HeaderValue};
use model::PreparedQuery;
use ports::{Data, Execute, Read, Write};
use std::net::IpAddr;
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
    for (end, run) in [
        ("/execute", execute as fn(Request, String) -> Handled),
        ("/explain", explain),
    ] {
        if !req.path.ends_with(end.as_bytes()) {
            continue;
        }
        let rest = req.rest_text();
        let name = rest.strip_suffix(end).unwrap_or_default().to_owned();
        return match req.method {
            Method::OPTIONS => options("OPTIONS,GET"),
            Method::GET => run(req, name),
            _ => refused(&req.method, "GET"),
        };
    }
    match req.method {
        Method::OPTIONS => options("OPTIONS,GET,PUT,DELETE"),
        Method::GET => read(req),
        Method::PUT => update(req),
        Method::DELETE => delete(req),
        _ => refused(&req.method, "GET,PUT,DELETE"),
    }
}

fn options(allow: &'static str) -> Handled {
    let body = Bytes::from_static(b"{}");
    Reply::typed(JSON, body)
        .with(ALLOW, HeaderValue::from_static(allow))
        .into()
}

/// 405 of this subtree, whose list of methods does not name `OPTIONS`.
fn refused(method: &Method, allow: &'static str) -> Handled {
    Fault::method(method, HeaderValue::from_static(allow)).into()
}

fn read(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let id = req.rest_text();
    let mut ask = Ask::new(req, reading, Read::PreparedQuery { id }, MetaOn::Always).effective();
    ask.missing = Some(QUERY_NOT_FOUND);
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

/// What both endpoints that run a query take from the request.
fn request(req: &Request, name: String) -> Result<(Execute, Reading), Fault> {
    let reading = reading(req)?;
    let execute = Execute {
        query: name,
        datacenter: reading.datacenter.clone(),
        near: near(req),
        client: client(req),
        ..Execute::default()
    };
    Ok((execute, reading))
}

/// The client's address: the first that proxies report, else the peer's.
fn client(req: &Request) -> Option<IpAddr> {
    let forwarded = req
        .headers
        .get("x-forwarded-for")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let first = forwarded.split(',').next().unwrap_or_default().trim();
    first
        .parse()
        .ok()
        .or(req.caller.remote.map(|address| address.ip()))
}

/// Runs a query by ID or name.
fn execute(req: Request, name: String) -> Handled {
    let (mut execute, reading) = attempt!(request(&req, name));
    match req.params.text("limit") {
        "" => {}
        text => execute.limit = attempt!(limit(text)),
    }
    match req.params.text("connect") {
        "" => {}
        text => {
            let wrong = || {
                let text = quoted(text);
                Fault::internal(format!(
                    "Error parsing 'connect' value: strconv.ParseBool: parsing {text}: invalid syntax"
                ))
            };
            execute.connect = attempt!(boolean(text).ok_or_else(wrong));
        }
    }
    let view = view(&req, &reading);
    let Request { door, caller, .. } = req;
    Handled::later(async move {
        let result = door
            .ports
            .rpc
            .execute(&caller, execute, reading.options)
            .await;
        let run = result.map_err(|error| missing(error.into(), reading.cached))?;
        let reply = view.shape.json(|w| {
            w.begin_object();
            w.member("Service", &run.service);
            w.key("Nodes");
            encode::list(w, &run.rows, encode::stored_instance);
            w.key("DNS");
            w.begin_object();
            w.member("TTL", &run.dns_ttl);
            w.end_object();
            w.member("Datacenter", &run.datacenter);
            w.member("PeerName", &run.peer);
            w.member("Failovers", &run.failovers);
            let embedded = Embedded {
                index: 1,
                last_contact: run.last_contact,
                known_leader: run.known_leader,
                consistency: consistency_name(view.consistency),
                filtered_by_acls: run.filtered_by_acls,
            };
            embedded.write(w);
            w.end_object();
        });
        let reply = reply.with_own_meta(&view, 1, run.known_leader, run.last_contact);
        Ok(reply.with_filtered(run.filtered_by_acls))
    })
}

/// Shows a query as it would run.
fn explain(req: Request, name: String) -> Handled {
    let (execute, reading) = attempt!(request(&req, name));
    let view = view(&req, &reading);
    let Request { door, caller, .. } = req;
    Handled::later(async move {
        let result = door
            .ports
            .rpc
            .explain(&caller, execute, reading.options)
            .await;
        let explained = result.map_err(|error| missing(error.into(), false))?;
        let reply = view.shape.json(|w| {
            w.begin_object();
            w.member("Query", &explained.query);
            let embedded = Embedded {
                index: 1,
                last_contact: explained.last_contact,
                known_leader: explained.known_leader,
                consistency: consistency_name(view.consistency),
                filtered_by_acls: false,
            };
            embedded.write(w);
            w.end_object();
        });
        Ok(reply.with_own_meta(&view, 1, explained.known_leader, explained.last_contact))
    })
}

fn view(req: &Request, reading: &Reading) -> View {
    View {
        shape: req.shape,
        consistency: reading.options.consistency,
        effective: true,
        ..View::default()
    }
}

/// An unknown query is 404, unless the cache was asked.
fn missing(mut fault: Fault, cached: bool) -> Fault {
    if !cached && fault.text.contains(QUERY_NOT_FOUND) {
        fault.status = 404;
    }
    fault.with_meta()
}

/// A limit; negative ones are none.
fn limit(text: &str) -> Result<usize, Fault> {
    let number: i64 = text.parse().map_err(|_| {
        Fault::internal(format!(
            "Bad limit: strconv.Atoi: parsing {}: invalid syntax",
            quoted(text)
        ))
    })?;
    Ok(usize::try_from(number).unwrap_or(0))
}
