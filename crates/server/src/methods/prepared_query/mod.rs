//! `PreparedQuery.*` (spec/server.md §14). Running one stands in [`crate::prepared`].

mod apply;

use super::{Found, ReadMethod, Standing};
use crate::ran::Compiled;
use crate::text;
use ports::{Data, Query, RpcError};
use state::Root;

/// `PreparedQuery.List`
pub(super) struct List;

impl ReadMethod for List {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        Ok(root.prepared_queries().map(Data::PreparedQueries).into())
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.index("prepared-queries")
    }
}

/// `PreparedQuery.Get`
pub(super) struct Get<'a> {
    pub(super) id: &'a str,
}

impl ReadMethod for Get<'_> {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        if self.id.len() != 36 {
            return Err(RpcError::refused(text::QUERY_ID_LENGTH));
        }
        let row = root.prepared_query(self.id);
        Ok(row
            .map(|row| Data::PreparedQueries(row.into_iter().collect()))
            .into())
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.index("prepared-queries")
    }
}
