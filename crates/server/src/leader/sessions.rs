//! Duty: sessions end whose TTL has passed (spec/server.md §3.6).

use super::{DUTY, Duty, Office, Trigger};
use crate::server::Server;
use model::Session;
use std::sync::Arc;
use std::time::Duration;
use telemetry::names;
use wire::Command;
use wire::command::SessionRequest;

/// Wait after the first failed attempt to end a session; doubles.
const EXPIRY_BACKOFF: Duration = Duration::from_secs(10);
/// Longest such wait: attempts go on while the session is due.
const EXPIRY_BACKOFF_MAX: Duration = Duration::from_secs(60);

pub(super) const END_SESSIONS: Duty = Duty {
    name: "end sessions",
    trigger: Trigger::Established,
    body: |office| Box::pin(end_due(office)),
};

/// For as long as the term lasts. Each session has a task of its own: one that cannot be ended holds up no other.
async fn end_due(office: Arc<Office>) {
    let mut due = office.falling.sessions.lock().await;
    while let Some((id, turn)) = due.recv().await {
        let server = office.server.clone();
        office.room.spawn("end a session", async move {
            let began = server.time.now();
            server.expire(id, turn).await;
            server.note(names::SESSION_TTL_INVALIDATE, began);
        });
    }
}

impl Server {
    /// Ends a session, unless it turns out before an attempt that it was renewed or ended, or that another server leads.
    async fn expire(&self, id: String, turn: u64) {
        let command = Command::Session(Box::new(SessionRequest {
            datacenter: self.config.datacenter.clone(),
            op: "destroy".to_owned(),
            session: Session {
                id: id.clone(),
                ..Session::default()
            },
            ..SessionRequest::default()
        }));
        let mut wait = EXPIRY_BACKOFF;
        while self.effects.is_due(&id, turn) {
            match self.propose(&DUTY, &command).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "failed to end a session whose TTL passed");
                }
            }
            self.time.sleep(wait).await;
            wait = EXPIRY_BACKOFF_MAX.min(wait * 2);
        }
    }
}
