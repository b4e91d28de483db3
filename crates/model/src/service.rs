//! Service instances.

use crate::{ConnectProxyConfig, Locality, RaftIndex, ServiceDefinition};
use dialect::{Dict, List, record};

record! {
    /// An address and port of a service under one of its tagged-address names.
    pub struct ServiceAddress {
        address: String = "Address" [alias = "address"],
        port: i64 = "Port" [alias = "port"],
    }
}

record! {
    /// DNS weights of an instance while it passes and while it warns.
    pub struct Weights {
        passing: i64 = "Passing",
        warning: i64 = "Warning",
    }
}

record! {
    /// What an exporting peer says of an imported service.
    pub struct PeeringServiceMeta {
        sni: List<String> = "SNI" [omit],
        spiffe_id: List<String> = "SpiffeID" [omit],
        protocol: String = "Protocol" [omit],
    }
}

record! {
    /// Mesh settings of an instance. The sidecar shorthand never reaches the catalog: the agent expands it.
    pub struct ServiceConnect {
        native: bool = "Native" [omit, alias = "native"],
        sidecar_service: Option<Box<ServiceDefinition>> = "SidecarService" [omit, alias = "sidecar_service"],
        peer_meta: Option<Box<PeeringServiceMeta>> = "PeerMeta" [omit],
    }
}

record! {
    /// One instance of a service on a node (spec/server.md §3.2).
    pub struct NodeService {
        kind: String = "Kind" [omit],
        id: String = "ID",
        service: String = "Service",
        tags: List<String> = "Tags" [nil_empty],
        address: String = "Address",
        tagged_addresses: Dict<ServiceAddress> = "TaggedAddresses" [omit],
        meta: Dict<String> = "Meta",
        port: i64 = "Port" [omit],
        socket_path: String = "SocketPath" [omit],
        weights: Option<Box<Weights>> = "Weights",
        enable_tag_override: bool = "EnableTagOverride",
        locality: Option<Box<Locality>> = "Locality" [omit],
        proxy: ConnectProxyConfig = "Proxy",
        connect: ServiceConnect = "Connect",
        locally_registered_as_sidecar: bool = "LocallyRegisteredAsSidecar" [no_json],
        peer_name: String = "PeerName",
        #flatten indexes: RaftIndex,
    }
}
