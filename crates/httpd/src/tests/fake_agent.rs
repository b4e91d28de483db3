//! An agent with one service, without others and without a life of its own.

use model::{HealthCheck, NodeService};
use parking_lot::Mutex;
use ports::{
    AgentError, Beat, BoxFuture, Caller, CheckRegistration, LocalAgent, LocalCounts, LocalHealth,
    Member, Members, NodeIdentity, Process, ServiceRegistration,
};
use std::sync::Arc;
use tokio::sync::watch;

/// Holds `web` with one check; remembers what it was told.
pub(crate) struct FakeAgent {
    pub service: Mutex<NodeService>,
    pub check: Mutex<HealthCheck>,
    pub told: Mutex<Vec<String>>,
    /// Where the log at level `trace` is written to; at `debug` it ends.
    log: Mutex<Option<tokio::sync::mpsc::Sender<Vec<u8>>>>,
    version: watch::Sender<u64>,
}

impl Default for FakeAgent {
    fn default() -> Self {
        let service = NodeService {
            id: "web".into(),
            service: "web".into(),
            port: 80,
            ..NodeService::default()
        };
        let check = HealthCheck {
            check_id: "c".into(),
            status: "passing".into(),
            service_id: "web".into(),
            ..HealthCheck::default()
        };
        Self {
            service: Mutex::new(service),
            check: Mutex::new(check),
            log: Mutex::default(),
            told: Mutex::default(),
            version: watch::Sender::new(1),
        }
    }
}

impl FakeAgent {
    /// Changes the port of `web`.
    pub(crate) fn move_to(&self, port: i64) {
        self.service.lock().port = port;
        self.version.send_modify(|version| *version += 1);
    }

    fn tell(&self, what: String) -> BoxFuture<'static, Result<(), AgentError>> {
        self.told.lock().push(what);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl LocalAgent for FakeAgent {
    fn identity(&self) -> NodeIdentity {
        NodeIdentity {
            name: "agent1".into(),
            ..NodeIdentity::default()
        }
    }

    fn services(&self) -> Vec<Arc<NodeService>> {
        vec![Arc::new(self.service.lock().clone())]
    }

    fn service(&self, id: &str) -> Option<Arc<NodeService>> {
        self.services().into_iter().find(|service| service.id == id)
    }

    fn checks(&self) -> Vec<Arc<HealthCheck>> {
        vec![Arc::new(self.check.lock().clone())]
    }

    fn health(&self, service: &str) -> Option<LocalHealth> {
        Some(LocalHealth {
            service: self.service(service)?,
            checks: self.checks(),
        })
    }

    fn register_service<'a>(
        &'a self,
        _: &'a Caller,
        registration: ServiceRegistration,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        let replace = registration.replace_existing_checks;
        self.tell(format!("{} {replace}", registration.definition.name))
    }

    fn deregister_service<'a>(
        &'a self,
        _: &'a Caller,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        self.tell(format!("without {id}"))
    }

    fn register_check<'a>(
        &'a self,
        _: &'a Caller,
        registration: CheckRegistration,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        self.tell(format!("check {}", registration.definition.name))
    }

    fn deregister_check<'a>(
        &'a self,
        _: &'a Caller,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        self.tell(format!("without check {id}"))
    }

    fn beat<'a>(
        &'a self,
        _: &'a Caller,
        check: &'a str,
        beat: Beat,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        self.tell(format!("{check} {} {:?}", beat.status, beat.output))
    }

    fn maintenance<'a>(
        &'a self,
        _: &'a Caller,
        service: Option<&'a str>,
        enable: bool,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), AgentError>> {
        self.tell(format!("{service:?} {enable} {reason:?}"))
    }

    fn counts(&self) -> LocalCounts {
        LocalCounts::default()
    }

    fn node_meta(&self) -> Vec<(String, String)> {
        vec![("k".into(), "v".into())]
    }

    fn host(&self) -> serde_json::Value {
        serde_json::json!({ "Errors": null })
    }

    fn version(&self) -> u64 {
        *self.version.borrow()
    }

    fn changed(&self, seen: u64) -> BoxFuture<'static, ()> {
        let mut watch = self.version.subscribe();
        Box::pin(async move {
            let _ = watch.wait_for(|version| *version != seen).await;
        })
    }
}

impl Members for FakeAgent {
    fn is_server(&self) -> bool {
        true
    }

    fn own(&self) -> Member {
        Member {
            name: "a".into(),
            address: vec![127, 0, 0, 1],
            status: ports::MEMBER_ALIVE,
            ..Member::default()
        }
    }

    fn lan(&self) -> Vec<Member> {
        vec![self.own()]
    }

    fn wan(&self) -> Option<Vec<Member>> {
        Some(Vec::new())
    }

    fn join<'a>(&'a self, address: &'a str, wan: bool) -> BoxFuture<'a, Result<(), String>> {
        self.told.lock().push(format!("join {address} {wan}"));
        Box::pin(std::future::ready(Ok(())))
    }

    fn force_leave<'a>(
        &'a self,
        node: &'a str,
        prune: bool,
        wan: bool,
    ) -> BoxFuture<'a, Result<(), String>> {
        self.told.lock().push(format!("gone {node} {prune} {wan}"));
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Process for FakeAgent {
    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Err("no reload".into())))
    }

    fn leave(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn self_description(&self) -> serde_json::Value {
        serde_json::json!({ "Config": { "Version": "1.2.3+ce", "Revision": "abc" }, "DebugConfig": {} })
    }

    fn log_lines(
        &self,
        level: &str,
        json: bool,
    ) -> Result<tokio::sync::mpsc::Receiver<Vec<u8>>, String> {
        if !["debug", "trace"].contains(&level) {
            return Err(format!("Unknown log level: {level}"));
        }
        let (sender, lines) = tokio::sync::mpsc::channel(2);
        for line in [format!("json={json}\n"), "two\n".to_owned()] {
            // There is room for both.
            let _ = sender.try_send(line.into_bytes());
        }
        if level == "trace" {
            // More lines may come.
            *self.log.lock() = Some(sender);
        }
        Ok(lines)
    }
}
