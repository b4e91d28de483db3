//! What an agent owns: its services and checks, how checks change status, and what has to be told to the catalog.
//!
//! [`Local`] is a value: time comes in as `now` (any monotonic origin), jitter as a number, and what is to be sent leaves as
//! [`Step`]s. It must never learn how a step travels, who probes, or what stands on disk.
//!
//! ```text
//!   registrations ─▶ Local ◀─ observations, TTL beats
//!                     │  ▲
//!                plan │  │ done(step, verdict)          compare(catalog) marks what differs
//!                     ▼  │
//!                   Step: Catalog.Register / Deregister
//! ```
//!
//! Rules: spec/agent-config.md §14–§18.

mod check;
mod service;
mod status;
mod sync;
mod tokens;

pub use check::{Check, Counters};
pub use service::Service;
pub use status::{Change, Finding, Judgement};
pub use sync::{CatalogView, NodeInfo, Step, Verdict};
pub use tokens::Tokens;

use model::{CheckType, HealthCheck, NodeService};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Who registered an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Configuration files: gone with them, never persisted.
    File,
    /// The HTTP API: persisted.
    Api,
}

/// Where an entry stands towards the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The catalog has it as it is here.
    InSync,
    /// The catalog has to be told.
    Dirty,
    /// Removed here; the catalog has to forget it. Not shown any more.
    Removed,
}

/// Why a registration is refused. `Display` is the reference's text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LocalError {
    /// A check without an ID.
    #[error("CheckID missing")]
    NoCheckId,
    /// A check of a service that is not here.
    #[error("ServiceID {0:?} does not exist")]
    UnknownService(String),
}

/// Settings of the agent that its local state depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The agent's node name, stamped on every check.
    pub node: String,
    /// `check_update_interval`: how long a change of output alone may wait; zero sends at once.
    pub check_update_interval: Duration,
    /// `discard_check_output`: stores empty outputs.
    pub discard_output: bool,
    /// What calls to the catalog are made with.
    pub tokens: Tokens,
}

/// An agent's own services and checks.
#[derive(Clone, Debug)]
pub struct Local {
    settings: Settings,
    services: BTreeMap<String, Service>,
    checks: BTreeMap<String, Check>,
    node_in_sync: bool,
    /// IDs of services that the catalog may have to be told of; a superset of those that are not in sync.
    pending_services: BTreeSet<String>,
    /// The same of checks.
    pending_checks: BTreeSet<String>,
    /// Outputs that wait, by the time they are due. Entries whose check has changed its mind are skipped.
    deferred: BTreeSet<(Duration, String)>,
    /// Counts changes; every entry carries the count of its last one, so that a step that was overtaken settles nothing.
    clock: u64,
}

impl Local {
    /// Nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            services: BTreeMap::new(),
            checks: BTreeMap::new(),
            node_in_sync: false,
            pending_services: BTreeSet::new(),
            pending_checks: BTreeSet::new(),
            deferred: BTreeSet::new(),
            clock: 0,
        }
    }

    /// Takes over settings that changed on reload.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Adds a service or replaces the one of the same ID. An identical one changes nothing.
    pub fn add_service(&mut self, row: NodeService, token: &str, source: Source) {
        let version = self.tick();
        match self.services.get_mut(&row.id) {
            Some(known)
                if known.standing != Standing::Removed
                    && *known.row == row
                    && known.token == token =>
            {
                known.source = source;
            }
            _ => {
                let service = Service {
                    row: Arc::new(row),
                    token: token.to_owned(),
                    source,
                    standing: Standing::Dirty,
                    version,
                };
                self.pending_services.insert(service.row.id.clone());
                self.services.insert(service.row.id.clone(), service);
            }
        }
    }

    /// Removes a service with its checks; the IDs of those checks, or `None` when there is no such service.
    pub fn remove_service(&mut self, id: &str) -> Option<Vec<String>> {
        let version = self.tick();
        let service = self
            .services
            .get_mut(id)
            .filter(|service| service.standing != Standing::Removed)?;
        service.standing = Standing::Removed;
        service.version = version;
        self.pending_services.insert(id.to_owned());
        let of_it: Vec<String> = self
            .visible_checks()
            .filter(|check| check.row.service_id == id)
            .map(|check| check.row.check_id.clone())
            .collect();
        for check in &of_it {
            self.remove_check(check);
        }
        Some(of_it)
    }

    /// Adds a check or replaces the one of the same ID, which keeps its status and output whatever `row` says
    /// (spec/http-api.md §9.1). Node, service name and tags are filled in.
    ///
    /// # Errors
    /// A missing ID, a service that is not here; nothing is changed then.
    pub fn add_check(
        &mut self,
        mut row: HealthCheck,
        definition: CheckType,
        token: &str,
        source: Source,
        now: Duration,
    ) -> Result<(), LocalError> {
        if row.check_id.is_empty() {
            return Err(LocalError::NoCheckId);
        }
        if !row.service_id.is_empty() {
            let service = self
                .service(&row.service_id)
                .ok_or_else(|| LocalError::UnknownService(row.service_id.clone()))?;
            row.service_name.clone_from(&service.row.service);
            row.service_tags.clone_from(&service.row.tags);
        }
        row.node.clone_from(&self.settings.node);
        if self.settings.discard_output {
            row.output.clear();
        }
        let version = self.tick();
        let known = self
            .checks
            .get(&row.check_id)
            .filter(|check| check.standing != Standing::Removed);
        if let Some(known) = known {
            row.status.clone_from(&known.row.status);
            row.output.clone_from(&known.row.output);
        }
        let mut check = Check::new(row, definition, token, source, version, now);
        if let Some(known) = known {
            check.take_over(known);
        }
        self.pending_checks.insert(check.row.check_id.clone());
        self.checks.insert(check.row.check_id.clone(), check);
        Ok(())
    }

    /// Gives a check the port at which a proxy exposes it; 0 takes it away.
    pub fn expose_check(&mut self, id: &str, port: u16) {
        let version = self.tick();
        if let Some(check) = self.checks.get_mut(id)
            && check.row.exposed_port != i64::from(port)
        {
            Arc::make_mut(&mut check.row).exposed_port = port.into();
            check.version = version;
            if check.standing == Standing::InSync {
                check.standing = Standing::Dirty;
            }
            self.pending_checks.insert(id.to_owned());
        }
    }

    /// Removes a check; whether there was one.
    pub fn remove_check(&mut self, id: &str) -> bool {
        let version = self.tick();
        match self
            .checks
            .get_mut(id)
            .filter(|check| check.standing != Standing::Removed)
        {
            Some(check) => {
                check.standing = Standing::Removed;
                check.version = version;
                check.deferred_until = None;
                self.pending_checks.insert(id.to_owned());
                true
            }
            None => false,
        }
    }

    /// The service with this ID (case-sensitive).
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.services
            .get(id)
            .filter(|service| service.standing != Standing::Removed)
    }

    /// The check with this ID (case-sensitive).
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks
            .get(id)
            .filter(|check| check.standing != Standing::Removed)
    }

    /// The token with which the target of a check with this ID is looked up.
    pub fn check_token(&self, id: &str) -> &str {
        let own = self.check(id);
        let (token, source) = own.map_or(("", Source::Api), |check| (&check.token, check.source));
        self.settings.tokens.entry(token, source)
    }

    /// All services by ID.
    pub fn visible_services(&self) -> impl Iterator<Item = &Service> {
        self.services
            .values()
            .filter(|service| service.standing != Standing::Removed)
    }

    /// All checks by ID.
    pub fn visible_checks(&self) -> impl Iterator<Item = &Check> {
        self.checks
            .values()
            .filter(|check| check.standing != Standing::Removed)
    }

    /// The checks that decide a service's local health: its own and the node's.
    pub fn checks_for(&self, service: &str) -> impl Iterator<Item = &Check> {
        self.visible_checks()
            .filter(move |check| check.row.service_id.is_empty() || check.row.service_id == service)
    }

    /// Services that were critical for longer than one of their checks allows; they are to be deregistered.
    pub fn overdue(&self, now: Duration) -> Vec<String> {
        let mut found: Vec<String> = self
            .visible_checks()
            .filter(|check| check.overdue(now))
            .map(|check| check.row.service_id.clone())
            .filter(|id| self.service(id).is_some())
            .collect();
        found.sort();
        found.dedup();
        found
    }
}
