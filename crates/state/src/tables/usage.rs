//! Counters of local rows (spec/server.md §3.8), moved by the writes themselves.

use model::NodeService;
use std::collections::BTreeMap;

/// How many rows there are. Imported rows do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Nodes.
    pub nodes: u64,
    /// Service instances.
    pub services: u64,
    /// Distinct service names.
    pub service_names: u64,
    /// KV entries.
    pub kvs: u64,
    /// Instances by kind, the typical one left out.
    pub kinds: BTreeMap<String, u64>,
    /// Mesh-native instances.
    pub connect_native: u64,
    /// Typical instances other than the servers' own service.
    pub billable_services: u64,
}

impl Usage {
    /// Counts an instance in or out.
    pub(crate) fn service(&mut self, service: &NodeService, there: bool) {
        let step = |count: &mut u64| {
            *count = if there {
                count.saturating_add(1)
            } else {
                count.saturating_sub(1)
            }
        };
        step(&mut self.services);
        if !service.kind.is_empty() {
            let count = self.kinds.entry(service.kind.clone()).or_default();
            step(count);
            if *count == 0 {
                self.kinds.remove(&service.kind);
            }
        } else if service.service != "consul" {
            step(&mut self.billable_services);
        }
        if service.connect.native {
            step(&mut self.connect_native);
        }
    }
}
