//! `Operator`: the servers' own state.

use dialect::{Any, Dict, DurText, GoTime, List, Nanos, record};

use super::{QueryMeta, QueryOptions, QuerySource};

record! {
    /// A server in the consensus configuration.
    pub struct RaftServer {
        id: String = "ID",
        node: String = "Node",
        address: String = "Address",
        leader: bool = "Leader",
        protocol_version: String = "ProtocolVersion",
        voter: bool = "Voter",
        last_index: u64 = "LastIndex",
    }
}

record! {
    /// The consensus configuration.
    pub struct RaftConfigurationResponse {
        servers: List<RaftServer> = "Servers",
        index: u64 = "Index",
    }
}

record! {
    /// Removes a server, by address or by ID.
    pub struct RaftRemovePeerRequest {
        datacenter: String = "Datacenter",
        address: String = "Address",
        id: String = "ID",
        token: String = "Token",
    }
}

record! {
    /// What autopilot thinks of a server.
    pub struct AutopilotServerHealth {
        id: String = "ID",
        name: String = "Name",
        address: String = "Address",
        /// Number of the gossip status: 0 none, 1 alive, 2 leaving, 3 left, 4 failed.
        serf_status: i64 = "SerfStatus",
        version: String = "Version",
        leader: bool = "Leader",
        last_contact: DurText = "LastContact",
        last_term: u64 = "LastTerm",
        last_index: u64 = "LastIndex",
        healthy: bool = "Healthy",
        voter: bool = "Voter",
        stable_since: GoTime = "StableSince",
    }
}

record! {
    /// What autopilot thinks of all servers.
    pub struct AutopilotHealthReply {
        healthy: bool = "Healthy",
        /// Servers that may be lost without losing the quorum.
        failure_tolerance: i64 = "FailureTolerance",
        servers: List<AutopilotServerHealth> = "Servers",
    }
}

record! {
    /// A server as autopilot sees it.
    pub struct AutopilotServer {
        id: String = "ID",
        name: String = "Name",
        address: String = "Address",
        /// `unknown alive failed left`.
        node_status: String = "NodeStatus",
        version: String = "Version",
        meta: Dict<String> = "Meta",
        raft_version: i64 = "RaftVersion",
        is_leader: bool = "IsLeader",
        /// `voter`.
        node_type: String = "NodeType",
        ext: Any = "Ext",
    }
}

record! {
    /// How far a server is.
    pub struct AutopilotServerStats {
        last_contact: Nanos = "LastContact",
        last_term: u64 = "LastTerm",
        last_index: u64 = "LastIndex",
    }
}

record! {
    /// Whether a server is well, and since when that is so.
    pub struct AutopilotHealth {
        healthy: bool = "Healthy",
        stable_since: GoTime = "StableSince",
    }
}

record! {
    /// A server and what autopilot knows about it.
    pub struct AutopilotServerState {
        server: AutopilotServer = "Server",
        /// `none leader voter non-voter staging`.
        state: String = "State",
        stats: AutopilotServerStats = "Stats",
        health: AutopilotHealth = "Health",
    }
}

record! {
    /// Autopilot's view of the cluster.
    pub struct AutopilotState {
        healthy: bool = "Healthy",
        failure_tolerance: i64 = "FailureTolerance",
        servers: Dict<AutopilotServerState> = "Servers",
        leader: String = "Leader",
        voters: List<String> = "Voters",
        ext: Any = "Ext",
    }
}

record! {
    /// Asks how much a datacenter, or every one, holds.
    pub struct OperatorUsageRequest {
        datacenter: String = "Datacenter",
        node_meta_filters: Dict<String> = "NodeMetaFilters",
        source: QuerySource = "Source",
        peer_name: String = "PeerName",
        #flatten options: QueryOptions,
        global: bool = "Global",
    }
}

record! {
    /// How much a datacenter holds.
    pub struct ServiceUsage {
        services: i64 = "Services",
        service_instances: i64 = "ServiceInstances",
        connect_service_instances: Dict<i64> = "ConnectServiceInstances",
        billable_service_instances: i64 = "BillableServiceInstances",
        nodes: i64 = "Nodes",
    }
}

record! {
    /// How much the datacenters hold.
    pub struct UsageResponse {
        usage: Dict<ServiceUsage> = "Usage",
        #flatten meta: QueryMeta,
    }
}
