//! `PreparedQuery.*`.

use crate::ask::{Asked, Origin, Out, Request, decode, duration, nanos, read_options};
use crate::reply::{answered, rows, shared};
use crate::row::{Change, Failure, Handler, ReadRow, WriteRow};
use dialect::List;
use dialect::msgpack::{self, Error};
use model::{CheckServiceNode, PreparedQuery, QueryDnsOptions};
use ports::{Answered, Data, Execute, Executed, Explained, Query, Read, ReadOptions, Write};
use wire::Outcome;
use wire::command::PreparedQueryRequest;
use wire::rpc::{
    DcSpecificRequest, IndexedPreparedQueries, PreparedQueryExecuteRequest,
    PreparedQueryExecuteResponse, PreparedQueryExplainResponse, PreparedQuerySpecificRequest,
    QueryMeta, QuerySource,
};

/// Results of a run have no index of their own.
const NO_INDEX: u64 = 1;

fn reply(_: &Query, answered: &Answered) -> Vec<u8> {
    shared(answered, "Queries", |data, w| match data {
        Data::PreparedQueries(found) => rows(w, found, false),
        _ => w.nil(),
    })
}

pub(crate) fn queries(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedPreparedQueries = decode(body)?;
    let found = reply.queries.into_vec();
    Ok(answered(Data::PreparedQueries(found), &reply.meta))
}

pub(crate) static GET: ReadRow = ReadRow {
    name: "PreparedQuery.Get",
    decode: |body| {
        let request: PreparedQuerySpecificRequest = decode(body)?;
        let read = Read::PreparedQuery {
            id: request.query_id,
        };
        Ok(Asked::new(read, request.datacenter, request.options))
    },
    reply,
};

pub(crate) fn ask_get(out: &Out<'_>, id: &str) -> Request {
    let request = PreparedQuerySpecificRequest {
        datacenter: out.datacenter(),
        query_id: id.to_owned(),
        options: out.options(),
    };
    Request::new(GET.name, &request)
}

pub(crate) static LIST: ReadRow = ReadRow {
    name: "PreparedQuery.List",
    decode: |body| {
        let request: DcSpecificRequest = decode(body)?;
        Ok(Asked::new(
            Read::PreparedQueries,
            request.datacenter,
            request.options,
        ))
    },
    reply,
};

pub(crate) fn ask_list(out: &Out<'_>) -> Request {
    Request::new(LIST.name, &out.dc())
}

pub(crate) static APPLY: WriteRow = WriteRow {
    name: "PreparedQuery.Apply",
    decode: |body| {
        let request: PreparedQueryRequest = decode(body)?;
        let query = request.query.unwrap_or_default();
        let write = match &*request.op {
            "create" => Write::QueryCreate(query),
            "update" => Write::QueryUpdate(query),
            "delete" => Write::QueryDelete(query.id),
            op => {
                return Err(Failure::Method(format!(
                    "Unknown prepared query operation: {op}"
                )));
            }
        };
        Ok(Change {
            token: request.token,
            datacenter: request.datacenter,
            write,
            said: crate::session::said_id,
        })
    },
};

pub(crate) fn ask_apply(
    from: &Origin<'_>,
    datacenter: &str,
    op: &str,
    query: Box<PreparedQuery>,
) -> (Request, crate::ask::Outcomes) {
    let request = PreparedQueryRequest {
        datacenter: from.datacenter(datacenter),
        op: op.to_owned(),
        query: Some(query),
        token: from.token.to_owned(),
    };
    let request = Request::new(APPLY.name, &request);
    (request, |body| Ok(Outcome::Id(decode(body)?)))
}

/// The run as the port means it.
fn execute_of(request: &mut PreparedQueryExecuteRequest) -> Execute {
    let source = std::mem::take(&mut request.source);
    Execute {
        query: std::mem::take(&mut request.query_id_or_name),
        datacenter: std::mem::take(&mut request.datacenter),
        limit: usize::try_from(request.limit).unwrap_or_default(),
        connect: request.connect,
        near: source.node,
        client: source.ip.parse().ok(),
        agent: std::mem::take(&mut request.agent.node),
    }
}

/// A run on its way out, of either method.
fn ask_run(
    method: &'static str,
    from: &Origin<'_>,
    execute: &Execute,
    options: &ReadOptions,
) -> Request {
    let datacenter = from.datacenter(&execute.datacenter);
    let source = Origin {
        ip: execute.client,
        ..*from
    };
    let request = PreparedQueryExecuteRequest {
        query_id_or_name: execute.query.clone(),
        limit: i64::try_from(execute.limit).unwrap_or(i64::MAX),
        connect: execute.connect,
        source: source.source(&datacenter, &execute.near),
        agent: QuerySource {
            datacenter: from.datacenter.to_owned(),
            node: from.node.to_owned(),
            ..QuerySource::default()
        },
        options: from.options(options),
        datacenter,
    };
    Request::new(method, &request)
}

/// What the replies of both say about themselves.
fn meta(known_leader: bool, last_contact: std::time::Duration, filtered: bool) -> QueryMeta {
    QueryMeta {
        index: NO_INDEX,
        known_leader,
        last_contact: nanos(last_contact),
        results_filtered_by_acls: filtered,
        ..QueryMeta::default()
    }
}

/// `PreparedQuery.Execute`
pub(crate) static EXECUTE: Handler = |served, body, peer| {
    Box::pin(async move {
        let mut request: PreparedQueryExecuteRequest = decode(&body)?;
        let mut execute = execute_of(&mut request);
        served.localize(&mut execute.datacenter);
        let caller = peer.with(&request.options.token);
        let options = read_options(&request.options);
        let run = served.rpc.execute(&caller, execute, options).await?;
        let nodes = match &*run.rows {
            [] => List::nil(),
            rows => rows.iter().map(wire::rpc::CheckServiceNode::from).collect(),
        };
        Ok(msgpack::to_bytes(&PreparedQueryExecuteResponse {
            service: run.service,
            nodes,
            dns: QueryDnsOptions { ttl: run.dns_ttl },
            datacenter: run.datacenter,
            peer_name: run.peer,
            failovers: i64::try_from(run.failovers).unwrap_or(i64::MAX),
            meta: meta(run.known_leader, run.last_contact, run.filtered_by_acls),
        }))
    })
};

pub(crate) fn ask_execute(from: &Origin<'_>, execute: &Execute, options: &ReadOptions) -> Request {
    ask_run("PreparedQuery.Execute", from, execute, options)
}

pub(crate) fn executed(body: &[u8]) -> Result<Executed, Error> {
    let reply: PreparedQueryExecuteResponse = decode(body)?;
    Ok(Executed {
        service: reply.service,
        rows: reply
            .nodes
            .into_iter()
            .map(CheckServiceNode::from)
            .collect(),
        dns_ttl: reply.dns.ttl,
        datacenter: reply.datacenter,
        peer: reply.peer_name,
        failovers: u64::try_from(reply.failovers).unwrap_or_default(),
        known_leader: reply.meta.known_leader,
        last_contact: duration(reply.meta.last_contact),
        filtered_by_acls: reply.meta.results_filtered_by_acls,
    })
}

/// `PreparedQuery.Explain`
pub(crate) static EXPLAIN: Handler = |served, body, peer| {
    Box::pin(async move {
        let mut request: PreparedQueryExecuteRequest = decode(&body)?;
        let mut execute = execute_of(&mut request);
        served.localize(&mut execute.datacenter);
        let caller = peer.with(&request.options.token);
        let options = read_options(&request.options);
        let explained = served.rpc.explain(&caller, execute, options).await?;
        Ok(msgpack::to_bytes(&PreparedQueryExplainResponse {
            query: explained.query,
            meta: meta(explained.known_leader, explained.last_contact, false),
        }))
    })
};

pub(crate) fn ask_explain(from: &Origin<'_>, execute: &Execute, options: &ReadOptions) -> Request {
    ask_run("PreparedQuery.Explain", from, execute, options)
}

pub(crate) fn explained(body: &[u8]) -> Result<Explained, Error> {
    let reply: PreparedQueryExplainResponse = decode(body)?;
    Ok(Explained {
        query: reply.query,
        known_leader: reply.meta.known_leader,
        last_contact: duration(reply.meta.last_contact),
    })
}
