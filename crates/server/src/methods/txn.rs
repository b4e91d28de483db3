//! `Txn.Apply` and `Txn.Read`: the checks before the log (spec/server.md §3.11).

use super::rules;
use super::write::accepted;
use crate::read;
use crate::server::Server;
use ports::{Answer, Answered, Authorized, Data, RpcError};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::command::{TxnError, TxnOp, TxnRequest, TxnResponse};
use wire::{Command, Outcome};

/// Verbs of node, service and check operations.
const ROW_VERBS: [&str; 5] = ["get", "set", "cas", "delete", "delete-cas"];

/// Longest answer of a transaction, encoded, bytes. The reference has no such limit: 500 bytes may ask for any tree 128 times.
pub const TXN_ANSWER_BYTES_MAX: usize = 16 << 20;

impl Server {
    pub(super) async fn txn(
        &self,
        by: &Authorized,
        mut request: TxnRequest,
    ) -> Result<Outcome, RpcError> {
        if let Some(response) = self.check_ops(by, &mut request) {
            return Ok(Outcome::Txn(Box::new(response)));
        }
        self.name_datacenter(&mut request.datacenter);
        accepted(
            self.propose(by, &Command::Txn(Box::new(request))).await?,
            "",
        )
    }

    pub(crate) fn txn_look(
        &self,
        by: &Authorized,
        mut request: TxnRequest,
    ) -> (TxnResponse, Answered) {
        if let Some(response) = self.check_ops(by, &mut request) {
            return (response, read::nothing());
        }
        let view = self.board.view(by);
        let response = view.root.txn_read(&request.ops);
        let answer = Arc::new(Answer::new(0, Data::Usage(BTreeMap::new()), false));
        let ran = crate::ran::Ran {
            answer,
            seq: view.seq,
            epoch: view.epoch,
            missing: false,
        };
        (response, self.answered(&ran))
    }

    /// Checks every operation and fills in defaults; the response when any is refused.
    fn check_ops(&self, by: &Authorized, request: &mut TxnRequest) -> Option<TxnResponse> {
        if request.ops.is_empty() {
            return None;
        }
        let mut errors = Vec::new();
        let root = &self.board.view(by).root;
        if let Some(at) = root.txn_answer_over(&request.ops, TXN_ANSWER_BYTES_MAX) {
            errors.push(TxnError {
                op_index: i64::try_from(at).unwrap_or(i64::MAX),
                what: format!(
                    "the answer is too large with this operation (limit {TXN_ANSWER_BYTES_MAX} bytes)"
                ),
            });
        }
        for (at, op) in request.ops.make_mut().iter_mut().enumerate() {
            if let Err(what) = self.check_op(op) {
                errors.push(TxnError {
                    op_index: i64::try_from(at).unwrap_or(i64::MAX),
                    what,
                });
            }
        }
        (!errors.is_empty()).then(|| TxnResponse {
            errors: errors.into(),
            ..TxnResponse::default()
        })
    }

    fn check_op(&self, op: &mut TxnOp) -> Result<(), String> {
        let known = |what: &str, verb: &str| {
            if ROW_VERBS.contains(&verb) {
                Ok(())
            } else {
                Err(format!("unknown {what} operation: {verb}"))
            }
        };
        if let Some(op) = op.kv.as_deref_mut() {
            rules::kv_op(&op.verb, &op.entry)?;
            if op.verb == "lock" && self.effects.delayed(op.entry.key.as_bytes()) {
                let key = wire::errors::state::key_row(&op.entry.key.to_string_lossy());
                return Err(format!("failed to lock {key} due to lock delay"));
            }
        } else if let Some(op) = op.node.as_deref_mut() {
            known("node", &op.verb)?;
            if op.verb != "get" {
                rules::node(&op.node.node, &op.node.id)?;
            }
        } else if let Some(op) = op.service.as_deref_mut() {
            known("service", &op.verb)?;
            if op.verb != "get" {
                rules::service(&mut op.service)?;
            }
        } else if let Some(op) = op.check.as_deref_mut() {
            known("check", &op.verb)?;
            if op.verb != "get" {
                rules::check(&mut op.check);
            }
        } else if let Some(op) = op.session.as_deref() {
            if op.verb != "delete" {
                return Err(format!("unknown session operation: {}", op.verb));
            }
        } else {
            return Err(wire::errors::state::TXN_UNKNOWN_TYPE.to_owned());
        }
        Ok(())
    }
}
