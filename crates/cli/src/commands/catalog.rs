//! `consul catalog …` (spec: cli.md §9).

use crate::command::{CS, CSN, CSP, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::{api, text};
use proconsul_client::{Map, Node, QueryOptions};
use std::collections::BTreeMap;

pub(crate) const GROUP: Command = Command::group(
    "catalog",
    "Lists datacenters, nodes and services",
    "Lists what the catalog knows.",
);

pub(crate) const DATACENTERS: Command = Command {
    path: "catalog datacenters",
    synopsis: "Lists the known datacenters",
    usage: "[options]",
    about: "Prints the names of all known datacenters, the nearest first.",
    groups: CS,
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(datacenters),
};

pub(crate) const NODES: Command = Command {
    path: "catalog nodes",
    synopsis: "Lists nodes",
    usage: "[options]",
    about: "Prints all nodes, or those that provide a service.",
    groups: CSP,
    flags: &[
        Flag::bool(
            "detailed",
            "Print whole IDs, tagged addresses and metadata.",
        ),
        Flag::string(
            "filter",
            "Expression that nodes must satisfy; @FILE and - are read.",
        ),
        Flag::string(
            "near",
            "Sort by round-trip time from this node; _agent is the local one.",
        ),
        Flag::map(
            "node-meta",
            "Only nodes with this metadata, KEY=VALUE. Repeatable.",
        ),
        Flag::string("service", "Only nodes that provide this service."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(nodes),
};

pub(crate) const SERVICES: Command = Command {
    path: "catalog services",
    synopsis: "Lists services",
    usage: "[options]",
    about: "Prints the names of all services, or of those on a node.",
    groups: CSN,
    flags: &[
        Flag::string("node", "Only services of the node with this ID or name."),
        Flag::map(
            "node-meta",
            "Only services of nodes with this metadata, KEY=VALUE. Repeatable.",
        ),
        Flag::bool("tags", "Print tags as well."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(services),
};

fn datacenters(call: &mut Call<'_>) -> i32 {
    if let Some(status) = api::too_many(call, 0) {
        return status;
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    match api.wait(api.client.catalog_datacenters()) {
        Err(e) => call.fail(format!("Error listing datacenters: {e}")),
        Ok(names) => {
            names.iter().for_each(|name| call.out(name));
            0
        }
    }
}

fn meta_options(call: &Call<'_>) -> QueryOptions {
    let pairs = call.flags.map("node-meta").iter();
    QueryOptions {
        node_meta: pairs.map(|(k, v)| (k.clone(), v.clone())).collect(),
        ..QueryOptions::default()
    }
}

fn nodes(call: &mut Call<'_>) -> i32 {
    if let Some(status) = api::too_many(call, 0) {
        return status;
    }
    let mut options = meta_options(call);
    let filter = call.flags.string("filter").to_owned();
    options.filter = match api::data(call, &filter) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(e) => return call.fail(format!("Could not process filter argument: {e}")),
    };
    options.near = call.flags.string("near").to_owned();
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let service = call.flags.string("service").to_owned();
    let found = if service.is_empty() {
        let asked = api.wait(api.client.catalog_nodes(&options));
        asked
            .map(|(nodes, _)| nodes)
            .map_err(|e| format!("Error listing nodes: {e}"))
    } else {
        let asked = api.wait(api.client.catalog_service(&service, "", &options));
        asked
            .map(|(rows, _)| rows.into_iter().map(node_of).collect())
            .map_err(|e| format!("Error listing nodes for service: {e}"))
    };
    match found {
        Err(e) => call.fail(e),
        Ok(nodes) if nodes.is_empty() => {
            call.err("No nodes match the given query - try expanding your search.");
            0
        }
        Ok(nodes) => {
            call.out(nodes_table(&nodes, call.flags.bool("detailed")));
            0
        }
    }
}

fn node_of(row: proconsul_client::CatalogService) -> Node {
    Node {
        id: row.id,
        node: row.node,
        address: row.address,
        datacenter: row.datacenter,
        tagged_addresses: row.tagged_addresses,
        meta: row.node_meta,
        ..Node::default()
    }
}

fn pairs(map: &Map) -> String {
    let pairs: Vec<_> = map.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(", ")
}

fn nodes_table(nodes: &[Node], detailed: bool) -> String {
    let mut rows = vec![text::row(["Node", "ID", "Address", "DC"])];
    if detailed {
        rows[0].extend(text::row(["TaggedAddresses", "Meta"]));
    }
    for node in nodes {
        let id = if detailed {
            node.id.as_str()
        } else {
            node.id.split('-').next().unwrap_or_default()
        };
        let mut row = text::row([&node.node, id, &node.address, &node.datacenter]);
        if detailed {
            row.extend([pairs(&node.tagged_addresses), pairs(&node.meta)]);
        }
        rows.push(row);
    }
    text::table(&rows)
}

fn services(call: &mut Call<'_>) -> i32 {
    if let Some(status) = api::too_many(call, 0) {
        return status;
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let node = call.flags.string("node").to_owned();
    let found: Result<BTreeMap<String, Vec<String>>, String> = if node.is_empty() {
        let asked = api.wait(api.client.catalog_services(&meta_options(call)));
        asked
            .map(|(services, _)| services)
            .map_err(|e| format!("Error listing services: {e}"))
    } else {
        let asked = api.wait(api.client.catalog_node(&node, &meta_options(call)));
        asked
            .map(|(node, _)| {
                let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for service in node.unwrap_or_default().services.into_values() {
                    found
                        .entry(service.service)
                        .or_default()
                        .extend(service.tags);
                }
                found
            })
            .map_err(|e| format!("Error listing services for node: {e}"))
    };
    match found {
        Err(e) => call.fail(e),
        Ok(services) if services.is_empty() => {
            call.err("No services match the given query - try expanding your search.");
            0
        }
        Ok(services) => {
            call.out(services_list(services, call.flags.bool("tags")));
            0
        }
    }
}

/// Spaces between names and tags.
const TAGS_GAP: usize = 6;

fn services_list(services: BTreeMap<String, Vec<String>>, tags: bool) -> String {
    if !tags {
        return services.into_keys().collect::<Vec<_>>().join("\n");
    }
    let rows: Vec<_> = services
        .into_iter()
        .map(|(name, mut tags)| {
            tags.sort();
            vec![name, tags.join(",")]
        })
        .collect();
    let text = text::columns(&rows, TAGS_GAP, 0);
    // Only the last row loses its padding.
    text.trim_end_matches(' ').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        let services = [
            ("consul", vec![]),
            ("web", vec!["v2".to_owned(), "v1".to_owned()]),
        ];
        let services = services.map(|(n, t)| (n.to_owned(), t));
        let text = services_list(services.clone().into(), true);
        assert_eq!(text, "consul      \nweb         v1,v2");
        assert_eq!(services_list(services.into(), false), "consul\nweb");
        let only = [("consul".to_owned(), vec![])];
        assert_eq!(services_list(only.into(), true), "consul");
    }

    #[test]
    fn nodes() {
        let node = Node {
            node: "n".into(),
            id: "76c3a1f2-x".into(),
            address: "10.0.0.11".into(),
            datacenter: "dc1".into(),
            ..Node::default()
        };
        let text = nodes_table(std::slice::from_ref(&node), false);
        assert_eq!(
            text,
            "Node  ID        Address    DC\nn     76c3a1f2  10.0.0.11  dc1"
        );
        assert!(nodes_table(&[node], true).ends_with("dc1                   "));
    }
}
