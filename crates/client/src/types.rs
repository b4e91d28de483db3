//! The JSON objects of the API. Absent members and `null` decode as empty; unknown members are ignored.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `null` as the zero value.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(d).map(Option::unwrap_or_default)
}

/// A declaration of an object whose members are all optional on input; `unless` names the test for members that are left
/// out of output.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty = $json:literal $(unless $empty:literal)?,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$fdoc])* #[serde(rename = $json, default, deserialize_with = "nullable" $(, skip_serializing_if = $empty)?)] pub $field: $type,)*
        }
    };
}

mod acl;

pub use acl::*;

/// Texts by text.
pub type Map = BTreeMap<String, String>;

/// Base64 of bytes, as values stand in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes64(pub Vec<u8>);

impl Serialize for Bytes64 {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use base64::Engine;
        s.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes64 {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use base64::Engine;
        let text = String::deserialize(d)?;
        // As Go reads it: spare bits of the last symbol may be anything.
        const LENIENT: base64::engine::GeneralPurpose = base64::engine::GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
        );
        LENIENT
            .decode(text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

object! {
    /// A key with its value.
    KvPair {
        /// The key.
        key: String = "Key",
        /// Index of its first write.
        create_index: u64 = "CreateIndex",
        /// Index of its last write; pass it to check-and-set.
        modify_index: u64 = "ModifyIndex",
        /// How often it was locked.
        lock_index: u64 = "LockIndex",
        /// Any number of the writer's.
        flags: u64 = "Flags",
        /// The value.
        value: Bytes64 = "Value",
        /// Session that holds it; empty when unlocked.
        session: String = "Session",
        /// Enterprise namespace; empty elsewhere.
        namespace: String = "Namespace",
        /// Enterprise partition; empty elsewhere.
        partition: String = "Partition",
    }
}

object! {
    /// A node of the catalog.
    Node {
        /// Node ID, may be empty.
        id: String = "ID",
        /// Name.
        node: String = "Node",
        /// Address.
        address: String = "Address",
        /// Datacenter.
        datacenter: String = "Datacenter",
        /// Further addresses by kind.
        tagged_addresses: Map = "TaggedAddresses",
        /// Metadata.
        meta: Map = "Meta",
        /// Index of the first write.
        create_index: u64 = "CreateIndex",
        /// Index of the last write.
        modify_index: u64 = "ModifyIndex",
    }
}

object! {
    /// An address with a port.
    ServiceAddress {
        /// Address.
        address: String = "Address",
        /// Port.
        port: i64 = "Port",
    }
}

object! {
    /// A row of `/v1/catalog/service/:name`.
    CatalogService {
        /// Node ID.
        id: String = "ID",
        /// Node name.
        node: String = "Node",
        /// Node address.
        address: String = "Address",
        /// Datacenter.
        datacenter: String = "Datacenter",
        /// Addresses of the node.
        tagged_addresses: Map = "TaggedAddresses",
        /// Metadata of the node.
        node_meta: Map = "NodeMeta",
        /// Instance ID.
        service_id: String = "ServiceID",
        /// Service name.
        service_name: String = "ServiceName",
        /// Address of the instance; empty for the node's.
        service_address: String = "ServiceAddress",
        /// Tags.
        service_tags: Vec<String> = "ServiceTags",
        /// Metadata of the instance.
        service_meta: Map = "ServiceMeta",
        /// Port.
        service_port: i64 = "ServicePort",
        /// Index of the last write.
        modify_index: u64 = "ModifyIndex",
    }
}

object! {
    /// A service instance, of the catalog or of an agent.
    Service {
        /// Kind; empty for an ordinary service.
        kind: String = "Kind",
        /// Instance ID.
        id: String = "ID",
        /// Service name.
        service: String = "Service",
        /// Tags.
        tags: Vec<String> = "Tags",
        /// Metadata.
        meta: Map = "Meta",
        /// Port.
        port: i64 = "Port",
        /// Address.
        address: String = "Address",
        /// Unix socket.
        socket_path: String = "SocketPath",
        /// Further addresses by kind.
        tagged_addresses: BTreeMap<String, ServiceAddress> = "TaggedAddresses",
        /// Whether catalog edits of the tags stay.
        enable_tag_override: bool = "EnableTagOverride",
        /// Proxy settings, as sent.
        proxy: Value = "Proxy",
        /// Mesh settings, as sent.
        connect: Value = "Connect",
    }
}

object! {
    /// Answer of `/v1/catalog/node/:node`.
    CatalogNode {
        /// The node.
        node: Node = "Node",
        /// Its instances by ID.
        services: BTreeMap<String, Service> = "Services",
    }
}

object! {
    /// A check.
    Check {
        /// Node name.
        node: String = "Node",
        /// ID, unique on the node.
        check_id: String = "CheckID",
        /// Name.
        name: String = "Name",
        /// `passing`, `warning`, `critical`.
        status: String = "Status",
        /// Notes.
        notes: String = "Notes",
        /// Output of the last run.
        output: String = "Output",
        /// Instance it belongs to; empty for the node.
        service_id: String = "ServiceID",
        /// Service it belongs to.
        service_name: String = "ServiceName",
        /// Tags of that service.
        service_tags: Vec<String> = "ServiceTags",
        /// Kind of check.
        check_type: String = "Type",
    }
}

object! {
    /// A row of the health endpoints.
    ServiceEntry {
        /// The node.
        node: Node = "Node",
        /// The instance.
        service: Service = "Service",
        /// Checks of both.
        checks: Vec<Check> = "Checks",
    }
}

object! {
    /// A gossip member.
    Member {
        /// Node name.
        name: String = "Name",
        /// IP address.
        addr: String = "Addr",
        /// Gossip port.
        port: u16 = "Port",
        /// Tags.
        tags: Map = "Tags",
        /// 0 none, 1 alive, 2 leaving, 3 left, 4 failed.
        status: i64 = "Status",
    }
}

object! {
    /// A session.
    Session {
        /// ID.
        id: String = "ID",
        /// Name.
        name: String = "Name",
        /// Node it lives on.
        node: String = "Node",
        /// Nanoseconds.
        lock_delay: u64 = "LockDelay",
        /// `release` or `delete`.
        behavior: String = "Behavior",
        /// Duration text; empty for none.
        ttl: String = "TTL",
    }
}

/// What to create a session with. Empty members take the server's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionRequest {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Node; empty for the agent's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Duration text such as `15s`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lock_delay: String,
    /// `release` or `delete`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub behavior: String,
    /// Duration text; empty for none.
    #[serde(rename = "TTL", skip_serializing_if = "String::is_empty")]
    pub ttl: String,
    /// Checks of the node it depends on; `None` for the default (`serfHealth`), an empty list for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_checks: Option<Vec<String>>,
}

object! {
    /// A user event.
    UserEvent {
        /// ID.
        id: String = "ID",
        /// Name.
        name: String = "Name",
        /// Payload.
        payload: Bytes64 = "Payload",
        /// Node filter, a regular expression.
        node_filter: String = "NodeFilter",
        /// Service filter, a regular expression.
        service_filter: String = "ServiceFilter",
        /// Tag filter, a regular expression.
        tag_filter: String = "TagFilter",
        /// Lamport time.
        ltime: u64 = "LTime",
    }
}

object! {
    /// A point in the coordinate space; seconds.
    NetCoord {
        /// Eight components.
        vec: Vec<f64> = "Vec",
        /// Confidence.
        error: f64 = "Error",
        /// Adjustment.
        adjustment: f64 = "Adjustment",
        /// Height above the plane.
        height: f64 = "Height",
    }
}

impl NetCoord {
    /// Estimated round-trip time to `other`, seconds.
    pub fn distance(&self, other: &Self) -> f64 {
        let squares: f64 = self
            .vec
            .iter()
            .zip(&other.vec)
            .map(|(a, b)| (a - b) * (a - b))
            .sum();
        let raw = squares.sqrt() + self.height + other.height;
        let adjusted = raw + self.adjustment + other.adjustment;
        if adjusted > 0.0 { adjusted } else { raw }
    }
}

object! {
    /// The coordinate of a node.
    Coordinate {
        /// Node name.
        node: String = "Node",
        /// Network segment.
        segment: String = "Segment",
        /// Where it is.
        coord: NetCoord = "Coord",
    }
}

object! {
    /// Coordinates of the servers of a datacenter.
    DatacenterCoordinates {
        /// Datacenter.
        datacenter: String = "Datacenter",
        /// Area; `wan`.
        area_id: String = "AreaID",
        /// Servers.
        coordinates: Vec<Coordinate> = "Coordinates",
    }
}

object! {
    /// A Raft peer.
    RaftServer {
        /// ID.
        id: String = "ID",
        /// Node name.
        node: String = "Node",
        /// Address.
        address: String = "Address",
        /// Whether it leads.
        leader: bool = "Leader",
        /// Raft protocol version; may be empty.
        protocol_version: String = "ProtocolVersion",
        /// Whether it votes.
        voter: bool = "Voter",
        /// Index of its last log entry.
        last_index: u64 = "LastIndex",
    }
}

object! {
    /// The Raft configuration.
    RaftConfiguration {
        /// Peers.
        servers: Vec<RaftServer> = "Servers",
        /// Log index of the configuration.
        index: u64 = "Index",
    }
}

object! {
    /// How servers come and go. Durations are texts.
    AutopilotConfiguration {
        /// Remove failed servers when a new one joins.
        cleanup_dead_servers: bool = "CleanupDeadServers",
        /// Greatest age of the leader's contact of a healthy server.
        last_contact_threshold: String = "LastContactThreshold",
        /// Greatest lag of a healthy server, log entries.
        max_trailing_logs: u64 = "MaxTrailingLogs",
        /// Least number of servers to keep.
        min_quorum: u64 = "MinQuorum",
        /// How long a server must be healthy before it votes.
        server_stabilization_time: String = "ServerStabilizationTime",
        /// Enterprise.
        redundancy_zone_tag: String = "RedundancyZoneTag",
        /// Enterprise.
        disable_upgrade_migration: bool = "DisableUpgradeMigration",
        /// Enterprise.
        upgrade_version_tag: String = "UpgradeVersionTag",
        /// Index of the first write.
        create_index: u64 = "CreateIndex",
        /// Index of the last write.
        modify_index: u64 = "ModifyIndex",
    }
}

object! {
    /// Keys of one gossip pool.
    KeyringResponse {
        /// Whether this is the WAN pool.
        wan: bool = "WAN",
        /// Datacenter of a LAN pool.
        datacenter: String = "Datacenter",
        /// Segment of a LAN pool.
        segment: String = "Segment",
        /// What nodes said, by node.
        messages: Map = "Messages",
        /// How many nodes have a key.
        keys: BTreeMap<String, u64> = "Keys",
        /// How many nodes use a key.
        primary_keys: BTreeMap<String, u64> = "PrimaryKeys",
        /// How many nodes there are.
        num_nodes: u64 = "NumNodes",
    }
}

object! {
    /// Numbers of one datacenter in `/v1/operator/usage`.
    ServiceUsage {
        /// Nodes.
        nodes: i64 = "Nodes",
        /// Service names.
        services: i64 = "Services",
        /// Instances.
        service_instances: i64 = "ServiceInstances",
        /// Instances by mesh kind.
        connect_service_instances: BTreeMap<String, i64> = "ConnectServiceInstances",
        /// Instances that count for billing.
        billable_service_instances: i64 = "BillableServiceInstances",
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes64;

    /// As Go's decoder reads it: spare bits may be set, padding must be there.
    #[test]
    fn values_are_read_as_go_reads_them() {
        let read = |text: &str| serde_json::from_str::<Bytes64>(&format!("\"{text}\"")).ok();
        for (text, bytes) in [
            ("", &b""[..]),
            ("YQ==", b"a"),
            ("YR==", b"a"),
            ("YWJ=", b"ab"),
            ("YWJj", b"abc"),
        ] {
            assert_eq!(read(text), Some(Bytes64(bytes.to_vec())), "{text}");
        }
        for text in ["YQ", "YQ=", "Y", "=", "YQ==YQ==", "Y-==", "YQ==\\n?"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(
            serde_json::to_string(&Bytes64(b"a".to_vec())).unwrap(),
            "\"YQ==\""
        );
    }
}
