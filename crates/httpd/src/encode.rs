//! JSON bodies of shared answers (spec/http-api.md §7).

use dialect::json::{ToJson, Writer};
use model::{CheckServiceNode, HealthCheck, Node, NodeDump, NodeService};
use ports::{Answered, Data};
use std::sync::Arc;
use std::time::Duration;

/// The body of an answer's data in its usual form.
pub(crate) fn data(data: &Data, w: &mut Writer<'_>) {
    match data {
        Data::KvEntry(entry) => list(w, entry.iter(), |w, e| e.write_json(w)),
        Data::KvEntries(entries) => list(w, entries, |w, e| e.write_json(w)),
        Data::Keys(keys) => list(w, keys, |w, key| w.str(&String::from_utf8_lossy(key))),
        Data::Sessions(rows) => list(w, rows, |w, row| row.write_json(w)),
        Data::Nodes(rows) => list(w, rows, |w, row| row.write_json(w)),
        Data::Services(tags_by_name) => {
            w.begin_object();
            for (name, tags) in tags_by_name {
                w.key_escaped(name);
                list(w, tags, |w, tag| w.str(tag));
            }
            w.end_object();
        }
        Data::ServiceNames(names) => list(w, names, |w, name| w.str(name)),
        Data::ServiceNodes(rows) => {
            list(w, rows, |w, (node, service)| service_node(w, node, service))
        }
        Data::NodeServices(None) => w.null(),
        Data::NodeServices(Some((node, services))) => {
            w.begin_object();
            w.member("Node", node.as_ref());
            w.key("Services");
            services_by_id(w, services);
            w.end_object();
        }
        Data::Checks(rows) => list(w, rows, |w, row| row.write_json(w)),
        Data::CheckServiceNodes(rows) => list(w, rows, check_service_node),
        Data::NodeDump(rows) => list(w, rows, node_info),
        Data::Coordinates(rows) => list(w, rows, |w, row| row.write_json(w)),
        Data::PreparedQueries(rows) => list(w, rows, |w, row| row.write_json(w)),
        Data::AutopilotConfig(config) => match config {
            Some(config) => config.write_json(w),
            None => w.null(),
        },
        Data::Usage(counters) => {
            w.begin_object();
            for (name, value) in counters {
                w.key_escaped(name);
                w.uint(*value);
            }
            w.end_object();
        }
        Data::CaRoots {
            trust_domain,
            roots,
        } => {
            let active = roots.iter().find(|root| root.active);
            w.begin_object();
            w.member("ActiveRootID", active.map_or("", |root| &root.id));
            w.member("TrustDomain", trust_domain);
            w.key("Roots");
            list(w, roots, |w, root| root.write_json(w));
            w.end_object();
        }
    }
}

/// An array; empty is `[]`.
pub(crate) fn list<'w, T>(
    w: &mut Writer<'w>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Writer<'w>, T),
) {
    w.begin_array();
    for item in items {
        w.item();
        write(w, item);
    }
    w.end_array();
}

fn services_by_id(w: &mut Writer<'_>, services: &[Arc<NodeService>]) {
    let mut sorted: Vec<_> = services.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    w.begin_object();
    for service in sorted {
        w.key_escaped(&service.id);
        service.write_json(w);
    }
    w.end_object();
}

/// `{"Node":…,"Service":…,"Checks":[…]}`.
pub(crate) fn check_service_node(w: &mut Writer<'_>, row: &CheckServiceNode) {
    w.begin_object();
    w.member("Node", row.node.as_ref());
    w.member("Service", row.service.as_ref());
    w.key("Checks");
    list(w, &row.checks, |w, check| check.write_json(w));
    w.end_object();
}

/// The same with rows as they are stored: missing tags are `null`.
pub(crate) fn stored_instance(w: &mut Writer<'_>, row: &CheckServiceNode) {
    w.begin_object();
    w.member("Node", row.node.as_ref());
    w.key("Service");
    stored_service(w, &row.service);
    w.key("Checks");
    list(w, &row.checks, |w, check| stored_check(w, check));
    w.end_object();
}

/// A node with everything on it, as the UI sees it (spec/http-api.md §23).
pub(crate) fn node_info(w: &mut Writer<'_>, row: &NodeDump) {
    let node = &row.node;
    w.begin_object();
    w.member("ID", &node.id);
    w.member("Node", &node.node);
    if !node.peer_name.is_empty() {
        w.member("PeerName", &node.peer_name);
    }
    w.member("Address", &node.address);
    w.member("TaggedAddresses", &node.tagged_addresses);
    w.member("Meta", &node.meta);
    w.key("Services");
    list(w, &row.services, |w, service| service.write_json(w));
    w.key("Checks");
    list(w, &row.checks, |w, check| check.write_json(w));
    w.end_object();
}

/// A [`model::ServiceNode`] written from its two halves, without building it; a test keeps the two alike.
pub(crate) fn service_node(w: &mut Writer<'_>, node: &Node, service: &NodeService) {
    w.begin_object();
    w.member("ID", &node.id);
    w.member("Node", &node.node);
    w.member("Address", &node.address);
    w.member("Datacenter", &node.datacenter);
    w.member("TaggedAddresses", &node.tagged_addresses);
    w.member("NodeMeta", &node.meta);
    w.member("ServiceKind", &service.kind);
    w.member("ServiceID", &service.id);
    w.member("ServiceName", &service.service);
    w.key("ServiceTags");
    service.tags.write_json_nil_empty(w);
    w.member("ServiceAddress", &service.address);
    if !service.tagged_addresses.is_empty() {
        w.member("ServiceTaggedAddresses", &service.tagged_addresses);
    }
    match &service.weights {
        Some(weights) => w.member("ServiceWeights", weights.as_ref()),
        None => w.member("ServiceWeights", &model::Weights::default()),
    }
    w.key("ServiceMeta");
    service.meta.write_json_nil_empty(w);
    w.member("ServicePort", &service.port);
    w.member("ServiceSocketPath", &service.socket_path);
    w.member("ServiceEnableTagOverride", &service.enable_tag_override);
    w.member("ServiceProxy", &service.proxy);
    w.member("ServiceConnect", &service.connect);
    w.member("ServiceLocality", &service.locality);
    if !service.peer_name.is_empty() {
        w.member("PeerName", &service.peer_name);
    }
    w.member("CreateIndex", &service.indexes.create_index);
    w.member("ModifyIndex", &service.indexes.modify_index);
    w.end_object();
}

/// The query metadata that some bodies carry as their last members (spec/http-api.md §19.4).
pub(crate) struct Embedded {
    pub index: u64,
    pub last_contact: Duration,
    pub known_leader: bool,
    /// "" where the original leaves it empty.
    pub consistency: &'static str,
    pub filtered_by_acls: bool,
}

impl Embedded {
    /// Of an answer.
    pub fn of(answered: &Answered, consistency: &'static str) -> Self {
        Self {
            index: answered.answer.index,
            last_contact: answered.last_contact,
            known_leader: answered.known_leader,
            consistency,
            filtered_by_acls: answered.filtered_by_acls,
        }
    }

    /// Writes the members.
    pub fn write(&self, w: &mut Writer<'_>) {
        w.member("Index", &self.index);
        w.member(
            "LastContact",
            &i64::try_from(self.last_contact.as_nanos()).unwrap_or(i64::MAX),
        );
        w.member("KnownLeader", &self.known_leader);
        w.member("ConsistencyLevel", self.consistency);
        w.member("NotModified", &false);
        w.member("Backend", &0i64);
        w.member("ResultsFilteredByACLs", &self.filtered_by_acls);
    }
}

/// A service instance whose missing tags show as `null`: transactions answer with rows as they are stored.
pub(crate) fn stored_service(w: &mut Writer<'_>, service: &NodeService) {
    w.begin_object();
    if !service.kind.is_empty() {
        w.member("Kind", &service.kind);
    }
    w.member("ID", &service.id);
    w.member("Service", &service.service);
    w.member("Tags", &service.tags);
    w.member("Address", &service.address);
    if !service.tagged_addresses.is_empty() {
        w.member("TaggedAddresses", &service.tagged_addresses);
    }
    w.member("Meta", &service.meta);
    if service.port != 0 {
        w.member("Port", &service.port);
    }
    if !service.socket_path.is_empty() {
        w.member("SocketPath", &service.socket_path);
    }
    w.member("Weights", &service.weights);
    w.member("EnableTagOverride", &service.enable_tag_override);
    if let Some(locality) = &service.locality {
        w.member("Locality", locality.as_ref());
    }
    w.member("Proxy", &service.proxy);
    w.member("Connect", &service.connect);
    w.member("PeerName", &service.peer_name);
    w.member("CreateIndex", &service.indexes.create_index);
    w.member("ModifyIndex", &service.indexes.modify_index);
    w.end_object();
}

/// A check whose missing tags show as `null`, for the same reason.
pub(crate) fn stored_check(w: &mut Writer<'_>, check: &HealthCheck) {
    w.begin_object();
    w.member("Node", &check.node);
    w.member("CheckID", &check.check_id);
    w.member("Name", &check.name);
    w.member("Status", &check.status);
    w.member("Notes", &check.notes);
    w.member("Output", &check.output);
    w.member("ServiceID", &check.service_id);
    w.member("ServiceName", &check.service_name);
    w.member("ServiceTags", &check.service_tags);
    w.member("Type", &check.check_type);
    w.member("Interval", &check.interval);
    w.member("Timeout", &check.timeout);
    w.member("ExposedPort", &check.exposed_port);
    if !check.peer_name.is_empty() {
        w.member("PeerName", &check.peer_name);
    }
    w.member("Definition", &check.definition);
    w.member("CreateIndex", &check.indexes.create_index);
    w.member("ModifyIndex", &check.indexes.modify_index);
    w.end_object();
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialect::json::{Style, to_string};
    use model::{ServiceNode, Weights};

    fn written(node: &Node, service: &NodeService) -> String {
        let mut out = Vec::new();
        service_node(&mut Writer::new(&mut out, Style::Compact), node, service);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn joined_rows_are_written_as_the_record_is() {
        let mut node = Node {
            node: "n<1>".into(),
            address: "10.0.0.1".into(),
            ..Node::default()
        };
        let mut service = NodeService {
            id: "web1".into(),
            service: "web".into(),
            port: 80,
            ..NodeService::default()
        };
        assert_eq!(
            written(&node, &service),
            to_string(&ServiceNode::join(&node, &service))
        );
        node.meta = [("k".to_owned(), "v".to_owned())].into_iter().collect();
        service.meta = node.meta.clone();
        service.tags = ["a".to_owned(), "b".to_owned()].into();
        service.weights = Some(Box::new(Weights {
            passing: 1,
            warning: 2,
        }));
        service.peer_name = "p".into();
        service.indexes.modify_index = u64::MAX;
        service.tagged_addresses.insert(
            "lan",
            model::ServiceAddress {
                address: "1.1.1.1".into(),
                port: 1,
            },
        );
        service.locality = Some(Box::default());
        service.connect.native = true;
        assert_eq!(
            written(&node, &service),
            to_string(&ServiceNode::join(&node, &service))
        );
    }

    fn text(write: impl FnOnce(&mut Writer<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out, Style::Compact));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn stored_rows_differ_only_in_missing_tags() {
        let mut service = NodeService {
            id: "a".into(),
            ..NodeService::default()
        };
        assert_eq!(
            text(|w| stored_service(w, &service)),
            to_string(&service).replacen("[]", "null", 1)
        );
        service.tags = ["t".to_owned()].into();
        service.kind = "connect-proxy".into();
        service.port = 1;
        service.socket_path = "/s".into();
        service.locality = Some(Box::default());
        service.weights = Some(Box::default());
        service
            .tagged_addresses
            .insert("lan", model::ServiceAddress::default());
        assert_eq!(text(|w| stored_service(w, &service)), to_string(&service));
        let mut check = HealthCheck {
            check_id: "c".into(),
            ..HealthCheck::default()
        };
        assert_eq!(
            text(|w| stored_check(w, &check)),
            to_string(&check).replacen("[]", "null", 1)
        );
        check.service_tags = ["t".to_owned()].into();
        check.peer_name = "p".into();
        check.definition.http = "http://x".into();
        assert_eq!(text(|w| stored_check(w, &check)), to_string(&check));
    }
}
