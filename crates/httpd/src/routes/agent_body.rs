//! Bodies of registrations with this agent, with their other spellings (spec/http-api.md §9).
//!
//! A member in its documented spelling wins over its snake_case one; that one only fills what is empty. Hence both are
//! fields here, and become one in the definition.

use crate::fault::Fault;
use dialect::json::{FromJson, Mode, from_slice};
use dialect::{Dict, List, Nanos, record};
use model::{
    CheckType, ConnectProxyConfig, Locality, ServiceAddress, ServiceConnect, ServiceDefinition,
    Weights,
};
use ports::{Beat, CheckRegistration};

record! {
    /// What a check does, in the spellings that both forms of registrations share.
    pub(crate) struct Work {
        script_args: List<String> = "ScriptArgs",
        args: List<String> = "args",
        script_args_snake: List<String> = "script_args",
        http: String = "HTTP",
        header: Dict<List<String>> = "Header",
        method: String = "Method",
        body: String = "Body",
        disable_redirects: bool = "DisableRedirects",
        h2ping: String = "H2PING",
        h2ping_use_tls: Option<bool> = "H2PingUseTLS",
        h2ping_use_tls_snake: Option<bool> = "h2ping_use_tls",
        tcp: String = "TCP",
        tcp_use_tls: bool = "TCPUseTLS",
        tcp_use_tls_snake: bool = "tcp_use_tls",
        udp: String = "UDP",
        grpc: String = "GRPC",
        grpc_use_tls: bool = "GRPCUseTLS",
        grpc_use_tls_snake: bool = "grpc_use_tls",
        docker_container_id: String = "DockerContainerID",
        docker_container_id_snake: String = "docker_container_id",
        shell: String = "Shell",
        os_service: String = "OSService",
        alias_node: String = "AliasNode",
        alias_service: String = "AliasService",
        ttl: Nanos = "TTL",
        interval: Nanos = "Interval",
        timeout: Nanos = "Timeout",
        tls_server_name: String = "TLSServerName",
        tls_server_name_snake: String = "tls_server_name",
        tls_skip_verify: bool = "TLSSkipVerify",
        tls_skip_verify_snake: bool = "tls_skip_verify",
        success_before_passing: i64 = "SuccessBeforePassing",
        failures_before_warning: i64 = "FailuresBeforeWarning",
        failures_before_critical: i64 = "FailuresBeforeCritical",
        deregister_after: Nanos = "DeregisterCriticalServiceAfter",
        deregister_after_snake: Nanos = "deregister_critical_service_after",
        output_max_size: i64 = "OutputMaxSize",
    }
}

record! {
    /// A check registered alone.
    pub(crate) struct CheckBody {
        id: String = "ID",
        name: String = "Name",
        notes: String = "Notes",
        status: String = "Status",
        service_id: String = "ServiceID",
        token: String = "Token",
        disable_redirects_snake: bool = "disable_redirects",
        #flatten work: Work,
    }
}

record! {
    /// A check inside a service.
    pub(crate) struct NestedCheckBody {
        check_id: String = "CheckID",
        name: String = "Name",
        notes: String = "Notes",
        status: String = "Status",
        service_id: String = "ServiceID",
        service_id_snake: String = "service_id",
        proxy_http: String = "ProxyHTTP",
        proxy_grpc: String = "ProxyGRPC",
        #flatten work: Work,
    }
}

record! {
    /// `Connect` of a service; unknown members are accepted here.
    pub(crate) struct ConnectBody {
        native: bool = "Native",
        sidecar_service: Option<Box<ServiceBody>> = "SidecarService",
        sidecar_service_snake: Option<Box<ServiceBody>> = "sidecar_service",
    }
}

record! {
    /// A service.
    pub(crate) struct ServiceBody {
        kind: String = "Kind",
        id: String = "ID",
        name: String = "Name",
        tags: List<String> = "Tags",
        address: String = "Address",
        tagged_addresses: Dict<ServiceAddress> = "TaggedAddresses",
        tagged_addresses_snake: Dict<ServiceAddress> = "tagged_addresses",
        meta: Dict<String> = "Meta",
        port: i64 = "Port",
        socket_path: String = "SocketPath",
        check: NestedCheckBody = "Check",
        checks: List<NestedCheckBody> = "Checks",
        weights: Option<Box<Weights>> = "Weights",
        token: String = "Token",
        enable_tag_override: bool = "EnableTagOverride",
        enable_tag_override_snake: bool = "enable_tag_override",
        locality: Option<Box<Locality>> = "Locality",
        proxy: Option<Box<ConnectProxyConfig>> = "Proxy",
        connect: Option<Box<ConnectBody>> = "Connect" [lax],
    }
}

record! {
    /// An explicit status of a TTL check.
    pub(crate) struct BeatBody {
        status: String = "Status",
        output: String = "Output",
    }
}

/// Reads a body; error texts name no type of ours, as the original's bodies are of types without names.
pub(crate) fn decode<T: FromJson + Default>(body: &[u8]) -> Result<T, Fault> {
    from_slice(body, Mode::Strict).map_err(|error| {
        let mut fault = Fault::decode(&error);
        let mut text = fault.text.into_owned();
        for own in ["ServiceBody", "CheckBody", "BeatBody"] {
            text = text.replace(&format!("Go struct field {own}."), "Go struct field .");
        }
        fault.text = text.into();
        fault
    })
}

/// The first list that holds anything.
fn first(lists: [List<String>; 3]) -> List<String> {
    let mut lists = lists.into_iter();
    lists.find(|list| !list.is_empty()).unwrap_or_default()
}

fn text(own: String, snake: String) -> String {
    if own.is_empty() { snake } else { own }
}

impl Work {
    /// Fills in what is done; identity is the caller's.
    fn definition(self) -> CheckType {
        // TLS is what pings use unless one of the spellings says `false`.
        let refused =
            self.h2ping_use_tls == Some(false) || self.h2ping_use_tls_snake == Some(false);
        CheckType {
            script_args: first([self.script_args, self.args, self.script_args_snake]),
            http: self.http,
            header: self.header,
            method: self.method,
            body: self.body,
            disable_redirects: self.disable_redirects,
            h2ping_use_tls: !self.h2ping.is_empty() && !refused,
            h2ping: self.h2ping,
            tcp: self.tcp,
            tcp_use_tls: self.tcp_use_tls || self.tcp_use_tls_snake,
            udp: self.udp,
            grpc: self.grpc,
            grpc_use_tls: self.grpc_use_tls || self.grpc_use_tls_snake,
            docker_container_id: text(self.docker_container_id, self.docker_container_id_snake),
            shell: self.shell,
            os_service: self.os_service,
            alias_node: self.alias_node,
            alias_service: self.alias_service,
            ttl: self.ttl,
            interval: self.interval,
            timeout: self.timeout,
            tls_server_name: text(self.tls_server_name, self.tls_server_name_snake),
            tls_skip_verify: self.tls_skip_verify || self.tls_skip_verify_snake,
            success_before_passing: self.success_before_passing,
            failures_before_warning: self.failures_before_warning,
            failures_before_critical: self.failures_before_critical,
            deregister_critical_service_after: if self.deregister_after.0 == 0 {
                self.deregister_after_snake
            } else {
                self.deregister_after
            },
            output_max_size: self.output_max_size,
            ..CheckType::default()
        }
    }
}

impl CheckBody {
    /// The registration; a token in the body is ignored.
    pub(crate) fn registration(self) -> CheckRegistration {
        let mut definition = self.work.definition();
        definition.name = self.name;
        definition.notes = self.notes;
        definition.status = self.status;
        definition.disable_redirects |= self.disable_redirects_snake;
        CheckRegistration {
            id: self.id,
            service_id: self.service_id,
            definition,
            token: String::new(),
        }
    }
}

impl NestedCheckBody {
    fn definition(self) -> CheckType {
        CheckType {
            check_id: self.check_id,
            name: self.name,
            notes: self.notes,
            status: self.status,
            proxy_http: self.proxy_http,
            proxy_grpc: self.proxy_grpc,
            ..self.work.definition()
        }
    }
}

impl ServiceBody {
    /// The definition; a token in the body is ignored, but that of a sidecar counts.
    pub(crate) fn definition(self) -> ServiceDefinition {
        let mut definition = self.with_token();
        definition.token.clear();
        definition
    }

    fn with_token(self) -> ServiceDefinition {
        let connect = self.connect.map(|connect| {
            let sidecar = connect.sidecar_service.or(connect.sidecar_service_snake);
            Box::new(ServiceConnect {
                native: connect.native,
                sidecar_service: sidecar.map(|sidecar| Box::new(sidecar.with_token())),
                ..ServiceConnect::default()
            })
        });
        ServiceDefinition {
            kind: self.kind,
            id: self.id,
            name: self.name,
            tags: self.tags,
            address: self.address,
            tagged_addresses: if self.tagged_addresses.is_empty() {
                self.tagged_addresses_snake
            } else {
                self.tagged_addresses
            },
            meta: self.meta,
            port: self.port,
            socket_path: self.socket_path,
            check: self.check.definition(),
            checks: self
                .checks
                .into_iter()
                .map(NestedCheckBody::definition)
                .collect(),
            weights: self.weights,
            token: self.token,
            enable_tag_override: self.enable_tag_override || self.enable_tag_override_snake,
            locality: self.locality,
            proxy: self.proxy,
            connect,
        }
    }
}

impl BeatBody {
    /// The beat, if its status is one of the three.
    pub(crate) fn beat(self) -> Result<Beat, Fault> {
        match self.status.as_str() {
            "passing" | "warning" | "critical" => Ok(Beat {
                status: self.status,
                output: self.output,
            }),
            other => Err(Fault::bad(format!("Invalid check status: '{other}'"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> CheckType {
        decode::<CheckBody>(body.as_bytes())
            .unwrap()
            .registration()
            .definition
    }

    fn refused<T: FromJson + Default>(body: &str) -> String {
        decode::<T>(body.as_bytes())
            .err()
            .unwrap()
            .text
            .into_owned()
    }

    #[test]
    fn spellings_of_checks() {
        let got = check(
            r#"{"Args":["a"],"script_args":["b"],"tls_skip_verify":true,"deregister_critical_service_after":"1h"}"#,
        );
        assert_eq!(got.script_args.as_slice(), ["a"]);
        assert!(got.tls_skip_verify);
        assert_eq!(got.deregister_critical_service_after.0, 3_600_000_000_000);
        let got = check(
            r#"{"ScriptArgs":[],"script_args":["b"],"TLSServerName":"x","tls_server_name":"y"}"#,
        );
        assert_eq!(
            (got.script_args.as_slice(), got.tls_server_name.as_str()),
            (["b".to_owned()].as_slice(), "x")
        );
        assert!(check(r#"{"disable_redirects":true}"#).disable_redirects);
    }

    #[test]
    fn pings_use_tls_unless_told_otherwise() {
        assert!(check(r#"{"H2PING":"x:1"}"#).h2ping_use_tls);
        assert!(!check(r#"{"H2PING":"x:1","h2ping_use_tls":false}"#).h2ping_use_tls);
        assert!(
            !check(r#"{"H2PING":"x:1","H2PingUseTLS":true,"h2ping_use_tls":false}"#).h2ping_use_tls
        );
        assert!(!check("{}").h2ping_use_tls);
    }

    #[test]
    fn what_is_unknown_where() {
        let unknown = |name: &str| format!("Request decode failed: json: unknown field \"{name}\"");
        assert_eq!(
            refused::<CheckBody>(r#"{"CheckID":"x"}"#),
            unknown("CheckID")
        );
        assert_eq!(
            refused::<ServiceBody>(r#"{"Check":{"ID":"x"}}"#),
            unknown("ID")
        );
        assert_eq!(
            refused::<ServiceBody>(r#"{"Check":{"disable_redirects":true}}"#),
            unknown("disable_redirects")
        );
        assert_eq!(
            refused::<ServiceBody>(r#"{"socket_path":"x"}"#),
            unknown("socket_path")
        );
        assert_eq!(
            refused::<ServiceBody>(r#"{"Connect":{"Unknown":1,"SidecarService":{"DisableX":1}}}"#),
            unknown("DisableX")
        );
        assert_eq!(
            refused::<ServiceBody>(r#"{"Port":1.5}"#),
            "Request decode failed: json: cannot unmarshal number 1.5 into Go struct field .Port of type int"
        );
        let body: ServiceBody = decode(
            br#"{"Check":{"service_id":"x","CheckID":"c"},"Connect":{"Unknown":1,"native":true}}"#,
        )
        .unwrap();
        let definition = body.definition();
        assert_eq!(definition.check.check_id, "c");
        assert!(definition.connect.unwrap().native);
    }

    #[test]
    fn spellings_of_services() {
        let body: ServiceBody = decode(
            br#"{"name":"a","Token":"t","TaggedAddresses":{"wan":{"Address":"a"}},"tagged_addresses":{"lan":{"Address":"b"}},
                "enable_tag_override":true,"connect":{"sidecar_service":{"Token":"s","proxy":{"upstreams":[{"destination_name":"db"}]}}}}"#,
        )
        .unwrap();
        let got = body.definition();
        assert_eq!((got.name.as_str(), got.token.as_str()), ("a", ""));
        assert!(got.enable_tag_override && got.tagged_addresses.get("lan").is_none());
        let sidecar = got.connect.unwrap().sidecar_service.unwrap();
        assert_eq!(sidecar.token, "s");
        assert_eq!(
            sidecar
                .proxy
                .unwrap()
                .upstreams
                .first()
                .unwrap()
                .destination_name,
            "db"
        );
    }
}
