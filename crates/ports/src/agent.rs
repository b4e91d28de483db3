//! The port to the agent's own services and checks (spec/http-api.md §9, §10).

use crate::{BoxFuture, Caller};
use model::{CheckType, HealthCheck, NodeService, ServiceDefinition};
use std::sync::Arc;
use thiserror::Error;

/// Why the agent refuses. `Display` is the text that the client sees.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AgentError {
    /// The request is malformed or breaks a rule of the definition.
    #[error("{0}")]
    Invalid(String),
    /// The service or check is not registered with this agent.
    #[error("{0}")]
    NotFound(String),
    /// The caller lacks a permission.
    #[error("{0}")]
    Denied(String),
    /// The registration cannot be carried out, or something failed.
    #[error("{0}")]
    Failed(String),
}

/// Who the agent is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NodeIdentity {
    /// Node name.
    pub name: String,
    /// Node ID, a UUID in lower case.
    pub id: String,
    /// Its datacenter.
    pub datacenter: String,
    /// Advertised address.
    pub address: String,
}

/// A service registration.
#[derive(Clone, Debug, Default)]
pub struct ServiceRegistration {
    /// The definition; checks in `check` and `checks`, a sidecar in `connect`.
    pub definition: ServiceDefinition,
    /// Removes the checks that an earlier registration of the same ID left and this one does not name.
    pub replace_existing_checks: bool,
}

/// A check registration outside a service definition.
#[derive(Clone, Debug, Default)]
pub struct CheckRegistration {
    /// ID; defaults to the definition's name.
    pub id: String,
    /// The service it belongs to, "" for the node.
    pub service_id: String,
    /// Name, notes, initial status, and what is done.
    pub definition: CheckType,
    /// Token of the check, "" for none.
    pub token: String,
}

/// A service with the checks that decide its local health: the node's and its own.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalHealth {
    /// The service.
    pub service: Arc<NodeService>,
    /// Node checks and its own, by ID.
    pub checks: Vec<Arc<HealthCheck>>,
}

/// Sizes that `/v1/agent/self` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalCounts {
    /// Services.
    pub services: usize,
    /// Checks of all kinds.
    pub checks: usize,
    /// Checks with a TTL.
    pub ttls: usize,
    /// Checks that run a script.
    pub monitors: usize,
}

/// A TTL beat or an explicit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// `passing`, `warning` or `critical`.
    pub status: String,
    /// Note or output.
    pub output: String,
}

/// The agent this process runs.
pub trait LocalAgent: Send + Sync + 'static {
    /// Who it is.
    fn identity(&self) -> NodeIdentity;

    /// All services by ID.
    fn services(&self) -> Vec<Arc<NodeService>>;

    /// One service; IDs are case-sensitive here.
    fn service(&self, id: &str) -> Option<Arc<NodeService>>;

    /// All checks by ID.
    fn checks(&self) -> Vec<Arc<HealthCheck>>;

    /// The service and what decides its health; by ID.
    fn health(&self, service: &str) -> Option<LocalHealth>;

    /// Registers a service with its checks and sidecar, persists them and tells the catalog.
    fn register_service<'a>(
        &'a self,
        caller: &'a Caller,
        registration: ServiceRegistration,
    ) -> BoxFuture<'a, Result<(), AgentError>>;

    /// Removes a service with its checks and the sidecar that came with it.
    fn deregister_service<'a>(
        &'a self,
        caller: &'a Caller,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), AgentError>>;

    /// Registers a check.
    fn register_check<'a>(
        &'a self,
        caller: &'a Caller,
        registration: CheckRegistration,
    ) -> BoxFuture<'a, Result<(), AgentError>>;

    /// Removes a check.
    fn deregister_check<'a>(
        &'a self,
        caller: &'a Caller,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), AgentError>>;

    /// Sets the status of a TTL check and restarts its clock.
    fn beat<'a>(
        &'a self,
        caller: &'a Caller,
        check: &'a str,
        beat: Beat,
    ) -> BoxFuture<'a, Result<(), AgentError>>;

    /// Switches maintenance of a service (`Some(id)`) or of the node on (with a reason, "" for the default text) or off.
    fn maintenance<'a>(
        &'a self,
        caller: &'a Caller,
        service: Option<&'a str>,
        enable: bool,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), AgentError>>;

    /// How many services and checks there are.
    fn counts(&self) -> LocalCounts;

    /// Metadata of the agent's node, as the agent tells the catalog.
    fn node_meta(&self) -> Vec<(String, String)>;

    /// The machine: `Memory`, `CPU`, `Host`, `Disk` as `/v1/agent/host` shows them. Reads a few small files of the kernel.
    fn host(&self) -> serde_json::Value;

    /// A number that grows with every change of services and checks, and a way to wait for it to leave a value.
    fn version(&self) -> u64;

    /// Resolves when [`LocalAgent::version`] is no longer `seen`.
    fn changed(&self, seen: u64) -> BoxFuture<'static, ()>;
}

/// What concerns the process rather than its services.
pub trait Process: Send + Sync + 'static {
    /// Reads the configuration again and applies what reloads; the text of what is wrong otherwise.
    fn reload(&self) -> BoxFuture<'_, Result<(), String>>;

    /// Leaves the cluster gracefully; the process ends afterwards.
    fn leave(&self) -> BoxFuture<'_, Result<(), String>>;

    /// `/v1/agent/self` without `Coord`, `Member` and `Stats`: the configuration as JSON text members
    /// `(name, JSON value)` in order.
    fn self_description(&self) -> serde_json::Value;

    /// Lines of the log from now on at this level, as `monitor` streams them.
    fn log_lines(
        &self,
        level: &str,
        json: bool,
    ) -> Result<tokio::sync::mpsc::Receiver<Vec<u8>>, String>;
}
