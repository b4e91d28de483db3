//! Nodes, checks and the joined rows.

use super::proxy::{CONNECT, PROXY};
use super::service::{NODE_SERVICE, SERVICE_ADDRESS, WEIGHTS};
use bexpr::{Field, Keyed, Object, Objects, Schema};
use model::{CheckServiceNode, HealthCheck, Node, NodeDump, ServiceNode};

/// Rows of `/v1/catalog/nodes`.
pub static NODE: Schema<Node> = Schema {
    fields: &[
        Field::text("ID", |n| &n.id),
        Field::text("Node", |n| &n.node),
        Field::text("Address", |n| &n.address),
        Field::text("Datacenter", |n| &n.datacenter),
        Field::text("Partition", |n| &n.partition),
        Field::text("PeerName", |n| &n.peer_name),
        Field::map("TaggedAddresses", |n| &n.tagged_addresses),
        Field::map("Meta", |n| &n.meta),
    ],
};

/// Rows of `/v1/catalog/service/:name` and `/v1/catalog/connect/:name`, and the instances behind `/v1/catalog/services`.
pub static SERVICE_NODE: Schema<ServiceNode> = Schema {
    fields: &[
        Field::text("ID", |s| &s.id),
        Field::text("Node", |s| &s.node),
        Field::text("Address", |s| &s.address),
        Field::text("Datacenter", |s| &s.datacenter),
        Field::map("TaggedAddresses", |s| &s.tagged_addresses),
        Field::map("NodeMeta", |s| &s.node_meta),
        Field::text("ServiceKind", |s| &s.service_kind),
        Field::text("ServiceID", |s| &s.service_id),
        Field::text("ServiceName", |s| &s.service_name),
        Field::texts("ServiceTags", |s| &s.service_tags),
        Field::text("ServiceAddress", |s| &s.service_address),
        Field::nested(
            "ServiceTaggedAddresses",
            &Keyed {
                schema: &SERVICE_ADDRESS,
                get: |s: &ServiceNode| &s.service_tagged_addresses,
            },
        ),
        Field::nested(
            "ServiceWeights",
            &Object {
                schema: &WEIGHTS,
                get: |s: &ServiceNode| Some(&s.service_weights),
            },
        ),
        Field::map("ServiceMeta", |s| &s.service_meta),
        Field::int("ServicePort", |s| s.service_port),
        Field::text("ServiceSocketPath", |s| &s.service_socket_path),
        Field::bool("ServiceEnableTagOverride", |s| {
            s.service_enable_tag_override
        }),
        Field::nested(
            "ServiceProxy",
            &Object {
                schema: &PROXY,
                get: |s: &ServiceNode| Some(&s.service_proxy),
            },
        ),
        Field::nested(
            "ServiceConnect",
            &Object {
                schema: &CONNECT,
                get: |s: &ServiceNode| Some(&s.service_connect),
            },
        ),
        Field::text("PeerName", |s| &s.peer_name),
    ],
};

/// Rows of the health endpoints that list checks, and of `/v1/agent/checks`.
pub static HEALTH_CHECK: Schema<HealthCheck> = Schema {
    fields: &[
        Field::text("Node", |c| &c.node),
        Field::text("CheckID", |c| &c.check_id),
        Field::text("Name", |c| &c.name),
        Field::text("Status", |c| &c.status),
        Field::text("Notes", |c| &c.notes),
        Field::text("Output", |c| &c.output),
        Field::text("ServiceID", |c| &c.service_id),
        Field::text("ServiceName", |c| &c.service_name),
        Field::texts("ServiceTags", |c| &c.service_tags),
        Field::text("Type", |c| &c.check_type),
        Field::text("Interval", |c| &c.interval),
        Field::text("Timeout", |c| &c.timeout),
        Field::int("ExposedPort", |c| c.exposed_port),
        Field::text("PeerName", |c| &c.peer_name),
    ],
};

/// Rows of the health endpoints that list instances.
pub static CHECK_SERVICE_NODE: Schema<CheckServiceNode> = Schema {
    fields: &[
        Field::nested(
            "Node",
            &Object {
                schema: &NODE,
                get: |r: &CheckServiceNode| Some(&r.node),
            },
        ),
        Field::nested(
            "Service",
            &Object {
                schema: &NODE_SERVICE,
                get: |r: &CheckServiceNode| Some(&r.service),
            },
        ),
        Field::nested(
            "Checks",
            &Objects {
                schema: &HEALTH_CHECK,
                any: |r: &CheckServiceNode, test| r.checks.iter().any(|c| test(c)),
            },
        ),
    ],
};

/// Rows of `/v1/internal/ui/nodes`.
pub static NODE_DUMP: Schema<NodeDump> = Schema {
    fields: &[
        Field::text("ID", |r| &r.node.id),
        Field::text("Node", |r| &r.node.node),
        Field::text("Partition", |r| &r.node.partition),
        Field::text("PeerName", |r| &r.node.peer_name),
        Field::text("Address", |r| &r.node.address),
        Field::map("TaggedAddresses", |r| &r.node.tagged_addresses),
        Field::map("Meta", |r| &r.node.meta),
        Field::nested(
            "Services",
            &Objects {
                schema: &NODE_SERVICE,
                any: |r: &NodeDump, test| r.services.iter().any(|s| test(s)),
            },
        ),
        Field::nested(
            "Checks",
            &Objects {
                schema: &HEALTH_CHECK,
                any: |r: &NodeDump, test| r.checks.iter().any(|c| test(c)),
            },
        ),
    ],
};
