//! What requests and replies of several services share: call headers, options of reads, their metadata.

use dialect::{Dict, Nanos, record};

record! {
    /// Head of a request: net/rpc's (spec/wire.md §3.5).
    pub struct RequestHeader {
        /// Number of the call on its connection.
        seq: u64 = "Seq",
        /// `Service.Method`.
        service_method: String = "ServiceMethod",
    }
}

record! {
    /// Head of a reply.
    pub struct ResponseHeader {
        /// Why the call failed; empty when it did not.
        error: String = "Error",
        /// The request's number.
        seq: u64 = "Seq",
        /// The request's method.
        service_method: String = "ServiceMethod",
    }
}

record! {
    /// A body without fields.
    pub struct Empty {}
}

record! {
    /// How a read wants its answer (spec/server.md §5).
    pub struct QueryOptions {
        token: String = "Token",
        /// Wait until the result's index is above this; 0 answers at once.
        min_query_index: u64 = "MinQueryIndex",
        /// Longest wait.
        max_query_time: Nanos = "MaxQueryTime",
        /// Any server may answer from what it has.
        allow_stale: bool = "AllowStale",
        /// The leader confirms its leadership first.
        require_consistent: bool = "RequireConsistent",
        use_cache: bool = "UseCache",
        max_stale_duration: Nanos = "MaxStaleDuration",
        max_age: Nanos = "MaxAge",
        must_revalidate: bool = "MustRevalidate",
        stale_if_error: Nanos = "StaleIfError",
        /// Filter expression, or "".
        filter: String = "Filter",
        allow_not_modified_response: bool = "AllowNotModifiedResponse",
    }
}

record! {
    /// What a reply says about itself.
    pub struct QueryMeta {
        /// Index of the result.
        index: u64 = "Index",
        /// How long ago the answering server heard from the leader.
        last_contact: Nanos = "LastContact",
        known_leader: bool = "KnownLeader",
        consistency_level: String = "ConsistencyLevel",
        /// The result is the one the caller has already.
        not_modified: bool = "NotModified",
        /// 0 blocking query, 1 streaming.
        backend: i64 = "Backend",
        results_filtered_by_acls: bool = "ResultsFilteredByACLs",
    }
}

record! {
    /// Who asks, for sorting by network distance.
    pub struct QuerySource {
        datacenter: String = "Datacenter",
        segment: String = "Segment",
        node: String = "Node",
        node_partition: String = "NodePartition",
        /// The node's own coordinate must not be used.
        disable_node: bool = "DisableNode",
        ip: String = "Ip",
    }
}

record! {
    /// A read of one datacenter.
    pub struct DcSpecificRequest {
        datacenter: String = "Datacenter",
        node_meta_filters: Dict<String> = "NodeMetaFilters",
        source: QuerySource = "Source",
        peer_name: String = "PeerName",
        #flatten options: QueryOptions,
    }
}

record! {
    /// A read about one node.
    pub struct NodeSpecificRequest {
        datacenter: String = "Datacenter",
        node: String = "Node",
        peer_name: String = "PeerName",
        merge_central_config: bool = "MergeCentralConfig",
        #flatten options: QueryOptions,
    }
}

record! {
    /// A read about one service.
    pub struct ServiceSpecificRequest {
        datacenter: String = "Datacenter",
        peer_name: String = "PeerName",
        sameness_group: String = "SamenessGroup",
        node_meta_filters: Dict<String> = "NodeMetaFilters",
        service_name: String = "ServiceName",
        service_kind: String = "ServiceKind",
        /// Older form of `service_tags`; both count only with `tag_filter`.
        service_tag: String = "ServiceTag",
        service_tags: dialect::List<String> = "ServiceTags",
        service_address: String = "ServiceAddress",
        tag_filter: bool = "TagFilter",
        /// 0 all, 1 without critical ones, 2 passing ones only.
        health_filter_type: i64 = "HealthFilterType",
        source: QuerySource = "Source",
        connect: bool = "Connect",
        ingress: bool = "Ingress",
        merge_central_config: bool = "MergeCentralConfig",
        #flatten options: QueryOptions,
    }
}
