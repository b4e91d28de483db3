//! `PreparedQuery.Apply` (spec/server.md §14.1).

use super::super::write::accepted;
use crate::prepared::validate;
use crate::server::Server;
use crate::text;
use model::PreparedQuery;
use ports::{Authorized, RpcError};
use wire::command::PreparedQueryRequest;
use wire::{Command, Outcome};

impl Server {
    pub(in crate::methods) async fn query_create(
        &self,
        by: &Authorized,
        mut query: PreparedQuery,
    ) -> Result<Outcome, RpcError> {
        if !query.id.is_empty() {
            return Err(RpcError::refused(text::QUERY_ID_GIVEN));
        }
        validate::definition(&query).map_err(RpcError::Refused)?;
        query.id = (self.config.ids)();
        let id = query.id.clone();
        self.query_write(by, "create", query).await?;
        Ok(Outcome::Id(id))
    }

    pub(in crate::methods) async fn query_update(
        &self,
        by: &Authorized,
        query: PreparedQuery,
    ) -> Result<Outcome, RpcError> {
        self.query_exists(by, &query.id)?;
        validate::definition(&query).map_err(RpcError::Refused)?;
        self.query_write(by, "update", query).await
    }

    pub(in crate::methods) async fn query_delete(
        &self,
        by: &Authorized,
        id: String,
    ) -> Result<Outcome, RpcError> {
        self.query_exists(by, &id)?;
        self.query_write(
            by,
            "delete",
            PreparedQuery {
                id,
                ..PreparedQuery::default()
            },
        )
        .await
    }

    fn query_exists(&self, by: &Authorized, id: &str) -> Result<(), RpcError> {
        if id.len() != 36 {
            return Err(RpcError::Refused(format!(
                "Prepared Query lookup failed: {}",
                text::QUERY_ID_LENGTH
            )));
        }
        if self.board.view(by).root.prepared_query(id).rows.is_none() {
            return Err(RpcError::Refused(format!(
                "Cannot modify non-existent prepared query: '{id}'"
            )));
        }
        Ok(())
    }

    async fn query_write(
        &self,
        by: &Authorized,
        op: &str,
        query: PreparedQuery,
    ) -> Result<Outcome, RpcError> {
        if op != "delete" {
            crate::prepared::template::check(&query).map_err(|why| {
                RpcError::Refused(format!(
                    "{}failed compiling template: {why}",
                    text::RAFT_APPLY
                ))
            })?;
        }
        let request = PreparedQueryRequest {
            datacenter: self.config.datacenter.clone(),
            op: op.to_owned(),
            query: Some(Box::new(query)),
            ..PreparedQueryRequest::default()
        };
        accepted(
            self.propose(by, &Command::PreparedQuery(Box::new(request)))
                .await?,
            text::RAFT_APPLY,
        )
    }
}
