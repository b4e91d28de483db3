//! Health checks as the catalog stores them.

use crate::RaftIndex;
use dialect::{Dict, DurText, List, Nanos, record};

/// Status texts of checks. The state store accepts any string (spec/server.md §3.3); these have meaning.
pub mod status {
    /// Healthy.
    pub const PASSING: &str = "passing";
    /// Degraded but in use.
    pub const WARNING: &str = "warning";
    /// Broken; the default of a new check.
    pub const CRITICAL: &str = "critical";
    /// Pseudo state of `/v1/health/state/any`.
    pub const ANY: &str = "any";
    /// Pseudo state shown by maintenance views.
    pub const MAINTENANCE: &str = "maintenance";
}

/// The ID of the check that gossip keeps on every node.
pub const SERF_HEALTH: &str = "serfHealth";

record! {
    /// What a check does, as registered in the catalog; checks synchronised by agents leave it empty.
    pub struct HealthCheckDefinition {
        interval: DurText = "Interval" [omit],
        output_max_size: u64 = "OutputMaxSize" [omit],
        timeout: DurText = "Timeout" [omit],
        deregister_critical_service_after: DurText = "DeregisterCriticalServiceAfter" [omit],
        http: String = "HTTP" [omit],
        tls_server_name: String = "TLSServerName" [omit],
        tls_skip_verify: bool = "TLSSkipVerify" [omit],
        header: Dict<List<String>> = "Header" [omit],
        method: String = "Method" [omit],
        body: String = "Body" [omit],
        disable_redirects: bool = "DisableRedirects" [omit],
        tcp: String = "TCP" [omit],
        tcp_use_tls: bool = "TCPUseTLS" [omit],
        udp: String = "UDP" [omit],
        h2ping: String = "H2PING" [omit],
        os_service: String = "OSService" [omit],
        h2ping_use_tls: bool = "H2PingUseTLS" [omit],
        script_args: List<String> = "ScriptArgs" [omit],
        docker_container_id: String = "DockerContainerID" [omit],
        shell: String = "Shell" [omit],
        grpc: String = "GRPC" [omit],
        grpc_use_tls: bool = "GRPCUseTLS" [omit],
        alias_node: String = "AliasNode" [omit],
        alias_service: String = "AliasService" [omit],
        session_name: String = "SessionName" [omit],
        ttl: Nanos = "TTL" [omit],
    }
}

record! {
    /// A health check of a node or of one of its services (spec/server.md §3.3).
    pub struct HealthCheck {
        node: String = "Node",
        check_id: String = "CheckID",
        name: String = "Name",
        status: String = "Status",
        notes: String = "Notes",
        output: String = "Output",
        service_id: String = "ServiceID",
        service_name: String = "ServiceName",
        service_tags: List<String> = "ServiceTags" [nil_empty],
        check_type: String = "Type",
        interval: String = "Interval",
        timeout: String = "Timeout",
        exposed_port: i64 = "ExposedPort",
        peer_name: String = "PeerName" [omit],
        definition: HealthCheckDefinition = "Definition" [lax],
        #flatten indexes: RaftIndex,
    }
}
