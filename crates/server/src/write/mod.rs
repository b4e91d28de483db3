//! Writes: validation and defaults of each RPC method, then a command for the log (spec/server.md §3).

mod catalog;
mod prepared;
pub(crate) mod rules;
mod session;
mod txn;

use crate::server::Server;
use crate::text;
use model::NetCoord;
use ports::{Authorized, RpcError, Write};
use wire::command::{AutopilotSetConfigRequest, KvsRequest};
use wire::{Command, Outcome};

/// A refusal of the tables becomes the method's error, with the method's prefix.
pub(crate) fn accepted(outcome: Outcome, prefix: &str) -> Result<Outcome, RpcError> {
    match outcome {
        Outcome::Error(text) => Err(RpcError::Refused(format!("{prefix}{text}"))),
        outcome => Ok(outcome),
    }
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
            Write::CoordinateUpdate(coordinate) => self.coordinate(*coordinate),
            Write::AutopilotSet { config, cas } => {
                let request = AutopilotSetConfigRequest {
                    datacenter: self.config.datacenter.clone(),
                    config: *config,
                    cas,
                    ..AutopilotSetConfigRequest::default()
                };
                accepted(
                    self.propose(by, &Command::Autopilot(Box::new(request)))
                        .await?,
                    text::RAFT_APPLY,
                )
            }
        }
    }

    async fn kv(&self, by: &Authorized, mut request: KvsRequest) -> Result<Outcome, RpcError> {
        rules::kv_op(&request.op, &request.entry).map_err(RpcError::Refused)?;
        if request.op == "lock" && self.effects.delayed(request.entry.key.as_bytes()) {
            return Ok(Outcome::Bool(false));
        }
        self.name_datacenter(&mut request.datacenter);
        match accepted(
            self.propose(by, &Command::Kvs(Box::new(request))).await?,
            text::RAFT_APPLY,
        )? {
            Outcome::Nil => Ok(Outcome::Bool(true)),
            outcome => Ok(outcome),
        }
    }

    /// Kept for the next batch; an acknowledged coordinate may still be lost (spec/server.md §7.5).
    fn coordinate(&self, coordinate: model::Coordinate) -> Result<Outcome, RpcError> {
        let Some(coord) = coordinate.coord.as_deref() else {
            return Err(RpcError::refused(text::INVALID_COORDINATE));
        };
        let finite = coord
            .vec
            .iter()
            .chain([&coord.error, &coord.adjustment, &coord.height])
            .all(|value| value.is_finite());
        if !finite {
            return Err(RpcError::refused(text::INVALID_COORDINATE));
        }
        if coord.vec.len() != NetCoord::DIMENSION {
            return Err(RpcError::refused(text::INCOMPATIBLE_COORDINATE));
        }
        self.take_coordinate(coordinate);
        Ok(Outcome::Nil)
    }

    /// Commands in the log name the datacenter.
    fn name_datacenter(&self, datacenter: &mut String) {
        if datacenter.is_empty() {
            datacenter.push_str(&self.config.datacenter);
        }
    }
}
