//! Nodes and the joined rows of catalog answers.

use crate::{
    ConnectProxyConfig, HealthCheck, Locality, NodeService, RaftIndex, ServiceAddress,
    ServiceConnect, Weights,
};
use dialect::{Dict, List, record};
use std::sync::Arc;

record! {
    /// A machine known to the catalog (spec/server.md §3.1).
    pub struct Node {
        id: String = "ID",
        node: String = "Node",
        address: String = "Address",
        datacenter: String = "Datacenter",
        partition: String = "Partition" [omit],
        peer_name: String = "PeerName" [omit],
        tagged_addresses: Dict<String> = "TaggedAddresses",
        meta: Dict<String> = "Meta",
        locality: Option<Box<Locality>> = "Locality" [omit],
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// A service instance joined with its node, as `/v1/catalog/service` shows it (spec/http-api.md §7).
    pub struct ServiceNode {
        id: String = "ID",
        node: String = "Node",
        address: String = "Address",
        datacenter: String = "Datacenter",
        tagged_addresses: Dict<String> = "TaggedAddresses",
        node_meta: Dict<String> = "NodeMeta",
        service_kind: String = "ServiceKind",
        service_id: String = "ServiceID",
        service_name: String = "ServiceName",
        service_tags: List<String> = "ServiceTags" [nil_empty],
        service_address: String = "ServiceAddress",
        service_tagged_addresses: Dict<ServiceAddress> = "ServiceTaggedAddresses" [omit],
        service_weights: Weights = "ServiceWeights",
        service_meta: Dict<String> = "ServiceMeta" [nil_empty],
        service_port: i64 = "ServicePort",
        service_socket_path: String = "ServiceSocketPath",
        service_enable_tag_override: bool = "ServiceEnableTagOverride",
        service_proxy: ConnectProxyConfig = "ServiceProxy",
        service_connect: ServiceConnect = "ServiceConnect",
        service_locality: Option<Box<Locality>> = "ServiceLocality",
        peer_name: String = "PeerName" [omit],
        #flatten indexes: RaftIndex,
    }
}

impl ServiceNode {
    /// Joins an instance with its node; the indexes are the instance's.
    pub fn join(node: &Node, service: &NodeService) -> Self {
        Self {
            id: node.id.clone(),
            node: node.node.clone(),
            address: node.address.clone(),
            datacenter: node.datacenter.clone(),
            tagged_addresses: node.tagged_addresses.clone(),
            node_meta: node.meta.clone(),
            service_kind: service.kind.clone(),
            service_id: service.id.clone(),
            service_name: service.service.clone(),
            service_tags: service.tags.clone(),
            service_address: service.address.clone(),
            service_tagged_addresses: service.tagged_addresses.clone(),
            service_weights: service.weights.as_deref().cloned().unwrap_or_default(),
            service_meta: service.meta.clone(),
            service_port: service.port,
            service_socket_path: service.socket_path.clone(),
            service_enable_tag_override: service.enable_tag_override,
            service_proxy: service.proxy.clone(),
            service_connect: service.connect.clone(),
            service_locality: service.locality.clone(),
            peer_name: service.peer_name.clone(),
            indexes: service.indexes.clone(),
        }
    }

    /// The halves again. What the joined row does not tell of the node (its indexes, its locality) is empty.
    pub fn split(self) -> (Arc<Node>, Arc<NodeService>) {
        let node = Node {
            id: self.id,
            node: self.node,
            address: self.address,
            datacenter: self.datacenter,
            peer_name: self.peer_name.clone(),
            tagged_addresses: self.tagged_addresses,
            meta: self.node_meta,
            ..Node::default()
        };
        let service = NodeService {
            kind: self.service_kind,
            id: self.service_id,
            service: self.service_name,
            tags: self.service_tags,
            address: self.service_address,
            tagged_addresses: self.service_tagged_addresses,
            weights: Some(Box::new(self.service_weights)),
            meta: self.service_meta,
            port: self.service_port,
            socket_path: self.service_socket_path,
            enable_tag_override: self.service_enable_tag_override,
            proxy: self.service_proxy,
            connect: self.service_connect,
            locality: self.service_locality,
            peer_name: self.peer_name,
            indexes: self.indexes,
            ..NodeService::default()
        };
        (Arc::new(node), Arc::new(service))
    }
}

/// A service instance with its node and the checks that decide whether it is healthy: first the node's checks, then the
/// instance's. The rows are shared with the state they were read from.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckServiceNode {
    /// The node the instance stands on.
    pub node: Arc<Node>,
    /// The instance.
    pub service: Arc<NodeService>,
    /// Node checks first, then service checks, each by check ID.
    pub checks: Vec<Arc<HealthCheck>>,
}

/// A node with all its services and checks, as the UI endpoints and `Internal.NodeDump` show it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeDump {
    /// The node.
    pub node: Arc<Node>,
    /// Its service instances by ID.
    pub services: Vec<Arc<NodeService>>,
    /// Its checks by ID.
    pub checks: Vec<Arc<HealthCheck>>,
}
