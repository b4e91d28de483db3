//! Writes of prepared queries (spec/server.md §3.7).

use super::{Applied, Change};
use crate::WatchKey;
use crate::key::{Key, fold};
use crate::tables::queries::{is_template, is_uuid};
use model::{PreparedQuery, RaftIndex, same_name};
use std::sync::Arc;
use wire::{Outcome, command::PreparedQueryRequest, errors::state as text};

impl Change<'_> {
    pub(crate) fn prepared_query(&mut self, request: &PreparedQueryRequest) -> Applied<Outcome> {
        let Some(query) = request.query.as_deref() else {
            return Err(text::MISSING_QUERY_ID.into());
        };
        match &*request.op {
            "create" | "update" => self.query_set(query)?,
            "delete" => self.query_delete(&query.id),
            other => return Err(text::invalid_operation("PreparedQuery", other).into()),
        }
        Ok(Outcome::Nil)
    }

    fn query_set(&mut self, query: &PreparedQuery) -> Applied<()> {
        if query.id.is_empty() {
            return Err(text::MISSING_QUERY_ID.into());
        }
        self.query_name_free(query)?;
        if !query.session.is_empty() && self.root.sessions.get(&query.session).is_none() {
            return Err(text::invalid_session(&query.session).into());
        }
        let created = self
            .root
            .queries
            .get(&query.id)
            .map_or(self.index, |old| old.indexes.create_index);
        let mut row = query.clone();
        row.indexes = RaftIndex {
            create_index: created,
            modify_index: self.index,
        };
        self.root.queries.put(Arc::new(row));
        self.query_touched(&query.id);
        Ok(())
    }

    /// A name must not stand for two queries; only other queries count.
    fn query_name_free(&self, query: &PreparedQuery) -> Applied<()> {
        let other = |found: Option<&Arc<PreparedQuery>>| {
            found.is_some_and(|found| !same_name(&found.id, &query.id))
        };
        if query.name.is_empty() {
            if is_template(query) && other(self.root.queries.template_named("")) {
                return Err(text::EMPTY_TEMPLATE_EXISTS.into());
            }
            return Ok(());
        }
        if other(self.root.queries.named(&query.name)) {
            return Err(text::query_name_taken(&query.name).into());
        }
        if is_uuid(&query.name) && self.root.queries.get(&query.name).is_some() {
            return Err(text::query_name_is_id(&query.name).into());
        }
        Ok(())
    }

    /// Deletes a query; an unknown one is no error.
    pub(super) fn query_delete(&mut self, id: &str) {
        if self.root.queries.remove(id).is_some() {
            self.query_touched(id);
        }
    }

    fn query_touched(&mut self, id: &str) {
        self.root.bump("prepared-queries", self.index);
        self.touch(WatchKey::PreparedQuery(Key::from(&*fold(id))));
        self.touch(WatchKey::AllPreparedQueries);
    }
}
