//! The content hash of a service (spec/http-api.md §5.4): the structural hash that Go programs make of the client library's
//! `AgentService`, so that a client that compared with one agent goes on comparing with another one. 64-bit FNV-1 over names and
//! values; members of objects and maps are combined without order, lists in theirs.

use super::agent_view::has_proxy;
use dialect::Any;
use model::{ConnectProxyConfig, ExposePath, NodeService, Upstream};

/// The hash as it stands in header and body: hexadecimal, no leading zeros.
pub(crate) fn hash(service: &NodeService) -> String {
    let weights = service.weights.as_deref();
    let addresses = service.tagged_addresses.iter().map(|(name, address)| {
        let mut fields = Object::named("ServiceAddress");
        fields.text("Address", &address.address);
        fields.int("Port", address.port);
        (text(name), fields.end())
    });
    let mut all = Object::named("AgentService");
    all.text("Kind", &service.kind);
    all.text("ID", &service.id);
    all.text("Service", &service.service);
    all.texts("Tags", service.tags.iter());
    let meta = service.meta.iter();
    all.add("Meta", unordered(meta.map(|(k, v)| (text(k), text(v)))));
    all.int("Port", service.port);
    all.text("Address", &service.address);
    all.text("SocketPath", &service.socket_path);
    all.add("TaggedAddresses", unordered(addresses));
    let mut fields = Object::named("AgentWeights");
    fields.int("Passing", weights.map_or(0, |w| w.passing));
    fields.int("Warning", weights.map_or(0, |w| w.warning));
    all.add("Weights", fields.end());
    all.bool("EnableTagOverride", service.enable_tag_override);
    // Never set where a hash is made, though members of the object.
    for name in ["CreateIndex", "ModifyIndex"] {
        all.int(name, 0);
    }
    all.text("ContentHash", "");
    let shown = has_proxy(&service.kind);
    all.add("Proxy", if shown { proxy(&service.proxy) } else { int(0) });
    let mut connect = Object::named("AgentServiceConnect");
    connect.bool("Native", service.connect.native);
    connect.int("SidecarService", 0);
    let connect = if service.connect.native {
        connect.end()
    } else {
        int(0)
    };
    all.add("Connect", connect);
    all.text("PeerName", &service.peer_name);
    format!("{:x}", all.end())
}

fn proxy(proxy: &ConnectProxyConfig) -> u64 {
    let extensions = proxy.envoy_extensions.iter().map(|extension| {
        let mut fields = Object::named("EnvoyExtension");
        fields.text("Name", &extension.name);
        fields.bool("Required", extension.required);
        fields.map("Arguments", extension.arguments.iter());
        fields.text("ConsulVersion", &extension.consul_version);
        fields.text("EnvoyVersion", &extension.envoy_version);
        fields.end()
    });
    let mut all = Object::named("AgentServiceConnectProxyConfig");
    all.add("EnvoyExtensions", ordered(extensions));
    all.text("DestinationServiceName", &proxy.destination_service_name);
    all.text("DestinationServiceID", &proxy.destination_service_id);
    all.text("LocalServiceAddress", &proxy.local_service_address);
    all.int("LocalServicePort", proxy.local_service_port);
    all.text("LocalServiceSocketPath", &proxy.local_service_socket_path);
    all.text("Mode", &proxy.mode);
    let transparent = &proxy.transparent_proxy;
    let mut fields = Object::named("TransparentProxyConfig");
    fields.int("OutboundListenerPort", transparent.outbound_listener_port);
    fields.bool("DialedDirectly", transparent.dialed_directly);
    // What is empty was never there: a nil pointer hashes as zero.
    let there = *transparent != model::TransparentProxyConfig::default();
    all.add(
        "TransparentProxy",
        if there { fields.end() } else { int(0) },
    );
    all.map("Config", proxy.config.iter());
    all.add("Upstreams", ordered(proxy.upstreams.iter().map(upstream)));
    all.add("MeshGateway", gateway(&proxy.mesh_gateway.mode));
    let mut expose = Object::named("ExposeConfig");
    expose.bool("Checks", proxy.expose.checks);
    let paths = proxy.expose.paths.iter();
    expose.add("Paths", ordered(paths.map(exposed)));
    all.add("Expose", expose.end());
    let logs = &proxy.access_logs;
    let mut fields = Object::named("AccessLogsConfig");
    fields.bool("Enabled", logs.enabled);
    fields.bool("DisableListenerLogs", logs.disable_listener_logs);
    fields.text("Type", &logs.log_type);
    fields.text("Path", &logs.path);
    fields.text("JSONFormat", &logs.json_format);
    fields.text("TextFormat", &logs.text_format);
    let there = *logs != model::AccessLogsConfig::default();
    all.add("AccessLogs", if there { fields.end() } else { int(0) });
    all.end()
}

fn gateway(mode: &str) -> u64 {
    let mut fields = Object::named("MeshGatewayConfig");
    fields.text("Mode", mode);
    fields.end()
}

fn exposed(path: &ExposePath) -> u64 {
    let mut fields = Object::named("ExposePath");
    fields.int("ListenerPort", path.listener_port);
    fields.text("Path", &path.path);
    fields.int("LocalPathPort", path.local_path_port);
    fields.text("Protocol", &path.protocol);
    fields.bool("ParsedFromCheck", path.parsed_from_check);
    fields.end()
}

fn upstream(upstream: &Upstream) -> u64 {
    let mut fields = Object::named("Upstream");
    fields.text("DestinationType", &upstream.destination_type);
    fields.text("DestinationPartition", &upstream.destination_partition);
    fields.text("DestinationNamespace", &upstream.destination_namespace);
    fields.text("DestinationPeer", &upstream.destination_peer);
    fields.text("DestinationName", &upstream.destination_name);
    fields.text("Datacenter", &upstream.datacenter);
    fields.text("LocalBindAddress", &upstream.local_bind_address);
    fields.int("LocalBindPort", upstream.local_bind_port);
    fields.text("LocalBindSocketPath", &upstream.local_bind_socket_path);
    fields.text("LocalBindSocketMode", &upstream.local_bind_socket_mode);
    fields.map("Config", upstream.config.iter());
    fields.add("MeshGateway", gateway(&upstream.mesh_gateway.mode));
    fields.bool("CentrallyConfigured", upstream.centrally_configured);
    fields.end()
}

/// A structure under construction: its type's name, then its members in any order.
struct Object(u64);

impl Object {
    fn named(name: &str) -> Self {
        Self(text(name))
    }

    fn add(&mut self, name: &str, value: u64) {
        self.0 ^= pair(text(name), value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.add(name, text(value));
    }

    fn texts<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a String>) {
        self.add(name, ordered(values.map(|value| text(value))));
    }

    fn int(&mut self, name: &str, value: i64) {
        self.add(name, int(value));
    }

    fn bool(&mut self, name: &str, value: bool) {
        self.add(name, fnv(&[u8::from(value)]));
    }

    fn map<'a>(&mut self, name: &str, values: impl Iterator<Item = (&'a String, &'a Any)>) {
        self.add(name, unordered(values.map(|(k, v)| (text(k), any(v)))));
    }

    fn end(self) -> u64 {
        self.0
    }
}

fn any(value: &Any) -> u64 {
    match value {
        Any::Null => int(0),
        Any::Bool(value) => fnv(&[u8::from(*value)]),
        Any::Int(value) => int(*value),
        Any::Uint(value) => fnv(&value.to_le_bytes()),
        Any::Float(value) => fnv(&value.to_le_bytes()),
        Any::Str(value) => text(value),
        Any::Bytes(bytes) => ordered(bytes.iter().map(|byte| fnv(&[*byte]))),
        Any::List(values) => ordered(values.iter().map(any)),
        Any::Map(values) => unordered(values.iter().map(|(k, v)| (text(k), any(v)))),
    }
}

fn text(value: &str) -> u64 {
    fnv(value.as_bytes())
}

fn int(value: i64) -> u64 {
    fnv(&value.to_le_bytes())
}

fn pair(a: u64, b: u64) -> u64 {
    let mut bytes = [0; 16];
    let (first, second) = bytes.split_at_mut(8);
    first.copy_from_slice(&a.to_le_bytes());
    second.copy_from_slice(&b.to_le_bytes());
    fnv(&bytes)
}

fn ordered(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, pair)
}

fn unordered(pairs: impl Iterator<Item = (u64, u64)>) -> u64 {
    pairs.fold(0, |all, (key, value)| all ^ pair(key, value))
}

/// FNV-1, 64 bits (draft-eastlake-fnv).
fn fnv(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(BASIS, |hash, byte| {
        hash.wrapping_mul(PRIME) ^ u64::from(*byte)
    })
}

#[cfg(test)]
mod tests {
    use super::hash;
    use dialect::json;
    use model::NodeService;

    fn service(text: &str) -> NodeService {
        json::from_slice(text.as_bytes(), json::Mode::Lax).unwrap()
    }

    #[test]
    fn a_plain_service_hashes_as_the_reference_does() {
        let row = service(
            r#"{"ID":"f1","Service":"flags","Port":8080,"Address":"10.0.0.1","Tags":["x","y"],"Meta":{"k":"v"},
                "TaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.1","Port":8080},"wan":{"Address":"1.2.3.4","Port":90},
                "wan_ipv4":{"Address":"10.0.0.1","Port":8080}},"Weights":{"Passing":1,"Warning":1}}"#,
        );
        assert_eq!(hash(&row), "de8baf4fbc218437");
    }

    // Expected values: github.com/mitchellh/hashstructure v1 over the client library's AgentService of the same content.
    #[test]
    fn native_services_and_proxies_hash_as_the_reference_does() {
        let row = service(
            r#"{"ID":"n","Service":"n","Weights":{"Passing":1,"Warning":1},"Connect":{"Native":true}}"#,
        );
        assert_eq!(hash(&row), "dad547d08985a4ee");
        let row = service(
            r#"{"Kind":"connect-proxy","ID":"p","Service":"p","Port":5,"Tags":["t"],"Weights":{"Passing":2,"Warning":3},
                "EnableTagOverride":true,"SocketPath":"/s","Proxy":{"DestinationServiceName":"web","DestinationServiceID":"w1",
                "LocalServiceAddress":"127.0.0.1","LocalServicePort":80,"LocalServiceSocketPath":"/l","Mode":"transparent",
                "TransparentProxy":{"OutboundListenerPort":7,"DialedDirectly":true},
                "Config":{"a":1.5,"b":"x","c":true,"d":[1,"y"],"e":{"f":null}},
                "Upstreams":[{"DestinationType":"service","DestinationName":"db","LocalBindPort":9,"Config":{"z":2},
                "MeshGateway":{"Mode":"local"}}],"MeshGateway":{"Mode":"remote"},
                "Expose":{"Checks":true,"Paths":[{"ListenerPort":1,"Path":"/m","LocalPathPort":2,"Protocol":"http",
                "ParsedFromCheck":true}]},"AccessLogs":{"Enabled":true,"Type":"file","Path":"/x"},
                "EnvoyExtensions":[{"Name":"e","Required":true,"Arguments":{"q":"r"},"ConsulVersion":"c","EnvoyVersion":"v"}]}}"#,
        );
        assert_eq!(hash(&row), "3c9e9779d168ea8f");
    }
}
