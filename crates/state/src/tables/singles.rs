//! Rows that servers keep about themselves, and counters.

use crate::apply::Change;
use crate::key::{Key, fold};
use crate::reads::read;
use crate::tables::spec::{Archived, Native, TableSpec, rule};
use crate::tables::usage::Usage;
use crate::{ReadResult, Root, WatchKey};
use model::{AutopilotConfig, SystemMetadataEntry};
use std::sync::Arc;
use wire::command::kind;

pub(crate) const AUTOPILOT: TableSpec = TableSpec {
    name: "autopilot-config",
    record: "AutopilotConfig",
    changed_by: &[kind::AUTOPILOT],
    wakes: &["Autopilot"],
    reads: &[read("autopilot", "Autopilot", "the row's ModifyIndex")],
    native: Native {
        byte: 9,
        save: |root, out| out.record(root.autopilot.as_deref()),
        load: |root, r| {
            root.autopilot = Some(Arc::new(r.value()?));
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[kind::AUTOPILOT],
        place: 100,
        save: |root, out| match &root.autopilot {
            Some(row) => out.record(kind::AUTOPILOT, &**row),
            None => Ok(()),
        },
        load: |root, record| record.read(|row| root.autopilot = Some(Arc::new(row))),
    }],
    rules: &[rule!(AUTOPILOT, Autopilot, Change::autopilot)],
};

pub(crate) const METADATA: TableSpec = TableSpec {
    name: "system-metadata",
    record: "SystemMetadataEntry",
    changed_by: &[kind::SYSTEM_METADATA],
    wakes: &["SystemMetadata"],
    reads: &[read("system_metadata", "SystemMetadata", "system-metadata")],
    native: Native {
        byte: 10,
        save: |root, out| out.rows(&root.metadata),
        load: |root, r| {
            root.load_metadata(r.value()?);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[kind::SYSTEM_METADATA],
        place: 160,
        save: |root, out| out.rows(kind::SYSTEM_METADATA, &root.metadata),
        load: |root, record| record.read(|row| root.load_metadata(row)),
    }],
    rules: &[rule!(
        SYSTEM_METADATA,
        SystemMetadata,
        Change::system_metadata
    )],
};

impl Root {
    fn load_metadata(&mut self, row: SystemMetadataEntry) {
        let key = Key::from(&*fold(&row.key));
        self.metadata.insert(key, Arc::new(row));
    }

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
            .get(fold(key).as_bytes())
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
