//! Duty: coordinates that came in since the last time are written, in batches (spec/server.md §7).

use super::{DUTY, Duty, Office, Trigger};
use crate::counters::Counters;
use crate::server::Server;
use dialect::List;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wire::Command;

pub(super) const FLUSH: Duty = Duty {
    name: "coordinates",
    trigger: Trigger::Every(|config| config.coordinate_update_period),
    body: |office| Box::pin(flush(office)),
};

async fn flush(office: Arc<Office>) {
    office.server.flush_coordinates().await;
}

impl Server {
    async fn flush_coordinates(&self) {
        let mut waiting = self.coordinates.take();
        let room = self.config.coordinate_batch_size.max(1) * self.config.coordinate_max_batches;
        if waiting.len() > room {
            let dropped = waiting.len() - room;
            tracing::warn!(dropped, "coordinates dropped: too many between two batches");
            self.board
                .counters
                .dropped_coordinates
                .fetch_add(dropped as u64, Ordering::Relaxed);
            waiting.truncate(room);
        }
        for batch in waiting.chunks(self.config.coordinate_batch_size.max(1)) {
            let batch = Command::CoordinateBatch(List::from(batch.to_vec()));
            if let Err(error) = self.propose(&DUTY, &batch).await {
                tracing::warn!(%error, "coordinate batch failed");
            }
        }
    }

    pub(crate) fn take_coordinate(&self, coordinate: model::Coordinate) {
        if !self.coordinates.put(coordinate) {
            Counters::add(&self.board.counters.dropped_coordinates);
        }
    }
}
