//! `/v1/catalog/*` (spec/http-api.md §11).

use super::{json_body, owner};
use crate::cache::{self, Kind};
use crate::encode::{self, list};
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, Reading, cache_control, consistency, reading};
use crate::reply::Reply;
use crate::request::{Handled, Request, attempt};
use dialect::json::{FromJson, Mode, ToJson as _, from_slice};
use dialect::record;
use ports::{Data, Read, Write};
use wire::command::{DeregisterRequest, RegisterRequest};

const NO_SERVICE: &str = "Missing service name";
const NO_NODE: &str = "Missing node name";

record! {
    /// Body of a deregistration; the address is a relic that is accepted and ignored.
    pub struct Deregistration {
        datacenter: String = "Datacenter",
        node: String = "Node",
        address: String = "Address",
        service_id: String = "ServiceID",
        check_id: String = "CheckID",
        peer_name: String = "PeerName",
        token: String = "Token",
    }
}

pub(super) async fn decoded<T: FromJson + Default>(
    req: crate::request::RequestBody,
) -> Result<T, Fault> {
    let body = json_body(req).await?;
    from_slice(&body, Mode::Strict).map_err(|error| Fault::decode_tenancy(&error))
}

/// Registers a node, a service, checks. Only the body names the datacenter.
pub(crate) fn register(req: Request) -> Handled {
    let Request {
        door,
        caller,
        shape,
        body,
        settings,
        ..
    } = req;
    Handled::later(async move {
        let mut request: RegisterRequest = decoded(body).await?;
        request.token.clear();
        let datacenter = foreign(&request.datacenter, &settings.config.datacenter);
        door.ports
            .rpc
            .write(&caller, &datacenter, Write::Register(Box::new(request)))
            .await?;
        Ok(shape.bool(true))
    })
}

/// Removes a check, a service or a node.
pub(crate) fn deregister(req: Request) -> Handled {
    let Request {
        door,
        caller,
        shape,
        body,
        settings,
        ..
    } = req;
    Handled::later(async move {
        let body: Deregistration = decoded(body).await?;
        let datacenter = foreign(&body.datacenter, &settings.config.datacenter);
        let owned = owner::owned(&door.ports, &datacenter, &body);
        door.ports
            .rpc
            .write(&caller, &datacenter, body.request())
            .await?;
        Ok(owner::tell(shape.bool(true), owned))
    })
}

impl Deregistration {
    /// The write it stands for.
    pub(super) fn request(self) -> Write {
        Write::Deregister(Box::new(DeregisterRequest {
            datacenter: self.datacenter,
            node: self.node,
            service_id: self.service_id,
            check_id: self.check_id,
            peer_name: self.peer_name,
            ..DeregisterRequest::default()
        }))
    }
}

pub(super) fn foreign(datacenter: &str, own: &str) -> String {
    if datacenter == own {
        String::new()
    } else {
        datacenter.to_owned()
    }
}

/// Known datacenters. A parameter error is written first and the list still follows it, as the original does.
pub(crate) fn datacenters(req: Request) -> Handled {
    let mut reading = Reading::default();
    let wrong = consistency(&req, &mut reading)
        .and_then(|()| cache_control(&req))
        .err();
    let hit = (reading.cached && wrong.is_none()).then(|| cache::ask(&req, Kind::Simple));
    let Request {
        door,
        caller,
        shape,
        ..
    } = req;
    Handled::later(async move {
        let names = door.ports.rpc.datacenters(&caller).await?;
        let Some(fault) = wrong else {
            let reply = shape.json(|w| list(w, &names, |w, name| w.str(name)));
            return Ok(cache::show(reply, hit));
        };
        let mut text = fault.text.into_owned();
        text.push_str(&dialect::json::to_string(&dialect::List::from(names)));
        Ok(Reply::of_fault(Fault::new(fault.status, text)))
    })
}

/// All nodes.
pub(crate) fn nodes(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    Ask::new(req, reading, Read::Nodes, MetaOn::Always)
        .effective()
        .near()
        .node_meta()
        .peer()
        .send(encode::data)
}

/// Service names with their tags.
pub(crate) fn services(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let cached = reading.cached;
    Ask::new(req, reading, Read::Services, MetaOn::Always)
        .cacheable(cached)
        .effective()
        .node_meta()
        .peer()
        .send(encode::data)
}

/// Instances of a service.
pub(crate) fn service(req: Request) -> Handled {
    instances(req, false)
}

/// Mesh-capable instances for a service.
pub(crate) fn connect(req: Request) -> Handled {
    instances(req, true)
}

fn instances(req: Request, connect: bool) -> Handled {
    let reading = attempt!(reading(&req));
    let cached = reading.cached;
    let name = attempt!(req.rest_or(NO_SERVICE));
    // Mesh lookups ignore tags.
    let tags = if connect {
        Vec::new()
    } else {
        req.params.all("tag").map(str::to_owned).collect()
    };
    let read = Read::ServiceNodes {
        name,
        tags,
        connect,
        address: String::new(),
    };
    Ask::new(req, reading, read, MetaOn::Always)
        .cacheable(cached)
        .effective()
        .near()
        .node_meta()
        .peer()
        .send(encode::data)
}

/// A node with its services, or `null`.
pub(crate) fn node(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let node = attempt!(req.rest_or(NO_NODE));
    Ask::new(req, reading, Read::NodeServices { node }, MetaOn::Always)
        .effective()
        .peer()
        .send(encode::data)
}

/// The same with a list of services.
pub(crate) fn node_services(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let node = attempt!(req.rest_or(NO_NODE));
    let filtered = !reading.filter.is_empty();
    let ask = Ask::new(req, reading, Read::NodeServices { node }, MetaOn::Always)
        .effective()
        .peer();
    // Not shared: the answer's own form is that of `/v1/catalog/node`.
    ask.then(move |view, answered| {
        let reply = view.shape.json(|w| {
            let row = match &answered.answer.data {
                Data::NodeServices(row) => row.as_ref(),
                _ => None,
            };
            w.begin_object();
            w.key("Node");
            match row {
                Some((node, _)) => node.write_json(w),
                None => w.null(),
            }
            w.key("Services");
            match row {
                Some((_, services)) if filtered || !services.is_empty() => {
                    list(w, services, |w, service| service.write_json(w));
                }
                None if filtered => list(w, std::iter::empty::<()>(), |_, ()| {}),
                _ => w.null(),
            }
            w.end_object();
        });
        Ok(reply.with_meta(view, &answered))
    })
}
