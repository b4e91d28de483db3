//! What autopilot begins with when a cluster is founded (spec/agent-config.md §4.5); after that the cluster keeps it.

use crate::settings::Settings;
use dialect::DurText;
use std::time::Duration;

impl Settings<'_> {
    pub(crate) fn autopilot(&self) -> model::AutopilotConfig {
        let from = &self.config.autopilot;
        let text = |time: Duration| DurText(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
        model::AutopilotConfig {
            cleanup_dead_servers: from.cleanup_dead_servers,
            last_contact_threshold: text(from.last_contact_threshold),
            max_trailing_logs: from.max_trailing_logs,
            min_quorum: from.min_quorum,
            server_stabilization_time: text(from.server_stabilization_time),
            ..model::AutopilotConfig::default()
        }
    }
}
