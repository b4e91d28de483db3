//! The parts of a proxy registration that can be selected.

use bexpr::{Field, Object, Objects, Schema};
use model::{
    AccessLogsConfig, ConnectProxyConfig, EnvoyExtension, ExposeConfig, ExposePath,
    MeshGatewayConfig, ServiceConnect, TransparentProxyConfig, Upstream,
};

pub(super) static CONNECT: Schema<ServiceConnect> = Schema {
    fields: &[Field::bool("Native", |c| c.native)],
};

static MESH_GATEWAY: Schema<MeshGatewayConfig> = Schema {
    fields: &[Field::text("Mode", |m| &m.mode)],
};

static TRANSPARENT_PROXY: Schema<TransparentProxyConfig> = Schema {
    fields: &[
        Field::int("OutboundListenerPort", |t| t.outbound_listener_port),
        Field::bool("DialedDirectly", |t| t.dialed_directly),
    ],
};

static ACCESS_LOGS: Schema<AccessLogsConfig> = Schema {
    fields: &[
        Field::bool("Enabled", |a| a.enabled),
        Field::bool("DisableListenerLogs", |a| a.disable_listener_logs),
        Field::text("Type", |a| &a.log_type),
        Field::text("Path", |a| &a.path),
        Field::text("JSONFormat", |a| &a.json_format),
        Field::text("TextFormat", |a| &a.text_format),
    ],
};

static EXPOSE_PATH: Schema<ExposePath> = Schema {
    fields: &[
        Field::int("ListenerPort", |p| p.listener_port),
        Field::text("Path", |p| &p.path),
        Field::int("LocalPathPort", |p| p.local_path_port),
        Field::text("Protocol", |p| &p.protocol),
        Field::bool("ParsedFromCheck", |p| p.parsed_from_check),
    ],
};

static EXPOSE: Schema<ExposeConfig> = Schema {
    fields: &[
        Field::bool("Checks", |e| e.checks),
        Field::nested(
            "Paths",
            &Objects {
                schema: &EXPOSE_PATH,
                any: |e: &ExposeConfig, test| e.paths.iter().any(test),
            },
        ),
    ],
};

static UPSTREAM: Schema<Upstream> = Schema {
    fields: &[
        Field::text("DestinationType", |u| &u.destination_type),
        Field::text("DestinationNamespace", |u| &u.destination_namespace),
        Field::text("DestinationPartition", |u| &u.destination_partition),
        Field::text("DestinationPeer", |u| &u.destination_peer),
        Field::text("DestinationName", |u| &u.destination_name),
        Field::text("Datacenter", |u| &u.datacenter),
        Field::text("LocalBindAddress", |u| &u.local_bind_address),
        Field::int("LocalBindPort", |u| u.local_bind_port),
        Field::text("LocalBindSocketPath", |u| &u.local_bind_socket_path),
        Field::text("LocalBindSocketMode", |u| &u.local_bind_socket_mode),
        Field::nested(
            "MeshGateway",
            &Object {
                schema: &MESH_GATEWAY,
                get: |u: &Upstream| Some(&u.mesh_gateway),
            },
        ),
    ],
};

static ENVOY_EXTENSION: Schema<EnvoyExtension> = Schema {
    fields: &[
        Field::text("Name", |e| &e.name),
        Field::bool("Required", |e| e.required),
        Field::text("ConsulVersion", |e| &e.consul_version),
        Field::text("EnvoyVersion", |e| &e.envoy_version),
    ],
};

pub(super) static PROXY: Schema<ConnectProxyConfig> = Schema {
    fields: &[
        Field::text("DestinationServiceName", |p| &p.destination_service_name),
        Field::text("DestinationServiceID", |p| &p.destination_service_id),
        Field::text("LocalServiceAddress", |p| &p.local_service_address),
        Field::int("LocalServicePort", |p| p.local_service_port),
        Field::text("LocalServiceSocketPath", |p| &p.local_service_socket_path),
        Field::text("Mode", |p| &p.mode),
        Field::nested(
            "TransparentProxy",
            &Object {
                schema: &TRANSPARENT_PROXY,
                get: |p: &ConnectProxyConfig| Some(&p.transparent_proxy),
            },
        ),
        Field::nested(
            "AccessLogs",
            &Object {
                schema: &ACCESS_LOGS,
                get: |p: &ConnectProxyConfig| Some(&p.access_logs),
            },
        ),
        Field::nested(
            "MeshGateway",
            &Object {
                schema: &MESH_GATEWAY,
                get: |p: &ConnectProxyConfig| Some(&p.mesh_gateway),
            },
        ),
        Field::nested(
            "Expose",
            &Object {
                schema: &EXPOSE,
                get: |p: &ConnectProxyConfig| Some(&p.expose),
            },
        ),
        Field::nested(
            "Upstreams",
            &Objects {
                schema: &UPSTREAM,
                any: |p: &ConnectProxyConfig, test| p.upstreams.iter().any(test),
            },
        ),
        Field::nested(
            "EnvoyExtensions",
            &Objects {
                schema: &ENVOY_EXTENSION,
                any: |p: &ConnectProxyConfig, test| p.envoy_extensions.iter().any(test),
            },
        ),
    ],
};
