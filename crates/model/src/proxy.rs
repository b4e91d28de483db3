//! Proxy registrations (spec/mesh.md §6.2).

use dialect::{Any, Dict, List, record};

record! {
    /// How a proxy reaches other datacenters: "", `none`, `local` or `remote`.
    pub struct MeshGatewayConfig {
        mode: String = "Mode" [omit],
    }
}

record! {
    /// Settings of transparent proxying.
    pub struct TransparentProxyConfig {
        outbound_listener_port: i64 = "OutboundListenerPort" [omit],
        dialed_directly: bool = "DialedDirectly" [omit],
    }
}

record! {
    /// Envoy access logs.
    pub struct AccessLogsConfig {
        enabled: bool = "Enabled" [omit],
        disable_listener_logs: bool = "DisableListenerLogs" [omit, alias = "disable_listener_logs"],
        log_type: String = "Type" [omit],
        path: String = "Path" [omit],
        json_format: String = "JSONFormat" [omit, alias = "json_format"],
        text_format: String = "TextFormat" [omit, alias = "text_format"],
    }
}

record! {
    /// An Envoy extension.
    pub struct EnvoyExtension {
        name: String = "Name",
        required: bool = "Required",
        arguments: Dict<Any> = "Arguments",
        consul_version: String = "ConsulVersion",
        envoy_version: String = "EnvoyVersion",
    }
}

record! {
    /// A path that a proxy exposes without mTLS.
    pub struct ExposePath {
        listener_port: i64 = "ListenerPort" [omit, alias = "listener_port"],
        path: String = "Path" [omit],
        local_path_port: i64 = "LocalPathPort" [omit, alias = "local_path_port"],
        protocol: String = "Protocol" [omit],
        parsed_from_check: bool = "ParsedFromCheck" [omit],
    }
}

record! {
    /// What a proxy exposes without mTLS.
    pub struct ExposeConfig {
        checks: bool = "Checks" [omit],
        paths: List<ExposePath> = "Paths" [omit],
    }
}

record! {
    /// A destination that a proxy listens for.
    pub struct Upstream {
        destination_type: String = "DestinationType" [alias = "destination_type"],
        destination_namespace: String = "DestinationNamespace" [omit, alias = "destination_namespace"],
        destination_partition: String = "DestinationPartition" [omit, alias = "destination_partition"],
        destination_peer: String = "DestinationPeer" [omit, alias = "destination_peer"],
        destination_name: String = "DestinationName" [alias = "destination_name"],
        datacenter: String = "Datacenter",
        local_bind_address: String = "LocalBindAddress" [omit, alias = "local_bind_address"],
        local_bind_port: i64 = "LocalBindPort" [omit, alias = "local_bind_port"],
        local_bind_socket_path: String = "LocalBindSocketPath" [omit, alias = "local_bind_socket_path"],
        local_bind_socket_mode: String = "LocalBindSocketMode" [omit, alias = "local_bind_socket_mode"],
        config: Dict<Any> = "Config" [omit],
        mesh_gateway: MeshGatewayConfig = "MeshGateway" [alias = "mesh_gateway"],
        ingress_hosts: List<String> = "IngressHosts" [no_json],
        centrally_configured: bool = "CentrallyConfigured" [omit],
    }
}

record! {
    /// The `Proxy` object of a service of kind `connect-proxy` or of a gateway.
    pub struct ConnectProxyConfig {
        transparent_proxy: TransparentProxyConfig = "TransparentProxy" [omit, alias = "transparent_proxy"],
        access_logs: AccessLogsConfig = "AccessLogs" [omit, alias = "access_logs"],
        envoy_extensions: List<EnvoyExtension> = "EnvoyExtensions" [omit],
        destination_service_name: String = "DestinationServiceName" [omit, alias = "destination_service_name"],
        destination_service_id: String = "DestinationServiceID" [omit, alias = "destination_service_id"],
        local_service_address: String = "LocalServiceAddress" [omit, alias = "local_service_address"],
        local_service_port: i64 = "LocalServicePort" [omit, alias = "local_service_port"],
        local_service_socket_path: String = "LocalServiceSocketPath" [omit, alias = "local_service_socket_path"],
        mode: String = "Mode",
        config: Dict<Any> = "Config" [omit],
        upstreams: List<Upstream> = "Upstreams" [omit],
        mesh_gateway: MeshGatewayConfig = "MeshGateway" [alias = "mesh_gateway"],
        expose: ExposeConfig = "Expose",
        mutual_tls_mode: String = "MutualTLSMode" [no_json],
    }
}

impl ConnectProxyConfig {
    /// Longest folder of the metrics collector's socket, bytes: a socket's path has 108, its name in there takes the rest.
    const SOCKET_DIR_MAX: usize = 70;

    /// What is wrong with the opaque settings (spec/mesh.md §6.1).
    pub fn config_fault(&self) -> Option<String> {
        let Some(Any::Str(folder)) = self.config.get("envoy_hcp_metrics_bind_socket_dir") else {
            return None;
        };
        let (length, max) = (folder.len(), Self::SOCKET_DIR_MAX);
        (length > max).then(|| {
            format!(
                "Proxy.Config: envoy_hcp_metrics_bind_socket_dir length {length} exceeds max {max}"
            )
        })
    }
}
