//! `Coordinate.*`.

use crate::ask::{Asked, Origin, Out, Request, decode};
use crate::catalog::ask_node;
use crate::reply::{answered, nothing, rows, said_nothing, shared};
use crate::row::{Change, Handler, ReadRow, WriteRow};
use dialect::List;
use dialect::msgpack::{self, Error};
use model::{Coordinate, NetCoord};
use ports::{Answered, Data, Query, Read, Write};
use std::sync::Arc;
use wire::rpc::{CoordinateUpdateRequest, DatacenterMap, IndexedCoordinates, NodeSpecificRequest};

fn reply(_: &Query, answered: &Answered) -> Vec<u8> {
    shared(answered, "Coordinates", |data, w| match data {
        Data::Coordinates(found) => rows(w, found, false),
        _ => w.nil(),
    })
}

pub(crate) fn coordinates(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedCoordinates = decode(body)?;
    let found = reply.coordinates.into_iter().map(Arc::new);
    Ok(answered(Data::Coordinates(found.collect()), &reply.meta))
}

pub(crate) static LIST_NODES: ReadRow = ReadRow {
    name: "Coordinate.ListNodes",
    decode: |body| Ok(Asked::dc(Read::Coordinates, decode(body)?)),
    reply,
};

pub(crate) fn ask_all(out: &Out<'_>) -> Request {
    Request::new(LIST_NODES.name, &out.dc())
}

pub(crate) static NODE: ReadRow = ReadRow {
    name: "Coordinate.Node",
    decode: |body| {
        let request: NodeSpecificRequest = decode(body)?;
        let read = Read::CoordinatesOfNode { node: request.node };
        Ok(Asked::new(read, request.datacenter, request.options))
    },
    reply,
};

pub(crate) fn ask_of_node(out: &Out<'_>, node: &str) -> Request {
    Request::new(NODE.name, &ask_node(out, node))
}

pub(crate) static UPDATE: WriteRow = WriteRow {
    name: "Coordinate.Update",
    decode: |body| {
        let request: CoordinateUpdateRequest = decode(body)?;
        Ok(Change {
            token: request.token,
            datacenter: request.datacenter,
            write: Write::CoordinateUpdate(Box::new(Coordinate {
                node: request.node,
                segment: request.segment,
                coord: request.coord,
                ..Coordinate::default()
            })),
            said: said_nothing,
        })
    },
};

pub(crate) fn ask_update(
    from: &Origin<'_>,
    datacenter: &str,
    coordinate: Coordinate,
) -> (Request, crate::ask::Outcomes) {
    let request = CoordinateUpdateRequest {
        datacenter: from.datacenter(datacenter),
        node: coordinate.node,
        segment: coordinate.segment,
        coord: coordinate.coord,
        token: from.token.to_owned(),
    };
    (Request::new(UPDATE.name, &request), nothing)
}

/// `Coordinate.ListDatacenters`: a server that knows no other datacenter is alone in its wide-area pool, at the origin.
pub(crate) static LIST_DATACENTERS: Handler = |served, _, _| {
    let own: List<DatacenterMap> = [DatacenterMap {
        datacenter: served.datacenter.clone(),
        area_id: "wan".to_owned(),
        coordinates: [Coordinate {
            node: served.node.clone(),
            coord: Some(Box::new(NetCoord::origin())),
            ..Coordinate::default()
        }]
        .into(),
    }]
    .into();
    Box::pin(std::future::ready(Ok(msgpack::to_bytes(&own))))
};
