//! `client.*` of the metrics: requests to the catalog endpoints and what became of them (spec/agent-config.md §21.2).

use crate::fault::Fault;
use telemetry::metrics::Metric;
use telemetry::{Metrics, names};

/// What all routes counted here have in common.
const CATALOG: &str = "v1_catalog_";

/// The counters of an endpoint: asked, answered, failed at a server.
fn of_endpoint(label: &str) -> Option<[Metric; 3]> {
    Some(match label.strip_prefix(CATALOG)? {
        "datacenters" => [
            names::CLIENT_API_CATALOG_DATACENTERS,
            names::CLIENT_API_SUCCESS_CATALOG_DATACENTERS,
            names::CLIENT_RPC_ERROR_CATALOG_DATACENTERS,
        ],
        "deregister" => [
            names::CLIENT_API_CATALOG_DEREGISTER,
            names::CLIENT_API_SUCCESS_CATALOG_DEREGISTER,
            names::CLIENT_RPC_ERROR_CATALOG_DEREGISTER,
        ],
        "node-services_" => [
            names::CLIENT_API_CATALOG_NODE_SERVICE_LIST,
            names::CLIENT_API_SUCCESS_CATALOG_NODE_SERVICE_LIST,
            names::CLIENT_RPC_ERROR_CATALOG_NODE_SERVICE_LIST,
        ],
        "node_" => [
            names::CLIENT_API_CATALOG_NODE_SERVICES,
            names::CLIENT_API_SUCCESS_CATALOG_NODE_SERVICES,
            names::CLIENT_RPC_ERROR_CATALOG_NODE_SERVICES,
        ],
        "nodes" => [
            names::CLIENT_API_CATALOG_NODES,
            names::CLIENT_API_SUCCESS_CATALOG_NODES,
            names::CLIENT_RPC_ERROR_CATALOG_NODES,
        ],
        "register" => [
            names::CLIENT_API_CATALOG_REGISTER,
            names::CLIENT_API_SUCCESS_CATALOG_REGISTER,
            names::CLIENT_RPC_ERROR_CATALOG_REGISTER,
        ],
        SERVICE => [
            names::CLIENT_API_CATALOG_SERVICE_NODES,
            names::CLIENT_API_SUCCESS_CATALOG_SERVICE_NODES,
            names::CLIENT_RPC_ERROR_CATALOG_SERVICE_NODES,
        ],
        "services" => [
            names::CLIENT_API_CATALOG_SERVICES,
            names::CLIENT_API_SUCCESS_CATALOG_SERVICES,
            names::CLIENT_RPC_ERROR_CATALOG_SERVICES,
        ],
        _ => return None,
    })
}

/// The endpoint that also counts what the door itself refuses.
const SERVICE: &str = "service_";

/// Counts a request by its route's label and its outcome. Requests refused by the door itself count as asked only.
pub(crate) fn count<T>(metrics: &Metrics, label: &str, node: &str, outcome: &Result<T, Fault>) {
    let Some([asked, answered, failed]) = of_endpoint(label) else {
        return;
    };
    metrics.incr_with(asked, &[node]);
    match outcome {
        Ok(_) => metrics.incr_with(answered, &[node]),
        Err(fault) if ![400, 405].contains(&fault.status) => metrics.incr_with(failed, &[node]),
        Err(_) if label.ends_with(SERVICE) => {
            metrics.incr_with(names::CLIENT_API_ERROR_CATALOG_SERVICE_NODES, &[node]);
        }
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_apart() {
        let metrics = Metrics::default();
        let count = |label: &str, outcome: Result<(), Fault>| {
            super::count(&metrics, label, "n1", &outcome);
        };
        count("v1_catalog_service_", Ok(()));
        count("v1_catalog_service_", Err(Fault::bad("no name")));
        count("v1_catalog_service_", Err(Fault::internal("no leader")));
        count("v1_catalog_datacenters", Err(Fault::internal("no leader")));
        count("v1_catalog_nodes", Err(Fault::bad("index")));
        count("v1_kv_", Ok(()));
        let mut seen: Vec<(String, u64)> = metrics
            .interval()
            .counters
            .iter()
            .map(|row| (row.name.replace("consul.client.", ""), row.count))
            .collect();
        seen.sort();
        let expected = [
            ("api.catalog_datacenters", 1),
            ("api.catalog_nodes", 1),
            ("api.catalog_service_nodes", 3),
            ("api.error.catalog_service_nodes", 1),
            ("api.success.catalog_service_nodes", 1),
            ("rpc.error.catalog_datacenters", 1),
            ("rpc.error.catalog_service_nodes", 1),
        ];
        assert_eq!(seen, expected.map(|(name, n)| (name.to_owned(), n)));
    }
}
