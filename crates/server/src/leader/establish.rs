//! What must stand before a term's duties begin: no restore of a leader that is gone, the rows of a cluster of this version, this
//! server's own node.

use super::DUTY;
use crate::effects::Falling;
use crate::server::Server;
use model::SystemMetadataEntry;
use wire::Command;
use wire::command::{AutopilotSetConfigRequest, SystemMetadataRequest};

/// Flags that a cluster of this version sets when it is founded.
const FLAGS: [(&str, &str); 3] = [
    ("intention-format", "config-entry"),
    ("virtual-ips", "true"),
    ("virtual-ips-term-gateway", "true"),
];

impl Server {
    /// Gives what falls due from now on.
    pub(super) async fn establish(&self) -> Result<Falling, ports::RpcError> {
        self.abort_orphan().await?;
        let falling = self.effects.lead(|| self.root(&DUTY));
        if self.root(&DUTY).autopilot().rows.is_none() {
            self.propose(
                &DUTY,
                &Command::Autopilot(Box::new(AutopilotSetConfigRequest {
                    datacenter: self.config.datacenter.clone(),
                    config: self.config.autopilot.clone(),
                    ..AutopilotSetConfigRequest::default()
                })),
            )
            .await?;
        }
        for (key, value) in FLAGS {
            if self.root(&DUTY).metadata_flag(key) != Some(value) {
                let entry = SystemMetadataEntry {
                    key: key.to_owned(),
                    value: value.to_owned(),
                    ..Default::default()
                };
                self.propose(
                    &DUTY,
                    &Command::SystemMetadata(Box::new(SystemMetadataRequest {
                        datacenter: self.config.datacenter.clone(),
                        op: "upsert".to_owned(),
                        entry: Some(Box::new(entry)),
                        ..SystemMetadataRequest::default()
                    })),
                )
                .await?;
            }
        }
        self.reconcile().await?;
        Ok(falling)
    }
}
