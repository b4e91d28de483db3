//! Definitions of services and checks as an agent gets them: from files, from its API, or expanded from a sidecar shorthand.

use crate::{ConnectProxyConfig, Locality, ServiceAddress, ServiceConnect, Weights};
use dialect::{Dict, List, Nanos, record};

record! {
    /// How an agent carries out a check (spec/agent-config.md §14.3, §15). Kept on disk in this form with durations in
    /// nanoseconds.
    pub struct CheckType {
        check_id: String = "CheckID",
        name: String = "Name",
        status: String = "Status",
        notes: String = "Notes",
        script_args: List<String> = "ScriptArgs" [alias = "args", alias = "script_args"],
        http: String = "HTTP",
        h2ping: String = "H2PING",
        h2ping_use_tls: bool = "H2PingUseTLS" [alias = "h2ping_use_tls"],
        header: Dict<List<String>> = "Header",
        method: String = "Method",
        body: String = "Body",
        disable_redirects: bool = "DisableRedirects" [alias = "disable_redirects"],
        tcp: String = "TCP",
        tcp_use_tls: bool = "TCPUseTLS" [alias = "tcp_use_tls"],
        udp: String = "UDP",
        interval: Nanos = "Interval",
        alias_node: String = "AliasNode" [alias = "alias_node"],
        alias_service: String = "AliasService" [alias = "alias_service"],
        docker_container_id: String = "DockerContainerID" [alias = "docker_container_id"],
        shell: String = "Shell",
        grpc: String = "GRPC",
        grpc_use_tls: bool = "GRPCUseTLS" [alias = "grpc_use_tls"],
        os_service: String = "OSService" [alias = "os_service"],
        tls_server_name: String = "TLSServerName" [alias = "tls_server_name"],
        tls_skip_verify: bool = "TLSSkipVerify" [alias = "tls_skip_verify"],
        timeout: Nanos = "Timeout",
        ttl: Nanos = "TTL",
        success_before_passing: i64 = "SuccessBeforePassing" [alias = "success_before_passing"],
        failures_before_warning: i64 = "FailuresBeforeWarning" [alias = "failures_before_warning"],
        failures_before_critical: i64 = "FailuresBeforeCritical" [alias = "failures_before_critical"],
        proxy_http: String = "ProxyHTTP",
        proxy_grpc: String = "ProxyGRPC",
        deregister_critical_service_after: Nanos = "DeregisterCriticalServiceAfter" [alias = "deregister_critical_service_after"],
        output_max_size: i64 = "OutputMaxSize" [alias = "output_max_size"],
    }
}

record! {
    /// A service as its owner describes it (spec/agent-config.md §14.1).
    pub struct ServiceDefinition {
        kind: String = "Kind",
        id: String = "ID",
        name: String = "Name",
        tags: List<String> = "Tags",
        address: String = "Address",
        tagged_addresses: Dict<ServiceAddress> = "TaggedAddresses" [alias = "tagged_addresses"],
        meta: Dict<String> = "Meta",
        port: i64 = "Port",
        socket_path: String = "SocketPath" [alias = "socket_path"],
        check: CheckType = "Check",
        checks: List<CheckType> = "Checks",
        weights: Option<Box<Weights>> = "Weights",
        token: String = "Token",
        enable_tag_override: bool = "EnableTagOverride" [alias = "enable_tag_override"],
        locality: Option<Box<Locality>> = "Locality",
        proxy: Option<Box<ConnectProxyConfig>> = "Proxy",
        connect: Option<Box<ServiceConnect>> = "Connect",
    }
}

/// What a check is reported as (spec/http-api.md §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CheckKind {
    Ttl,
    Http,
    Tcp,
    Udp,
    Grpc,
    Docker,
    OsService,
    Script,
    H2Ping,
    Alias,
}

impl CheckType {
    fn probing(&self) -> bool {
        self.interval.0 > 0
    }

    /// Whether it mirrors other checks.
    pub fn is_alias(&self) -> bool {
        !self.alias_node.is_empty() || !self.alias_service.is_empty()
    }

    /// Whether it runs a program on this machine.
    pub fn is_script(&self) -> bool {
        self.probing() && !self.script_args.is_empty()
    }

    /// Whether it runs a program in a container.
    pub fn is_docker(&self) -> bool {
        self.is_script() && !self.docker_container_id.is_empty()
    }

    /// What is carried out, first match (spec/agent-config.md §15); `None` when nothing is.
    pub fn executed(&self) -> Option<CheckKind> {
        let when = |holds: bool, kind| holds.then_some(kind);
        let probing = self.probing();
        when(self.ttl.0 > 0, CheckKind::Ttl)
            .or(when(probing && !self.http.is_empty(), CheckKind::Http))
            .or(when(probing && !self.tcp.is_empty(), CheckKind::Tcp))
            .or(when(probing && !self.udp.is_empty(), CheckKind::Udp))
            .or(when(probing && !self.grpc.is_empty(), CheckKind::Grpc))
            .or(when(self.is_docker(), CheckKind::Docker))
            .or(when(
                probing && !self.os_service.is_empty(),
                CheckKind::OsService,
            ))
            .or(when(self.is_script(), CheckKind::Script))
            .or(when(probing && !self.h2ping.is_empty(), CheckKind::H2Ping))
            .or(when(self.is_alias(), CheckKind::Alias))
    }

    /// The text of `Type` in answers: another order than [`CheckType::executed`], and scripts count without an interval.
    pub fn reported(&self) -> &'static str {
        let probing = self.probing();
        let table = [
            (probing && !self.grpc.is_empty(), "grpc"),
            (probing && !self.http.is_empty(), "http"),
            (self.ttl.0 > 0, "ttl"),
            (probing && !self.tcp.is_empty(), "tcp"),
            (probing && !self.udp.is_empty(), "udp"),
            (self.is_alias(), "alias"),
            (self.is_docker(), "docker"),
            (!self.script_args.is_empty(), "script"),
            (probing && !self.h2ping.is_empty(), "h2ping"),
            (probing && !self.os_service.is_empty(), "os_service"),
        ];
        table
            .iter()
            .find(|(holds, _)| *holds)
            .map_or("", |(_, name)| name)
    }

    /// Checks the definition as a whole (spec/http-api.md §9.1).
    ///
    /// # Errors
    /// The reference's text of the first rule broken.
    pub fn validate(&self) -> Result<(), &'static str> {
        let target = !self.script_args.is_empty()
            || [
                &self.http,
                &self.h2ping,
                &self.tcp,
                &self.udp,
                &self.grpc,
                &self.os_service,
            ]
            .iter()
            .any(|text| !text.is_empty());
        if self.interval.0 > 0 && self.ttl.0 > 0 {
            return Err("Interval and TTL cannot both be specified");
        }
        if target && self.interval.0 <= 0 {
            return Err(
                "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks",
            );
        }
        if target && self.is_alias() && self.interval.0 > 0 {
            return Err("Interval cannot be set for Alias checks");
        }
        if self.is_alias() && self.ttl.0 > 0 {
            return Err("TTL must be not be set for Alias checks");
        }
        if !target && !self.is_alias() && self.ttl.0 <= 0 {
            return Err("TTL must be > 0 for TTL checks");
        }
        if self.output_max_size < 0 {
            return Err("MaxOutputMaxSize must be positive");
        }
        if self.failures_before_warning > self.failures_before_critical {
            return Err("FailuresBeforeWarning can't be higher than FailuresBeforeCritical");
        }
        Ok(())
    }
}
