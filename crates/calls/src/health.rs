//! `Health.*`.

use crate::ask::{Asked, Out, Request, decode};
use crate::catalog::{ask_node, ask_service, of_service, tags};
use crate::reply::{answered, list, rows, shared, sifted};
use crate::row::ReadRow;
use dialect::msgpack::{Error, Writer};
use model::CheckServiceNode;
use ports::{Answered, Data, HealthFilter, Query, Read, Via};
use wire::rpc::{
    ChecksInStateRequest, IndexedCheckServiceNodes, IndexedHealthChecks, NodeSpecificRequest,
    ServiceSpecificRequest,
};

fn checks_reply(query: &Query, answered: &Answered) -> Vec<u8> {
    shared(answered, "HealthChecks", |data, w| match data {
        Data::Checks(found) => rows(w, found, sifted(query)),
        _ => w.nil(),
    })
}

pub(crate) fn checks(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedHealthChecks = decode(body)?;
    let found = reply.health_checks.into_vec();
    Ok(answered(Data::Checks(found), &reply.meta))
}

pub(crate) static NODE_CHECKS: ReadRow = ReadRow {
    name: "Health.NodeChecks",
    decode: |body| {
        let request: NodeSpecificRequest = decode(body)?;
        let read = Read::NodeChecks { node: request.node };
        Ok(Asked::new(read, request.datacenter, request.options).peer(request.peer_name))
    },
    reply: checks_reply,
};

pub(crate) fn ask_node_checks(out: &Out<'_>, node: &str) -> Request {
    Request::new(NODE_CHECKS.name, &ask_node(out, node))
}

pub(crate) static SERVICE_CHECKS: ReadRow = ReadRow {
    name: "Health.ServiceChecks",
    decode: |body| {
        let mut request: ServiceSpecificRequest = decode(body)?;
        let name = std::mem::take(&mut request.service_name);
        Ok(of_service(Read::ServiceChecks { name }, request))
    },
    reply: checks_reply,
};

pub(crate) fn ask_service_checks(out: &Out<'_>, name: &str) -> Request {
    Request::new(SERVICE_CHECKS.name, &ask_service(out, name, &[]))
}

pub(crate) static CHECKS_IN_STATE: ReadRow = ReadRow {
    name: "Health.ChecksInState",
    decode: |body| {
        let request: ChecksInStateRequest = decode(body)?;
        let read = Read::ChecksInState {
            state: request.state,
        };
        Ok(Asked::new(read, request.datacenter, request.options)
            .meta(request.node_meta_filters)
            .near(request.source)
            .peer(request.peer_name))
    },
    reply: checks_reply,
};

pub(crate) fn ask_checks_in_state(out: &Out<'_>, state: &str) -> Request {
    let request = ChecksInStateRequest {
        datacenter: out.datacenter(),
        node_meta_filters: out.meta(),
        state: state.to_owned(),
        source: out.source(),
        peer_name: out.query.peer.clone(),
        options: out.options(),
    };
    Request::new(CHECKS_IN_STATE.name, &request)
}

/// Instances with their checks.
pub(crate) fn instances(w: &mut Writer<'_>, found: &[CheckServiceNode], sifted: bool) {
    list(w, found, sifted, |w, row| {
        w.map(3);
        w.str("Checks");
        rows(w, &row.checks, false);
        w.str("Node");
        w.value(&row.node);
        w.str("Service");
        w.value(&row.service);
    });
}

pub(crate) static SERVICE_NODES: ReadRow = ReadRow {
    name: "Health.ServiceNodes",
    decode: |body| {
        let mut request: ServiceSpecificRequest = decode(body)?;
        let read = Read::ServiceHealth {
            tags: tags(&mut request),
            name: std::mem::take(&mut request.service_name),
            passing: match request.health_filter_type {
                1 => HealthFilter::NotCritical,
                2 => HealthFilter::Passing,
                _ => HealthFilter::All,
            },
            via: match (request.connect, request.ingress) {
                (true, _) => Via::Connect,
                (false, true) => Via::Ingress,
                (false, false) => Via::Name,
            },
        };
        Ok(of_service(read, request))
    },
    reply: |query, answered| {
        let by_health = matches!(
            query.read,
            Read::ServiceHealth { passing, .. } if passing != HealthFilter::All
        );
        shared(answered, "Nodes", |data, w| match data {
            Data::CheckServiceNodes(found) => instances(w, found, by_health || sifted(query)),
            _ => w.nil(),
        })
    },
};

pub(crate) fn ask_service_nodes(
    out: &Out<'_>,
    name: &str,
    tags: &[String],
    passing: HealthFilter,
    via: Via,
) -> Request {
    let request = ServiceSpecificRequest {
        health_filter_type: match passing {
            HealthFilter::All => 0,
            HealthFilter::NotCritical => 1,
            HealthFilter::Passing => 2,
        },
        connect: via == Via::Connect,
        ingress: via == Via::Ingress,
        ..ask_service(out, name, tags)
    };
    Request::new(SERVICE_NODES.name, &request)
}

pub(crate) fn service_nodes(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedCheckServiceNodes = decode(body)?;
    let found = reply.nodes.into_iter().map(CheckServiceNode::from);
    Ok(answered(
        Data::CheckServiceNodes(found.collect()),
        &reply.meta,
    ))
}
