//! The local agent.

use crate::{Check, Client, Error, Member, Request, Response, Service};
use hyper::Method;
use serde_json::Value;
use std::collections::BTreeMap;

impl Client {
    /// Configuration, member record, statistics.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_self(&self) -> Result<Value, Error> {
        self.call_json(self.plain_read("/v1/agent/self")).await
    }

    /// Name of the agent's node.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_node_name(&self) -> Result<String, Error> {
        let this = self.agent_self().await?;
        Ok(this["Config"]["NodeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Metrics of the last interval.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_metrics(&self) -> Result<Value, Error> {
        self.call_json(self.plain_read("/v1/agent/metrics")).await
    }

    /// Facts about the host.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_host(&self) -> Result<Value, Error> {
        self.call_json(self.plain_read("/v1/agent/host")).await
    }

    /// Members of the LAN or WAN pool. `segment` is `_all` for all segments.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_members(
        &self,
        wan: bool,
        segment: &str,
        filter: &str,
    ) -> Result<Vec<Member>, Error> {
        let mut request = self.scoped_plain("/v1/agent/members");
        if wan {
            request = request.param("wan", "1");
        }
        let request = request.param("segment", segment);
        self.call_json(request.param_some("filter", filter)).await
    }

    fn scoped_plain(&self, path: &str) -> Request {
        self.plain_read(path)
            .param_some("partition", &self.0.partition)
    }

    /// Registered checks by ID.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_checks(&self, filter: &str) -> Result<BTreeMap<String, Check>, Error> {
        let request = self.plain_read("/v1/agent/checks");
        self.call_json(request.param_some("filter", filter)).await
    }

    /// Registered instances by ID.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_services(&self, filter: &str) -> Result<BTreeMap<String, Service>, Error> {
        let request = self.plain_read("/v1/agent/services");
        self.call_json(request.param_some("filter", filter)).await
    }

    /// Registers an instance; the object is that of the API.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_register_service(&self, definition: &Value) -> Result<(), Error> {
        let request = self.write(Method::PUT, "/v1/agent/service/register");
        self.call_unit(request.json(definition)).await
    }

    /// Removes an instance.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_deregister_service(&self, id: &str) -> Result<(), Error> {
        self.call_unit(self.write(Method::PUT, &format!("/v1/agent/service/deregister/{id}")))
            .await
    }

    /// Registers a check; the object is that of the API.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_register_check(&self, definition: &Value) -> Result<(), Error> {
        let request = self.write(Method::PUT, "/v1/agent/check/register");
        self.call_unit(request.json(definition)).await
    }

    /// Removes a check.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_deregister_check(&self, id: &str) -> Result<(), Error> {
        self.call_unit(self.write(Method::PUT, &format!("/v1/agent/check/deregister/{id}")))
            .await
    }

    /// Reports a TTL check; the status is `passing`, `warning` or `critical`.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_update_ttl(
        &self,
        id: &str,
        status: &str,
        output: &str,
    ) -> Result<(), Error> {
        let body = serde_json::json!({"Status": status, "Output": output});
        let request = self.write(Method::PUT, &format!("/v1/agent/check/update/{id}"));
        self.call_unit(request.json(&body)).await
    }

    /// Joins the LAN or WAN pool through a member.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_join(&self, address: &str, wan: bool) -> Result<(), Error> {
        let mut request = Request::new(Method::PUT, &format!("/v1/agent/join/{address}"));
        if wan {
            request = request.param("wan", "1");
        }
        self.call_unit(request).await
    }

    /// Leaves the cluster and stops the agent.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_leave(&self) -> Result<(), Error> {
        self.call_unit(Request::new(Method::PUT, "/v1/agent/leave"))
            .await
    }

    /// Marks a failed member as left; `prune` forgets it at once.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_force_leave(&self, node: &str, prune: bool, wan: bool) -> Result<(), Error> {
        let mut request = Request::new(Method::PUT, &format!("/v1/agent/force-leave/{node}"))
            .param_some("partition", &self.0.partition);
        if prune {
            request = request.param("prune", "1");
        }
        if wan {
            request = request.param("wan", "1");
        }
        self.call_unit(request).await
    }

    /// Re-reads the agent's configuration.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_reload(&self) -> Result<(), Error> {
        self.call_unit(Request::new(Method::PUT, "/v1/agent/reload"))
            .await
    }

    /// Turns maintenance of the node on (with a reason) or off.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_node_maintenance(&self, reason: Option<&str>) -> Result<(), Error> {
        let request = Request::new(Method::PUT, "/v1/agent/maintenance");
        self.call_unit(maintenance(request, reason)).await
    }

    /// Turns maintenance of an instance on (with a reason) or off.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_service_maintenance(
        &self,
        id: &str,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let path = format!("/v1/agent/service/maintenance/{id}");
        self.call_unit(maintenance(self.write(Method::PUT, &path), reason))
            .await
    }

    /// Streams log lines of at least a level until either side ends it: read with [`Response::chunk`].
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_monitor(&self, level: &str, json: bool) -> Result<Response, Error> {
        let mut request = self.plain_read("/v1/agent/monitor");
        request = request.param_some("loglevel", level);
        if json {
            request = request.param("logjson", "true");
        }
        self.call(request).await
    }

    /// A profile of the agent as bytes: `heap`, `goroutine`, `profile`, `trace`; the latter two run for some seconds.
    ///
    /// # Errors
    /// Any failure of the call; servers that keep no such profile answer 404.
    pub async fn agent_profile(&self, name: &str, seconds: u64) -> Result<bytes::Bytes, Error> {
        let mut request = self.plain_read(&format!("/debug/pprof/{name}"));
        if seconds > 0 {
            request = request.param("seconds", seconds.to_string());
        }
        self.call(request).await?.bytes().await
    }
}

fn maintenance(request: Request, reason: Option<&str>) -> Request {
    match reason {
        Some(reason) => request.param("enable", "true").param("reason", reason),
        None => request.param("enable", "false"),
    }
}
