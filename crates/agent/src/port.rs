//! The agent as its port shows it.

use crate::agent::Agent;
use crate::expand;
use local::{Change, Source};
use model::{CheckKind, CheckType, HealthCheck, NodeService, ServiceDefinition};
use ports::{
    AgentError, Beat, BoxFuture, Caller, CheckRegistration, LocalAgent, LocalCounts, LocalHealth,
    NodeIdentity, ServiceRegistration,
};
use std::sync::Arc;

/// The agent behind an `Arc`, as doors hold it.
pub struct AgentPort(pub Arc<Agent>);

pub(crate) fn unknown_service(id: &str) -> AgentError {
    AgentError::NotFound(format!(
        "Unknown service ID {id:?}. Ensure that the service ID is passed, not the service name."
    ))
}

fn invalid(text: impl Into<String>) -> AgentError {
    AgentError::Invalid(text.into())
}

impl LocalAgent for AgentPort {
    fn identity(&self) -> NodeIdentity {
        self.0.config.read().identity.clone()
    }

    fn services(&self) -> Vec<Arc<NodeService>> {
        self.0
            .local
            .lock()
            .visible_services()
            .map(|service| service.row.clone())
            .collect()
    }

    fn service(&self, id: &str) -> Option<Arc<NodeService>> {
        self.0
            .local
            .lock()
            .service(id)
            .map(|service| service.row.clone())
    }

    fn checks(&self) -> Vec<Arc<HealthCheck>> {
        self.0
            .local
            .lock()
            .visible_checks()
            .map(|check| check.row.clone())
            .collect()
    }

    fn health(&self, service: &str) -> Option<LocalHealth> {
        let local = self.0.local.lock();
        let row = local.service(service)?.row.clone();
        Some(LocalHealth {
            service: row,
            checks: local
                .checks_for(service)
                .map(|check| check.row.clone())
                .collect(),
        })
    }

    fn register_service<'a>(
        &'a self,
        _: &'a Caller,
        registration: ServiceRegistration,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        Box::pin(async move {
            validate(&registration.definition)?;
            self.0.validate_service(&registration.definition)?;
            self.0.add_service(&registration, Source::Api)?;
            self.0.push().await;
            Ok(())
        })
    }

    fn deregister_service<'a>(
        &'a self,
        _: &'a Caller,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        Box::pin(async move {
            if !self.0.remove_service(id) {
                return Err(unknown_service(id));
            }
            self.0.push().await;
            Ok(())
        })
    }

    fn register_check<'a>(
        &'a self,
        _: &'a Caller,
        registration: CheckRegistration,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        Box::pin(async move {
            if registration.definition.name.is_empty() {
                return Err(invalid("Missing check name"));
            }
            if !valid_status(&registration.definition.status) {
                return Err(invalid("Bad check status"));
            }
            registration
                .definition
                .validate()
                .map_err(|error| invalid(format!("Invalid check: {error}")))?;
            self.0.add_check(&registration, Source::Api, None)?;
            self.0.push().await;
            Ok(())
        })
    }

    fn deregister_check<'a>(
        &'a self,
        _: &'a Caller,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        Box::pin(async move {
            if !self.0.remove_check(id) {
                return Err(crate::checks::unknown_check(id));
            }
            self.0.push().await;
            Ok(())
        })
    }

    fn beat<'a>(
        &'a self,
        _: &'a Caller,
        check: &'a str,
        beat: Beat,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        match self.0.take_beat(check, &beat) {
            Ok(Change::Now) => Box::pin(async move {
                self.0.push().await;
                Ok(())
            }),
            Ok(_) => Box::pin(std::future::ready(Ok(()))),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn maintenance<'a>(
        &'a self,
        _: &'a Caller,
        service: Option<&'a str>,
        enable: bool,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        Box::pin(async move {
            self.0.set_maintenance(service, enable, reason)?;
            self.0.push().await;
            Ok(())
        })
    }

    fn counts(&self) -> LocalCounts {
        let local = self.0.local.lock();
        let services = local.visible_services().count();
        let mut counts = LocalCounts {
            services,
            ..LocalCounts::default()
        };
        for check in local.visible_checks() {
            counts.checks += 1;
            match check.definition.executed() {
                Some(CheckKind::Ttl) => counts.ttls += 1,
                Some(CheckKind::Script) => counts.monitors += 1,
                _ => {}
            }
        }
        counts
    }

    fn node_meta(&self) -> Vec<(String, String)> {
        let config = self.0.config.read();
        let pairs = config.info.meta.iter();
        pairs
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    fn host(&self) -> serde_json::Value {
        crate::host::describe(self.0.time.wall())
    }

    fn version(&self) -> u64 {
        *self.0.version.borrow()
    }

    fn changed(&self, seen: u64) -> BoxFuture<'static, ()> {
        let mut watch = self.0.version.subscribe();
        Box::pin(async move {
            // The agent outlives its waiters' doors; should it not, there is nothing to wait for.
            let _ = watch.wait_for(|version| *version != seen).await;
        })
    }
}

fn valid_status(status: &str) -> bool {
    matches!(status, "" | "passing" | "warning" | "critical")
}

/// The checks of a registration by the API, in the reference's order (spec/http-api.md §10.10).
fn validate(definition: &ServiceDefinition) -> Result<(), AgentError> {
    if definition.name.is_empty() {
        return Err(invalid("Missing service name"));
    }
    if matches!(definition.address.as_str(), "0.0.0.0" | "::" | "[::]") {
        return Err(invalid("Invalid service address"));
    }
    if let Some(weights) = &definition.weights {
        expand::validate_weights(weights)
            .map_err(|error| invalid(format!("Invalid Weights: {error}")))?;
    }
    expand::validate_meta(&definition.meta, definition.kind == "mesh-gateway")
        .map_err(|error| invalid(format!("Invalid Service Meta: {error}")))?;
    let wrong = expand::validate_service(definition);
    if !wrong.is_empty() {
        return Err(invalid(format!(
            "Validation failed: {}",
            expand::several(&wrong)
        )));
    }
    for check in &expand::checks_of(definition) {
        checked(check, "Invalid check: ")?;
    }
    validate_sidecar(definition)
}

/// What the sidecar that a registration asks for would be refused for.
fn validate_sidecar(definition: &ServiceDefinition) -> Result<(), AgentError> {
    let row = expand::service_row(definition);
    let Some(made) = expand::sidecar(definition, &row) else {
        return Ok(());
    };
    for check in expand::checks_of(&made) {
        checked(&check, "Invalid check in sidecar_service: ")?;
    }
    expand::validate_meta(&made.meta, made.kind == "mesh-gateway")
        .map_err(|error| invalid(format!("Invalid SidecarService: {error}")))?;
    expand::validate_addresses(&made.tagged_addresses)
        .map_err(|error| invalid(format!("Invalid SidecarService: {error}")))?;
    let wrong = expand::validate_made(&made);
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(invalid(format!(
            "Failed Validation: {}",
            expand::several(&wrong)
        )))
    }
}

fn checked(check: &CheckType, prefix: &str) -> Result<(), AgentError> {
    check
        .validate()
        .map_err(|error| invalid(format!("{prefix}{error}")))?;
    if valid_status(&check.status) {
        Ok(())
    } else {
        Err(invalid(
            "Status for checks must 'passing', 'warning', 'critical'",
        ))
    }
}
