//! `PreparedQuery`: reads and executions.

use std::sync::Arc;

use dialect::{List, record};
use model::{PreparedQuery, QueryDnsOptions};

use super::{CheckServiceNode, QueryMeta, QueryOptions, QuerySource};

record! {
    /// Asks for one query by ID.
    pub struct PreparedQuerySpecificRequest {
        datacenter: String = "Datacenter",
        query_id: String = "QueryID",
        #flatten options: QueryOptions,
    }
}

record! {
    /// Runs a query, or explains what would run.
    pub struct PreparedQueryExecuteRequest {
        datacenter: String = "Datacenter",
        query_id_or_name: String = "QueryIDOrName",
        /// Most results; 0 for no limit.
        limit: i64 = "Limit",
        connect: bool = "Connect",
        source: QuerySource = "Source",
        /// The agent that forwards the request.
        agent: QuerySource = "Agent",
        #flatten options: QueryOptions,
    }
}

record! {
    /// Runs a whole query for a server of another datacenter.
    pub struct PreparedQueryExecuteRemoteRequest {
        datacenter: String = "Datacenter",
        query: PreparedQuery = "Query",
        limit: i64 = "Limit",
        connect: bool = "Connect",
        #flatten options: QueryOptions,
    }
}

record! {
    /// What a run found.
    pub struct PreparedQueryExecuteResponse {
        service: String = "Service",
        nodes: List<CheckServiceNode> = "Nodes",
        dns: QueryDnsOptions = "DNS",
        /// Where the results come from.
        datacenter: String = "Datacenter",
        peer_name: String = "PeerName",
        /// Datacenters that were asked before.
        failovers: i64 = "Failovers",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// The query after its template was filled in.
    pub struct PreparedQueryExplainResponse {
        query: PreparedQuery = "Query",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// Queries.
    pub struct IndexedPreparedQueries {
        queries: List<Arc<PreparedQuery>> = "Queries",
        #flatten meta: QueryMeta,
    }
}
