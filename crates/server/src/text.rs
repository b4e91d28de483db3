//! Error texts of the RPC methods (spec/server.md §3); those of the tables stand in `wire::errors::state`.

/// Catalog and transactions: no node name.
pub(crate) const MUST_PROVIDE_NODE: &str = "Must provide node";
/// Catalog: no address, and the node may have to be written.
pub(crate) const MUST_PROVIDE_ADDRESS: &str = "Must provide address if SkipNodeUpdate is not set";
/// Imported rows are written by peering only.
pub(crate) const NO_PEER_NAME: &str = "cannot register requests with PeerName in them";
/// A service without any name.
pub(crate) const NO_SERVICE_NAME: &str = "Must provide service name (Service.Service)";
/// A service with an ID but no name.
pub(crate) const NO_SERVICE_NAME_BY_ID: &str =
    "Must provide service name (Service.Service) when service ID is provided";
/// A service address that stands for all.
pub(crate) const INVALID_SERVICE_ADDRESS: &str = "Invalid service address";
/// KV without key.
pub(crate) const MUST_PROVIDE_KEY: &str = "Must provide key";
/// Session: no node.
pub(crate) const SESSION_NODE: &str = "Must provide Node";
/// Session: no ID to destroy.
pub(crate) const SESSION_ID: &str = "Must provide ID";
/// A coordinate with a value that is no number.
pub(crate) const INVALID_COORDINATE: &str = "invalid coordinate";
/// A coordinate of another dimension.
pub(crate) const INCOMPATIBLE_COORDINATE: &str = "incompatible coordinate";
/// A prepared query's ID must be a whole UUID.
pub(crate) const QUERY_ID_LENGTH: &str =
    "failed prepared query lookup: index error: UUID must be 36 characters";
/// Creating a prepared query with an ID.
pub(crate) const QUERY_ID_GIVEN: &str = "ID must be empty when creating a new prepared query";
/// A template is found by name only.
pub(crate) const TEMPLATE_BY_ID: &str =
    "prepared query templates can only be resolved up by name, not by ID";
/// Mesh endpoints of a server that has no mesh.
pub(crate) const CONNECT_DISABLED: &str = "Connect must be enabled in order to use this endpoint";
/// Roots asked for before there are any.
pub(crate) const CA_UNINITIALISED: &str = "CA has not finished initializing";

/// Prefix of refusals by the tables: KV and prepared queries.
pub(crate) const RAFT_APPLY: &str = "raft apply failed: ";
/// Prefix of refusals by the tables: sessions.
pub(crate) const APPLY: &str = "apply failed: ";
