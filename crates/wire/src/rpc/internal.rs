//! `Internal`: dumps for the UI, user events, keyring operations.

use std::sync::Arc;

use dialect::{Bytes, Dict, List, record};
use model::{HealthCheck, NodeService};

use super::{CheckServiceNode, GatewayService, QueryMeta, QueryOptions, QuerySource, ServiceName};

record! {
    /// A node with all its services and checks.
    pub struct NodeInfo {
        id: String = "ID",
        node: String = "Node",
        partition: String = "Partition" [omit],
        peer_name: String = "PeerName" [omit],
        address: String = "Address",
        tagged_addresses: Dict<String> = "TaggedAddresses",
        meta: Dict<String> = "Meta",
        services: List<Arc<NodeService>> = "Services",
        checks: List<Arc<HealthCheck>> = "Checks",
    }
}

impl From<&model::NodeDump> for NodeInfo {
    /// Without services or checks their list is nil.
    fn from(dump: &model::NodeDump) -> Self {
        fn list<T>(rows: &[Arc<T>]) -> List<Arc<T>> {
            if rows.is_empty() {
                List::nil()
            } else {
                rows.iter().cloned().collect()
            }
        }
        NodeInfo {
            id: dump.node.id.clone(),
            node: dump.node.node.clone(),
            partition: dump.node.partition.clone(),
            peer_name: dump.node.peer_name.clone(),
            address: dump.node.address.clone(),
            tagged_addresses: dump.node.tagged_addresses.clone(),
            meta: dump.node.meta.clone(),
            services: list(&dump.services),
            checks: list(&dump.checks),
        }
    }
}

record! {
    /// Nodes with everything on them.
    pub struct IndexedNodeDump {
        imported_dump: List<NodeInfo> = "ImportedDump",
        dump: List<NodeInfo> = "Dump",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// Asks for all service instances.
    pub struct ServiceDumpRequest {
        datacenter: String = "Datacenter",
        service_kind: String = "ServiceKind",
        use_service_kind: bool = "UseServiceKind",
        nodes_only: bool = "NodesOnly",
        source: QuerySource = "Source",
        peer_name: String = "PeerName",
        #flatten options: QueryOptions,
    }
}

record! {
    /// All service instances, and which services stand behind gateways.
    pub struct IndexedNodesWithGateways {
        imported_nodes: List<CheckServiceNode> = "ImportedNodes",
        nodes: List<CheckServiceNode> = "Nodes",
        gateways: List<GatewayService> = "Gateways",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// Counts of a name's states.
    pub struct HealthSummary {
        name: String = "Name" [omit],
        total: i64 = "Total",
        passing: i64 = "Passing",
        warning: i64 = "Warning",
        critical: i64 = "Critical",
    }
}

record! {
    /// Counts of the catalog's states.
    pub struct CatalogSummary {
        nodes: List<HealthSummary> = "Nodes",
        services: List<HealthSummary> = "Services",
        checks: List<HealthSummary> = "Checks",
    }
}

record! {
    /// Fires a user event in a datacenter.
    pub struct EventFireRequest {
        datacenter: String = "Datacenter",
        name: String = "Name",
        /// The event in its own encoding (spec/wire.md §2.9).
        payload: Option<Bytes> = "Payload",
        #flatten options: QueryOptions,
    }
}

record! {
    /// The event was fired.
    pub struct EventFireResponse {
        #flatten meta: QueryMeta,
    }
}

record! {
    /// An operation on the gossip keys. `operation`: `list install use remove`.
    pub struct KeyringRequest {
        operation: String = "Operation",
        key: String = "Key",
        datacenter: String = "Datacenter",
        /// A server passed this on to the other datacenters already.
        forwarded: bool = "Forwarded",
        relay_factor: u64 = "RelayFactor",
        local_only: bool = "LocalOnly",
        #flatten options: QueryOptions,
    }
}

record! {
    /// What one pool said.
    pub struct KeyringResponse {
        wan: bool = "WAN",
        datacenter: String = "Datacenter",
        segment: String = "Segment",
        partition: String = "Partition" [omit],
        messages: Dict<String> = "Messages" [omit],
        keys: Dict<i64> = "Keys",
        primary_keys: Dict<i64> = "PrimaryKeys",
        num_nodes: i64 = "NumNodes",
        error: String = "Error" [omit],
    }
}

record! {
    /// What all pools said.
    pub struct KeyringResponses {
        responses: List<KeyringResponse> = "Responses",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// A service of a peer.
    pub struct PeeredServiceName {
        service_name: ServiceName = "ServiceName",
        peer: String = "Peer",
    }
}

record! {
    /// Sets a service's virtual addresses.
    pub struct AssignServiceManualVipsRequest {
        service: String = "Service",
        manual_vips: List<String> = "ManualVIPs",
        datacenter: String = "Datacenter",
        node_meta_filters: Dict<String> = "NodeMetaFilters",
        source: QuerySource = "Source",
        peer_name: String = "PeerName",
        #flatten options: QueryOptions,
    }
}

record! {
    /// Whether the service exists, and who lost an address to it.
    pub struct AssignServiceManualVipsResponse {
        found: bool = "Found" [json = "ServiceFound"],
        unassigned_from: List<PeeredServiceName> = "UnassignedFrom",
    }
}
