//! The agent itself: what it holds, how it starts, and how registrations take effect.

use crate::beats::{Beats, Remembered};
use crate::checks::Runners;
use crate::expand;
use crate::exposed::Exposed;
use crate::persist::{Shelf, Store, StoredBeat, StoredCheck, StoredService};
use crate::watch::{self, Endpoint, Watches};
use local::{Local, NodeInfo, Settings, Source};
use model::{CheckType, HealthCheck, NodeService, ServiceDefinition, status};
use parking_lot::{Mutex, RwLock};
use ports::{AgentError, CheckRegistration, NodeIdentity, Rpc, ServiceRegistration};
use probe::{DockerHost, Prober, ProberConfig};
use rt::{Room, Time};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch as signal};

/// Pause between two looks for services that were critical too long (spec/agent-config.md §15).
const REAP_INTERVAL: Duration = Duration::from_secs(30);

/// What the agent needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name, ID, datacenter, address.
    pub identity: NodeIdentity,
    /// What the agent tells the catalog of its node.
    pub info: NodeInfo,
    /// Data directory; `None` keeps nothing.
    pub data_dir: Option<PathBuf>,
    /// `enable_script_checks`: scripts from everywhere.
    pub scripts: bool,
    /// `enable_local_script_checks`: scripts from files.
    pub local_scripts: bool,
    /// `check_update_interval`
    pub check_update_interval: Duration,
    /// `check_output_max_size`, bytes.
    pub output_max: usize,
    /// `discard_check_output`
    pub discard_output: bool,
    /// `ports.sidecar_min_port`, `ports.sidecar_max_port`
    pub sidecar_ports: SidecarRange,
    /// `ports.expose_min_port`, `ports.expose_max_port`; the last is never used.
    pub expose_ports: (u16, u16),
    /// `DOCKER_HOST`
    pub docker_host: String,
    /// Where the agent's own HTTP API is, for watches; `None` without one.
    pub endpoint: Option<Endpoint>,
    /// What calls to the catalog are made with.
    pub tokens: local::Tokens,
    /// TLS of probes, with the agent's certificate when `enable_agent_tls_for_checks` is set.
    pub check_tls: net::TlsClients,
}

/// First and last automatic port of sidecars; 0 switches it off.
pub type SidecarRange = (u16, u16);

/// Definitions from configuration files.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// Services.
    pub services: Vec<ServiceRegistration>,
    /// Checks.
    pub checks: Vec<CheckRegistration>,
    /// Watches as they are written.
    pub watches: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// A definition that cannot be registered.
struct Refused {
    /// `services` or `checks`.
    what: &'static str,
    text: String,
}

/// The agent room.
pub struct Agent {
    pub(crate) config: RwLock<Config>,
    pub(crate) local: Mutex<Local>,
    pub(crate) runners: Mutex<Runners>,
    pub(crate) exposed: Mutex<Exposed>,
    pub(crate) prober: Prober,
    pub(crate) rpc: Arc<dyn Rpc>,
    pub(crate) room: Room,
    pub(crate) time: Time,
    pub(crate) store: Store,
    /// When beats of before the last stop run out.
    remembered: Remembered,
    pub(crate) version: signal::Sender<u64>,
    pub(crate) wake_sync: Notify,
    watches: Mutex<Option<Watches>>,
    /// One sync at a time: steps of two plans must not overtake each other.
    pub(crate) syncing: tokio::sync::Mutex<()>,
}

/// Breaks the circle between the prober and the agent it reports to.
struct Reports(std::sync::OnceLock<std::sync::Weak<Agent>>);

impl probe::Sink for Reports {
    fn observed(&self, id: &str, generation: u64, observation: probe::Observation) {
        if let Some(agent) = self.0.get().and_then(std::sync::Weak::upgrade) {
            agent.observed(id, generation, &observation);
        }
    }
}

impl Agent {
    /// Starts the agent: registers what files define and what the disk remembers, runs checks, keeps the catalog in sync.
    ///
    /// # Errors
    /// The text with which the process ends when a definition of a file cannot be registered.
    pub fn start(
        config: Config,
        definitions: &Definitions,
        rpc: Arc<dyn Rpc>,
        room: &Room,
        time: &Time,
    ) -> Result<Arc<Self>, String> {
        let room = room.child("agent");
        let reports = Arc::new(Reports(std::sync::OnceLock::new()));
        let prober_config = ProberConfig {
            docker: DockerHost::parse(&config.docker_host),
            ..ProberConfig::default()
        };
        let prober = Prober::new(
            room.child("probes"),
            time.clone(),
            reports.clone(),
            prober_config,
        );
        let agent = Arc::new(Self {
            local: Mutex::new(Local::new(settings(&config))),
            runners: Mutex::new(Runners::default()),
            exposed: Mutex::default(),
            prober,
            rpc,
            room: room.clone(),
            time: time.clone(),
            remembered: config
                .data_dir
                .as_deref()
                .map(Remembered::load)
                .unwrap_or_default(),
            store: Store::new(config.data_dir.clone()),
            version: signal::Sender::new(1),
            wake_sync: Notify::new(),
            watches: Mutex::new(None),
            syncing: tokio::sync::Mutex::new(()),
            config: RwLock::new(config),
        });
        let _ = reports.0.set(Arc::downgrade(&agent));
        agent
            .load_definitions(definitions)
            .map_err(|refused| refused.text)?;
        agent.restore(definitions);
        agent.watch(definitions)?;
        let (syncer, reaper) = (agent.clone(), agent.clone());
        room.spawn("anti-entropy", async move { syncer.keep_in_sync().await });
        room.spawn("reaper", async move { reaper.reap().await });
        Ok(agent)
    }

    pub(crate) fn now(&self) -> Duration {
        Duration::from_nanos(self.time.now().nanos())
    }

    /// Tells everyone who waits for a change.
    pub(crate) fn changed_now(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Takes over what reloads: settings, and the definitions of files. Entries that stay keep their status.
    ///
    /// # Errors
    /// The first definition that cannot be registered; what came before it is in force.
    pub fn reload(
        self: &Arc<Self>,
        config: Config,
        definitions: &Definitions,
    ) -> Result<(), String> {
        let info_changed = self.config.read().info != config.info;
        {
            let mut local = self.local.lock();
            local.configure(settings(&config));
            if info_changed {
                local.touch_node();
            }
        }
        *self.config.write() = config;
        self.drop_file_entries(definitions);
        self.load_definitions(definitions)
            .map_err(|Refused { what, text }| format!("Failed reloading {what}: {text}"))?;
        self.wake_sync.notify_one();
        self.watch(definitions)
            .map_err(|error| format!("Failed reloading watches: {error}"))
    }

    /// Ends the watches that run and starts those of the configuration.
    fn watch(&self, definitions: &Definitions) -> Result<(), String> {
        *self.watches.lock() = None;
        if definitions.watches.is_empty() {
            return Ok(());
        }
        let endpoint = self.config.read().endpoint.clone();
        let endpoint = endpoint.ok_or("watch plans require an HTTP or HTTPS endpoint")?;
        let plans = watch::parse(&definitions.watches)?;
        *self.watches.lock() = Some(Watches::start(&self.room, &self.time, plans, &endpoint));
        Ok(())
    }

    /// Removes entries of files that are not defined any more.
    fn drop_file_entries(self: &Arc<Self>, definitions: &Definitions) {
        let services: HashSet<String> = definitions
            .services
            .iter()
            .flat_map(|registration| {
                let id = expand::service_row(&registration.definition).id;
                let sidecar = registration
                    .definition
                    .connect
                    .as_ref()
                    .and_then(|c| c.sidecar_service.as_ref());
                [sidecar.map(|_| expand::sidecar_id(&id)), Some(id)]
            })
            .flatten()
            .collect();
        let mut checks: HashSet<String> = definitions.checks.iter().map(check_id).collect();
        for registration in &definitions.services {
            let row = expand::service_row(&registration.definition);
            let own = expand::service_checks(&row, &expand::checks_of(&registration.definition));
            checks.extend(own.into_iter().map(|(check, _)| check.check_id));
        }
        let (gone_services, gone_checks) = {
            let local = self.local.lock();
            let gone_services: Vec<String> = local
                .visible_services()
                .filter(|service| {
                    service.source == Source::File && !services.contains(&service.row.id)
                })
                .map(|service| service.row.id.clone())
                .collect();
            let sidecar = |id: &str| services.contains(id) && id.ends_with("-sidecar-proxy");
            let gone_checks: Vec<String> = local
                .visible_checks()
                .filter(|check| {
                    check.source == Source::File && !checks.contains(&check.row.check_id)
                })
                .filter(|check| !sidecar(&check.row.service_id))
                .map(|check| check.row.check_id.clone())
                .collect();
            (gone_services, gone_checks)
        };
        for id in gone_services {
            self.remove_service(&id);
        }
        for id in gone_checks {
            self.remove_check(&id);
        }
    }

    fn load_definitions(self: &Arc<Self>, definitions: &Definitions) -> Result<(), Refused> {
        for registration in &definitions.services {
            let name = &registration.definition.name;
            self.validate_service(&registration.definition)
                .and_then(|()| self.add_service(registration, Source::File))
                .map_err(|error| Refused {
                    what: "services",
                    text: format!("Failed to register service {name:?}: {error}"),
                })?;
        }
        for registration in &definitions.checks {
            let id = check_id(registration);
            let definition = &registration.definition;
            self.add_check(registration, Source::File, None)
                .map_err(|error| Refused {
                    what: "checks",
                    text: format!(
                        "Failed to register check '{id}': {error} {}",
                        expand::dump(definition)
                    ),
                })?;
        }
        Ok(())
    }

    /// Brings back what was registered through the API before the last stop.
    fn restore(self: &Arc<Self>, definitions: &Definitions) {
        let from_files: HashSet<String> = definitions
            .services
            .iter()
            .map(|registration| expand::service_row(&registration.definition).id)
            .collect();
        for stored in self.store.load_all::<StoredService>(Shelf::Services) {
            let id = stored.service.id.clone();
            if from_files.contains(&id) || self.local.lock().service(&id).is_some() {
                tracing::debug!(service = %id, "service exists, not restoring from file");
                self.forget(Shelf::Services, &id);
                continue;
            }
            if !matches!(stored.source.as_str(), "" | "remote" | "local") {
                tracing::warn!(service = %id, source = %stored.source, "service exists with invalid source, purging");
                self.forget(Shelf::Services, &id);
                continue;
            }
            let mut row = stored.service;
            row.locally_registered_as_sidecar = stored.locally_registered_as_sidecar;
            self.local
                .lock()
                .add_service(row, &stored.token, Source::Api);
        }
        for stored in self.store.load_all::<StoredCheck>(Shelf::Checks) {
            let id = stored.check.check_id.clone();
            let (known, orphan) = {
                let local = self.local.lock();
                let service = &stored.check.service_id;
                (
                    local.check(&id).is_some(),
                    !service.is_empty() && local.service(service).is_none(),
                )
            };
            if known || orphan {
                self.forget(Shelf::Checks, &id);
                continue;
            }
            self.restore_check(stored);
        }
        let proxies: Vec<Arc<NodeService>> = {
            let local = self.local.lock();
            let rows = local.visible_services().map(|proxy| proxy.row.clone());
            rows.filter(|row| row.proxy.expose.checks).collect()
        };
        for proxy in proxies {
            self.reroute(&proxy);
        }
        self.keep_beats();
        // Aliases may have come back before what they mirror.
        let mirrored: Vec<String> = self.runners.lock().mirrors.keys().cloned().collect();
        for service in mirrored {
            self.mirror(&service);
        }
    }

    /// A check comes back critical and silent, unless its last beat still holds.
    fn restore_check(self: &Arc<Self>, stored: StoredCheck) {
        let mut row = stored.check;
        row.output.clear();
        if row.check_type != "maintenance" {
            status::CRITICAL.clone_into(&mut row.status);
        }
        self.take_last_beat(&mut row, &stored.definition);
        let id = row.check_id.clone();
        let added = self.local.lock().add_check(
            row,
            stored.definition.clone(),
            &stored.token,
            Source::Api,
            self.now(),
        );
        if let Err(error) = added
            .map_err(|error| error.to_string())
            .and_then(|()| self.run_check(&id, &stored.definition))
        {
            tracing::warn!(check = %id, %error, "Failed to restore check");
        }
    }

    /// A TTL check that this agent had before its last stop goes on with its last beat, if that still holds.
    fn take_last_beat(&self, row: &mut HealthCheck, definition: &CheckType) {
        if definition.ttl.0 <= 0 {
            return;
        }
        match self.last_beat(&row.check_id) {
            Some((beat, _)) => {
                row.status = beat.status;
                row.output = beat.output;
            }
            None => self.forget(Shelf::Beats, &row.check_id),
        }
    }

    /// The stored beat of a check with the time it runs out, in seconds of Unix time; `None` when that is past.
    fn last_beat(&self, id: &str) -> Option<(StoredBeat, u64)> {
        let beat: StoredBeat = self.store.load(Shelf::Beats, id)?;
        let noted = self.remembered.expires(id).unwrap_or(0);
        let expires = u64::try_from(beat.expires).unwrap_or(0).max(noted);
        let wall = self.time.wall().duration_since(std::time::UNIX_EPOCH);
        (expires > wall.unwrap_or_default().as_secs()).then_some((beat, expires))
    }

    /// From now on beats write when they run out.
    fn keep_beats(&self) {
        let Some(folder) = self.store.folder() else {
            return;
        };
        let ttls: Vec<String> = {
            let local = self.local.lock();
            let ttls = local
                .visible_checks()
                .filter(|check| check.definition.ttl.0 > 0);
            ttls.map(|check| check.row.check_id.clone()).collect()
        };
        let alive: Vec<(String, u64)> = ttls
            .into_iter()
            .filter_map(|id| {
                let (_, expires) = self.last_beat(&id)?;
                Some((id, expires))
            })
            .collect();
        match Beats::open(folder, &alive) {
            Ok((beats, slots)) => {
                let ids = alive.into_iter().map(|(id, _)| id);
                self.runners.lock().keep(beats, ids.zip(slots).collect());
            }
            Err(error) => tracing::warn!(%error, "beats of TTL checks cannot be kept"),
        }
    }

    fn forget(&self, shelf: Shelf, id: &str) {
        if let Err(error) = self.store.remove(shelf, id) {
            tracing::warn!(%id, %error, "failed to remove a file of the data directory");
        }
    }

    pub(crate) fn save(
        &self,
        shelf: Shelf,
        id: &str,
        entry: &impl dialect::json::ToJson,
    ) -> Result<(), AgentError> {
        self.store.save(shelf, id, entry).map_err(|error| {
            let text = net::error_text(&error);
            AgentError::Failed(format!("failed writing file for {id:?}: {text}"))
        })
    }

    /// Everything that can be wrong with a definition before anything is changed.
    pub(crate) fn validate_service(
        &self,
        definition: &ServiceDefinition,
    ) -> Result<(), AgentError> {
        if definition.name.is_empty() {
            return Err(AgentError::Failed("Service name missing".into()));
        }
        expand::validate_addresses(&definition.tagged_addresses).map_err(AgentError::Failed)
    }

    /// Registers a service with its checks and sidecar.
    pub(crate) fn add_service(
        self: &Arc<Self>,
        registration: &ServiceRegistration,
        source: Source,
    ) -> Result<(), AgentError> {
        let definition = &registration.definition;
        let row = expand::service_row(definition);
        let checks = expand::checks_of(definition);
        self.place(
            row.clone(),
            &checks,
            &definition.token,
            source,
            registration.replace_existing_checks,
        )?;
        let Some(mut sidecar) = expand::sidecar(definition, &row) else {
            return Ok(());
        };
        self.settle_sidecar(&mut sidecar, &row.id)
            .map_err(|error| match source {
                Source::File => AgentError::Failed(format!(
                    "Failed to register sidecar for service {:?}: {error}",
                    definition.name
                )),
                Source::Api => AgentError::Failed(error),
            })?;
        let mut row = expand::service_row(&sidecar);
        row.locally_registered_as_sidecar = true;
        let checks = expand::checks_of(&sidecar);
        self.place(
            row,
            &checks,
            &sidecar.token,
            source,
            registration.replace_existing_checks,
        )
    }

    fn settle_sidecar(&self, made: &mut ServiceDefinition, parent: &str) -> Result<(), String> {
        let range = self.config.read().sidecar_ports;
        let local = self.local.lock();
        let taken: HashSet<i64> = local
            .visible_services()
            .filter(|service| service.row.id != made.id)
            .map(|service| service.row.port)
            .collect();
        let present = local.service(&made.id).map(|service| service.row.port);
        expand::settle_sidecar(made, parent, range, &taken, present)
    }

    fn place(
        self: &Arc<Self>,
        row: NodeService,
        checks: &[CheckType],
        token: &str,
        source: Source,
        replace: bool,
    ) -> Result<(), AgentError> {
        let rows = expand::service_checks(&row, checks);
        for (_, definition) in &rows {
            self.permit(definition, source)?;
        }
        let id = row.id.clone();
        if source == Source::Api {
            let stored = StoredService {
                token: token.to_owned(),
                service: row.clone(),
                source: "remote".into(),
                locally_registered_as_sidecar: row.locally_registered_as_sidecar,
            };
            self.save(Shelf::Services, &id, &stored)?;
        }
        self.local.lock().add_service(row.clone(), token, source);
        let named: HashSet<&str> = rows
            .iter()
            .map(|(check, _)| check.check_id.as_str())
            .collect();
        if replace {
            let old: Vec<String> = {
                let local = self.local.lock();
                let of_it = local
                    .visible_checks()
                    .filter(|check| check.row.service_id == id);
                of_it
                    .map(|check| check.row.check_id.clone())
                    .filter(|check| !named.contains(check.as_str()))
                    .collect()
            };
            for check in old {
                self.remove_check(&check);
            }
        }
        for (check, definition) in rows {
            self.place_check(check, definition, token, source)?;
        }
        self.reroute(&row);
        self.changed_now();
        Ok(())
    }

    /// Whether this agent carries out such a check at all.
    pub(crate) fn permit(&self, definition: &CheckType, source: Source) -> Result<(), AgentError> {
        if !definition.os_service.is_empty() {
            return Err(AgentError::Failed("not implemented".into()));
        }
        let config = self.config.read();
        if !definition.is_script() {
            return Ok(());
        }
        match source {
            Source::Api if !config.scripts => Err(AgentError::Failed(
                "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true".into(),
            )),
            Source::File if !(config.scripts || config.local_scripts) => Err(AgentError::Failed(
                "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true"
                    .into(),
            )),
            _ => Ok(()),
        }
    }

    /// Registers a check outside a service definition; `kind` overrides the reported type.
    pub(crate) fn add_check(
        self: &Arc<Self>,
        registration: &CheckRegistration,
        source: Source,
        kind: Option<&str>,
    ) -> Result<(), AgentError> {
        let definition = &registration.definition;
        let mut row = expand::check_row(
            check_id(registration),
            definition.name.clone(),
            &registration.service_id,
            definition,
        );
        match (kind, source) {
            (Some(kind), _) => kind.clone_into(&mut row.check_type),
            (None, Source::Api) => definition.reported().clone_into(&mut row.check_type),
            // Checks at the top level of files show no type.
            (None, Source::File) => {}
        }
        self.permit(definition, source)?;
        self.place_check(row, definition.clone(), &registration.token, source)?;
        self.changed_now();
        Ok(())
    }

    pub(crate) fn place_check(
        self: &Arc<Self>,
        mut row: HealthCheck,
        definition: CheckType,
        token: &str,
        source: Source,
    ) -> Result<(), AgentError> {
        let (id, service) = (row.check_id.clone(), row.service_id.clone());
        if !service.is_empty() {
            let port = self.exposed_port(&id, &service, &definition);
            row.exposed_port = port.map_err(AgentError::Failed)?.into();
        }
        if source == Source::File && self.local.lock().check(&id).is_none() {
            self.take_last_beat(&mut row, &definition);
        }
        self.local
            .lock()
            .add_check(row, definition.clone(), token, source, self.now())
            .map_err(|error| match error {
                local::LocalError::UnknownService(_) => AgentError::NotFound(error.to_string()),
                local::LocalError::NoCheckId => AgentError::Failed(error.to_string()),
            })?;
        if source == Source::Api {
            let row = self
                .local
                .lock()
                .check(&id)
                .map(|check| (*check.row).clone())
                .unwrap_or_default();
            let mut definition = definition.clone();
            if definition.executed().is_some() {
                definition.check_id.clone_from(&id);
            }
            let stored = StoredCheck {
                check: row,
                definition,
                token: token.to_owned(),
                source: "remote".into(),
            };
            self.save(Shelf::Checks, &id, &stored)?;
        }
        self.run_check(&id, &definition)
            .map_err(AgentError::Failed)?;
        if !service.is_empty() {
            self.mirror(&service);
        }
        Ok(())
    }

    /// Removes a service with its checks and its sidecar; whether there was one.
    pub(crate) fn remove_service(self: &Arc<Self>, id: &str) -> bool {
        let row = self.local.lock().service(id).map(|found| found.row.clone());
        let Some(checks) = self.local.lock().remove_service(id) else {
            return false;
        };
        self.forget(Shelf::Services, id);
        for check in &checks {
            self.stop_check(check);
        }
        if let Some(row) = row {
            self.reroute(&row);
        }
        let sidecar = expand::sidecar_id(id);
        let came_along = self
            .local
            .lock()
            .service(&sidecar)
            .is_some_and(|s| s.row.locally_registered_as_sidecar);
        if came_along {
            self.remove_service(&sidecar);
        }
        self.changed_now();
        true
    }

    /// Removes a check; whether there was one.
    pub(crate) fn remove_check(self: &Arc<Self>, id: &str) -> bool {
        let service = self
            .local
            .lock()
            .check(id)
            .map(|check| check.row.service_id.clone());
        if !self.local.lock().remove_check(id) {
            return false;
        }
        self.stop_check(id);
        if let Some(service) = service.filter(|service| !service.is_empty()) {
            self.mirror(&service);
        }
        self.changed_now();
        true
    }

    /// Ends what a check does and forgets its files.
    /// What the agent does by itself ends: probes, syncs, watches, aliases. It still answers.
    pub fn quiet(&self) {
        self.room.begin_close();
    }

    fn stop_check(&self, id: &str) {
        self.runners.lock().remove(id);
        self.exposed.lock().forget(id);
        self.forget(Shelf::Checks, id);
        self.forget(Shelf::Beats, id);
    }

    async fn reap(self: Arc<Self>) {
        loop {
            self.time.sleep(REAP_INTERVAL).await;
            let overdue = self.local.lock().overdue(self.now());
            for id in &overdue {
                tracing::info!(service = %id, "Check for service has been critical for too long, deregistering service");
                self.remove_service(id);
            }
            if !overdue.is_empty() {
                self.wake_sync.notify_one();
            }
        }
    }
}

fn check_id(registration: &CheckRegistration) -> String {
    if registration.id.is_empty() {
        registration.definition.name.clone()
    } else {
        registration.id.clone()
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        node: config.identity.name.clone(),
        check_update_interval: config.check_update_interval,
        discard_output: config.discard_output,
        tokens: config.tokens.clone(),
    }
}
