//! The catalog's three tables as everything that loops over tables sees them. In an archive they are one: the records of a node
//! carry its services and checks.

use crate::apply::Change;
use crate::archive::Records;
use crate::reads::{ReadRule, read};
use crate::tables::spec::{Archived, Native, TableSpec, rule};
use crate::{Root, Touched};
use model::{HealthCheck, Node, NodeService};
use std::{io, sync::Arc};
use wire::command::{RegisterRequest, kind};

const FALLBACK: &str = "P(service.<name>); without an instance P(service_last_extinction), else the newest of the tables";
const NEWEST: &str = "max(P(checks), P(services), P(nodes))";

pub(crate) const NODES: TableSpec = TableSpec {
    name: "nodes",
    record: "Node",
    changed_by: &[kind::REGISTER, kind::DEREGISTER, kind::TXN],
    wakes: &[
        "Node",
        "AllNodes",
        "NodeMeta",
        "NodeServices",
        "Service",
        "ServiceHealth",
        "Connect",
        "ConnectHealth",
        "Kind",
    ],
    reads: &[
        read("nodes", "AllNodes", "P(nodes)"),
        read(
            "node",
            "Node",
            "P(node.<name>); missing: P(node_last_extinction)",
        ),
        read("node_dump", "AllNodes, AllServices, AllChecks", NEWEST),
        read("node_dump, one node", "NodeServices, NodeChecks", NEWEST),
        read(
            "usage",
            "AllNodes, AllServices",
            "max(nodes, services, kvs, tombstones)",
        ),
    ],
    native: Native {
        byte: 1,
        save: |root, out| out.rows(&root.catalog.nodes),
        load: |root, r| {
            root.load_node(r.value()?);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[kind::REGISTER],
        place: 30,
        save: registrations,
        load: |root, record| record.read(|row| root.load_registration(row)),
    }],
    rules: &[
        rule!(REGISTER, Register, Change::register),
        rule!(DEREGISTER, Deregister, Change::deregister),
    ],
};

const SERVICE_READS: &[ReadRule] = &[
    read("services", "AllServices", "P(services)"),
    read(
        "services, by node metadata",
        "NodeMeta of the first pair, NodeServices of each node; with over 64 nodes AllServices",
        "max(P(services), P(nodes))",
    ),
    read("service_names", "AllServices", "P(services)"),
    read("service_nodes", "Service", FALLBACK),
    read("service_nodes, connect", "Connect", FALLBACK),
    read(
        "node_services",
        "NodeServices",
        "P(node.<name>); missing: P(node_last_extinction)",
    ),
    read(
        "node_services, by an ID prefix that finds none or several",
        "NodeServices, AllNodes",
        "0",
    ),
    read("service_health", "ServiceHealth", FALLBACK),
    read(
        "service_health, connect",
        "ConnectHealth",
        "max of P(service.<proxy>) over the rows; none: as service_health",
    ),
    read("service_health, ingress", "IngressHealth", FALLBACK),
    read("service_dump", "AllNodes, AllServices, AllChecks", NEWEST),
    read("service_dump, by kind", "Kind", "P(service_kind.<kind>)"),
];

pub(crate) const SERVICES: TableSpec = TableSpec {
    name: "services",
    record: "NodeService, beside the folded name of its node",
    changed_by: &[kind::REGISTER, kind::DEREGISTER, kind::TXN],
    wakes: &[
        "AllServices",
        "NodeServices",
        "Service",
        "ServiceHealth",
        "Connect",
        "ConnectHealth",
        "Kind",
    ],
    reads: SERVICE_READS,
    native: Native {
        byte: 2,
        save: |root, out| {
            root.catalog.services.iter().try_for_each(|(_, row)| {
                out.row(|w| {
                    w.array(2);
                    w.str(&row.node[..]);
                    w.value(&*row.service);
                })
            })
        },
        load: |root, r| {
            r.array_len()?;
            let node: String = r.value()?;
            root.load_service(&node, r.value()?);
            Ok(())
        },
    },
    archive: &[],
    rules: &[],
};

pub(crate) const CHECKS: TableSpec = TableSpec {
    name: "checks",
    record: "HealthCheck",
    changed_by: &[kind::REGISTER, kind::DEREGISTER, kind::TXN, kind::SESSION],
    wakes: &[
        "NodeChecks",
        "ServiceChecks",
        "ChecksInState",
        "AllChecks",
        "ServiceHealth",
        "ConnectHealth",
        "Kind",
    ],
    reads: &[
        read("node_checks", "NodeChecks", "P(checks)"),
        read("service_checks", "ServiceChecks", "P(checks)"),
        read(
            "service_checks, by node metadata",
            "ServiceChecks, Node of each row",
            FALLBACK,
        ),
        read(
            "checks_in_state",
            "ChecksInState; for `any` AllChecks",
            "P(checks)",
        ),
        read(
            "checks_in_state, by node metadata",
            "as above, Node of each row",
            "P(checks)",
        ),
    ],
    native: Native {
        byte: 3,
        save: |root, out| out.rows(&root.catalog.checks),
        load: |root, r| {
            root.catalog.put_check(Arc::new(r.value()?));
            Ok(())
        },
    },
    archive: &[],
    rules: &[],
};

/// Per node: the node alone, its services, its checks.
fn registrations(root: &Root, w: &mut Records<'_>) -> io::Result<()> {
    for (_, node) in root.catalog.nodes.iter() {
        let bare = || RegisterRequest {
            datacenter: node.datacenter.clone(),
            id: node.id.clone(),
            node: node.node.clone(),
            address: node.address.clone(),
            tagged_addresses: node.tagged_addresses.clone(),
            node_meta: node.meta.clone(),
            peer_name: node.peer_name.clone(),
            indexes: node.indexes.clone(),
            ..RegisterRequest::default()
        };
        w.record(kind::REGISTER, &bare())?;
        for service in root.catalog.services_of(&node.peer_name, &node.node) {
            let service = Some(Box::new((*service).clone()));
            w.record(kind::REGISTER, &RegisterRequest { service, ..bare() })?;
        }
        for check in root.catalog.checks_of(&node.peer_name, &node.node) {
            let check = Some(Box::new((*check).clone()));
            w.record(kind::REGISTER, &RegisterRequest { check, ..bare() })?;
        }
    }
    Ok(())
}

/// Rows as snapshots bring them: with their indexes, without rules and without touching anybody.
impl Root {
    fn load_registration(&mut self, record: RegisterRequest) {
        let peer = record.peer_name.clone();
        let bare = record.service.is_none() && record.check.is_none() && record.checks.is_empty();
        if bare || self.catalog.node(&peer, &record.node).is_none() {
            self.load_node(Node {
                id: record.id,
                node: record.node.clone(),
                address: record.address,
                datacenter: record.datacenter,
                partition: String::new(),
                peer_name: peer,
                tagged_addresses: record.tagged_addresses,
                meta: record.node_meta,
                locality: record.locality,
                indexes: record.indexes,
            });
        }
        if let Some(service) = record.service {
            self.load_service(&record.node, *service);
        }
        let checks = record.check.map(|check| *check).into_iter();
        checks.chain(record.checks).for_each(|check: HealthCheck| {
            self.catalog.put_check(Arc::new(check));
        });
    }

    fn load_node(&mut self, node: Node) {
        let new = self.catalog.node(&node.peer_name, &node.node).is_none();
        self.usage.nodes += u64::from(new && node.peer_name.is_empty());
        self.catalog.put_node(Arc::new(node));
    }

    fn load_service(&mut self, node: &str, service: NodeService) {
        Change {
            root: self,
            index: 0,
            touched: &mut Touched::new(),
        }
        .load_service(node, Arc::new(service));
    }
}
