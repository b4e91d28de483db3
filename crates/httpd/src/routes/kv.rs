//! `/v1/kv/*` (spec/http-api.md §13).

use crate::encode;
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, not_found, reading, uint};
use crate::reply::PLAIN;
use crate::request::{Handled, Request, RequestBody, attempt};
use bytes::Bytes;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use model::KvEntry;
use ports::{Data, Read, Write};
use wire::Outcome;
use wire::command::KvsRequest;

const NO_KEY: &str = "Missing key name";
/// What the refusal of a long value points to.
const HELP: &str =
    "https://developer.hashicorp.com/docs/agent/config/config-files#kv_max_value_size.";

/// One entry, all under a prefix, or only the keys.
pub(crate) fn get(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let key = req.rest();
    let params = &req.params;
    if params.has("keys") {
        let separator = params
            .get("separator")
            .or(params.get("seperator"))
            .unwrap_or_default();
        let separator = Bytes::copy_from_slice(separator.as_bytes());
        let root = key.is_empty();
        let ask = Ask::new(
            req,
            reading,
            Read::KvKeys {
                prefix: key,
                separator,
            },
            MetaOn::Success,
        );
        return ask.then(move |view, answered| {
            Ok(match &answered.answer.data {
                Data::Keys(keys) if keys.is_empty() && !root => not_found(view, &answered),
                _ => view
                    .shape
                    .shared(&answered.answer, encode::data)
                    .with_meta(view, &answered),
            })
        });
    }
    if params.has("recurse") {
        let ask = Ask::new(req, reading, Read::KvList { prefix: key }, MetaOn::Success);
        return ask.then(|view, answered| {
            Ok(match &answered.answer.data {
                Data::KvEntries(entries) if entries.is_empty() => not_found(view, &answered),
                _ => view
                    .shape
                    .shared(&answered.answer, encode::data)
                    .with_meta(view, &answered),
            })
        });
    }
    if key.is_empty() {
        return Fault::bad(NO_KEY).into();
    }
    let raw = params.has("raw");
    Ask::new(req, reading, Read::KvGet { key }, MetaOn::Success).then(move |view, answered| {
        let reply = match &answered.answer.data {
            Data::KvEntry(Some(entry)) if raw => view
                .shape
                .plain(PLAIN, entry.value.clone().unwrap_or_default())
                .with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
                .with(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox")),
            Data::KvEntry(None) => return Ok(not_found(view, &answered)),
            _ => view.shape.shared(&answered.answer, encode::data),
        };
        Ok(reply.with_meta(view, &answered))
    })
}

/// Stores a value, plainly, conditionally, or as a lock.
pub(crate) fn put(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let key = req.rest();
    if key.is_empty() {
        return Fault::bad(NO_KEY).into();
    }
    attempt!(conflict(&req, &["cas", "acquire", "release"]));
    let params = &req.params;
    let mut entry = KvEntry {
        key: key.into(),
        ..KvEntry::default()
    };
    if let Some(flags) = params.get("flags") {
        entry.flags = attempt!(uint(flags).map_err(Fault::internal));
    }
    let op = if let Some(index) = params.get("cas") {
        entry.indexes.modify_index = attempt!(uint(index).map_err(Fault::internal));
        "cas"
    } else if let Some(session) = params.get("acquire") {
        entry.session = session.to_owned();
        "lock"
    } else if let Some(session) = params.get("release") {
        entry.session = session.to_owned();
        "unlock"
    } else {
        "set"
    };
    let limit = req.settings.config.kv_max_value_size;
    if let Some(len) = req.content_length().filter(|len| *len > limit) {
        let text =
            format!("Request body({len} bytes) too large, max size: {limit} bytes. See {HELP}");
        return Fault::new(413, text).into();
    }
    let Request {
        door,
        caller,
        shape,
        body,
        ..
    } = req;
    Handled::later(async move {
        entry.value = value(body, limit.max(UNANNOUNCED_MAX)).await?;
        let request = Box::new(KvsRequest {
            op: op.to_owned(),
            entry,
            ..KvsRequest::default()
        });
        let outcome = door
            .ports
            .rpc
            .write(&caller, &reading.datacenter, Write::Kv(request))
            .await?;
        Ok(shape.bool(outcome != Outcome::Bool(false)))
    })
}

/// Bytes of a value whose length is not announced, where the configured limit is lower: the reference looks at what is announced
/// only, and takes any (recording kv/size-limit).
const UNANNOUNCED_MAX: u64 = 512 * 1024;

/// The value, however it is framed.
async fn value(body: RequestBody, limit: u64) -> Result<Option<Bytes>, Fault> {
    let too_large = || {
        Fault::new(
            413,
            format!("Request body too large, max size: {limit} bytes. See {HELP}"),
        )
    };
    let bytes = body.read(limit).await;
    let bytes = bytes.map_err(|fault| fault.fault(too_large, Fault::internal))?;
    Ok((!bytes.is_empty()).then_some(bytes))
}

/// Deletes a key, conditionally or with everything under it.
pub(crate) fn delete(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let key = req.rest();
    let params = &req.params;
    let recurse = params.has("recurse");
    if key.is_empty() && !recurse {
        return Fault::bad(NO_KEY).into();
    }
    attempt!(conflict(&req, &["recurse", "cas"]));
    let mut entry = KvEntry {
        key: key.into(),
        ..KvEntry::default()
    };
    let op = if recurse {
        "delete-tree"
    } else if let Some(index) = params.get("cas") {
        entry.indexes.modify_index = attempt!(uint(index).map_err(Fault::internal));
        "delete-cas"
    } else {
        "delete"
    };
    let request = Box::new(KvsRequest {
        op: op.to_owned(),
        entry,
        ..KvsRequest::default()
    });
    let Request {
        door,
        caller,
        shape,
        ..
    } = req;
    Handled::later(async move {
        let outcome = door
            .ports
            .rpc
            .write(&caller, &reading.datacenter, Write::Kv(request))
            .await?;
        Ok(shape.bool(outcome != Outcome::Bool(false)))
    })
}

/// Refuses more than one of these flags.
fn conflict(req: &Request, flags: &[&str]) -> Result<(), Fault> {
    if flags.iter().filter(|flag| req.params.has(flag)).count() > 1 {
        return Err(Fault::bad(format!(
            "Conflicting flags: {}\n",
            req.params.encode()
        )));
    }
    Ok(())
}
