//! `Session.Apply` and `Session.Renew` (spec/server.md §3.6).

use super::super::write::accepted;
use super::stored_id;
use crate::server::Server;
use crate::text;
use dialect::duration;
use model::Session;
use ports::{Authorized, RpcError};
use wire::command::SessionRequest;
use wire::{Command, Outcome};

/// Longest TTL of a session.
const TTL_MAX: i64 = 24 * 3600 * 1_000_000_000;
/// Times an ID is drawn anew because it exists already.
const ID_ATTEMPTS: u32 = 8;

impl Server {
    pub(in crate::methods) async fn session_create(
        &self,
        by: &Authorized,
        mut session: Session,
    ) -> Result<Outcome, RpcError> {
        self.session_fits(&mut session).map_err(RpcError::Refused)?;
        session.id = self.new_session_id(by)?;
        let request = SessionRequest {
            datacenter: self.config.datacenter.clone(),
            op: "create".to_owned(),
            session,
            ..SessionRequest::default()
        };
        accepted(
            self.propose(by, &Command::Session(Box::new(request)))
                .await?,
            text::APPLY,
        )
    }

    fn session_fits(&self, session: &mut Session) -> Result<(), String> {
        if session.node.is_empty() {
            return Err(text::SESSION_NODE.to_owned());
        }
        match &*session.behavior {
            "" => session.behavior.push_str("release"),
            "release" | "delete" => {}
            other => return Err(format!("Invalid Behavior setting '{other}'")),
        }
        if session.ttl.is_empty() {
            return Ok(());
        }
        let ttl = duration::parse(&session.ttl)
            .map_err(|why| format!("Session TTL '{}' invalid: {why}", session.ttl))?;
        let min = i64::try_from(self.config.session_ttl_min.as_nanos()).unwrap_or(i64::MAX);
        if ttl != 0 && !(min..=TTL_MAX).contains(&ttl) {
            let (low, high) = (duration::format(min), duration::format(TTL_MAX));
            return Err(format!(
                "Invalid Session TTL '{ttl}', must be between [{low}={high}]"
            ));
        }
        Ok(())
    }

    fn new_session_id(&self, by: &Authorized) -> Result<String, RpcError> {
        for _ in 0..ID_ATTEMPTS {
            let id = (self.config.ids)();
            if self.board.view(by).root.session(&id).rows.is_none() {
                return Ok(id);
            }
        }
        Err(RpcError::Unavailable(
            "no free session ID was drawn".to_owned(),
        ))
    }

    pub(in crate::methods) async fn session_destroy(
        &self,
        by: &Authorized,
        id: String,
    ) -> Result<Outcome, RpcError> {
        if id.is_empty() {
            return Err(RpcError::refused(text::SESSION_ID));
        }
        let request = SessionRequest {
            datacenter: self.config.datacenter.clone(),
            op: "destroy".to_owned(),
            session: Session {
                id: stored_id(&id).into_owned(),
                ..Session::default()
            },
            ..SessionRequest::default()
        };
        accepted(
            self.propose(by, &Command::Session(Box::new(request)))
                .await?,
            text::APPLY,
        )
    }

    pub(crate) fn renew(&self, by: &Authorized, id: &str) -> Option<Session> {
        let session = self.board.view(by).root.session(&stored_id(id)).rows;
        session.map(|session| {
            self.effects.renew(&session);
            (*session).clone()
        })
    }
}
