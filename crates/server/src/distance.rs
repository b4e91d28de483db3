//! `?near=`: rows by the round-trip time of their nodes (spec/server.md §15).

use model::{Coordinate, NetCoord};
use ports::Data;
use state::Root;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sorts rows by the round-trip time of their node from `near`; unknown ones keep their order at the end. Without a
/// coordinate of `near` nothing moves (spec/server.md §15).
pub(crate) fn sort_by_distance(root: &Root, near: &str, data: &mut Data) {
    let Some(mut distances) = Distances::from(root, near) else {
        return;
    };
    match data {
        Data::Nodes(rows) => distances.sort(rows, |row| &row.node),
        Data::ServiceNodes(rows) => distances.sort(rows, |row| &row.0.node),
        Data::Checks(rows) => distances.sort(rows, |row| &row.node),
        Data::CheckServiceNodes(rows) => distances.sort(rows, |row| &row.node.node),
        _ => {}
    }
}

/// Round-trip times from one node, each looked up once.
pub(crate) struct Distances<'a> {
    root: &'a Root,
    source: Vec<Arc<Coordinate>>,
    known: BTreeMap<String, f64>,
}

impl<'a> Distances<'a> {
    /// `None` when the node has no coordinate.
    pub(crate) fn from(root: &'a Root, near: &str) -> Option<Self> {
        let source = root.node_coordinates(near).rows;
        (!source.is_empty()).then(|| Self {
            root,
            source,
            known: BTreeMap::new(),
        })
    }

    fn to(&mut self, node: &str) -> f64 {
        if let Some(known) = self.known.get(node) {
            return *known;
        }
        let distance = distance(&self.source, &self.root.node_coordinates(node).rows);
        self.known.insert(node.to_owned(), distance);
        distance
    }

    pub(crate) fn sort<T>(&mut self, rows: &mut Vec<T>, node: impl Fn(&T) -> &str) {
        let mut keyed: Vec<(f64, T)> = rows
            .drain(..)
            .map(|row| (self.to(node(&row)), row))
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows.extend(keyed.into_iter().map(|(_, row)| row));
    }
}

/// Round-trip time between two nodes by their coordinates in a segment both have; infinite without one.
fn distance(a: &[Arc<Coordinate>], b: &[Arc<Coordinate>]) -> f64 {
    let mut segment = "";
    for set in [a, b] {
        if let [only] = set {
            segment = &only.segment;
        }
    }
    let find = |set: &[Arc<Coordinate>]| -> Option<NetCoord> {
        let row = set.iter().find(|c| c.segment == segment)?;
        row.coord
            .as_deref()
            .filter(|c| c.vec.len() == NetCoord::DIMENSION)
            .cloned()
    };
    match (find(a), find(b)) {
        (Some(a), Some(b)) => a.distance(&b),
        _ => f64::INFINITY,
    }
}
