//! `KVS.*`.

use crate::ask::{Asked, Origin, Out, Request, decode};
use crate::reply::{answered, list, meta, rows, shared};
use crate::row::{Change, ReadRow, WriteRow};
use bytes::Bytes;
use dialect::msgpack::{self, Error};
use dialect::{List, Text};
use ports::{Answered, Data, Read, Write};
use wire::Outcome;
use wire::command::KvsRequest;
use wire::rpc::{IndexedDirEntries, IndexedKeyList, KeyListRequest, KeyRequest};

pub(crate) static GET: ReadRow = ReadRow {
    name: "KVS.Get",
    decode: |body| {
        let request: KeyRequest = decode(body)?;
        let read = Read::KvGet {
            key: request.key.bytes().clone(),
        };
        Ok(Asked::new(read, request.datacenter, request.options))
    },
    // Never shared, so not encoded to be kept.
    reply: |_, answered| {
        let entries = match &answered.answer.data {
            Data::KvEntry(Some(entry)) => [entry.clone()].into(),
            _ => List::nil(),
        };
        let meta = meta(answered);
        msgpack::to_vec(&IndexedDirEntries { entries, meta })
    },
};

fn ask_key(method: &'static str, out: &Out<'_>, key: &Bytes) -> Request {
    let request = KeyRequest {
        datacenter: out.datacenter(),
        key: key.clone().into(),
        options: out.options(),
    };
    Request::new(method, &request)
}

pub(crate) fn ask_get(out: &Out<'_>, key: &Bytes) -> Request {
    ask_key(GET.name, out, key)
}

pub(crate) fn entry(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedDirEntries = decode(body)?;
    let entry = reply.entries.into_iter().next();
    Ok(answered(Data::KvEntry(entry), &reply.meta))
}

pub(crate) static LIST: ReadRow = ReadRow {
    name: "KVS.List",
    decode: |body| {
        let request: KeyRequest = decode(body)?;
        let read = Read::KvList {
            prefix: request.key.bytes().clone(),
        };
        Ok(Asked::new(read, request.datacenter, request.options))
    },
    reply: |_, answered| {
        shared(answered, "Entries", |data, w| match data {
            Data::KvEntries(found) => rows(w, found, false),
            _ => w.nil(),
        })
    },
};

pub(crate) fn ask_list(out: &Out<'_>, prefix: &Bytes) -> Request {
    ask_key(LIST.name, out, prefix)
}

pub(crate) fn entries(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedDirEntries = decode(body)?;
    let found = reply.entries.into_vec();
    Ok(answered(Data::KvEntries(found), &reply.meta))
}

pub(crate) static LIST_KEYS: ReadRow = ReadRow {
    name: "KVS.ListKeys",
    decode: |body| {
        let request: KeyListRequest = decode(body)?;
        let read = Read::KvKeys {
            prefix: request.prefix.bytes().clone(),
            separator: request.separator.bytes().clone(),
        };
        Ok(Asked::new(read, request.datacenter, request.options))
    },
    reply: |_, answered| {
        shared(answered, "Keys", |data, w| match data {
            Data::Keys(found) => list(w, found, false, |w, key| w.str(key)),
            _ => w.nil(),
        })
    },
};

pub(crate) fn ask_keys(out: &Out<'_>, prefix: &Bytes, separator: &Bytes) -> Request {
    let request = KeyListRequest {
        datacenter: out.datacenter(),
        prefix: prefix.clone().into(),
        separator: separator.clone().into(),
        options: out.options(),
    };
    Request::new(LIST_KEYS.name, &request)
}

pub(crate) fn keys(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedKeyList = decode(body)?;
    let keys = reply.keys.into_iter().map(|key: Text| key.bytes().clone());
    Ok(answered(Data::Keys(keys.collect()), &reply.meta))
}

/// Whether an operation says if it was done; the reply of the others is `false` whatever happened.
fn says_whether(op: &str) -> bool {
    matches!(op, "cas" | "delete-cas" | "lock" | "unlock")
}

pub(crate) static APPLY: WriteRow = WriteRow {
    name: "KVS.Apply",
    decode: |body| {
        let mut request: KvsRequest = decode(body)?;
        let said = if says_whether(&request.op) {
            said_whether
        } else {
            |_: &Outcome| msgpack::to_vec(&false)
        };
        Ok(Change {
            token: std::mem::take(&mut request.token),
            datacenter: std::mem::take(&mut request.datacenter),
            write: Write::Kv(Box::new(request)),
            said,
        })
    },
};

/// The outcome as a reply.
pub(crate) fn said_whether(outcome: &Outcome) -> Vec<u8> {
    msgpack::to_vec(&(*outcome == Outcome::Bool(true)))
}

/// And back.
pub(crate) fn whether(body: &[u8]) -> Result<Outcome, Error> {
    Ok(Outcome::Bool(decode(body)?))
}

pub(crate) fn ask_apply(
    from: &Origin<'_>,
    datacenter: &str,
    mut request: KvsRequest,
) -> (Request, crate::ask::Outcomes) {
    request.datacenter = from.datacenter(datacenter);
    from.token.clone_into(&mut request.token);
    let outcomes: crate::ask::Outcomes = if says_whether(&request.op) {
        whether
    } else {
        |body| decode::<bool>(body).map(|_| Outcome::Bool(true))
    };
    (Request::new(APPLY.name, &request), outcomes)
}
