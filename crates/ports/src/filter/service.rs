//! Service instances, as the catalog and as an agent show them.

use super::proxy::{CONNECT, PROXY};
use bexpr::{Field, Keyed, Object, Schema};
use model::{NodeService, ServiceAddress, Weights};

pub(super) static SERVICE_ADDRESS: Schema<ServiceAddress> = Schema {
    fields: &[
        Field::text("Address", |a| &a.address),
        Field::int("Port", |a| a.port),
    ],
};

pub(super) static WEIGHTS: Schema<Weights> = Schema {
    fields: &[
        Field::int("Passing", |w| w.passing),
        Field::int("Warning", |w| w.warning),
    ],
};

/// The fields that both views of an instance share, then those whose presence differs.
macro_rules! instance {
    ($proxy:expr, $connect:expr) => {
        Schema {
            fields: &[
                Field::text("Kind", |s| &s.kind),
                Field::text("ID", |s| &s.id),
                Field::text("Service", |s| &s.service),
                Field::texts("Tags", |s| &s.tags),
                Field::text("Address", |s| &s.address),
                Field::nested(
                    "TaggedAddresses",
                    &Keyed {
                        schema: &SERVICE_ADDRESS,
                        get: |s: &NodeService| &s.tagged_addresses,
                    },
                ),
                Field::map("Meta", |s| &s.meta),
                Field::int("Port", |s| s.port),
                Field::text("SocketPath", |s| &s.socket_path),
                Field::nested(
                    "Weights",
                    &Object {
                        schema: &WEIGHTS,
                        get: |s: &NodeService| s.weights.as_deref(),
                    },
                ),
                Field::bool("EnableTagOverride", |s| s.enable_tag_override),
                Field::text("PeerName", |s| &s.peer_name),
                Field::nested(
                    "Proxy",
                    &Object {
                        schema: &PROXY,
                        get: $proxy,
                    },
                ),
                Field::nested(
                    "Connect",
                    &Object {
                        schema: &CONNECT,
                        get: $connect,
                    },
                ),
            ],
        }
    };
}

/// Rows of `/v1/catalog/node/:node` and `/v1/catalog/node-services/:node`.
pub static NODE_SERVICE: Schema<NodeService> = instance!(
    |s: &NodeService| Some(&s.proxy),
    |s: &NodeService| Some(&s.connect)
);

/// Rows of `/v1/agent/services`: there only proxies and gateways have a `Proxy`, and only native services a `Connect`;
/// for others no comparison inside those holds (spec/http-api.md §6.3).
pub static AGENT_SERVICE: Schema<NodeService> = instance!(
    |s: &NodeService| (!s.kind.is_empty()).then_some(&s.proxy),
    |s: &NodeService| s.connect.native.then_some(&s.connect)
);
