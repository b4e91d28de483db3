//! What cannot be read, and values that mean nothing.

use super::refusal;

#[test]
fn syntax_and_types() {
    let parse = |why: &str| format!("failed to parse /case.json: {why}");
    let decoding = |why: &str| parse(&format!("1 error(s) decoding:\n\n* {why}"));
    for (case, want) in [
        ("{", parse("unexpected end of JSON input")),
        (
            "[]",
            parse("json: cannot unmarshal array into Go value of type map[string]interface {}"),
        ),
        (
            "\"x\"",
            parse("json: cannot unmarshal string into Go value of type map[string]interface {}"),
        ),
        (
            r#"{"a": }"#,
            parse("invalid character '}' looking for beginning of value"),
        ),
        (
            r#"{"bogus": 1}"#,
            parse("1 error occurred:\n\t* invalid config key bogus\n\n"),
        ),
        (
            r#"{"bogus": 1, "ports": {"nope": 2}}"#,
            parse(
                "2 errors occurred:\n\t* invalid config key ports.nope\n\t* invalid config key bogus\n\n",
            ),
        ),
        (
            r#"{"services": [{"name": "x", "connect": {"sidecar_service": {"nope": 1}}}]}"#,
            parse(
                "1 error occurred:\n\t* invalid config key services[0].connect.sidecar_service.nope\n\n",
            ),
        ),
        (
            r#"{"server": "yes"}"#,
            decoding(
                "'server' expected type 'bool', got unconvertible type 'string', value: 'yes'",
            ),
        ),
        (
            r#"{"datacenter": 5}"#,
            decoding(
                "'datacenter' expected type 'string', got unconvertible type 'float64', value: '5'",
            ),
        ),
        (
            r#"{"ports": {"http": "80"}}"#,
            decoding(
                "'ports.http' expected type 'int', got unconvertible type 'string', value: '80'",
            ),
        ),
        (
            r#"{"ports": 1}"#,
            decoding("'ports' expected a map, got 'float64'"),
        ),
        (
            r#"{"node_meta": {"a": 5}}"#,
            decoding(
                "'node_meta[a]' expected type 'string', got unconvertible type 'float64', value: '5'",
            ),
        ),
        (
            r#"{"retry_join": "x"}"#,
            decoding("'retry_join': source data must be an array or slice, got string"),
        ),
        (
            r#"{"services": {"name": "x"}}"#,
            decoding("'services': source data must be an array or slice, got map"),
        ),
        (
            r#"{"service": [{"name": "a"}, {"name": "b"}]}"#,
            decoding("'service' expected a map, got 'slice'"),
        ),
        (
            r#"{"limits": {"kv_max_value_size": -1}}"#,
            decoding("cannot parse 'limits.kv_max_value_size', -1.000000 overflows uint"),
        ),
        (
            r#"{"server": 1, "datacenter": true}"#,
            parse(
                "2 error(s) decoding:\n\n* 'datacenter' expected type 'string', got unconvertible type 'bool', value: 'true'\n* 'server' expected type 'bool', got unconvertible type 'float64', value: '1'",
            ),
        ),
    ] {
        assert_eq!(refusal(case), want, "{case}");
    }
}

#[test]
fn hcl_types() {
    let decoding =
        |why: &str| format!("failed to parse /case.hcl: 1 error(s) decoding:\n\n* {why}");
    for (case, want) in [
        (
            "ports { http = 1 }\nports { dns = 2 }",
            decoding("'ports' expected a map, got 'slice'"),
        ),
        (
            "service { name = \"x\" port = \"1\" }",
            decoding(
                "'service.port' expected type 'int', got unconvertible type 'string', value: '1'",
            ),
        ),
        (
            "datacenter = 5",
            decoding(
                "'datacenter' expected type 'string', got unconvertible type 'int', value: '5'",
            ),
        ),
        (
            "bogus = 1",
            "failed to parse /case.hcl: 1 error occurred:\n\t* invalid config key bogus\n\n"
                .to_string(),
        ),
    ] {
        assert_eq!(refusal(case), want, "{case}");
    }
}

#[test]
fn values_that_mean_nothing_are_told_together() {
    for (case, want) in [
        (
            r#"{"ports": {"http": 70000}}"#,
            "ports.http: invalid port: 70000",
        ),
        (
            r#"{"client_addr": "not-an-ip"}"#,
            "client_addr: invalid ip address: not-an-ip",
        ),
        (
            r#"{"client_addr": "unix:///x"}"#,
            "client_addr cannot be a unix socket",
        ),
        (
            r#"{"dns_config": {"recursor_strategy": "x"}}"#,
            "dns_config.recursor_strategy: invalid strategy: \"x\"",
        ),
        (
            r#"{"dns_config": {"node_ttl": "x"}}"#,
            "dns_config.node_ttl: invalid duration: \"x\": time: invalid duration \"x\"",
        ),
        (
            r#"{"dns_config": {"service_ttl": {"a": "1"}}}"#,
            "dns_config.service_ttl[\"a\"]: invalid duration: \"1\": time: missing unit in duration \"1\"",
        ),
        (
            r#"{"limits": {"request_limits": {"mode": "x"}}}"#,
            "limits.request_limits.mode: invalid mode: \"x\"",
        ),
        (
            r#"{"http_config": {"allow_write_http_from": ["x"]}}"#,
            "allow_write_http_from: invalid cidr: x",
        ),
        (
            r#"{"check": {"name": "c", "ttl": "x"}}"#,
            "check[].ttl: invalid duration: \"x\": time: invalid duration \"x\"",
        ),
        (
            r#"{"server_rejoin_age_max": "1h"}"#,
            "server_rejoin_age_max: duration '1h' cannot be less than: 6h0m0s",
        ),
        (
            r#"{"performance": {"grpc_keepalive_timeout": "1ms"}}"#,
            "performance.grpc_keepalive_timeout: duration '1ms' cannot be less than: 1s",
        ),
        (
            r#"{"connect": {"ca_provider": "x"}}"#,
            "x is not a valid CA provider",
        ),
        (
            r#"{"tls": {"https": {"tls_min_version": "x"}}}"#,
            "tls.https.tls_min_version: invalid TLS version: no matching TLS version found for x, please specify one of [TLS_AUTO, TLSv1_0, TLSv1_1, TLSv1_2, TLSv1_3]",
        ),
        (
            r#"{"tls": {"https": {"tls_min_version": "TLSv1_3", "tls_cipher_suites": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}}}"#,
            "tls.https.tls_cipher_suites: TLS 1.3 cipher suites are not configurable",
        ),
        (
            r#"{"service": {"name": "s", "meta": {"": "x"}}}"#,
            "invalid meta for service s: Couldn't load metadata pair ('', 'x'): Key cannot be blank",
        ),
        (
            r#"{"service": {"name": "s", "weights": {"passing": 0}}}"#,
            "Invalid weight definition for service s: Passing must be greater than 0",
        ),
        (
            r#"{"service": {"name": "s", "weights": {"warning": -1}}}"#,
            "Invalid weight definition for service s: Warning must be greater or equal than 0",
        ),
        (
            r#"{"service": {"name": "s", "weights": {"passing": 65536}}}"#,
            "Invalid weight definition for service s: DNS Weight must be between 0 and 65535",
        ),
        (
            r#"{"service": {"name": "s", "socket_path": "/x", "port": 1}}"#,
            "service s cannot have both socket path /x and address/port",
        ),
        (
            r#"{"service": {"name": "s", "connect": {"sidecar_service": {"id": "x"}}}}"#,
            "sidecar_service can't specify an ID",
        ),
        (
            r#"{"service": {"name": "s", "connect": {"sidecar_service": {"connect": {"sidecar_service": {}}}}}}"#,
            "sidecar_service can't have a nested sidecar_service",
        ),
        (
            r#"{"service": {"name": "s", "proxy": {"upstreams": [{"local_bind_socket_mode": "9"}]}}}"#,
            "local_bind_socket_mode: invalid mode: 9",
        ),
    ] {
        assert_eq!(
            refusal(case),
            format!("1 error occurred:\n\t* {want}\n\n"),
            "{case}"
        );
    }
    assert_eq!(
        refusal(r#"{"ports": {"http": 70000, "dns": 70001}}"#),
        "2 errors occurred:\n\t* ports.dns: invalid port: 70001\n\t* ports.http: invalid port: 70000\n\n"
    );
}
