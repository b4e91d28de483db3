//! Methods whose tables do not exist yet. Real clients with sidecars ask them, so they answer as a server whose tables are empty:
//! with their form, their index, and waiting as long as they are asked to. What would write them is not served.

use crate::ask::{decode, read_options};
use crate::reply::{compose, meta};
use crate::row::{Call, Charge, Failure, Handler, Peer, Served};
use bytes::Bytes;
use dialect::msgpack::{self, Writer};
use dialect::{List, record};
use model::{AccessLogsConfig, ExposeConfig, MeshGatewayConfig, TransparentProxyConfig};
use ports::{Answered, Query, Read};
use std::sync::Arc;
use wire::rpc::QueryOptions;

const NIL: &[u8] = &[0xc0];
const NO_ROWS: &[u8] = &[0x90];
const NO_PAIRS: &[u8] = &[0x80];
const NO_TEXT: &[u8] = &[0xa0];

/// Never the ID of a query: a lookup of it is the cheapest read that waits and finds nothing.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

record! {
    /// What all these requests share; other members differ and decide nothing.
    pub(crate) struct EmptyRead {
        datacenter: String = "Datacenter",
        /// Of configuration entries.
        kind: String = "Kind",
        /// Of intentions.
        matching: Option<Box<IntentionMatch>> = "Match",
        #flatten options: QueryOptions,
    }
}

record! {
    /// For whom intentions are looked up.
    pub(crate) struct IntentionMatch {
        entries: List<dialect::Any> = "Entries",
    }
}

/// Waits as an empty table lets one wait, on the server that the consistency asks for.
async fn nothing(
    served: &Served,
    body: &[u8],
    peer: Peer,
) -> Result<(EmptyRead, Answered), Failure> {
    let request: EmptyRead = decode(body)?;
    let mut query = Query::new(Read::PreparedQuery {
        id: NOBODY.to_owned(),
    });
    served
        .datacenter(&request.datacenter)
        .clone_into(&mut query.datacenter);
    let caller = peer.with(&request.options.token);
    let options = read_options(&request.options);
    let answered = served.rpc.read(&caller, query, options).await?;
    Ok((request, answered))
}

/// A reply of these members and the metadata.
macro_rules! empty {
    ($($(#[$doc:meta])* $name:ident = $fields:expr;)*) => {
        $($(#[$doc])* pub(crate) static $name: Handler = |served, body, peer| {
            Box::pin(async move {
                let (_, answered) = nothing(&served, &body, peer).await?;
                Ok(compose(&answered, $fields).into())
            })
        };)*
    };
}

empty! {
    /// `Catalog.GatewayServices`
    GATEWAY_SERVICES = &[("Services", NO_ROWS)];
    /// `FederationState.Get`
    FEDERATION_STATE = &[("State", NIL)];
    /// `FederationState.List`
    FEDERATION_STATES = &[("States", NO_ROWS)];
    /// `FederationState.ListMeshGateways`
    MESH_GATEWAYS = &[("DatacenterNodes", NO_PAIRS)];
    /// `Internal.GatewayServiceDump`
    GATEWAY_DUMP = &[("Dump", NIL)];
    /// `Internal.ServiceGateways`
    NO_NODES = &[("Nodes", NIL)];
    /// Lists of names that nobody has.
    NO_SERVICES = &[("Services", NIL)];
    /// `Internal.ExportedPeeredServices`
    EXPORTED_SERVICES = &[("Services", NO_PAIRS)];
    /// `Intention.List` and those of a gateway: they are configuration entries.
    INTENTIONS = &[("DataOrigin", &[0xa6, b'c', b'o', b'n', b'f', b'i', b'g']), ("Intentions", NO_ROWS)];
}

/// `Catalog.VirtualIPForService`: none is known.
pub(crate) static VIRTUAL_IP: Handler = |served, body, peer| {
    Box::pin(async move {
        nothing(&served, &body, peer).await?;
        Ok(Bytes::from_static(NO_TEXT))
    })
};

/// `Intention.Get`
pub(crate) static INTENTION: Handler = |served, body, peer| {
    Box::pin(async move {
        nothing(&served, &body, peer).await?;
        Err(Failure::Method("Intention not found".to_owned()))
    })
};

/// `Intention.Match`: a list for each asked name.
pub(crate) static INTENTION_MATCH: Handler = |served, body, peer| {
    Box::pin(async move {
        let (request, answered) = nothing(&served, &body, peer).await?;
        let asked = request.matching.map_or(0, |names| names.entries.len());
        let mut matches = Vec::new();
        let mut w = Writer::new(&mut matches);
        w.array(asked);
        for _ in 0..asked {
            w.nil();
        }
        Ok(compose(&answered, &[("Matches", &matches)]).into())
    })
};

/// `Intention.Check`: without intentions and rules everyone may call everyone.
pub(crate) static INTENTION_CHECK: Handler = |served, body, peer| {
    Box::pin(async move {
        nothing(&served, &body, peer).await?;
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.map(1);
        w.str("Allowed");
        w.bool(true);
        Ok(out.into())
    })
};

/// What these types write is one string with an encoding inside (spec/wire.md §0.5).
fn nested(body: impl FnOnce(&mut Writer<'_>)) -> Bytes {
    let mut out = Vec::new();
    Writer::new(&mut out).nested(body);
    out.into()
}

/// `ConfigEntry.Get`
pub(crate) static CONFIG_ENTRY: Handler = |served, body, peer| {
    Box::pin(async move {
        let (_, answered) = nothing(&served, &body, peer).await?;
        Ok(nested(|w| {
            w.str("");
            w.value(&meta(&answered));
        }))
    })
};

/// `ConfigEntry.List`
pub(crate) static CONFIG_ENTRIES: Handler = |served, body, peer| {
    Box::pin(async move {
        let (request, answered) = nothing(&served, &body, peer).await?;
        let kind = msgpack::to_vec(&request.kind);
        Ok(nested(|w| {
            w.int(0);
            w.verbatim(&kind);
            w.verbatim(&compose(
                &answered,
                &[("Entries", NO_ROWS), ("Kind", &kind)],
            ));
        }))
    })
};

/// `ConfigEntry.ListAll`
pub(crate) static ALL_CONFIG_ENTRIES: Handler = |served, body, peer| {
    Box::pin(async move {
        let (_, answered) = nothing(&served, &body, peer).await?;
        Ok(nested(|w| {
            w.int(0);
            w.value(&meta(&answered));
        }))
    })
};

record! {
    /// Where a service outside the mesh is.
    pub(crate) struct Destination {
        addresses: List<String> = "Addresses",
        port: i64 = "Port",
    }
}

record! {
    /// Limits of one instance.
    pub(crate) struct InstanceLimits {
        requests_per_second: i64 = "RequestsPerSecond",
        requests_max_burst: i64 = "RequestsMaxBurst",
        routes: List<dialect::Any> = "Routes",
    }
}

record! {
    /// Limits of requests.
    pub(crate) struct RateLimits {
        instance_level: InstanceLimits = "InstanceLevel",
    }
}

/// `ConfigEntry.ResolveServiceConfig`: nothing is configured.
pub(crate) static SERVICE_CONFIG: Handler = |served, body, peer| {
    Box::pin(async move {
        let (_, answered) = nothing(&served, &body, peer).await?;
        let fields: &[(&str, &[u8])] = &[
            ("AccessLogs", &msgpack::to_vec(&AccessLogsConfig::default())),
            ("Destination", &msgpack::to_vec(&Destination::default())),
            ("EnvoyExtensions", NIL),
            ("Expose", &msgpack::to_vec(&ExposeConfig::default())),
            (
                "MeshGateway",
                &msgpack::to_vec(&MeshGatewayConfig::default()),
            ),
            ("Meta", NIL),
            ("Mode", NO_TEXT),
            ("MutualTLSMode", NO_TEXT),
            ("ProxyConfig", NIL),
            ("RateLimits", &msgpack::to_vec(&RateLimits::default())),
            (
                "TransparentProxy",
                &msgpack::to_vec(&TransparentProxyConfig::default()),
            ),
            ("UpstreamConfigs", NIL),
        ];
        Ok(nested(|w| w.verbatim(&compose(&answered, fields))))
    })
};

/// Every method of the ACL service, of a server without ACLs.
static DISABLED: Handler = |_: Arc<Served>, _, _| {
    let refused = Failure::Method("ACL support disabled".to_owned());
    Box::pin(std::future::ready(Err(refused)))
};

macro_rules! disabled {
    ($($name:literal)*) => {
        /// Methods of the ACL service.
        pub(crate) static ACL: &[Call] = &[$(Call::other(concat!("ACL.", $name), Charge::Read, DISABLED)),*];
    };
}

disabled! {
    "BootstrapTokens" "TokenRead" "TokenClone" "TokenSet" "TokenDelete" "TokenList" "TokenBatchRead"
    "PolicyRead" "PolicyBatchRead" "PolicySet" "PolicyDelete" "PolicyList" "PolicyResolve"
    "RoleRead" "RoleBatchRead" "RoleSet" "RoleDelete" "RoleList" "RoleResolve"
    "BindingRuleRead" "BindingRuleSet" "BindingRuleDelete" "BindingRuleList"
    "AuthMethodRead" "AuthMethodSet" "AuthMethodDelete" "AuthMethodList"
    "Login" "Logout" "Authorize" "ReplicationStatus"
}
