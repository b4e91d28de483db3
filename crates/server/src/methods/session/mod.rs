//! `Session.*` (spec/server.md §3.6).

mod apply;

use super::{Found, ReadMethod, Standing};
use crate::ran::Compiled;
use ports::{Data, Query, RpcError};
use state::Root;
use std::borrow::Cow;

/// A session's ID as it is stored: UUIDs are looked up whatever their case.
fn stored_id(id: &str) -> Cow<'_, str> {
    if state::is_uuid(id) {
        model::folded(id)
    } else {
        Cow::Borrowed(id)
    }
}

/// `Session.Get`
pub(super) struct Get<'a> {
    pub(super) id: &'a str,
}

impl ReadMethod for Get<'_> {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        let result = root.session(&stored_id(self.id));
        let missing = result.rows.is_none();
        Ok(Found {
            result: result.map(|row| Data::Sessions(row.into_iter().collect())),
            missing,
        })
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.index("sessions")
    }
}

/// `Session.NodeSessions`
pub(super) struct NodeSessions<'a> {
    pub(super) node: &'a str,
}

impl ReadMethod for NodeSessions<'_> {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        Ok(root.node_sessions(self.node).map(Data::Sessions).into())
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.index("sessions")
    }
}

/// `Session.List`
pub(super) struct List;

impl ReadMethod for List {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        Ok(root.sessions().map(Data::Sessions).into())
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.index("sessions")
    }
}
