//! How agents agree.

use std::time::Duration;

/// Gossip.
#[derive(Clone, Debug, PartialEq)]
pub struct Gossip {
    /// Key as configured (base64), if any.
    pub encrypt: Option<String>,
    /// Refuse unencrypted packets.
    pub verify_incoming: bool,
    /// Encrypt what is sent.
    pub verify_outgoing: bool,
    /// Keys stay in memory.
    pub disable_keyring_file: bool,
    /// Local pool.
    pub lan: GossipTiming,
    /// Wide-area pool.
    pub wan: GossipTiming,
}

/// Timing of a pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GossipTiming {
    /// Members told per round.
    pub gossip_nodes: i64,
    /// Pause between rounds.
    pub gossip_interval: Duration,
    /// Pause between probes.
    pub probe_interval: Duration,
    /// Patience with a probe.
    pub probe_timeout: Duration,
    /// Factor of the suspicion time.
    pub suspicion_mult: i64,
    /// Factor of retransmissions.
    pub retransmit_mult: i64,
}

/// Consensus.
#[derive(Clone, Debug, PartialEq)]
pub struct Raft {
    /// Factor of all timeouts, 1 to 10.
    pub multiplier: u32,
    /// Entries between snapshots.
    pub snapshot_threshold: i64,
    /// Pause between looks whether a snapshot is due.
    pub snapshot_interval: Duration,
    /// Entries kept after a snapshot.
    pub trailing_logs: i64,
    /// No pre-vote.
    pub prevote_disabled: bool,
    /// Log store asked for: `default`, `boltdb` or `wal`.
    pub logstore_backend: String,
    /// Log store options, kept for `/v1/agent/self`.
    pub logstore_disable_log_cache: bool,
    /// Verification of log stores.
    pub logstore_verification: (bool, Duration),
    /// BoltDB option.
    pub logstore_no_freelist_sync: bool,
    /// Segment size in MiB.
    pub logstore_wal_segment_size_mb: i64,
}

/// Timing of RPC and leaving.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Performance {
    /// Answers go on for this long after a leave.
    pub leave_drain_time: Duration,
    /// How long a request waits for a leader.
    pub rpc_hold_timeout: Duration,
    /// Pause between keep-alives.
    pub grpc_keepalive_interval: Duration,
    /// Patience with them.
    pub grpc_keepalive_timeout: Duration,
    /// Spread xDS streams over servers.
    pub enable_xds_load_balancing: bool,
}

/// Initial autopilot settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Autopilot {
    /// Remove dead servers.
    pub cleanup_dead_servers: bool,
    /// Healthy servers have heard the leader within this time.
    pub last_contact_threshold: Duration,
    /// Healthy servers are behind by at most this.
    pub max_trailing_logs: u64,
    /// Never go below this number of servers.
    pub min_quorum: u64,
    /// Time a new server must be healthy.
    pub server_stabilization_time: Duration,
    /// Enterprise. No effect.
    pub redundancy_zone_tag: String,
    /// Enterprise. No effect.
    pub disable_upgrade_migration: bool,
    /// Enterprise. No effect.
    pub upgrade_version_tag: String,
}
