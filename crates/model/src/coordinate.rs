//! Vivaldi network coordinates.

use dialect::{List, record};

record! {
    /// A point of the 8-dimensional coordinate space with its height; seconds.
    pub struct NetCoord {
        vec: List<f64> = "Vec",
        error: f64 = "Error",
        adjustment: f64 = "Adjustment",
        height: f64 = "Height",
    }
}

record! {
    /// The coordinate of a node within one network segment.
    pub struct Coordinate {
        node: String = "Node",
        segment: String = "Segment",
        partition: String = "Partition" [omit],
        coord: Option<Box<NetCoord>> = "Coord",
    }
}

impl NetCoord {
    /// Dimension of every valid coordinate.
    pub const DIMENSION: usize = 8;

    /// Where every coordinate begins.
    pub fn origin() -> Self {
        Self {
            vec: vec![0.0; Self::DIMENSION].into(),
            error: 1.5,
            adjustment: 0.0,
            height: 1e-5,
        }
    }

    /// Estimated round-trip time to `other` in seconds (spec/http-api.md §3.7).
    pub fn distance(&self, other: &Self) -> f64 {
        let square: f64 = self
            .vec
            .iter()
            .zip(other.vec.iter())
            .map(|(a, b)| (a - b) * (a - b))
            .sum();
        let raw = square.sqrt() + self.height + other.height;
        let adjusted = raw + self.adjustment + other.adjustment;
        if adjusted > 0.0 { adjusted } else { raw }
    }
}
