//! Coordinates on their way: kept in memory, newest per node and segment, until the next flush (spec/server.md §7.5).

use hashbrown::HashMap;
use model::Coordinate;
use parking_lot::Mutex;

/// Nodes whose coordinates may wait for one flush; more are dropped at once.
const WAITING_MAX: usize = 65_536;

/// Coordinates that wait.
#[derive(Default)]
pub(crate) struct Coordinates(Mutex<HashMap<(String, String), Coordinate>>);

impl Coordinates {
    /// Keeps the newest; whether there was room.
    pub(crate) fn put(&self, coordinate: Coordinate) -> bool {
        let key = (coordinate.node.clone(), coordinate.segment.clone());
        let mut waiting = self.0.lock();
        if waiting.len() >= WAITING_MAX && !waiting.contains_key(&key) {
            return false;
        }
        waiting.insert(key, coordinate);
        true
    }

    /// Takes all, in no order.
    pub(crate) fn take(&self) -> Vec<Coordinate> {
        std::mem::take(&mut *self.0.lock()).into_values().collect()
    }
}
