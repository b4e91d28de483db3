//! Prepared queries (spec/http-api.md §19).

use crate::RaftIndex;
use dialect::{Dict, List, record};

record! {
    /// Where a failover looks next.
    pub struct QueryFailoverTarget {
        peer: String = "Peer",
        datacenter: String = "Datacenter",
    }
}

record! {
    /// What happens when no local instance is healthy.
    pub struct QueryFailoverOptions {
        nearest_n: i64 = "NearestN",
        datacenters: List<String> = "Datacenters",
        targets: List<QueryFailoverTarget> = "Targets",
    }
}

record! {
    /// Which instances a prepared query selects.
    pub struct ServiceQuery {
        service: String = "Service",
        sameness_group: String = "SamenessGroup",
        failover: QueryFailoverOptions = "Failover",
        only_passing: bool = "OnlyPassing",
        ignore_check_ids: List<String> = "IgnoreCheckIDs",
        near: String = "Near",
        tags: List<String> = "Tags",
        node_meta: Dict<String> = "NodeMeta",
        service_meta: Dict<String> = "ServiceMeta",
        connect: bool = "Connect",
        peer: String = "Peer",
    }
}

record! {
    /// Turns a query into a template for every name that matches.
    pub struct QueryTemplateOptions {
        template_type: String = "Type",
        regexp: String = "Regexp",
        remove_empty_tags: bool = "RemoveEmptyTags",
    }
}

record! {
    /// DNS settings of a query.
    pub struct QueryDnsOptions {
        ttl: String = "TTL",
    }
}

record! {
    /// A stored prepared query.
    pub struct PreparedQuery {
        id: String = "ID",
        name: String = "Name",
        session: String = "Session",
        token: String = "Token",
        template: QueryTemplateOptions = "Template",
        service: ServiceQuery = "Service",
        dns: QueryDnsOptions = "DNS",
        #flatten indexes: RaftIndex,
    }
}
