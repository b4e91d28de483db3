//! Requests and replies of the server port, by service (spec/wire.md §4, §5).
//!
//! One file per service. [`METHODS`] lists every method with the types of its two bodies; requests that are replicated as
//! they come (registrations, KV writes, …) are the records of [`crate::command`].

mod catalog;
mod common;
mod connect_ca;
mod coordinate;
mod health;
mod internal;
mod kvs;
mod operator;
mod prepared_query;
mod session;
mod snapshot;
mod status;
mod txn;

pub use catalog::*;
pub use common::*;
pub use connect_ca::*;
pub use coordinate::*;
pub use health::*;
pub use internal::*;
pub use kvs::*;
pub use operator::*;
pub use prepared_query::*;
pub use session::*;
pub use snapshot::*;
pub use status::*;
pub use txn::*;

use dialect::List;
use dialect::msgpack::{self, Decode, Encode};
use model::AutopilotConfig;

use crate::command::{
    AutopilotSetConfigRequest, DeregisterRequest, KvsRequest, PreparedQueryRequest,
    RegisterRequest, SessionRequest, TxnRequest, TxnResponse,
};

/// A method of the server port and the types of its bodies, as functions that read a body and write it again.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// `Service.Method`.
    pub name: &'static str,
    /// Reads and rewrites a request body.
    pub request: Recode,
    /// Reads and rewrites a reply body.
    pub reply: Recode,
}

/// Reads a body as its type and writes it again.
pub type Recode = fn(&[u8]) -> Result<Vec<u8>, msgpack::Error>;

fn recode<T: Decode + Encode>(body: &[u8]) -> Result<Vec<u8>, msgpack::Error> {
    msgpack::from_slice::<T>(body).map(|value| msgpack::to_vec(&value))
}

macro_rules! methods {
    ($($name:literal: $request:ty => $reply:ty;)*) => {
        /// Every method with known bodies, by service.
        pub const METHODS: &[Method] = &[
            $(Method { name: $name, request: recode::<$request>, reply: recode::<$reply> }),*
        ];
    };
}

methods! {
    "Status.Ping": Empty => Empty;
    "Status.Leader": DcSpecificRequest => String;
    "Status.Peers": DcSpecificRequest => List<String>;
    "Status.RaftStats": Empty => RaftStats;

    "Catalog.Register": RegisterRequest => Empty;
    "Catalog.Deregister": DeregisterRequest => Empty;
    "Catalog.ListDatacenters": DatacentersRequest => List<String>;
    "Catalog.ListNodes": DcSpecificRequest => IndexedNodes;
    "Catalog.ListServices": DcSpecificRequest => IndexedServices;
    "Catalog.ServiceList": DcSpecificRequest => IndexedServiceList;
    "Catalog.ServiceNodes": ServiceSpecificRequest => IndexedServiceNodes;
    "Catalog.NodeServices": NodeSpecificRequest => IndexedNodeServices;
    "Catalog.NodeServiceList": NodeSpecificRequest => IndexedNodeServiceList;
    "Catalog.GatewayServices": ServiceSpecificRequest => IndexedGatewayServices;
    "Catalog.VirtualIPForService": ServiceSpecificRequest => String;

    "Health.ChecksInState": ChecksInStateRequest => IndexedHealthChecks;
    "Health.NodeChecks": NodeSpecificRequest => IndexedHealthChecks;
    "Health.ServiceChecks": ServiceSpecificRequest => IndexedHealthChecks;
    "Health.ServiceNodes": ServiceSpecificRequest => IndexedCheckServiceNodes;

    "KVS.Apply": KvsRequest => bool;
    "KVS.Get": KeyRequest => IndexedDirEntries;
    "KVS.List": KeyRequest => IndexedDirEntries;
    "KVS.ListKeys": KeyListRequest => IndexedKeyList;

    "Session.Apply": SessionRequest => String;
    "Session.Get": SessionSpecificRequest => IndexedSessions;
    "Session.List": SessionSpecificRequest => IndexedSessions;
    "Session.NodeSessions": NodeSpecificRequest => IndexedSessions;
    "Session.Renew": SessionSpecificRequest => IndexedSessions;

    "Txn.Apply": TxnRequest => TxnResponse;
    "Txn.Read": TxnReadRequest => TxnReadResponse;

    "Coordinate.Update": CoordinateUpdateRequest => Empty;
    "Coordinate.ListDatacenters": Empty => List<DatacenterMap>;
    "Coordinate.ListNodes": DcSpecificRequest => IndexedCoordinates;
    "Coordinate.Node": NodeSpecificRequest => IndexedCoordinates;

    "PreparedQuery.Apply": PreparedQueryRequest => String;
    "PreparedQuery.Get": PreparedQuerySpecificRequest => IndexedPreparedQueries;
    "PreparedQuery.List": DcSpecificRequest => IndexedPreparedQueries;
    "PreparedQuery.Explain": PreparedQueryExecuteRequest => PreparedQueryExplainResponse;
    "PreparedQuery.Execute": PreparedQueryExecuteRequest => PreparedQueryExecuteResponse;
    "PreparedQuery.ExecuteRemote": PreparedQueryExecuteRemoteRequest => PreparedQueryExecuteResponse;

    "ConnectCA.Roots": DcSpecificRequest => IndexedCaRoots;

    "Internal.NodeInfo": NodeSpecificRequest => IndexedNodeDump;
    "Internal.NodeDump": DcSpecificRequest => IndexedNodeDump;
    "Internal.ServiceDump": ServiceDumpRequest => IndexedNodesWithGateways;
    "Internal.CatalogOverview": DcSpecificRequest => CatalogSummary;
    "Internal.EventFire": EventFireRequest => EventFireResponse;
    "Internal.KeyringOperation": KeyringRequest => KeyringResponses;
    "Internal.AssignManualServiceVIPs": AssignServiceManualVipsRequest => AssignServiceManualVipsResponse;

    "Operator.RaftGetConfiguration": DcSpecificRequest => RaftConfigurationResponse;
    "Operator.RaftRemovePeerByAddress": RaftRemovePeerRequest => Empty;
    "Operator.RaftRemovePeerByID": RaftRemovePeerRequest => Empty;
    "Operator.AutopilotGetConfiguration": DcSpecificRequest => AutopilotConfig;
    "Operator.AutopilotSetConfiguration": AutopilotSetConfigRequest => bool;
    "Operator.ServerHealth": DcSpecificRequest => AutopilotHealthReply;
    "Operator.AutopilotState": DcSpecificRequest => AutopilotState;
    "Operator.Usage": OperatorUsageRequest => UsageResponse;
}
