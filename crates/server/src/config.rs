//! What a server is told at its start.

use model::AutopilotConfig;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The node that this server runs on, as it stands in the catalog.
#[derive(Clone, Debug, Default)]
pub struct NodeConfig {
    /// Node ID, a UUID.
    pub id: String,
    /// Node name.
    pub name: String,
    /// Address that others reach it at.
    pub address: String,
    /// `lan`, `wan`, `lan_ipv4`, …; empty writes none.
    pub tagged_addresses: Vec<(String, String)>,
    /// Metadata; `consul-version` is added when missing.
    pub meta: Vec<(String, String)>,
}

/// Draws the ID of a new object.
pub type Ids = Arc<dyn Fn() -> String + Send + Sync>;

/// Settings of a server.
#[derive(Clone)]
pub struct Config {
    /// Name of the datacenter, lower case.
    pub datacenter: String,
    /// The own node.
    pub node: NodeConfig,
    /// Version told to others, such as `1.21.4`.
    pub version: String,
    /// The server port, which is the port of the service `consul`.
    pub server_port: u16,
    /// gRPC port, 0 for none.
    pub grpc_port: u16,
    /// gRPC port with TLS, 0 for none.
    pub grpc_tls_port: u16,
    /// Directory of log and snapshots; `None` keeps all in memory.
    pub data_dir: Option<PathBuf>,
    /// Found a cluster when the log is empty.
    pub bootstrap: bool,
    /// `raft_multiplier`.
    pub raft_multiplier: u32,
    /// Log bytes that call for a snapshot.
    pub snapshot_log_bytes: u64,
    /// Wait of a blocking query that names none.
    pub default_query_time: Duration,
    /// Longest wait of a blocking query.
    pub max_query_time: Duration,
    /// How long a request waits for a leader.
    pub rpc_hold_timeout: Duration,
    /// Shortest TTL of a session.
    pub session_ttl_min: Duration,
    /// Age at which tombstones go.
    pub tombstone_ttl: Duration,
    /// Tombstones within this go together.
    pub tombstone_granularity: Duration,
    /// Time between two looks at whether the catalog shows this server right.
    pub reconcile_interval: Duration,
    /// Time between two flushes of coordinates.
    pub coordinate_update_period: Duration,
    /// Coordinates in one command.
    pub coordinate_batch_size: usize,
    /// Commands in one flush.
    pub coordinate_max_batches: usize,
    /// The mesh's certificate authority of a new cluster; none where the mesh is switched off.
    pub authority: Option<crate::AuthorityConfig>,
    /// Autopilot configuration of a new cluster.
    pub autopilot: AutopilotConfig,
    /// Stands before every request.
    pub guard: ports::Guard,
    /// Where IDs of sessions and prepared queries come from.
    pub ids: Ids,
    /// Where is counted.
    pub metrics: telemetry::Metrics,
    /// A disk in place of `data_dir` (tests).
    pub disk: Option<Arc<dyn consensus::disk::Disk>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            datacenter: "dc1".to_owned(),
            node: NodeConfig::default(),
            version: "1.21.4".to_owned(),
            server_port: 8300,
            grpc_port: 0,
            grpc_tls_port: 0,
            data_dir: None,
            bootstrap: true,
            raft_multiplier: 5,
            snapshot_log_bytes: 64 << 20,
            default_query_time: Duration::from_secs(300),
            max_query_time: Duration::from_secs(600),
            rpc_hold_timeout: Duration::from_secs(7),
            session_ttl_min: Duration::from_secs(10),
            tombstone_ttl: Duration::from_secs(15 * 60),
            tombstone_granularity: Duration::from_secs(30),
            reconcile_interval: Duration::from_secs(60),
            coordinate_update_period: Duration::from_secs(5),
            coordinate_batch_size: 128,
            coordinate_max_batches: 5,
            authority: None,
            autopilot: AutopilotConfig {
                cleanup_dead_servers: true,
                last_contact_threshold: dialect::DurText(200_000_000),
                max_trailing_logs: 250,
                server_stabilization_time: dialect::DurText(10_000_000_000),
                ..AutopilotConfig::default()
            },
            guard: ports::Guard::open(),
            ids: Arc::new(|| uuid::Uuid::new_v4().to_string()),
            metrics: telemetry::Metrics::default(),
            disk: None,
        }
    }
}
