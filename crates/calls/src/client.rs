//! The client's half: requests from what a port is asked, and what replies mean.

pub use crate::ask::{Origin, Outcomes, Request};

use crate::ask::{Out, decode};
use crate::{
    catalog, connect_ca, coordinate, health, internal, kvs, operator, prepared_query, session, txn,
};
use dialect::List;
use dialect::msgpack::Error;
use model::{PreparedQuery, Session};
use ports::{
    Answered, AutopilotState, Execute, Executed, Explained, Query, RaftPeer, RaftServer, Read,
    ReadOptions, Write,
};
use wire::command::{TxnRequest, TxnResponse};
use wire::rpc::{DatacentersRequest, DcSpecificRequest, Empty, SnapshotRequest};

/// A read's request.
pub fn read(query: &Query, options: &ReadOptions, from: &Origin<'_>) -> Request {
    let out = &Out {
        query,
        options,
        from,
    };
    match &query.read {
        Read::KvGet { key } => kvs::ask_get(out, key),
        Read::KvList { prefix } => kvs::ask_list(out, prefix),
        Read::KvKeys { prefix, separator } => kvs::ask_keys(out, prefix, separator),
        Read::SessionGet { id } => session::ask_get(out, id),
        Read::SessionsOfNode { node } => session::ask_of_node(out, node),
        Read::Sessions => session::ask_list(out),
        Read::Nodes => catalog::ask_nodes(out),
        Read::Services => catalog::ask_services(out),
        Read::ServiceNames => catalog::ask_service_names(out),
        Read::ServiceNodes {
            name,
            tags,
            connect,
            address,
        } => catalog::ask_service_nodes(out, name, tags, *connect, address),
        Read::NodeServices { node } => catalog::ask_node_services(out, node),
        Read::NodeChecks { node } => health::ask_node_checks(out, node),
        Read::ServiceChecks { name } => health::ask_service_checks(out, name),
        Read::ChecksInState { state } => health::ask_checks_in_state(out, state),
        Read::ServiceHealth {
            name,
            tags,
            passing,
            via,
        } => health::ask_service_nodes(out, name, tags, *passing, *via),
        Read::NodeDump { node } => internal::ask_dump(out, node.as_deref()),
        Read::ServiceDump { kind } => internal::ask_service_dump(out, kind.as_deref()),
        Read::Coordinates => coordinate::ask_all(out),
        Read::CoordinatesOfNode { node } => coordinate::ask_of_node(out, node),
        Read::PreparedQueries => prepared_query::ask_list(out),
        Read::PreparedQuery { id } => prepared_query::ask_get(out, id),
        Read::AutopilotConfig => operator::ask_autopilot_config(out),
        Read::Usage => operator::ask_usage(out),
        Read::CaRoots => connect_ca::ask_roots(out),
    }
}

/// What the reply to a read means.
///
/// # Errors
/// The body is not the method's.
pub fn answer(read: &Read, body: &[u8]) -> Result<Answered, Error> {
    match read {
        Read::KvGet { .. } => kvs::entry(body),
        Read::KvList { .. } => kvs::entries(body),
        Read::KvKeys { .. } => kvs::keys(body),
        Read::SessionGet { .. } | Read::SessionsOfNode { .. } | Read::Sessions => {
            session::sessions(body)
        }
        Read::Nodes => catalog::nodes(body),
        Read::Services => catalog::services(body),
        Read::ServiceNames => catalog::service_names(body),
        Read::ServiceNodes { .. } => catalog::service_nodes(body),
        Read::NodeServices { .. } => catalog::node_services(body),
        Read::NodeChecks { .. } | Read::ServiceChecks { .. } | Read::ChecksInState { .. } => {
            health::checks(body)
        }
        Read::ServiceHealth { .. } => health::service_nodes(body),
        Read::NodeDump { .. } => internal::dump(body),
        Read::ServiceDump { .. } => internal::service_dump(body),
        Read::Coordinates | Read::CoordinatesOfNode { .. } => coordinate::coordinates(body),
        Read::PreparedQueries | Read::PreparedQuery { .. } => prepared_query::queries(body),
        Read::AutopilotConfig => operator::autopilot_config(body),
        Read::Usage => operator::usage(body),
        Read::CaRoots => connect_ca::roots(body),
    }
}

/// A write's request, and what its reply will mean.
pub fn write(write: Write, datacenter: &str, from: &Origin<'_>) -> (Request, Outcomes) {
    let named = write.datacenter().to_owned();
    let datacenter = if datacenter.is_empty() {
        &*named
    } else {
        datacenter
    };
    match write {
        Write::Register(request) => catalog::ask_register(from, datacenter, *request),
        Write::Deregister(request) => catalog::ask_deregister(from, datacenter, *request),
        Write::Kv(request) => kvs::ask_apply(from, datacenter, *request),
        Write::SessionCreate(session) => session::ask_create(from, datacenter, *session),
        Write::SessionDestroy(id) => session::ask_destroy(from, datacenter, id),
        Write::Txn(request) => txn::ask_apply(from, datacenter, *request),
        Write::QueryCreate(query) => prepared_query::ask_apply(from, datacenter, "create", query),
        Write::QueryUpdate(query) => prepared_query::ask_apply(from, datacenter, "update", query),
        Write::QueryDelete(id) => {
            let query = Box::new(PreparedQuery {
                id,
                ..PreparedQuery::default()
            });
            prepared_query::ask_apply(from, datacenter, "delete", query)
        }
        Write::CoordinateUpdate(coordinate) => {
            coordinate::ask_update(from, datacenter, *coordinate)
        }
        Write::AutopilotSet { config, cas } => {
            operator::ask_autopilot_set(from, datacenter, *config, cas)
        }
    }
}

/// `Session.Renew`
pub fn renew(datacenter: &str, id: &str, from: &Origin<'_>) -> Request {
    session::ask_renew(from, datacenter, id)
}

/// The renewed session; `None` when there is none.
///
/// # Errors
/// The body is not the method's.
pub fn renewed(body: &[u8]) -> Result<Option<Session>, Error> {
    session::renewed(body)
}

/// `Txn.Read`
pub fn txn_read(request: TxnRequest, options: &ReadOptions, from: &Origin<'_>) -> Request {
    txn::ask_read(from, request, options)
}

/// The results, and an answer without rows that says how current they are.
///
/// # Errors
/// The body is not the method's.
pub fn txn_answer(body: &[u8]) -> Result<(TxnResponse, Answered), Error> {
    txn::read(body)
}

/// `PreparedQuery.Execute`
pub fn execute(execute: &Execute, options: &ReadOptions, from: &Origin<'_>) -> Request {
    prepared_query::ask_execute(from, execute, options)
}

/// What a run found.
///
/// # Errors
/// The body is not the method's.
pub fn executed(body: &[u8]) -> Result<Executed, Error> {
    prepared_query::executed(body)
}

/// `PreparedQuery.Explain`
pub fn explain(execute: &Execute, options: &ReadOptions, from: &Origin<'_>) -> Request {
    prepared_query::ask_explain(from, execute, options)
}

/// What would run.
///
/// # Errors
/// The body is not the method's.
pub fn explained(body: &[u8]) -> Result<Explained, Error> {
    prepared_query::explained(body)
}

/// `Catalog.ListDatacenters`
pub fn datacenters(from: &Origin<'_>) -> Request {
    let request = DatacentersRequest {
        options: from.options(&ReadOptions::default()),
    };
    Request::new("Catalog.ListDatacenters", &request)
}

/// A list of texts: datacenters, raft peers.
///
/// # Errors
/// The body is not the method's.
pub fn texts(body: &[u8]) -> Result<Vec<String>, Error> {
    decode::<List<String>>(body).map(List::into_vec)
}

/// `Status.Ping`
pub fn ping() -> Request {
    Request::new("Status.Ping", &Empty {})
}

/// `Operator.RaftGetConfiguration`
pub fn raft(datacenter: &str, stale: bool, from: &Origin<'_>) -> Request {
    operator::ask_raft(from, datacenter, stale)
}

/// The members of raft.
///
/// # Errors
/// The body is not the method's.
pub fn raft_servers(body: &[u8]) -> Result<Vec<RaftServer>, Error> {
    operator::raft(body)
}

/// `Operator.RaftRemovePeerByAddress` or `…ByID`, whose reply is empty.
pub fn raft_remove(datacenter: &str, peer: RaftPeer, from: &Origin<'_>) -> Request {
    operator::ask_raft_remove(from, datacenter, peer)
}

/// `Operator.AutopilotState`
pub fn autopilot(datacenter: &str, from: &Origin<'_>) -> Request {
    operator::ask_autopilot(from, datacenter)
}

/// What autopilot knows.
///
/// # Errors
/// The body is not the method's.
pub fn autopilot_state(body: &[u8]) -> Result<AutopilotState, Error> {
    operator::autopilot(body)
}

/// Asks a snapshot connection for an archive.
pub fn save(datacenter: &str, stale: bool, from: &Origin<'_>) -> Vec<u8> {
    snapshot(datacenter, stale, SAVE, from)
}

/// Says that an archive follows.
pub fn restore(datacenter: &str, from: &Origin<'_>) -> Vec<u8> {
    snapshot(datacenter, false, RESTORE, from)
}

/// Operations of snapshot connections.
const SAVE: i64 = 0;
const RESTORE: i64 = 1;

fn snapshot(datacenter: &str, allow_stale: bool, op: i64, from: &Origin<'_>) -> Vec<u8> {
    dialect::msgpack::to_vec(&SnapshotRequest {
        datacenter: from.datacenter(datacenter),
        token: from.token.to_owned(),
        allow_stale,
        op,
    })
}

/// `Status.Leader`; the reply is an address, "" without a leader.
pub fn leader(from: &Origin<'_>) -> Request {
    status("Status.Leader", from)
}

/// `Status.Peers`
pub fn peers(from: &Origin<'_>) -> Request {
    status("Status.Peers", from)
}

fn status(method: &'static str, from: &Origin<'_>) -> Request {
    // Asked by agents for themselves: without a token.
    let request = DcSpecificRequest {
        datacenter: from.datacenter.to_owned(),
        ..DcSpecificRequest::default()
    };
    Request::new(method, &request)
}

/// One text.
///
/// # Errors
/// The body is not the method's.
pub fn text(body: &[u8]) -> Result<String, Error> {
    decode(body)
}
