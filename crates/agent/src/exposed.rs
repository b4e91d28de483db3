//! Checks that reach their service through its proxy (spec/agent-config.md §15, "Expose"): which port each of them has, and
//! where its probe goes instead of its own target.

use crate::agent::Agent;
use model::{CheckKind, CheckType, NodeService};
use std::collections::HashMap;
use std::sync::Arc;

/// Kind of the services that expose checks.
const PROXY: &str = "connect-proxy";
/// Where a proxy without an address of its own is reached.
const HERE: &str = "127.0.0.1";

/// The way of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The service that the check belongs to.
    service: String,
    host: String,
    port: u16,
}

/// Exposed checks by ID.
#[derive(Debug, Default)]
pub(crate) struct Exposed(HashMap<String, Way>);

impl Exposed {
    /// A way for a check: it keeps the port it has, or gets the lowest free one of `range`, whose last is never used.
    fn give(&mut self, id: &str, service: &str, host: &str, range: (u16, u16)) -> Option<u16> {
        let host = if host.is_empty() { HERE } else { host };
        let port = match self.0.get(id) {
            Some(way) => way.port,
            None => {
                (range.0.max(1)..range.1).find(|port| self.0.values().all(|w| w.port != *port))?
            }
        };
        let way = Way {
            service: service.to_owned(),
            host: host.to_owned(),
            port,
        };
        self.0.insert(id.to_owned(), way);
        Some(port)
    }

    pub(crate) fn forget(&mut self, id: &str) {
        self.0.remove(id);
    }
}

impl Way {
    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The definition with the target that its probe goes to.
    fn redirect(&self, definition: &CheckType) -> CheckType {
        let mut redirected = definition.clone();
        if !redirected.http.is_empty() {
            let (scheme, rest) = definition
                .http
                .split_once("://")
                .unwrap_or(("http", &definition.http));
            let path = rest.find(['/', '?', '#']).and_then(|at| rest.get(at..));
            let (authority, path) = (self.authority(), path.unwrap_or_default());
            redirected.http = format!("{scheme}://{authority}{path}");
        }
        if !redirected.grpc.is_empty() {
            let service = definition.grpc.find('/');
            let service = service.and_then(|at| definition.grpc.get(at..));
            redirected.grpc = format!("{}{}", self.authority(), service.unwrap_or_default());
        }
        redirected
    }
}

fn can_be_exposed(definition: &CheckType) -> bool {
    matches!(
        definition.executed(),
        Some(CheckKind::Http | CheckKind::Grpc)
    )
}

/// The service whose checks a proxy may expose.
fn behind(proxy: &NodeService) -> Option<&str> {
    let id = proxy.proxy.destination_service_id.as_str();
    (proxy.kind == PROXY && !id.is_empty()).then_some(id)
}

impl Agent {
    /// What the probe of a check does: the definition, or its way through a proxy.
    pub(crate) fn redirected(&self, id: &str, definition: &CheckType) -> Option<CheckType> {
        let exposed = self.exposed.lock();
        exposed.0.get(id).map(|way| way.redirect(definition))
    }

    /// The port of a check that is registered now, 0 when no proxy exposes it.
    ///
    /// # Errors
    /// No port is left.
    pub(crate) fn exposed_port(
        &self,
        id: &str,
        service: &str,
        definition: &CheckType,
    ) -> Result<u16, String> {
        let host = if can_be_exposed(definition) {
            self.exposing_host(service)
        } else {
            None
        };
        let Some(host) = host else {
            self.exposed.lock().forget(id);
            return Ok(0);
        };
        let range = self.config.read().expose_ports;
        let port = self.exposed.lock().give(id, service, &host, range);
        port.ok_or_else(|| format!("no ports available to expose '{id}'"))
    }

    /// Address of the proxy that exposes a service's checks.
    fn exposing_host(&self, service: &str) -> Option<String> {
        let local = self.local.lock();
        let mut proxies = local.visible_services().map(|proxy| &proxy.row);
        let found = proxies.find(|row| behind(row) == Some(service) && row.proxy.expose.checks)?;
        Some(found.address.clone())
    }

    /// A proxy was registered or has gone: the checks of what is behind it take their way, or leave it.
    pub(crate) fn reroute(self: &Arc<Self>, proxy: &NodeService) {
        let Some(service) = behind(proxy) else {
            return;
        };
        let checks: Vec<(String, Arc<CheckType>)> = {
            let local = self.local.lock();
            let of_it = local.visible_checks().filter(|check| {
                check.row.service_id == service && can_be_exposed(&check.definition)
            });
            of_it
                .map(|check| (check.row.check_id.clone(), check.definition.clone()))
                .collect()
        };
        for (id, definition) in checks {
            let before = self.exposed.lock().0.get(&id).cloned();
            let port = match self.exposed_port(&id, service, &definition) {
                Ok(port) => port,
                Err(error) => {
                    tracing::warn!(%error, "failed to reroute L7 checks to exposed proxy listener");
                    return;
                }
            };
            if self.exposed.lock().0.get(&id) == before.as_ref() {
                continue;
            }
            self.local.lock().expose_check(&id, port);
            if let Err(error) = self.run_check(&id, &definition) {
                tracing::warn!(check = %id, %error, "a check does not go its new way");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_redirected() {
        let mut exposed = Exposed::default();
        assert_eq!(exposed.give("a", "web", "", (21500, 21502)), Some(21500));
        assert_eq!(
            exposed.give("b", "web", "fe80::1", (21500, 21502)),
            Some(21501)
        );
        assert_eq!(exposed.give("c", "web", "", (21500, 21502)), None);
        assert_eq!(
            exposed.give("a", "web", "10.0.0.1", (21500, 21502)),
            Some(21500)
        );
        let http = |url: &str| CheckType {
            http: url.into(),
            ..CheckType::default()
        };
        let to = |id: &str, definition: &CheckType| exposed.0[id].redirect(definition);
        assert_eq!(
            to("a", &http("https://localhost:80/x?y=1")).http,
            "https://10.0.0.1:21500/x?y=1"
        );
        assert_eq!(
            to("b", &http("http://[::1]")).http,
            "http://[fe80::1]:21501"
        );
        let grpc = |target: &str| CheckType {
            grpc: target.into(),
            ..CheckType::default()
        };
        assert_eq!(to("a", &grpc("h:1/svc")).grpc, "10.0.0.1:21500/svc");
        assert_eq!(to("a", &grpc("h:1")).grpc, "10.0.0.1:21500");
    }
}
