//! Handlers, one file per group of endpoints. The list of routes is in [`crate::table`].

pub(crate) mod acl;
pub(crate) mod agent;
mod agent_body;
mod agent_hash;
pub(crate) mod agent_pool;
pub(crate) mod agent_self;
mod agent_view;
pub(crate) mod catalog;
pub(crate) mod changes;
pub(crate) mod connect;
pub(crate) mod coordinate;
pub(crate) mod event;
mod exporter;
pub(crate) mod health;
pub(crate) mod keyring;
pub(crate) mod kv;
pub(crate) mod operator;
pub(crate) mod owner;
pub(crate) mod query;
pub(crate) mod session;
pub(crate) mod snapshot;
pub(crate) mod status;
pub(crate) mod telemetry;
pub(crate) mod txn;
pub(crate) mod ui;

use crate::fault::Fault;
use crate::request::{JSON_MAX, RequestBody};
use bytes::Bytes;

/// Reads a JSON body, within the limit that holds for endpoints without one of their own.
pub(crate) async fn json_body(body: RequestBody) -> Result<Bytes, Fault> {
    let too_large = || {
        Fault::new(
            413,
            format!("Request body too large, max size: {JSON_MAX} bytes."),
        )
    };
    let broken = |text| Fault::bad(format!("Request decode failed: {text}"));
    let read = body.read(JSON_MAX).await;
    read.map_err(|fault| fault.fault(too_large, broken))
}
