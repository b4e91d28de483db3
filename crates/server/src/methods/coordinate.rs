//! `Coordinate.*` (spec/server.md §7.5).

use super::{Found, ReadMethod, Standing};
use crate::ran::Compiled;
use crate::server::Server;
use crate::text;
use model::NetCoord;
use ports::{Authorized, Data, Query, RpcError};
use state::Root;
use wire::Outcome;

/// `Coordinate.ListNodes`
pub(super) struct ListNodes;

impl ReadMethod for ListNodes {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        Ok(root.coordinates().map(Data::Coordinates).into())
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.index("coordinates")
    }
}

/// `Coordinate.Node`
pub(super) struct Node<'a> {
    pub(super) node: &'a str,
}

impl ReadMethod for Node<'_> {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        Ok(root
            .node_coordinates(self.node)
            .map(Data::Coordinates)
            .into())
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        standing.index("coordinates")
    }
}

impl Server {
    /// `Coordinate.Update`: kept for the next batch; an acknowledged coordinate may still be lost.
    pub(super) fn coordinate(
        &self,
        _: &Authorized,
        coordinate: model::Coordinate,
    ) -> Result<Outcome, RpcError> {
        let Some(coord) = coordinate.coord.as_deref() else {
            return Err(RpcError::refused(text::INVALID_COORDINATE));
        };
        let finite = coord
            .vec
            .iter()
            .chain([&coord.error, &coord.adjustment, &coord.height])
            .all(|value| value.is_finite());
        if !finite {
            return Err(RpcError::refused(text::INVALID_COORDINATE));
        }
        if coord.vec.len() != NetCoord::DIMENSION {
            return Err(RpcError::refused(text::INCOMPATIBLE_COORDINATE));
        }
        self.take_coordinate(coordinate);
        Ok(Outcome::Nil)
    }
}
