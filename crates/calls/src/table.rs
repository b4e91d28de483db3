//! Every method of the server port by its name.

use crate::row::{Call, Charge, Handler};
use crate::{
    catalog, connect_ca, coordinate, health, internal, kvs, later, operator, prepared_query,
    session, status, txn,
};

/// `Catalog.ListDatacenters`
static LIST_DATACENTERS: Handler = |served, body, peer| {
    Box::pin(async move {
        let request: wire::rpc::DatacentersRequest = crate::ask::decode(&body)?;
        let caller = peer.with(&request.options.token);
        let known = served.rpc.datacenters(&caller).await?;
        Ok(dialect::msgpack::to_bytes(&dialect::List::from(known)))
    })
};

/// Every method that is served.
pub static CALLS: &[Call] = &[
    Call::other("Status.Ping", Charge::Exempt, status::PING),
    Call::other("Status.Leader", Charge::Exempt, status::LEADER),
    Call::other("Status.Peers", Charge::Exempt, status::PEERS),
    Call::other("Status.RaftStats", Charge::Exempt, status::RAFT_STATS),
    Call::write(&catalog::REGISTER),
    Call::write(&catalog::DEREGISTER),
    Call::other("Catalog.ListDatacenters", Charge::Read, LIST_DATACENTERS),
    Call::read(&catalog::LIST_NODES),
    Call::read(&catalog::LIST_SERVICES),
    Call::read(&catalog::SERVICE_LIST),
    Call::read(&catalog::SERVICE_NODES),
    Call::read(&catalog::NODE_SERVICES),
    Call::read(&catalog::NODE_SERVICE_LIST),
    Call::other(
        "Catalog.GatewayServices",
        Charge::Read,
        later::GATEWAY_SERVICES,
    ),
    Call::other(
        "Catalog.VirtualIPForService",
        Charge::Read,
        later::VIRTUAL_IP,
    ),
    Call::read(&health::CHECKS_IN_STATE),
    Call::read(&health::NODE_CHECKS),
    Call::read(&health::SERVICE_CHECKS),
    Call::read(&health::SERVICE_NODES),
    Call::write(&kvs::APPLY),
    Call::read(&kvs::GET),
    Call::read(&kvs::LIST),
    Call::read(&kvs::LIST_KEYS),
    Call::write(&session::APPLY),
    Call::read(&session::GET),
    Call::read(&session::LIST),
    Call::read(&session::NODE_SESSIONS),
    Call::other("Session.Renew", Charge::Write, session::RENEW),
    Call::write(&txn::APPLY),
    Call::other("Txn.Read", Charge::Read, txn::READ),
    Call::write(&coordinate::UPDATE),
    Call::other(
        "Coordinate.ListDatacenters",
        Charge::Read,
        coordinate::LIST_DATACENTERS,
    ),
    Call::read(&coordinate::LIST_NODES),
    Call::read(&coordinate::NODE),
    Call::write(&prepared_query::APPLY),
    Call::read(&prepared_query::GET),
    Call::read(&prepared_query::LIST),
    Call::other(
        "PreparedQuery.Explain",
        Charge::Read,
        prepared_query::EXPLAIN,
    ),
    Call::other(
        "PreparedQuery.Execute",
        Charge::Read,
        prepared_query::EXECUTE,
    ),
    Call::other("ConfigEntry.Get", Charge::Read, later::CONFIG_ENTRY),
    Call::other("ConfigEntry.List", Charge::Read, later::CONFIG_ENTRIES),
    Call::other(
        "ConfigEntry.ListAll",
        Charge::Read,
        later::ALL_CONFIG_ENTRIES,
    ),
    Call::other(
        "ConfigEntry.ResolveServiceConfig",
        Charge::Read,
        later::SERVICE_CONFIG,
    ),
    Call::other("Intention.Get", Charge::Read, later::INTENTION),
    Call::other("Intention.List", Charge::Read, later::INTENTIONS),
    Call::other("Intention.Match", Charge::Read, later::INTENTION_MATCH),
    Call::other("Intention.Check", Charge::Read, later::INTENTION_CHECK),
    Call::read(&connect_ca::ROOTS),
    Call::other("FederationState.Get", Charge::Read, later::FEDERATION_STATE),
    Call::other(
        "FederationState.List",
        Charge::Read,
        later::FEDERATION_STATES,
    ),
    Call::other(
        "FederationState.ListMeshGateways",
        Charge::Read,
        later::MESH_GATEWAYS,
    ),
    Call::read(&internal::NODE_INFO),
    Call::read(&internal::NODE_DUMP),
    Call::read(&internal::SERVICE_DUMP),
    Call::other(
        "Internal.GatewayServiceDump",
        Charge::Read,
        later::GATEWAY_DUMP,
    ),
    Call::other("Internal.ServiceGateways", Charge::Read, later::NO_NODES),
    Call::other(
        "Internal.GatewayIntentions",
        Charge::Read,
        later::INTENTIONS,
    ),
    Call::other(
        "Internal.IntentionUpstreams",
        Charge::Read,
        later::NO_SERVICES,
    ),
    Call::other(
        "Internal.IntentionUpstreamsDestination",
        Charge::Read,
        later::NO_SERVICES,
    ),
    Call::other("Internal.PeeredUpstreams", Charge::Read, later::NO_SERVICES),
    Call::other(
        "Internal.ExportedPeeredServices",
        Charge::Read,
        later::EXPORTED_SERVICES,
    ),
    Call::other(
        "Internal.ExportedServicesForPeer",
        Charge::Read,
        later::NO_SERVICES,
    ),
    Call::other(
        "Operator.RaftGetConfiguration",
        Charge::Exempt,
        operator::RAFT_GET,
    ),
    Call::other(
        "Operator.RaftRemovePeerByAddress",
        Charge::Exempt,
        operator::RAFT_REMOVE_BY_ADDRESS,
    ),
    Call::other(
        "Operator.RaftRemovePeerByID",
        Charge::Exempt,
        operator::RAFT_REMOVE_BY_ID,
    ),
    Call::other(
        "Operator.AutopilotGetConfiguration",
        Charge::Exempt,
        operator::AUTOPILOT_GET,
    ),
    Call::write(&operator::AUTOPILOT_SET),
    Call::other(
        "Operator.ServerHealth",
        Charge::Exempt,
        operator::SERVER_HEALTH,
    ),
    Call::other(
        "Operator.AutopilotState",
        Charge::Exempt,
        operator::AUTOPILOT_STATE,
    ),
    Call::read(&operator::USAGE),
];

/// The method of a name.
pub fn find(name: &str) -> Option<&'static Call> {
    CALLS
        .iter()
        .chain(later::ACL)
        .find(|call| call.name == name)
}

/// Whether there is a service of a name.
pub fn has_service(name: &str) -> bool {
    let of = |call: &Call| {
        call.name
            .split_once('.')
            .is_some_and(|(service, _)| service == name)
    };
    CALLS.iter().chain(later::ACL).any(of)
}
