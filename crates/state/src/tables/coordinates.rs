//! Network coordinates, one per node and segment.

use crate::key::{Path, fold};
use crate::tables::catalog_reads::peer_prefix;
use crate::{ReadResult, Root, WatchKey};
use model::Coordinate;
use std::sync::Arc;

/// The key of a coordinate. Only local nodes have any.
pub(crate) fn coordinate_path(node: &str, segment: &str) -> Path {
    Path::of(&[b"", fold(node).as_bytes(), segment.as_bytes()])
}

impl Root {
    pub(crate) fn coordinates_of(&self, node: &str) -> Vec<Arc<Coordinate>> {
        self.coordinates
            .prefix(&Path::under(&[b"", fold(node).as_bytes()]))
            .map(|(_, row)| row.clone())
            .collect()
    }

    /// All coordinates, by node and segment.
    pub fn coordinates(&self) -> ReadResult<Vec<Arc<Coordinate>>> {
        let rows = self
            .coordinates
            .prefix(&peer_prefix(""))
            .map(|(_, row)| row.clone())
            .collect();
        ReadResult::new(self.index("coordinates"), rows, [WatchKey::AllCoordinates])
    }

    /// The coordinates of one node, by segment.
    pub fn node_coordinates(&self, node: &str) -> ReadResult<Vec<Arc<Coordinate>>> {
        ReadResult::new(
            self.index("coordinates"),
            self.coordinates_of(node),
            [WatchKey::coordinates(node)],
        )
    }

    /// The coordinate of a node in a segment, for sorting by distance.
    pub fn coordinate(&self, node: &str, segment: &str) -> Option<&Arc<Coordinate>> {
        self.coordinates.get(&coordinate_path(node, segment))
    }
}
