//! `Catalog.*`.

use crate::ask::Outcomes;
use crate::ask::{Asked, Origin, Out, Request, decode};
use crate::reply::{answered, list, meta, nothing, rows, said_nothing, shared, sifted};
use crate::row::{Change, ReadRow, WriteRow};
use dialect::msgpack::{self, Encode as _, Error};
use dialect::{Dict, List};
use model::ServiceNode;
use ports::{Answered, Data, Query, Read, Write};
use std::collections::BTreeMap;
use wire::command::{DeregisterRequest, RegisterRequest};
use wire::rpc::{
    DcSpecificRequest, IndexedNodeServiceList, IndexedNodeServices, IndexedNodes,
    IndexedServiceList, IndexedServiceNodes, IndexedServices, NodeServiceList, NodeServices,
    NodeSpecificRequest, ServiceSpecificRequest,
};

pub(crate) static LIST_NODES: ReadRow = ReadRow {
    name: "Catalog.ListNodes",
    decode: |body| Ok(Asked::dc(Read::Nodes, decode(body)?)),
    reply: |query, answered| {
        shared(answered, "Nodes", |data, w| match data {
            Data::Nodes(found) => rows(w, found, sifted(query)),
            _ => w.nil(),
        })
    },
};

pub(crate) fn ask_nodes(out: &Out<'_>) -> Request {
    let source = out.source();
    let request = DcSpecificRequest { source, ..out.dc() };
    Request::new(LIST_NODES.name, &request)
}

pub(crate) fn nodes(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedNodes = decode(body)?;
    Ok(answered(Data::Nodes(reply.nodes.into_vec()), &reply.meta))
}

pub(crate) static LIST_SERVICES: ReadRow = ReadRow {
    name: "Catalog.ListServices",
    decode: |body| Ok(Asked::dc(Read::Services, decode(body)?)),
    reply: |_, answered| {
        shared(answered, "Services", |data, w| match data {
            Data::Services(found) => {
                w.map(found.len());
                for (name, tags) in found {
                    w.str(name);
                    rows(w, tags, true);
                }
            }
            _ => w.nil(),
        })
    },
};

pub(crate) fn ask_services(out: &Out<'_>) -> Request {
    Request::new(LIST_SERVICES.name, &out.dc())
}

pub(crate) fn services(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedServices = decode(body)?;
    let found = reply.services.iter();
    let found: BTreeMap<String, Vec<String>> = found
        .map(|(name, tags)| (name.clone(), tags.clone().into_vec()))
        .collect();
    Ok(answered(Data::Services(found), &reply.meta))
}

pub(crate) static SERVICE_LIST: ReadRow = ReadRow {
    name: "Catalog.ServiceList",
    decode: |body| Ok(Asked::dc(Read::ServiceNames, decode(body)?)),
    reply: |query, answered| {
        shared(answered, "Services", |data, w| match data {
            Data::ServiceNames(names) => list(w, names, sifted(query), |w, name| {
                w.map(1);
                w.str("Name");
                w.str(name);
            }),
            _ => w.nil(),
        })
    },
};

pub(crate) fn ask_service_names(out: &Out<'_>) -> Request {
    Request::new(SERVICE_LIST.name, &out.dc())
}

pub(crate) fn service_names(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedServiceList = decode(body)?;
    let names = reply.services.into_iter().map(|service| service.name);
    Ok(answered(Data::ServiceNames(names.collect()), &reply.meta))
}

/// The tags that count: the older single one only where there is no list.
pub(crate) fn tags(request: &mut ServiceSpecificRequest) -> Vec<String> {
    if !request.tag_filter {
        return Vec::new();
    }
    let tags = std::mem::take(&mut request.service_tags).into_vec();
    if tags.is_empty() && !request.service_tag.is_empty() {
        return vec![std::mem::take(&mut request.service_tag)];
    }
    tags
}

/// What requests about a service share.
pub(crate) fn of_service(read: Read, request: ServiceSpecificRequest) -> Asked {
    Asked::new(read, request.datacenter, request.options)
        .meta(request.node_meta_filters)
        .near(request.source)
        .peer(request.peer_name)
}

/// The same on its way out.
pub(crate) fn ask_service(out: &Out<'_>, name: &str, tags: &[String]) -> ServiceSpecificRequest {
    ServiceSpecificRequest {
        datacenter: out.datacenter(),
        peer_name: out.query.peer.clone(),
        node_meta_filters: out.meta(),
        service_name: name.to_owned(),
        service_tags: if tags.is_empty() {
            List::nil()
        } else {
            tags.to_vec().into()
        },
        tag_filter: !tags.is_empty(),
        source: out.source(),
        options: out.options(),
        ..ServiceSpecificRequest::default()
    }
}

pub(crate) static SERVICE_NODES: ReadRow = ReadRow {
    name: "Catalog.ServiceNodes",
    decode: |body| {
        let mut request: ServiceSpecificRequest = decode(body)?;
        let read = Read::ServiceNodes {
            tags: tags(&mut request),
            name: std::mem::take(&mut request.service_name),
            connect: request.connect,
            address: std::mem::take(&mut request.service_address),
        };
        Ok(of_service(read, request))
    },
    reply: |query, answered| {
        shared(answered, "ServiceNodes", |data, w| match data {
            Data::ServiceNodes(found) => list(w, found, sifted(query), |w, (node, service)| {
                ServiceNode::join(node, service).encode(w);
            }),
            _ => w.nil(),
        })
    },
};

pub(crate) fn ask_service_nodes(
    out: &Out<'_>,
    name: &str,
    tags: &[String],
    connect: bool,
    address: &str,
) -> Request {
    let request = ServiceSpecificRequest {
        connect,
        service_address: address.to_owned(),
        ..ask_service(out, name, tags)
    };
    Request::new(SERVICE_NODES.name, &request)
}

pub(crate) fn service_nodes(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedServiceNodes = decode(body)?;
    let found = reply.service_nodes.into_iter().map(ServiceNode::split);
    Ok(answered(Data::ServiceNodes(found.collect()), &reply.meta))
}

fn of_node(body: &[u8]) -> Result<Asked, Error> {
    let request: NodeSpecificRequest = decode(body)?;
    let read = Read::NodeServices { node: request.node };
    Ok(Asked::new(read, request.datacenter, request.options).peer(request.peer_name))
}

pub(crate) static NODE_SERVICES: ReadRow = ReadRow {
    name: "Catalog.NodeServices",
    decode: of_node,
    reply: |_, answered| {
        shared(answered, "NodeServices", |data, w| match data {
            Data::NodeServices(Some((node, services))) => {
                let by_id = services.iter();
                let services: Dict<_> = by_id.map(|row| (&*row.id, row.clone())).collect();
                w.value(&NodeServices {
                    node: Some(node.clone()),
                    services,
                });
            }
            _ => w.nil(),
        })
    },
};

/// A request about one node.
pub(crate) fn ask_node(out: &Out<'_>, node: &str) -> NodeSpecificRequest {
    NodeSpecificRequest {
        datacenter: out.datacenter(),
        node: node.to_owned(),
        peer_name: out.query.peer.clone(),
        options: out.options(),
        ..NodeSpecificRequest::default()
    }
}

pub(crate) fn ask_node_services(out: &Out<'_>, node: &str) -> Request {
    Request::new(NODE_SERVICES.name, &ask_node(out, node))
}

pub(crate) fn node_services(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedNodeServices = decode(body)?;
    let found = reply.node_services.and_then(|found| {
        let services = found.services.iter().map(|(_, row)| row.clone()).collect();
        Some((found.node?, services))
    });
    Ok(answered(Data::NodeServices(found), &reply.meta))
}

/// The same rows as a list; its form is not the one that answers keep.
pub(crate) static NODE_SERVICE_LIST: ReadRow = ReadRow {
    name: "Catalog.NodeServiceList",
    decode: of_node,
    reply: |_: &Query, answered| {
        let node_services = match &answered.answer.data {
            Data::NodeServices(Some((node, services))) => NodeServiceList {
                node: Some(node.clone()),
                services: if services.is_empty() {
                    List::nil()
                } else {
                    services.iter().cloned().collect()
                },
            },
            _ => NodeServiceList::default(),
        };
        msgpack::to_vec(&IndexedNodeServiceList {
            node_services,
            meta: meta(answered),
        })
    },
};

pub(crate) static REGISTER: WriteRow = WriteRow {
    name: "Catalog.Register",
    decode: |body| {
        let mut request: RegisterRequest = decode(body)?;
        Ok(Change {
            token: std::mem::take(&mut request.token),
            datacenter: std::mem::take(&mut request.datacenter),
            write: Write::Register(Box::new(request)),
            said: said_nothing,
        })
    },
};

pub(crate) fn ask_register(
    from: &Origin<'_>,
    datacenter: &str,
    mut request: RegisterRequest,
) -> (Request, Outcomes) {
    request.datacenter = from.datacenter(datacenter);
    from.token.clone_into(&mut request.token);
    (Request::new(REGISTER.name, &request), nothing)
}

pub(crate) static DEREGISTER: WriteRow = WriteRow {
    name: "Catalog.Deregister",
    decode: |body| {
        let mut request: DeregisterRequest = decode(body)?;
        Ok(Change {
            token: std::mem::take(&mut request.token),
            datacenter: std::mem::take(&mut request.datacenter),
            write: Write::Deregister(Box::new(request)),
            said: said_nothing,
        })
    },
};

pub(crate) fn ask_deregister(
    from: &Origin<'_>,
    datacenter: &str,
    mut request: DeregisterRequest,
) -> (Request, Outcomes) {
    request.datacenter = from.datacenter(datacenter);
    from.token.clone_into(&mut request.token);
    (Request::new(DEREGISTER.name, &request), nothing)
}
