//! Maintenance mode: a critical check with a reason (spec/agent-config.md §18).

use crate::agent::Agent;
use local::Source;
use model::{CheckType, HealthCheck, status};
use ports::AgentError;
use std::sync::Arc;

const NODE_CHECK: &str = "_node_maintenance";
const SERVICE_CHECK: &str = "_service_maintenance:";

fn default_reason(of: &str) -> String {
    format!(
        "Maintenance mode is enabled for this {of}, but no reason was provided. This is a default message."
    )
}

impl Agent {
    /// Switches maintenance of a service or of the node; doing it twice changes nothing.
    pub(crate) fn set_maintenance(
        self: &Arc<Self>,
        service: Option<&str>,
        enable: bool,
        reason: &str,
    ) -> Result<(), AgentError> {
        let token = match service {
            Some(id) => {
                let local = self.local.lock();
                let service = local
                    .service(id)
                    .ok_or_else(|| crate::port::unknown_service(id))?;
                service.token.clone()
            }
            None => String::new(),
        };
        let id = service.map_or_else(
            || NODE_CHECK.to_owned(),
            |id| format!("{SERVICE_CHECK}{id}"),
        );
        let on = self.local.lock().check(&id).is_some();
        match (enable, on) {
            (true, true) | (false, false) => return Ok(()),
            (false, true) => {
                self.remove_check(&id);
            }
            (true, false) => {
                let row = row(id, service, reason);
                self.place_check(row, CheckType::default(), &token, Source::Api)?;
                self.changed_now();
            }
        }
        match (service, enable) {
            (None, true) => tracing::info!("Node entered maintenance mode"),
            (None, false) => tracing::info!("Node left maintenance mode"),
            (Some(service), true) => tracing::info!(%service, "Service entered maintenance mode"),
            (Some(service), false) => tracing::info!(%service, "Service left maintenance mode"),
        }
        Ok(())
    }
}

fn row(id: String, service: Option<&str>, reason: &str) -> HealthCheck {
    let (name, of) = match service {
        Some(_) => ("Service Maintenance Mode", "service"),
        None => ("Node Maintenance Mode", "node"),
    };
    HealthCheck {
        check_id: id,
        name: name.into(),
        status: status::CRITICAL.into(),
        notes: if reason.is_empty() {
            default_reason(of)
        } else {
            reason.to_owned()
        },
        service_id: service.unwrap_or_default().to_owned(),
        check_type: "maintenance".into(),
        ..HealthCheck::default()
    }
}
