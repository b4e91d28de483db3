//! Transactions (spec/server.md §3.11): all operations run, later ones see earlier ones, one error undoes all.

use super::{Applied, Change};
use crate::{Root, Touched};
use model::{HealthCheck, KvEntry, Node, NodeService};
use std::sync::Arc;
use wire::{
    Outcome,
    command::{
        TxnCheckOp, TxnError, TxnKvOp, TxnNodeOp, TxnOp, TxnRequest, TxnResponse, TxnResult,
        TxnServiceOp,
    },
    errors::state as text,
};

impl Root {
    /// Runs a transaction that only reads. Operations that would write do so on a copy that is thrown away.
    pub fn txn_read(&self, ops: &[TxnOp]) -> TxnResponse {
        let mut scratch = self.clone();
        Change {
            root: &mut scratch,
            index: 0,
            touched: &mut Touched::new(),
        }
        .txn(ops)
    }

    /// The first operation with which the answer of a transaction takes more than so many bytes, encoded: only keys that are read
    /// can make it long. Looks at no more rows than it must; what the transaction itself writes before it reads is in `ops`, whose
    /// length is bounded.
    pub fn txn_answer_over(&self, ops: &[TxnOp], limit: usize) -> Option<usize> {
        let mut left = limit;
        let mut fits = |row: &KvEntry| {
            let value = row.value.as_deref().map_or(0, <[u8]>::len);
            // As base64, beside names and numbers.
            let bytes = KV_RESULT_BYTES + row.key.as_bytes().len() + value.div_ceil(3) * 4;
            left.checked_sub(bytes).is_some_and(|rest| {
                left = rest;
                true
            })
        };
        ops.iter().position(|op| {
            let Some(op) = &op.kv else { return false };
            let key = op.entry.key.as_bytes();
            let entries = &self.kv.entries;
            match &*op.verb {
                "get" | "get-or-empty" => entries.get_entry(key).is_some_and(|(_, row)| !fits(row)),
                "get-tree" => !entries.prefix(key).all(|(_, row)| fits(row)),
                _ => false,
            }
        })
    }
}

/// An entry's names and numbers in the answer of a transaction, bytes.
const KV_RESULT_BYTES: usize = 200;

/// Whether a compare-and-set may write a row with this ModifyIndex, `None` for a missing one.
fn may_set(stored: Option<u64>, wanted: u64) -> bool {
    match stored {
        None => wanted == 0,
        Some(stored) => wanted != 0 && stored == wanted,
    }
}

fn may_delete(stored: Option<u64>, wanted: u64) -> bool {
    stored == Some(wanted)
}

impl Change<'_> {
    /// With errors the response is an outcome that undoes the command.
    pub(crate) fn transaction(&mut self, request: &TxnRequest) -> Result<Outcome, Outcome> {
        let response = self.txn(&request.ops);
        let failed = !response.errors.is_empty();
        let outcome = Outcome::Txn(Box::new(response));
        if failed { Err(outcome) } else { Ok(outcome) }
    }

    /// Runs the operations; with errors the caller undoes what they wrote.
    pub(super) fn txn(&mut self, ops: &[TxnOp]) -> TxnResponse {
        let mut results = Vec::with_capacity(ops.len());
        let mut errors = Vec::new();
        for (at, op) in ops.iter().enumerate() {
            if let Err(why) = self.txn_op(op, &mut results) {
                errors.push(TxnError {
                    op_index: at as i64,
                    what: why.0,
                });
            }
        }
        if errors.is_empty() {
            TxnResponse {
                results: results.into(),
                ..TxnResponse::default()
            }
        } else {
            TxnResponse {
                errors: errors.into(),
                ..TxnResponse::default()
            }
        }
    }

    fn txn_op(&mut self, op: &TxnOp, results: &mut Vec<TxnResult>) -> Applied<()> {
        let none = TxnResult::default;
        if let Some(op) = &op.kv {
            self.txn_kv(op, results)?;
        } else if let Some(op) = &op.node {
            let row = self.txn_node(op)?;
            results.extend(row.map(|row| TxnResult {
                node: Some(Box::new(Node::clone(&row))),
                ..none()
            }));
        } else if let Some(op) = &op.service {
            let row = self.txn_service(op)?;
            results.extend(row.map(|row| TxnResult {
                service: Some(Box::new(NodeService::clone(&row))),
                ..none()
            }));
        } else if let Some(op) = &op.check {
            let row = self.txn_check(op)?;
            results.extend(row.map(|row| TxnResult {
                check: Some(Box::new(HealthCheck::clone(&row))),
                ..none()
            }));
        } else if let Some(op) = &op.session {
            if op.verb != "delete" {
                return Err(text::unknown_operation("session", &op.verb).into());
            }
            self.session_destroy(&op.session.id);
        } else {
            return Err(text::TXN_UNKNOWN_TYPE.into());
        }
        Ok(())
    }

    fn txn_kv(&mut self, op: &TxnKvOp, results: &mut Vec<TxnResult>) -> Applied<()> {
        let mut rows = Vec::new();
        self.kv_op(&op.verb, &op.entry, &mut rows)?;
        let result = |row: Arc<KvEntry>| TxnResult {
            kv: Some(Box::new(KvEntry::clone(&row))),
            ..TxnResult::default()
        };
        results.extend(rows.into_iter().map(result));
        Ok(())
    }

    fn txn_node(&mut self, op: &TxnNodeOp) -> Applied<Option<Arc<Node>>> {
        let node = &op.node;
        let (peer, name) = (&*node.peer_name, &*node.node);
        let row = || text::node_row(name);
        let stored = self
            .root
            .catalog
            .node(peer, name)
            .map(|row| row.indexes.modify_index);
        let wanted = node.indexes.modify_index;
        match &*op.verb {
            "get" => {
                return self
                    .node_asked(node)
                    .ok_or_else(|| text::missing(&row()).into())
                    .map(Some);
            }
            "set" => self.node_write(node.clone())?,
            "cas" if !may_set(stored, wanted) => return Err(text::stale("set", &row()).into()),
            "cas" => self.node_write(node.clone())?,
            "delete" => {
                self.node_delete(peer, name);
                return Ok(None);
            }
            "delete-cas" if !may_delete(stored, wanted) => {
                return Err(text::stale("delete", &row()).into());
            }
            "delete-cas" => {
                self.node_delete(peer, name);
                return Ok(None);
            }
            other => return Err(text::unknown_operation("node", other).into()),
        }
        Ok(self.node_asked(node))
    }

    /// The stored node that an operation means: by ID if it has one, else by name.
    fn node_asked(&self, node: &Node) -> Option<Arc<Node>> {
        let catalog = &self.root.catalog;
        if node.id.is_empty() {
            catalog.node(&node.peer_name, &node.node).cloned()
        } else {
            catalog.node_by_id(&node.peer_name, &node.id).cloned()
        }
    }

    fn txn_service(&mut self, op: &TxnServiceOp) -> Applied<Option<Arc<NodeService>>> {
        let (node, service) = (&*op.node, &op.service);
        let (peer, id) = (&*service.peer_name, &*service.id);
        let row = || text::service_row(id, node);
        let found = self.root.catalog.service(peer, node, id).cloned();
        let stored = found.as_ref().map(|row| row.indexes.modify_index);
        let wanted = service.indexes.modify_index;
        match &*op.verb {
            "get" => return found.ok_or_else(|| text::missing(&row()).into()).map(Some),
            "set" => self.service_write(node, service)?,
            "cas" if !may_set(stored, wanted) => return Err(text::stale("set", &row()).into()),
            "cas" => self.service_write(node, service)?,
            "delete" => {
                self.service_delete(peer, node, id);
                return Ok(None);
            }
            "delete-cas" if !may_delete(stored, wanted) => {
                return Err(text::stale("delete", &row()).into());
            }
            "delete-cas" => {
                self.service_delete(peer, node, id);
                return Ok(None);
            }
            other => return Err(text::unknown_operation("service", other).into()),
        }
        Ok(self.root.catalog.service(peer, node, id).cloned())
    }

    fn txn_check(&mut self, op: &TxnCheckOp) -> Applied<Option<Arc<HealthCheck>>> {
        let check = &op.check;
        let (peer, node, id) = (&*check.peer_name, &*check.node, &*check.check_id);
        let row = || text::check_row(id, node);
        let found = self.root.catalog.check(peer, node, id).cloned();
        let stored = found.as_ref().map(|row| row.indexes.modify_index);
        let wanted = check.indexes.modify_index;
        match &*op.verb {
            "get" => return found.ok_or_else(|| text::missing(&row()).into()).map(Some),
            "set" => self.check_write(check.clone())?,
            "cas" if !may_set(stored, wanted) => return Err(text::stale("set", &row()).into()),
            "cas" => self.check_write(check.clone())?,
            "delete" => {
                self.check_delete(peer, node, id);
                return Ok(None);
            }
            "delete-cas" if !may_delete(stored, wanted) => {
                return Err(text::stale("delete", &row()).into());
            }
            "delete-cas" => {
                self.check_delete(peer, node, id);
                return Ok(None);
            }
            other => return Err(text::unknown_operation("check", other).into()),
        }
        Ok(self.root.catalog.check(peer, node, id).cloned())
    }
}
