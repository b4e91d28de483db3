//! `Txn.*`.

use crate::ask::{Origin, Request, decode, read_options};
use crate::reply::{answered, meta};
use crate::row::{Change, Handler, WriteRow};
use dialect::msgpack::{self, Error};
use ports::{Answered, Data, ReadOptions, Write};
use wire::Outcome;
use wire::command::{TxnRequest, TxnResponse};
use wire::rpc::{TxnReadRequest, TxnReadResponse};

pub(crate) static APPLY: WriteRow = WriteRow {
    name: "Txn.Apply",
    decode: |body| {
        let mut request: TxnRequest = decode(body)?;
        Ok(Change {
            token: std::mem::take(&mut request.token),
            datacenter: std::mem::take(&mut request.datacenter),
            write: Write::Txn(Box::new(request)),
            said: |outcome| match outcome {
                Outcome::Txn(response) => msgpack::to_vec(&**response),
                _ => msgpack::to_vec(&TxnResponse::default()),
            },
        })
    },
};

pub(crate) fn ask_apply(
    from: &Origin<'_>,
    datacenter: &str,
    mut request: TxnRequest,
) -> (Request, crate::ask::Outcomes) {
    request.datacenter = from.datacenter(datacenter);
    from.token.clone_into(&mut request.token);
    let request = Request::new(APPLY.name, &request);
    (request, |body| Ok(Outcome::Txn(Box::new(decode(body)?))))
}

/// `Txn.Read`
pub(crate) static READ: Handler = |served, body, peer| {
    Box::pin(async move {
        let request: TxnReadRequest = decode(&body)?;
        let caller = peer.with(&request.options.token);
        let options = read_options(&request.options);
        let mut ops = TxnRequest {
            datacenter: request.datacenter,
            ops: request.ops,
            ..TxnRequest::default()
        };
        served.localize(&mut ops.datacenter);
        let (response, answered) = served.rpc.txn_read(&caller, ops, options).await?;
        Ok(msgpack::to_bytes(&TxnReadResponse {
            results: response.results,
            errors: response.errors,
            meta: meta(&answered),
        }))
    })
};

pub(crate) fn ask_read(from: &Origin<'_>, request: TxnRequest, options: &ReadOptions) -> Request {
    let request = TxnReadRequest {
        datacenter: from.datacenter(&request.datacenter),
        ops: request.ops,
        options: from.options(options),
    };
    Request::new("Txn.Read", &request)
}

/// The results, and an answer without rows that says how current they are.
pub(crate) fn read(body: &[u8]) -> Result<(TxnResponse, Answered), Error> {
    let reply: TxnReadResponse = decode(body)?;
    let response = TxnResponse {
        results: reply.results,
        errors: reply.errors,
    };
    Ok((response, answered(Data::KvEntry(None), &reply.meta)))
}
