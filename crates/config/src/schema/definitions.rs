//! Keys of service and check definitions (agent-config.md §14, §15; proxies: mesh.md).

use super::{Field, Kind::*, key};

const ADDRESS: &[Field] = &[key("address", Text), key("port", Int)];

const LOCALITY: &[Field] = &[key("region", Text), key("zone", Text)];

const WEIGHTS: &[Field] = &[key("passing", Int), key("warning", Int)];

const MESH_GATEWAY: &[Field] = &[key("mode", Text)];

const EXPOSE_PATH: &[Field] = &[
    key("listener_port", Int),
    key("path", Text),
    key("local_path_port", Int),
    key("protocol", Text),
];

const EXPOSE: &[Field] = &[key("checks", Bool), key("paths", Blocks(EXPOSE_PATH))];

const TRANSPARENT_PROXY: &[Field] = &[
    key("outbound_listener_port", Int),
    key("dialed_directly", Bool),
];

const ENVOY_EXTENSION: &[Field] = &[
    key("name", Text),
    key("required", Bool),
    key("arguments", Opaque),
    key("consul_version", Text),
    key("envoy_version", Text),
];

const UPSTREAM: &[Field] = &[
    key("destination_type", Text),
    key("destination_namespace", Text),
    key("destination_partition", Text),
    key("destination_peer", Text),
    key("destination_name", Text),
    key("datacenter", Text),
    key("local_bind_address", Text),
    key("local_bind_port", Int),
    key("local_bind_socket_path", Text),
    key("local_bind_socket_mode", Text),
    key("config", Opaque),
    key("mesh_gateway", Block(MESH_GATEWAY)),
];

const PROXY: &[Field] = &[
    key("destination_service_name", Text),
    key("destination_service_id", Text),
    key("local_service_address", Text),
    key("local_service_port", Int),
    key("local_service_socket_path", Text),
    key("mode", Text),
    key("transparent_proxy", Block(TRANSPARENT_PROXY)),
    key("config", Opaque),
    key("upstreams", Blocks(UPSTREAM)),
    key("mesh_gateway", Block(MESH_GATEWAY)),
    key("expose", Block(EXPOSE)),
    key("envoy_extensions", Blocks(ENVOY_EXTENSION)),
];

static CONNECT: [Field; 2] = [
    key("native", Bool),
    key("sidecar_service", Block(&SERVICE_ROWS)),
];

// A service may hold the definition of its sidecar, which is a service again: the one cycle of the table.
static SERVICE_ROWS: [Field; 19] = [
    key("kind", Text),
    key("id", Text),
    key("name", Text),
    key("tags", Texts),
    key("address", Text),
    key("tagged_addresses", BlockMap(ADDRESS)),
    key("socket_path", Text),
    key("meta", TextMap),
    key("port", Int),
    key("check", Block(CHECK)),
    key("checks", Blocks(CHECK)),
    key("token", Text),
    key("weights", Block(WEIGHTS)),
    key("enable_tag_override", Bool),
    key("proxy", Block(PROXY)),
    key("connect", Block(&CONNECT)),
    key("locality", Block(LOCALITY)),
    key("namespace", Text),
    key("partition", Text),
];

/// Keys of a service definition.
pub static SERVICE: &[Field] = &SERVICE_ROWS;

/// Keys of a check definition.
pub static CHECK: &[Field] = &[
    key("id", Text),
    key("name", Text),
    key("notes", Text),
    key("service_id", Text).also(&["serviceid"]),
    key("token", Text),
    key("status", Text),
    key("args", Texts).also(&["scriptargs"]),
    key("http", Text),
    key("header", TextsMap),
    key("method", Text),
    key("body", Text),
    key("disable_redirects", Bool),
    key("output_max_size", Int),
    key("tcp", Text),
    key("tcp_use_tls", Bool),
    key("udp", Text),
    key("interval", Duration),
    key("docker_container_id", Text).also(&["dockercontainerid"]),
    key("shell", Text),
    key("grpc", Text),
    key("grpc_use_tls", Bool),
    key("os_service", Text),
    key("tls_server_name", Text),
    key("tls_skip_verify", Bool).also(&["tlsskipverify"]),
    key("alias_node", Text),
    key("alias_service", Text),
    key("timeout", Duration),
    key("ttl", Duration),
    key("h2ping", Text),
    key("h2ping_use_tls", Bool),
    key("success_before_passing", Int),
    key("failures_before_warning", Int),
    key("failures_before_critical", Int),
    key("deregister_critical_service_after", Duration).also(&["deregistercriticalserviceafter"]),
    key("namespace", Text),
    key("partition", Text),
];
