//! Which method makes a write, and what all of them share.

use crate::server::Server;
use ports::{Authorized, RpcError, Write};
use telemetry::metrics::Metric;
use telemetry::names;
use wire::Outcome;

/// A refusal of the tables becomes the method's error, with the method's prefix.
pub(super) fn accepted(outcome: Outcome, prefix: &str) -> Result<Outcome, RpcError> {
    match outcome {
        Outcome::Error(text) => Err(RpcError::Refused(format!("{prefix}{text}"))),
        outcome => Ok(outcome),
    }
}

/// The timer of a write.
pub(crate) fn timer(write: &Write) -> Option<Metric> {
    Some(match write {
        Write::Register(_) => names::CATALOG_REGISTER,
        Write::Deregister(_) => names::CATALOG_DEREGISTER,
        Write::Kv(_) => names::KVS_APPLY,
        Write::SessionCreate(_) | Write::SessionDestroy(_) => names::SESSION_APPLY,
        Write::Txn(_) => names::TXN_APPLY,
        Write::QueryCreate(_) | Write::QueryUpdate(_) | Write::QueryDelete(_) => {
            names::PREPARED_QUERY_APPLY
        }
        Write::CoordinateUpdate(_) | Write::AutopilotSet { .. } => return None,
    })
}

impl Server {
    pub(crate) async fn make(&self, by: &Authorized, write: Write) -> Result<Outcome, RpcError> {
        match write {
            Write::Register(request) => self.register(by, *request).await,
            Write::Deregister(request) => self.deregister(by, *request).await,
            Write::Kv(request) => self.kv(by, *request).await,
            Write::SessionCreate(session) => self.session_create(by, *session).await,
            Write::SessionDestroy(id) => self.session_destroy(by, id).await,
            Write::Txn(request) => self.txn(by, *request).await,
            Write::QueryCreate(query) => self.query_create(by, *query).await,
            Write::QueryUpdate(query) => self.query_update(by, *query).await,
            Write::QueryDelete(id) => self.query_delete(by, id).await,
            Write::CoordinateUpdate(coordinate) => self.coordinate(by, *coordinate),
            Write::AutopilotSet { config, cas } => self.autopilot_set(by, *config, cas).await,
        }
    }

    /// Commands in the log name the datacenter.
    pub(super) fn name_datacenter(&self, datacenter: &mut String) {
        if datacenter.is_empty() {
            datacenter.push_str(&self.config.datacenter);
        }
    }
}
