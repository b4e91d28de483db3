//! Anti-entropy as a pure diff: what the catalog has, what it should have, which calls make up the difference
//! (spec/agent-config.md §17).

use crate::{Check, Local, Service, Standing};
use dialect::{Dict, List};
use model::{HealthCheck, Locality, Node, NodeService, SERF_HEALTH};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use wire::command::{DeregisterRequest, RegisterRequest};

/// The service that the leader writes for servers; agents leave it alone.
const CONSUL_SERVICE: &str = "consul";

/// What the agent says of its own node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeInfo {
    /// Node ID.
    pub id: String,
    /// Node name.
    pub name: String,
    /// Advertised address.
    pub address: String,
    /// Datacenter.
    pub datacenter: String,
    /// `lan`, `wan` and their v4/v6 forms.
    pub tagged_addresses: Dict<String>,
    /// Node metadata.
    pub meta: Dict<String>,
    /// Locality, if configured.
    pub locality: Option<Box<Locality>>,
}

/// What the catalog has of this node.
#[derive(Clone, Debug, Default)]
pub struct CatalogView {
    /// The node's row, if it is registered.
    pub node: Option<Arc<Node>>,
    /// Its services.
    pub services: Vec<Arc<NodeService>>,
    /// Its checks.
    pub checks: Vec<Arc<HealthCheck>>,
}

/// One call to the catalog, with what it settles.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The service is unknown here: the catalog must forget it.
    DeregisterService {
        /// Service ID.
        id: String,
        /// The call.
        request: Box<DeregisterRequest>,
        /// What it is made with.
        token: String,
    },
    /// The check is unknown here.
    DeregisterCheck {
        /// Check ID.
        id: String,
        /// The call.
        request: Box<DeregisterRequest>,
        /// What it is made with.
        token: String,
    },
    /// Registers a service, and with it those of its checks that need it.
    Service {
        /// Service ID and version.
        id: (String, u64),
        /// Checks carried along, with their versions.
        checks: Vec<(String, u64)>,
        /// The call.
        request: Box<RegisterRequest>,
        /// What it is made with.
        token: String,
    },
    /// Registers a check.
    Check {
        /// Check ID and version.
        id: (String, u64),
        /// The call.
        request: Box<RegisterRequest>,
        /// What it is made with.
        token: String,
    },
    /// Registers the node alone.
    Node {
        /// The call.
        request: Box<RegisterRequest>,
        /// What it is made with.
        token: String,
    },
}

impl Step {
    /// The token that the call is made with, "" for none.
    pub fn token(&self) -> &str {
        match self {
            Self::DeregisterService { token, .. }
            | Self::DeregisterCheck { token, .. }
            | Self::Service { token, .. }
            | Self::Check { token, .. }
            | Self::Node { token, .. } => token,
        }
    }
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The catalog took it.
    Done,
    /// Permission denied: not tried again until the entry changes or the next full comparison.
    Blocked,
    /// Anything else: tried again.
    Failed,
}

impl Local {
    /// Marks everything that differs between here and the catalog (full sync). `enable_tag_override` services take the
    /// catalog's tags; virtual addresses that servers assigned are no difference.
    pub fn compare(&mut self, info: &NodeInfo, catalog: &CatalogView) {
        self.node_in_sync = catalog
            .node
            .as_ref()
            .is_some_and(|node| same_node(info, node));
        self.compare_services(&catalog.services);
        self.compare_checks(&catalog.checks);
        let services = self.services.iter();
        self.pending_services = services
            .filter(|(_, service)| service.standing != Standing::InSync)
            .map(|(id, _)| id.clone())
            .collect();
        let checks = self.checks.iter();
        self.pending_checks = checks
            .filter(|(_, check)| check.standing != Standing::InSync)
            .map(|(id, _)| id.clone())
            .collect();
    }

    /// Takes over the virtual addresses that servers assigned to this agent's services (spec/mesh.md §6.6), so that the
    /// agent's own answers show them.
    pub fn adopt(&mut self, catalog: &CatalogView) {
        let version = self.tick();
        for row in &catalog.services {
            let ours = self.services.get_mut(&row.id);
            if let Some(service) = ours.filter(|service| service.standing != Standing::Removed) {
                adopt_addresses(&mut service.row, row, version, &mut service.version);
            }
        }
    }

    fn dirty_services(&self) -> impl Iterator<Item = &Service> {
        let known = self.pending_services.iter();
        known
            .filter_map(|id| self.services.get(id))
            .filter(|service| service.standing == Standing::Dirty)
    }

    fn dirty_checks(&self) -> impl Iterator<Item = &Check> {
        let known = self.pending_checks.iter();
        known
            .filter_map(|id| self.checks.get(id))
            .filter(|check| check.standing == Standing::Dirty)
    }

    fn compare_services(&mut self, remote: &[Arc<NodeService>]) {
        let there: BTreeMap<&str, &Arc<NodeService>> =
            remote.iter().map(|row| (row.id.as_str(), row)).collect();
        let version = self.tick();
        for service in self.services.values_mut() {
            let known = there.get(service.row.id.as_str());
            match (service.standing, known) {
                (Standing::Removed, _) => {}
                (_, None) => service.standing = Standing::Dirty,
                (_, Some(row)) => {
                    adopt_tags(&mut service.row, row, version, &mut service.version);
                    service.standing = if same_service(&service.row, row) {
                        Standing::InSync
                    } else {
                        Standing::Dirty
                    };
                }
            }
        }
        // What is removed here and gone there is settled; what is unknown here has to go there.
        self.services.retain(|id, service| {
            service.standing != Standing::Removed || there.contains_key(id.as_str())
        });
        for row in remote {
            if row.id != CONSUL_SERVICE && !self.services.contains_key(&row.id) {
                self.services
                    .insert(row.id.clone(), Service::foreign(row.clone(), version));
            }
        }
    }

    fn compare_checks(&mut self, remote: &[Arc<HealthCheck>]) {
        let there: BTreeMap<&str, &Arc<HealthCheck>> = remote
            .iter()
            .map(|row| (row.check_id.as_str(), row))
            .collect();
        let version = self.tick();
        for check in self.checks.values_mut() {
            match (check.standing, there.get(check.row.check_id.as_str())) {
                (Standing::Removed, _) => {}
                (_, None) => check.standing = Standing::Dirty,
                (_, Some(row)) => {
                    let same = same_check(&check.row, row, check.deferred_until.is_some());
                    check.standing = if same {
                        Standing::InSync
                    } else {
                        Standing::Dirty
                    };
                }
            }
        }
        self.checks
            .retain(|id, check| match there.get(id.as_str()) {
                _ if check.standing != Standing::Removed => true,
                None => false,
                Some(row) => {
                    // What the catalog has decides what takes it away: its own removal, or that of the service there.
                    if check.row.service_id != row.service_id {
                        check.row = (*row).clone();
                    }
                    true
                }
            });
        for row in remote {
            if row.check_id != SERF_HEALTH && !self.checks.contains_key(&row.check_id) {
                self.checks
                    .insert(row.check_id.clone(), Check::foreign(row.clone(), version));
            }
        }
    }

    /// The calls that bring the catalog up to date, in order: removals, services with their checks, remaining checks, the
    /// node if nothing else carried it.
    pub fn plan(&self, info: &NodeInfo) -> Vec<Step> {
        let tokens = &self.settings.tokens;
        let mut steps = self.removals(info);
        let mut of_service: HashMap<&str, Vec<&Check>> = HashMap::new();
        for check in self.dirty_checks() {
            of_service
                .entry(&check.row.service_id)
                .or_default()
                .push(check);
        }
        let mut carried: HashSet<&str> = HashSet::new();
        for service in self.dirty_services() {
            let mut with = of_service
                .get(service.row.id.as_str())
                .cloned()
                .unwrap_or_default();
            let token = tokens.entry(&service.token, service.source);
            with.retain(|check| tokens.entry(&check.token, check.source) == token);
            carried.extend(with.iter().map(|check| check.row.check_id.as_str()));
            let mut request = self.register(info, token);
            request.service = Some(Box::new((*service.row).clone()));
            match with.as_slice() {
                [] => {}
                [one] => request.check = Some(Box::new((*one.row).clone())),
                many => request.checks = many.iter().map(|check| (*check.row).clone()).collect(),
            }
            steps.push(Step::Service {
                id: (service.row.id.clone(), service.version),
                checks: with
                    .iter()
                    .map(|check| (check.row.check_id.clone(), check.version))
                    .collect(),
                request: Box::new(request),
                token: token.to_owned(),
            });
        }
        for check in self.dirty_checks() {
            if carried.contains(check.row.check_id.as_str()) {
                continue;
            }
            let token = tokens.entry(&check.token, check.source);
            let mut request = self.register(info, token);
            if let Some(service) = self.service(&check.row.service_id) {
                request.service = Some(Box::new((*service.row).clone()));
            }
            request.check = Some(Box::new((*check.row).clone()));
            let id = (check.row.check_id.clone(), check.version);
            steps.push(Step::Check {
                id,
                request: Box::new(request),
                token: token.to_owned(),
            });
        }
        let carries_node = steps
            .iter()
            .any(|step| matches!(step, Step::Service { .. } | Step::Check { .. }));
        if !self.node_in_sync && !carries_node {
            steps.push(Step::Node {
                request: Box::new(self.register(info, tokens.node())),
                token: tokens.node().to_owned(),
            });
        }
        steps
    }

    fn removals(&self, info: &NodeInfo) -> Vec<Step> {
        let tokens = &self.settings.tokens;
        let base = || DeregisterRequest {
            datacenter: info.datacenter.clone(),
            node: info.name.clone(),
            ..DeregisterRequest::default()
        };
        let services = self
            .pending_services
            .iter()
            .filter_map(|id| self.services.get(id))
            .filter(|service| service.standing == Standing::Removed);
        let mut steps: Vec<Step> = services
            .map(|service| {
                let id = service.row.id.clone();
                Step::DeregisterService {
                    request: Box::new(DeregisterRequest {
                        service_id: id.clone(),
                        ..base()
                    }),
                    token: tokens.removal(&service.token, service.source).to_owned(),
                    id,
                }
            })
            .collect();
        let gone = |check: &Check| {
            // The service's removal takes its checks with it.
            self.services
                .get(&check.row.service_id)
                .is_some_and(|service| service.standing == Standing::Removed)
        };
        let checks = self
            .pending_checks
            .iter()
            .filter_map(|id| self.checks.get(id))
            .filter(|check| check.standing == Standing::Removed && !gone(check));
        for check in checks {
            let id = check.row.check_id.clone();
            steps.push(Step::DeregisterCheck {
                request: Box::new(DeregisterRequest {
                    check_id: id.clone(),
                    ..base()
                }),
                token: tokens.removal(&check.token, check.source).to_owned(),
                id,
            });
        }
        steps
    }

    fn register(&self, info: &NodeInfo, token: &str) -> RegisterRequest {
        RegisterRequest {
            datacenter: info.datacenter.clone(),
            id: info.id.clone(),
            node: info.name.clone(),
            address: info.address.clone(),
            tagged_addresses: info.tagged_addresses.clone(),
            node_meta: info.meta.clone(),
            locality: info.locality.clone(),
            skip_node_update: self.node_in_sync,
            token: token.to_owned(),
            ..RegisterRequest::default()
        }
    }

    /// Settles a step. An entry that changed since the step was planned stays dirty.
    pub fn done(&mut self, step: &Step, verdict: Verdict) {
        if verdict == Verdict::Failed {
            return;
        }
        match step {
            Step::DeregisterService { id, .. } => {
                if self
                    .services
                    .get(id)
                    .is_some_and(|service| service.standing == Standing::Removed)
                {
                    self.services.remove(id);
                    self.pending_services.remove(id);
                    let (pending, checks) = (&mut self.pending_checks, &mut self.checks);
                    pending.retain(|check| {
                        let went_along = checks.get(check).is_some_and(|check| {
                            check.standing == Standing::Removed && check.row.service_id == *id
                        });
                        if went_along {
                            checks.remove(check);
                        }
                        !went_along
                    });
                }
            }
            Step::DeregisterCheck { id, .. } => {
                if self
                    .checks
                    .get(id)
                    .is_some_and(|check| check.standing == Standing::Removed)
                {
                    self.checks.remove(id);
                    self.pending_checks.remove(id);
                }
            }
            Step::Service {
                id: (id, version),
                checks,
                ..
            } => {
                if let Some(service) = self
                    .services
                    .get_mut(id)
                    .filter(|service| service.version == *version)
                {
                    service.standing = Standing::InSync;
                    self.pending_services.remove(id);
                }
                for (id, version) in checks {
                    self.settle_check(id, *version);
                }
                self.node_in_sync |= verdict == Verdict::Done;
            }
            Step::Check {
                id: (id, version), ..
            } => {
                self.settle_check(id, *version);
                self.node_in_sync |= verdict == Verdict::Done;
            }
            Step::Node { .. } => self.node_in_sync = true,
        }
    }

    fn settle_check(&mut self, id: &str, version: u64) {
        if let Some(check) = self
            .checks
            .get_mut(id)
            .filter(|check| check.version == version)
        {
            check.standing = Standing::InSync;
            self.pending_checks.remove(id);
        }
    }

    /// The agent's own node changed: it has to be told with the next step.
    pub fn touch_node(&mut self) {
        self.node_in_sync = false;
    }

    /// Whether the catalog has everything, as far as is known here.
    pub fn in_sync(&self) -> bool {
        self.node_in_sync
            && self
                .services
                .values()
                .all(|service| service.standing == Standing::InSync)
            && self
                .checks
                .values()
                .all(|check| check.standing == Standing::InSync)
    }
}

impl Service {
    /// A service that the catalog has and this agent does not.
    fn foreign(row: Arc<NodeService>, version: u64) -> Self {
        Self {
            row,
            token: String::new(),
            source: crate::Source::Api,
            standing: Standing::Removed,
            version,
        }
    }
}

impl Check {
    /// A check that the catalog has and this agent does not.
    fn foreign(row: Arc<HealthCheck>, version: u64) -> Self {
        let row = Arc::unwrap_or_clone(row);
        let mut check = Check::new(
            row,
            model::CheckType::default(),
            "",
            crate::Source::Api,
            version,
            std::time::Duration::ZERO,
        );
        check.standing = Standing::Removed;
        check
    }
}

/// Where tags may be overridden, the catalog decides them.
fn adopt_tags(ours: &mut Arc<NodeService>, theirs: &NodeService, version: u64, entry: &mut u64) {
    if ours.enable_tag_override && ours.tags != theirs.tags {
        Arc::make_mut(ours).tags = theirs.tags.clone();
        *entry = version;
    }
}

/// Whether servers assign this tagged address.
fn assigned(name: &str) -> bool {
    name.starts_with("consul-")
}

fn adopt_addresses(
    ours: &mut Arc<NodeService>,
    theirs: &NodeService,
    version: u64,
    entry: &mut u64,
) {
    let addresses = theirs.tagged_addresses.iter();
    for (name, address) in addresses.filter(|(name, _)| assigned(name)) {
        if ours.tagged_addresses.get(name) != Some(address) {
            Arc::make_mut(ours)
                .tagged_addresses
                .make_mut()
                .insert(name.clone(), address.clone());
            *entry = version;
        }
    }
}

fn same_node(info: &NodeInfo, node: &Node) -> bool {
    info.id == node.id
        && info.address == node.address
        && same_map(&info.tagged_addresses, &node.tagged_addresses)
        && same_map(&info.meta, &node.meta)
        && info.locality == node.locality
}

/// Empty and missing maps are the same here, unlike in the state.
fn same_map<V: PartialEq>(a: &Dict<V>, b: &Dict<V>) -> bool {
    a.len() == b.len() && a.iter().eq(b.iter())
}

fn same_list<T: PartialEq>(a: &List<T>, b: &List<T>) -> bool {
    a.iter().eq(b.iter())
}

/// Equal but for the addresses that servers assigned and that were not taken over yet.
fn same_addresses(ours: &NodeService, theirs: &NodeService) -> bool {
    let ours = &ours.tagged_addresses;
    let known = |name: &String| !assigned(name) || ours.get(name).is_some();
    let theirs = theirs.tagged_addresses.iter();
    ours.iter().eq(theirs.filter(|(name, _)| known(name)))
}

fn same_service(ours: &NodeService, theirs: &NodeService) -> bool {
    let mut there = theirs.clone();
    there.indexes = ours.indexes.clone();
    // Where this agent made it is nobody else's affair.
    there.locally_registered_as_sidecar = ours.locally_registered_as_sidecar;
    if same_list(&ours.tags, &there.tags) {
        there.tags = ours.tags.clone();
    }
    if same_map(&ours.meta, &there.meta) {
        there.meta = ours.meta.clone();
    }
    if same_addresses(ours, &there) {
        there.tagged_addresses = ours.tagged_addresses.clone();
    }
    if ours.weights.is_none() {
        there.weights = None;
    }
    *ours == there
}

fn same_check(ours: &HealthCheck, theirs: &HealthCheck, ignore_output: bool) -> bool {
    let mut there = theirs.clone();
    there.indexes = ours.indexes.clone();
    there.definition = ours.definition.clone();
    if ignore_output {
        there.output.clone_from(&ours.output);
    }
    if same_list(&ours.service_tags, &there.service_tags) {
        there.service_tags = ours.service_tags.clone();
    }
    *ours == there
}
