//! `Coordinate`: network coordinates.

use dialect::{List, record};
use model::{Coordinate, NetCoord};

use super::QueryMeta;

record! {
    /// A node's new coordinate. Servers gather these and replicate them in batches.
    pub struct CoordinateUpdateRequest {
        datacenter: String = "Datacenter",
        node: String = "Node",
        segment: String = "Segment",
        coord: Option<Box<NetCoord>> = "Coord",
        token: String = "Token",
    }
}

record! {
    /// Coordinates of nodes.
    pub struct IndexedCoordinates {
        coordinates: List<Coordinate> = "Coordinates",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// Coordinates of a datacenter's servers in a wide-area pool.
    pub struct DatacenterMap {
        datacenter: String = "Datacenter",
        /// `wan`.
        area_id: String = "AreaID",
        coordinates: List<Coordinate> = "Coordinates",
    }
}
