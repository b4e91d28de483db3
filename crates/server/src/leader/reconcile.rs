//! Duty: the catalog shows this server as it is.

use super::{DUTY, Duty, Office, Trigger};
use crate::server::Server;
use dialect::{Dict, List};
use model::{HealthCheck, Node, NodeService, SERF_HEALTH, Weights, status};
use std::sync::Arc;
use telemetry::names;
use wire::Command;
use wire::command::RegisterRequest;

/// Name and ID of the servers' own service.
const CONSUL: &str = "consul";

pub(super) const RECONCILE: Duty = Duty {
    name: "reconcile",
    trigger: Trigger::Every(|config| config.reconcile_interval),
    body: |office| Box::pin(again(office)),
};

async fn again(office: Arc<Office>) {
    if let Err(error) = office.server.reconcile().await {
        tracing::warn!(%error, "failed to reconcile this server's node");
    }
}

impl Server {
    /// Compares the pool, which is this server alone, with the catalog.
    pub(super) async fn reconcile(&self) -> Result<(), ports::RpcError> {
        let began = self.time.now();
        let done = self.reconcile_self().await;
        self.note(names::LEADER_RECONCILE_MEMBER, began);
        self.note(names::LEADER_RECONCILE, began);
        done
    }

    /// Registers this server's node with its service and `serfHealth`, if the catalog says anything else.
    async fn reconcile_self(&self) -> Result<(), ports::RpcError> {
        let root = self.root(&DUTY);
        let own = &self.config.node;
        let node = root.node("", &own.name).rows;
        let service = self.own_service();
        let check = HealthCheck {
            node: own.name.clone(),
            check_id: SERF_HEALTH.to_owned(),
            name: "Serf Health Status".to_owned(),
            status: status::PASSING.to_owned(),
            output: "Agent alive and reachable".to_owned(),
            ..HealthCheck::default()
        };
        if node
            .as_ref()
            .is_some_and(|node| node.id == own.id && node.address == own.address)
            && root.node_services("", &own.name).rows.is_some_and(|found| {
                found
                    .services
                    .iter()
                    .any(|row| row.id == CONSUL && same_service(row, &service))
            })
            && root.node_checks("", &own.name).rows.iter().any(|row| {
                row.check_id == SERF_HEALTH
                    && row.status == check.status
                    && row.output == check.output
            })
        {
            return Ok(());
        }
        let (tagged_addresses, node_meta) = self.own_maps(node.as_deref());
        let request = RegisterRequest {
            datacenter: self.config.datacenter.clone(),
            id: own.id.clone(),
            node: own.name.clone(),
            address: own.address.clone(),
            tagged_addresses,
            node_meta,
            locality: node.as_ref().and_then(|node| node.locality.clone()),
            service: Some(Box::new(service)),
            checks: List::from(vec![check]),
            ..RegisterRequest::default()
        };
        match self
            .propose(&DUTY, &Command::Register(Box::new(request)))
            .await?
        {
            wire::Outcome::Error(text) => Err(ports::RpcError::Refused(text)),
            _ => {
                tracing::info!(
                    member = own.name,
                    partition = "default",
                    "member joined, marking health alive"
                );
                Ok(())
            }
        }
    }

    /// What stands in the catalog stays; a new row takes what this server was started with.
    fn own_maps(&self, node: Option<&Node>) -> (Dict<String>, Dict<String>) {
        if let Some(node) = node {
            return (node.tagged_addresses.clone(), node.meta.clone());
        }
        let own = &self.config.node;
        let mut meta: Dict<String> = own.meta.iter().cloned().collect();
        if meta.get("consul-version").is_none() {
            meta.insert("consul-version", self.config.version.clone());
        }
        let addresses = if own.tagged_addresses.is_empty() {
            Dict::default()
        } else {
            own.tagged_addresses.iter().cloned().collect()
        };
        (addresses, meta)
    }

    fn own_service(&self) -> NodeService {
        let port = |port: u16| {
            if port == 0 {
                String::new()
            } else {
                port.to_string()
            }
        };
        let meta = [
            ("non_voter", "false".to_owned()),
            ("read_replica", "false".to_owned()),
            ("raft_version", "3".to_owned()),
            ("serf_protocol_current", "2".to_owned()),
            ("serf_protocol_min", "1".to_owned()),
            ("serf_protocol_max", "5".to_owned()),
            ("version", self.config.version.clone()),
            ("grpc_port", port(self.config.grpc_port)),
            ("grpc_tls_port", port(self.config.grpc_tls_port)),
        ];
        NodeService {
            id: CONSUL.to_owned(),
            service: CONSUL.to_owned(),
            port: i64::from(self.config.server_port),
            weights: Some(Box::new(Weights {
                passing: 1,
                warning: 1,
            })),
            meta: meta
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            ..NodeService::default()
        }
    }
}

/// Whether the row says of the service what this server says.
fn same_service(row: &NodeService, own: &NodeService) -> bool {
    row.service == own.service && row.port == own.port && row.meta == own.meta
}
