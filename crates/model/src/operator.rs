//! Rows that the servers keep about themselves.

use crate::RaftIndex;
use dialect::{DurText, record};

record! {
    /// How servers come and go (spec/server.md §8).
    pub struct AutopilotConfig {
        cleanup_dead_servers: bool = "CleanupDeadServers",
        last_contact_threshold: DurText = "LastContactThreshold",
        max_trailing_logs: u64 = "MaxTrailingLogs",
        min_quorum: u64 = "MinQuorum",
        server_stabilization_time: DurText = "ServerStabilizationTime",
        redundancy_zone_tag: String = "RedundancyZoneTag",
        disable_upgrade_migration: bool = "DisableUpgradeMigration",
        upgrade_version_tag: String = "UpgradeVersionTag",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// A flag that servers agree on, such as `intention-format`.
    pub struct SystemMetadataEntry {
        key: String = "Key",
        value: String = "Value",
        #flatten indexes: RaftIndex,
    }
}
