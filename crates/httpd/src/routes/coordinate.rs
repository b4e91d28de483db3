//! `/v1/coordinate/*` (spec/http-api.md §18).

use super::json_body;
use crate::encode::{self, list};
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, reading};
use crate::reply::{Reply, View};
use crate::request::{Handled, Outcome, Request, attempt};
use dialect::json::{Mode, ToJson as _, from_slice};
use dialect::record;
use model::{Coordinate, NetCoord};
use ports::{Answered, Data, Read, Write};
use std::sync::Arc;

record! {
    /// Body of an update.
    pub struct Update {
        datacenter: String = "Datacenter",
        node: String = "Node",
        segment: String = "Segment",
        coord: Option<Box<NetCoord>> = "Coord",
        token: String = "Token",
    }
}

fn enabled(req: &Request) -> Result<(), Fault> {
    if req.settings.config.disable_coordinates {
        Err(Fault::new(401, "Coordinate support disabled"))
    } else {
        Ok(())
    }
}

/// WAN coordinates of the servers, by datacenter. A server that knows no other is alone in its WAN pool, where its
/// coordinate stays at the origin.
pub(crate) fn datacenters(req: Request) -> Handled {
    attempt!(enabled(&req));
    let config = &req.settings.config;
    let origin = Coordinate {
        node: config.node_name.clone(),
        coord: Some(Box::new(NetCoord::origin())),
        ..Coordinate::default()
    };
    req.shape
        .json(|w| {
            w.begin_array();
            w.item();
            w.begin_object();
            w.member("Datacenter", &config.datacenter);
            w.member("AreaID", "wan");
            w.key("Coordinates");
            list(w, [&origin], |w, row| row.write_json(w));
            w.end_object();
            w.end_array();
        })
        .into()
}

/// Coordinates of all nodes.
pub(crate) fn nodes(req: Request) -> Handled {
    attempt!(enabled(&req));
    let reading = attempt!(reading(&req));
    let segment = req.params.get("segment").map(str::to_owned);
    let ask = Ask::new(req, reading, Read::Coordinates, MetaOn::Always);
    match segment {
        None => ask.send(encode::data),
        Some(segment) => ask.then(move |view, answered| {
            let rows = of_segment(&answered, Some(&segment));
            Ok(view
                .shape
                .json(|w| list(w, &rows, |w, row| row.write_json(w)))
                .with_meta(view, &answered))
        }),
    }
}

/// Coordinates of one node, one for each segment.
pub(crate) fn node(req: Request) -> Handled {
    attempt!(enabled(&req));
    let reading = attempt!(reading(&req));
    let node = req.rest_text();
    let segment = req.params.get("segment").map(str::to_owned);
    let ask = Ask::new(
        req,
        reading,
        Read::CoordinatesOfNode { node },
        MetaOn::Always,
    );
    ask.then(move |view: &View, answered: Answered| -> Outcome {
        let rows = of_segment(&answered, segment.as_deref());
        if rows.is_empty() {
            return Ok(Reply::status(404));
        }
        Ok(view
            .shape
            .json(|w| list(w, &rows, |w, row| row.write_json(w)))
            .with_meta(view, &answered))
    })
}

fn of_segment(answered: &Answered, segment: Option<&str>) -> Vec<Arc<Coordinate>> {
    let Data::Coordinates(rows) = &answered.answer.data else {
        return Vec::new();
    };
    rows.iter()
        .filter(|row| segment.is_none_or(|segment| row.segment == segment))
        .cloned()
        .collect()
}

/// Takes a node's coordinate; it is stored in batches.
pub(crate) fn update(req: Request) -> Handled {
    attempt!(enabled(&req));
    let asked = req.datacenter();
    let Request {
        door,
        caller,
        body,
        settings,
        ..
    } = req;
    Handled::later(async move {
        let body = json_body(body).await?;
        let update: Update =
            from_slice(&body, Mode::Strict).map_err(|error| Fault::decode(&error))?;
        let datacenter = match update.datacenter {
            body if asked.is_empty() && body != settings.config.datacenter => body,
            _ => asked,
        };
        let coordinate = Coordinate {
            node: update.node,
            segment: update.segment,
            coord: update.coord,
            ..Coordinate::default()
        };
        door.ports
            .rpc
            .write(
                &caller,
                &datacenter,
                Write::CoordinateUpdate(Box::new(coordinate)),
            )
            .await?;
        Ok(Reply::nothing())
    })
}
