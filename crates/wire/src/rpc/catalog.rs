//! `Catalog`: nodes and services.

use std::sync::Arc;

use dialect::{Dict, List, record};
use model::{Node, NodeService, RaftIndex, ServiceNode};

use super::{QueryMeta, QueryOptions};

record! {
    /// Asks for the known datacenters.
    pub struct DatacentersRequest {
        #flatten options: QueryOptions,
    }
}

record! {
    /// Nodes.
    pub struct IndexedNodes {
        nodes: List<Arc<Node>> = "Nodes",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// Service names with the union of their instances' tags.
    pub struct IndexedServices {
        services: Dict<List<String>> = "Services",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// A service's name as the mesh parts of the protocol carry it.
    pub struct ServiceName {
        name: String = "Name",
    }
}

record! {
    /// Service names.
    pub struct IndexedServiceList {
        services: List<ServiceName> = "Services",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// Instances of a service, joined with their nodes.
    pub struct IndexedServiceNodes {
        service_nodes: List<ServiceNode> = "ServiceNodes",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// A node's services by ID.
    pub struct NodeServices {
        node: Option<Arc<Node>> = "Node",
        services: Dict<Arc<NodeService>> = "Services",
    }
}

record! {
    /// Answer with [`NodeServices`]; none when the node is unknown.
    pub struct IndexedNodeServices {
        node_services: Option<Box<NodeServices>> = "NodeServices",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// A node's services as a list.
    pub struct NodeServiceList {
        node: Option<Arc<Node>> = "Node",
        services: List<Arc<NodeService>> = "Services",
    }
}

record! {
    /// Answer with [`NodeServiceList`].
    pub struct IndexedNodeServiceList {
        node_services: NodeServiceList = "NodeServices",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// A service behind a gateway.
    pub struct GatewayService {
        gateway: ServiceName = "Gateway",
        service: ServiceName = "Service",
        gateway_kind: String = "GatewayKind",
        port: i64 = "Port" [omit],
        protocol: String = "Protocol" [omit],
        hosts: List<String> = "Hosts" [omit],
        ca_file: String = "CAFile" [omit],
        cert_file: String = "CertFile" [omit],
        key_file: String = "KeyFile" [omit],
        sni: String = "SNI" [omit],
        from_wildcard: bool = "FromWildcard" [omit],
        service_kind: String = "ServiceKind" [omit],
        #flatten indexes: RaftIndex,
        auto_host_rewrite: bool = "AutoHostRewrite" [omit],
    }
}

record! {
    /// Services behind a gateway.
    pub struct IndexedGatewayServices {
        services: List<GatewayService> = "Services",
        #flatten meta: QueryMeta,
    }
}
