//! `KVS.Apply` (spec/server.md §3.1).

use super::super::rules;
use super::super::write::accepted;
use crate::server::Server;
use crate::text;
use ports::{Authorized, RpcError};
use wire::command::KvsRequest;
use wire::{Command, Outcome};

impl Server {
    pub(in crate::methods) async fn kv(
        &self,
        by: &Authorized,
        mut request: KvsRequest,
    ) -> Result<Outcome, RpcError> {
        rules::kv_op(&request.op, &request.entry).map_err(RpcError::Refused)?;
        if request.op == "lock" && self.effects.delayed(request.entry.key.as_bytes()) {
            return Ok(Outcome::Bool(false));
        }
        self.name_datacenter(&mut request.datacenter);
        let command = Command::Kvs(Box::new(request));
        match accepted(self.propose(by, &command).await?, text::RAFT_APPLY)? {
            Outcome::Nil => Ok(Outcome::Bool(true)),
            outcome => Ok(outcome),
        }
    }
}
