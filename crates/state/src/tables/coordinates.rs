//! Network coordinates, one per node and segment.

use crate::apply::Change;
use crate::key::{Path, fold};
use crate::reads::read;
use crate::tables::catalog_reads::peer_prefix;
use crate::tables::spec::{Archived, Native, TableSpec, rule};
use crate::{ReadResult, Root, WatchKey};
use dialect::List;
use model::Coordinate;
use std::sync::Arc;
use wire::command::kind;

pub(crate) const COORDINATES: TableSpec = TableSpec {
    name: "coordinates",
    record: "Coordinate",
    changed_by: &[
        kind::COORDINATE_BATCH,
        kind::REGISTER,
        kind::DEREGISTER,
        kind::TXN,
    ],
    wakes: &["Coordinates", "AllCoordinates"],
    reads: &[
        read("coordinates", "AllCoordinates", "coordinates"),
        read("node_coordinates", "Coordinates", "coordinates"),
    ],
    native: Native {
        byte: 4,
        save: |root, out| out.rows(&root.coordinates),
        load: |root, r| {
            root.load_coordinate(r.value()?);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[kind::COORDINATE_BATCH],
        place: 40,
        save: |root, out| {
            root.coordinates.iter().try_for_each(|(_, row)| {
                out.with(kind::COORDINATE_BATCH, |w| {
                    w.array(1);
                    w.value(&**row);
                })
            })
        },
        load: |root, record| {
            record.read(|batch: List<Coordinate>| {
                batch.into_iter().for_each(|row| root.load_coordinate(row));
            })
        },
    }],
    rules: &[rule!(
        COORDINATE_BATCH,
        CoordinateBatch,
        Change::coordinates
    )],
};

/// The key of a coordinate. Only local nodes have any.
pub(crate) fn coordinate_path(node: &str, segment: &str) -> Path {
    Path::of(&[b"", fold(node).as_bytes(), segment.as_bytes()])
}

impl Root {
    fn load_coordinate(&mut self, row: Coordinate) {
        let key = coordinate_path(&row.node, &row.segment).key();
        self.coordinates.insert(key, Arc::new(row));
    }

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
