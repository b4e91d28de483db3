//! Rows that servers keep about themselves, and counters.

use crate::tables::usage::Usage;
use crate::{ReadResult, Root, WatchKey};
use model::{AutopilotConfig, SystemMetadataEntry};
use std::sync::Arc;

impl Root {
    /// The autopilot configuration; the index is its ModifyIndex.
    pub fn autopilot(&self) -> ReadResult<Option<Arc<AutopilotConfig>>> {
        let index = self
            .autopilot
            .as_ref()
            .map_or(0, |config| config.indexes.modify_index);
        ReadResult::new(index, self.autopilot.clone(), [WatchKey::Autopilot])
    }

    /// All flags that servers agree on, by key.
    pub fn system_metadata(&self) -> ReadResult<Vec<Arc<SystemMetadataEntry>>> {
        let rows = self.metadata.iter().map(|(_, row)| row.clone()).collect();
        ReadResult::new(
            self.index("system-metadata"),
            rows,
            [WatchKey::SystemMetadata],
        )
    }

    /// The value of one such flag.
    pub fn metadata_flag(&self, key: &str) -> Option<&str> {
        self.metadata
            .get(crate::key::fold(key).as_bytes())
            .map(|row| &*row.value)
    }

    /// Counters of local rows. They wake with nodes and services, not with keys.
    pub fn usage(&self) -> ReadResult<Usage> {
        let index = ["nodes", "services", "kvs", "tombstones"]
            .iter()
            .map(|table| self.index(table))
            .max()
            .unwrap_or(0);
        let mut usage = self.usage.clone();
        usage.kvs = self.kv.entries.len() as u64;
        ReadResult::new(index, usage, [WatchKey::AllNodes, WatchKey::AllServices])
    }
}
