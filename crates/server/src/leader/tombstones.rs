//! Duty: tombstones go that are older than any reader's index may be.

use super::{DUTY, Duty, Office, Trigger};
use std::sync::Arc;
use telemetry::names;
use wire::Command;
use wire::command::TombstoneRequest;

pub(super) const REAP: Duty = Duty {
    name: "reap tombstones",
    trigger: Trigger::Established,
    body: |office| Box::pin(reap_due(office)),
};

/// For as long as the term lasts.
async fn reap_due(office: Arc<Office>) {
    let server = &office.server;
    let mut due = office.falling.tombstones.lock().await;
    while let Some(index) = due.recv().await {
        let command = Command::Tombstone(TombstoneRequest {
            datacenter: server.config.datacenter.clone(),
            op: "reap".to_owned(),
            reap_index: index,
            ..TombstoneRequest::default()
        });
        let began = server.time.now();
        if let Err(error) = server.propose(&DUTY, &command).await {
            tracing::warn!(%error, index, "failed to reap tombstones");
        }
        server.note(names::LEADER_REAP_TOMBSTONES, began);
    }
}
