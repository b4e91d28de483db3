//! Coordinates and the rows that servers keep about themselves (spec/server.md §3.8).

use super::{Applied, Change};
use crate::WatchKey;
use crate::key::{Key, fold};
use crate::tables::coordinates::coordinate_path;
use model::{Coordinate, RaftIndex};
use std::sync::Arc;
use wire::{
    Outcome,
    command::{AutopilotSetConfigRequest, SystemMetadataRequest},
    errors::state as text,
};

impl Change<'_> {
    /// Stores coordinates of known nodes; others are skipped.
    pub(crate) fn coordinates(&mut self, batch: &[Coordinate]) {
        for coordinate in batch {
            if self.root.catalog.node("", &coordinate.node).is_none() {
                continue;
            }
            let key = coordinate_path(&coordinate.node, &coordinate.segment).key();
            self.root
                .coordinates
                .insert(key, Arc::new(coordinate.clone()));
            self.coordinates_touched(&coordinate.node);
        }
    }

    pub(super) fn coordinates_touched(&mut self, node: &str) {
        self.root.bump("coordinates", self.index);
        self.touch(WatchKey::coordinates(node));
        self.touch(WatchKey::AllCoordinates);
    }

    pub(crate) fn autopilot(&mut self, request: &AutopilotSetConfigRequest) -> Outcome {
        let old = self.root.autopilot.as_ref();
        if request.cas
            && old.is_none_or(|old| old.indexes.modify_index != request.config.indexes.modify_index)
        {
            return Outcome::Bool(false);
        }
        let mut config = request.config.clone();
        let created = old.map_or(self.index, |old| old.indexes.create_index);
        config.indexes = RaftIndex {
            create_index: created,
            modify_index: self.index,
        };
        self.root.autopilot = Some(Arc::new(config));
        self.root.bump("autopilot-config", self.index);
        self.touch(WatchKey::Autopilot);
        if request.cas {
            Outcome::Bool(true)
        } else {
            Outcome::Nil
        }
    }

    pub(crate) fn system_metadata(&mut self, request: &SystemMetadataRequest) -> Applied<Outcome> {
        let Some(entry) = request.entry.as_deref() else {
            return Err(text::invalid_operation("SystemMetadata", &request.op).into());
        };
        let key = Key::from(&*fold(&entry.key));
        match &*request.op {
            "upsert" => {
                let old = self.root.metadata.get(&key);
                let mut row = entry.clone();
                let created = old.map_or(self.index, |old| old.indexes.create_index);
                row.indexes = RaftIndex {
                    create_index: created,
                    modify_index: self.index,
                };
                self.root.metadata.insert(key, Arc::new(row));
            }
            "delete" => {
                if self.root.metadata.remove(&key).is_none() {
                    return Ok(Outcome::Nil);
                }
            }
            other => return Err(text::invalid_operation("SystemMetadata", other).into()),
        }
        self.root.bump("system-metadata", self.index);
        self.touch(WatchKey::SystemMetadata);
        Ok(Outcome::Nil)
    }
}
