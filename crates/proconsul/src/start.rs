//! Builds the rooms and hands them to the doors.

use crate::data_dir::{self, DataDir};
use crate::dns_watch::DnsWatch;
use crate::host_id::new_node_id;
use crate::lan::Lan;
use crate::listeners;
use crate::material;
use crate::preflight;
use crate::rpc_door;
use crate::settings::Settings;
use crate::told::Listening;
use config::Loaded;
use ports::{Members, Process, Rpc};
use rt::{Room, Time};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long answers under way get to be written at an orderly end.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// How long what is left gets to end by itself after that.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

/// Failures to join that nobody has heard yet: one for each pool.
const JOIN_FAILURES: usize = 2;

/// A running agent.
pub(crate) struct Running {
    room: Room,
    /// What listens, and every connection.
    doors: Room,
    server: Arc<server::Server>,
    limited: Arc<server::RateLimited>,
    agent: Arc<agent::Agent>,
    http: Arc<httpd::Door>,
    dns: Arc<dnsd::Door>,
    rpc: Arc<rpcd::Door>,
    https: Option<Arc<net::tls::Acceptor>>,
    lan: Arc<Lan>,
    node_id: String,
    data_dir: Option<DataDir>,
    metrics: telemetry::Metrics,
    listening: Listening,
}

/// Who the agent is, and where it keeps things: what the banner needs before anything starts.
pub(crate) struct Identity {
    pub(crate) node_id: String,
    pub(crate) data_dir: Option<DataDir>,
}

/// Opens the data directory and finds the node's ID.
///
/// # Errors
/// What is wrong with the directory, for people.
pub(crate) fn identify(config: &config::Config) -> Result<Identity, String> {
    // Development mode keeps everything in memory, whatever directory is named.
    let folder = preflight::data_folder(config);
    let data_dir = folder.as_deref().map(DataDir::open).transpose()?;
    let new = || new_node_id(!config.node.disable_host_node_id);
    let node_id = match (&config.node.id, &data_dir) {
        (Some(id), _) => {
            config::meta::check_uuid(id).map_err(|error| {
                format!("failed to setup node ID: specified NodeID is invalid: {error}")
            })?;
            id.clone()
        }
        (None, Some(dir)) => dir.node_id(new)?,
        (None, None) => new(),
    };
    Ok(Identity { node_id, data_dir })
}

/// Joins the pools, again and again; where it is told that this was given up.
fn join(
    settings: &Settings<'_>,
    members: &Arc<dyn Members>,
    room: &Room,
    time: &Time,
) -> mpsc::Receiver<String> {
    let (failed, failure) = mpsc::channel(JOIN_FAILURES);
    for join in settings.joins() {
        join.start(members.clone(), failed.clone(), room, time);
    }
    failure
}

impl Running {
    /// Starts everything, and says where a failure to join is told, with which the process ends: listeners are bound first, so that a port in use changes nothing on disk.
    ///
    /// # Errors
    /// The text with which the process ends.
    pub(crate) async fn start(
        loaded: &Loaded,
        identity: Identity,
        process: impl FnOnce(&Arc<agent::Agent>) -> Arc<dyn Process>,
        room: &Room,
        time: &Time,
    ) -> Result<(Self, mpsc::Receiver<String>), String> {
        let Identity { node_id, data_dir } = identity;
        let settings = Settings {
            config: &loaded.config,
            node_id: &node_id,
        };
        let dns_config = dnsd::Config::new(&settings.dns()).map_err(|error| error.to_string())?;
        let definitions = settings.definitions()?;
        preflight::check(&loaded.config)?;
        let server_port = rpc_door::bind(&loaded.config)?;
        let bound = listeners::bind(&settings)?;
        let metrics = telemetry::Metrics::new(settings.metrics(time.wall()));
        metrics.start(room, time).await?;
        if let Some(dir) = &data_dir {
            dir.make_private();
            let age_max = loaded.config.node.server_rejoin_age_max;
            dir.open_server(data_dir::unix(time), age_max)?;
            dir.keep_seen(room, time);
        }
        let server = server::Server::start(
            server::Config {
                autopilot: settings.autopilot(),
                ..settings.server(data_dir.as_ref().map(DataDir::store), metrics.clone())
            },
            room,
            time.clone(),
        )
        .map_err(|error| format!("Failed to start Consul server: {error}"))?;
        room.spawn("server metrics", server.clone().measure());
        let limited = server::RateLimited::new(
            server.clone(),
            time.clone(),
            settings.request_limits(),
            metrics.clone(),
        );
        let rpc: Arc<dyn Rpc> = limited.clone();
        let folder = preflight::data_folder(&loaded.config);
        let agent = agent::Agent::start(
            settings.agent(folder),
            &definitions,
            rpc.clone(),
            room,
            time,
        )?;
        // Last, so that what is wrong otherwise is told first, and as the reference tells it.
        if let Some(promise) = config::unmet(&loaded.config) {
            return Err(promise);
        }
        let lan = Lan::open(&settings, data_dir.as_ref(), room, time)?;
        let members: Arc<dyn Members> = lan.clone();
        let ports = httpd::Ports {
            time: time.clone(),
            rpc: rpc.clone(),
            operator: Some(server.clone()),
            events: Some(Arc::new(agent::OwnEvents::new(
                agent.clone(),
                loaded.config.node.datacenter.clone(),
                metrics.clone(),
            ))),
            agent: Arc::new(agent::AgentPort(agent.clone())),
            members: members.clone(),
            process: process(&agent),
            metrics: metrics.clone(),
        };
        let http = httpd::Door::new(settings.http(), ports);
        let doors = room.child("doors");
        let dns_addresses = bound.dns.as_ref().map(|dns| dns.addresses());
        let listening = Listening::new(&loaded.config.net, dns_addresses.unwrap_or_default());
        listening.started();
        for listener in bound.http {
            httpd::serve(&doors, time, listener, http.clone());
        }
        let rpc_door = server_port.serve(&loaded.config, &server, &limited, &doors, time);
        let dns = Arc::new(dnsd::Door::new(
            dns_config,
            rpc,
            time.clone(),
            Some(Box::new(DnsWatch::new(&metrics, &loaded.config.node.name))),
        ));
        if let Some(listeners) = bound.dns {
            listeners.serve(&dns, &doors);
        }
        let failure = join(&settings, &members, room, time);
        let running = Self {
            room: room.clone(),
            doors,
            server,
            limited,
            agent,
            http,
            dns,
            rpc: rpc_door,
            https: bound.https,
            lan,
            node_id,
            data_dir,
            metrics,
            listening,
        };
        Ok((running, failure))
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &telemetry::Metrics {
        &self.metrics
    }

    /// Takes over a configuration that differs from the one of the start in what reloads only.
    ///
    /// # Errors
    /// What could not be taken over; everything before it is in force.
    pub(crate) fn reload(&self, config: &config::Config) -> Result<(), String> {
        let settings = Settings {
            config,
            node_id: &self.node_id,
        };
        material::check(config)
            .map_err(|why| format!("Failed reloading tls configuration: {why}"))?;
        let definitions = settings.definitions()?;
        let dns = dnsd::Config::new(&settings.dns()).map_err(|error| error.to_string())?;
        if let Some(acceptor) = &self.https {
            listeners::Bound::renew(acceptor, &settings)?;
        }
        self.limited.set(settings.request_limits());
        let filters = &config.telemetry;
        self.metrics.set_filter(
            &filters.allowed_prefixes,
            &filters.blocked_prefixes,
            filters.filter_default,
        );
        self.http.reload(settings.http());
        self.dns.reload(dns);
        rpc_door::reload(&self.rpc, config);
        let folder = config.node.data_dir.clone().filter(|_| !config.node.dev);
        self.agent.reload(settings.agent(folder), &definitions)
    }

    /// Waits until the server can take part no more; why.
    pub(crate) fn ended(&self) -> impl Future<Output = String> + use<> {
        let server = self.server.clone();
        async move { server.ended().await }
    }

    /// Ends everything in order: no new work is taken, answers under way are finished with what there is, then the rooms end,
    /// and the log of the server is closed last, so that what was acknowledged is on disk.
    /// With `leave` the pool hears of it first.
    pub(crate) async fn stop(self, leave: bool) {
        if leave {
            self.lan.leave().await;
        }
        tracing::info!(target: "agent", "Requesting shutdown");
        self.listening.stopping();
        self.doors.begin_close();
        // First, since it waits for news too and would ask again at once.
        self.agent.quiet();
        self.server.end_waits();
        self.http.end_waits();
        tracing::info!(target: "agent", "Waiting for endpoints to shut down");
        if let Err(error) = self.doors.close(DRAIN_LIMIT).await {
            tracing::warn!(target: "agent", %error, "Answers were cut off");
        }
        tracing::info!(target: "agent", "Endpoints down");
        self.agent.stop();
        self.room.begin_close();
        tracing::info!(target: "agent.server", "shutting down server");
        self.server.shutdown().await;
        tracing::info!(target: "agent", "consul server down");
        if let Err(error) = self.room.close(CLOSE_LIMIT).await {
            tracing::warn!(target: "agent", %error, "tasks did not end in time");
        }
        drop(self.data_dir);
        tracing::info!(target: "agent", "shutdown complete");
    }
}
