//! Sessions begin and end (spec/server.md §3.6).

use super::{Applied, Change};
use crate::key::{Key, fold};
use crate::tables::sessions::check_ids;
use crate::{Effect, WatchKey};
use model::{HealthCheck, RaftIndex, Session, status};
use std::{sync::Arc, time::Duration};
use wire::{
    Outcome,
    command::SessionRequest,
    errors::{MISSING_NODE, state as text},
};

/// Longest lock delay that is granted, in nanoseconds.
const MAX_LOCK_DELAY: i64 = 60_000_000_000;

/// The type of checks that follow a session instead of deciding over it.
const SESSION_CHECK: &str = "session";

impl Change<'_> {
    pub(crate) fn session(&mut self, request: &SessionRequest) -> Applied<Outcome> {
        match &*request.op {
            "create" => self.session_create(&request.session).map(Outcome::Id),
            "destroy" => {
                self.session_destroy(&request.session.id);
                Ok(Outcome::Nil)
            }
            other => Err(text::invalid_operation("Session", other).into()),
        }
    }

    fn session_create(&mut self, session: &Session) -> Applied<String> {
        if session.id.is_empty() {
            return Err(text::MISSING_SESSION_ID.into());
        }
        let mut row = session.clone();
        match &*row.behavior {
            "" => "release".clone_into(&mut row.behavior),
            "release" | "delete" => {}
            other => return Err(text::invalid_behavior(other).into()),
        }
        row.indexes = RaftIndex {
            create_index: self.index,
            modify_index: self.index,
        };
        if self.root.catalog.node("", &row.node).is_none() {
            return Err(MISSING_NODE.into());
        }
        for id in check_ids(&row) {
            if id.is_empty() {
                return Err(text::SESSION_CHECK_LOOKUP.into());
            }
            match self.root.catalog.check("", &row.node, id) {
                None => return Err(text::missing_check(id).into()),
                Some(check)
                    if check.status == status::CRITICAL && check.check_type != SESSION_CHECK =>
                {
                    return Err(text::critical_check(id).into());
                }
                Some(_) => {}
            }
        }
        let row = Arc::new(row);
        self.root.sessions.put(row.clone());
        self.session_touched(&row);
        self.touched.effect(Effect::SessionCreated(row.clone()));
        self.follow_session(
            &row,
            status::PASSING,
            &format!("Session '{}' in force", row.id),
        )?;
        Ok(row.id.clone())
    }

    fn session_touched(&mut self, row: &Session) {
        self.root.bump("sessions", self.index);
        self.touch(WatchKey::Session(Key::from(&*fold(&row.id))));
        self.touch(WatchKey::node_sessions(&row.node));
        self.touch(WatchKey::AllSessions);
    }

    /// Ends a session: its keys are released or deleted, its queries go. An unknown one is no error.
    pub(super) fn session_destroy(&mut self, id: &str) {
        // The row goes first, so that a check that turns critical below cannot come back to it.
        let Some(row) = self.root.sessions.remove(id) else {
            return;
        };
        self.session_touched(&row);
        self.touched
            .effect(Effect::SessionDestroyed(row.id.clone()));
        let delay = u64::try_from(row.lock_delay.0.min(MAX_LOCK_DELAY))
            .ok()
            .filter(|nanos| *nanos > 0)
            .map(Duration::from_nanos);
        for key in self.root.kv.held_by(&row.id) {
            if let Some(delay) = delay {
                self.touched.effect(Effect::LockDelay {
                    key: key.clone(),
                    delay,
                });
            }
            if row.behavior == "delete" {
                self.kv_delete(&key);
            } else {
                self.kv_release(&key);
            }
        }
        for query in self.root.queries.of_session(&row.id) {
            self.query_delete(&query.id);
        }
        // Only refused when the node is gone, and its checks with it.
        let _ = self.follow_session(
            &row,
            status::CRITICAL,
            &format!("Session '{}' is invalid", row.id),
        );
    }

    /// Ends all sessions of a node.
    pub(super) fn sessions_of_node_end(&mut self, node: &str) {
        for session in self.root.sessions.of_node(node) {
            self.session_destroy(&session.id);
        }
    }

    /// Ends all sessions that depend on a check.
    pub(super) fn sessions_of_check_end(&mut self, node: &str, check: &str) {
        for id in self.root.sessions.of_check(node, check) {
            self.session_destroy(&id.to_string());
        }
    }

    /// Sets the node checks that follow a session by its name.
    fn follow_session(&mut self, session: &Session, status: &str, output: &str) -> Applied<()> {
        if session.name.is_empty() {
            return Ok(());
        }
        let node = fold(&session.node);
        let followers: Vec<Arc<HealthCheck>> = self
            .root
            .catalog
            .checks_of_instance("", node.as_bytes(), "")
            .filter(|check| check.definition.session_name == session.name)
            .collect();
        for check in followers {
            let check = HealthCheck {
                status: status.to_owned(),
                output: output.to_owned(),
                ..HealthCheck::clone(&check)
            };
            self.check_write(check)?;
        }
        Ok(())
    }
}
