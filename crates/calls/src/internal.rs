//! `Internal.*`.

use crate::ask::{Asked, Out, Request, decode};
use crate::catalog::ask_node;
use crate::health::instances;
use crate::reply::{answered, compose, encoded, list, sifted};
use crate::row::ReadRow;
use dialect::msgpack::Error;
use model::{CheckServiceNode, Node, NodeDump};
use ports::{Answered, Data, Query, Read};
use std::sync::Arc;
use wire::rpc::{
    IndexedNodeDump, IndexedNodesWithGateways, NodeInfo, NodeSpecificRequest, ServiceDumpRequest,
};

/// nil and the empty list, in msgpack.
const NIL: &[u8] = &[0xc0];
const EMPTY: &[u8] = &[0x90];

fn dump_reply(query: &Query, answered: &Answered) -> Vec<u8> {
    let rows = encoded(answered, |data, w| match data {
        Data::NodeDump(found) => list(w, found, sifted(query), |w, row| {
            w.value(&NodeInfo::from(row));
        }),
        _ => w.nil(),
    });
    compose(answered, &[("Dump", &rows), ("ImportedDump", NIL)])
}

pub(crate) fn dump(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedNodeDump = decode(body)?;
    let rows = reply.dump.into_iter().map(|info| NodeDump {
        node: Arc::new(Node {
            id: info.id,
            node: info.node,
            partition: info.partition,
            peer_name: info.peer_name,
            address: info.address,
            tagged_addresses: info.tagged_addresses,
            meta: info.meta,
            ..Node::default()
        }),
        services: info.services.into_vec(),
        checks: info.checks.into_vec(),
    });
    Ok(answered(Data::NodeDump(rows.collect()), &reply.meta))
}

pub(crate) static NODE_INFO: ReadRow = ReadRow {
    name: "Internal.NodeInfo",
    decode: |body| {
        let request: NodeSpecificRequest = decode(body)?;
        let read = Read::NodeDump {
            node: Some(request.node),
        };
        Ok(Asked::new(read, request.datacenter, request.options).peer(request.peer_name))
    },
    reply: dump_reply,
};

pub(crate) static NODE_DUMP: ReadRow = ReadRow {
    name: "Internal.NodeDump",
    decode: |body| Ok(Asked::dc(Read::NodeDump { node: None }, decode(body)?)),
    reply: dump_reply,
};

pub(crate) fn ask_dump(out: &Out<'_>, node: Option<&str>) -> Request {
    match node {
        Some(node) => Request::new(NODE_INFO.name, &ask_node(out, node)),
        None => Request::new(NODE_DUMP.name, &out.dc()),
    }
}

pub(crate) static SERVICE_DUMP: ReadRow = ReadRow {
    name: "Internal.ServiceDump",
    decode: |body| {
        let request: ServiceDumpRequest = decode(body)?;
        let kind = request.use_service_kind.then_some(request.service_kind);
        let read = Read::ServiceDump { kind };
        Ok(Asked::new(read, request.datacenter, request.options)
            .near(request.source)
            .peer(request.peer_name))
    },
    reply: |query, answered| {
        let rows = encoded(answered, |data, w| match data {
            Data::CheckServiceNodes(found) => instances(w, found, sifted(query)),
            _ => w.nil(),
        });
        compose(
            answered,
            &[
                ("Gateways", EMPTY),
                ("ImportedNodes", NIL),
                ("Nodes", &rows),
            ],
        )
    },
};

pub(crate) fn ask_service_dump(out: &Out<'_>, kind: Option<&str>) -> Request {
    let request = ServiceDumpRequest {
        datacenter: out.datacenter(),
        service_kind: kind.unwrap_or_default().to_owned(),
        use_service_kind: kind.is_some(),
        peer_name: out.query.peer.clone(),
        options: out.options(),
        ..ServiceDumpRequest::default()
    };
    Request::new(SERVICE_DUMP.name, &request)
}

pub(crate) fn service_dump(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedNodesWithGateways = decode(body)?;
    let rows = reply.nodes.into_iter().map(CheckServiceNode::from);
    Ok(answered(
        Data::CheckServiceNodes(rows.collect()),
        &reply.meta,
    ))
}
