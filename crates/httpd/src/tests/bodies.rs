//! Bodies as clients write them, and what the port gets of them.

use super::frame::Bench;
use crate::Config;
use ports::Write;

/// The one write that a request led to.
#[track_caller]
fn written(target: &str, body: &str) -> Write {
    let bench = Bench::new(Config::default());
    bench.ask("PUT", target, &[], body);
    let mut written = bench.fake.written.lock();
    assert_eq!(written.len(), 1, "{body}");
    written.remove(0)
}

#[track_caller]
fn refused(target: &str, body: &str, text: &str) {
    let bench = Bench::new(Config::default());
    let got = bench.ask("PUT", target, &[], body);
    assert_eq!((got.status, got.body.as_str()), (400, text), "{body}");
    assert!(bench.fake.written.lock().is_empty());
}

fn check(definition: &str) -> String {
    format!(
        r#"[{{"Check":{{"Verb":"set","Check":{{"Node":"n","CheckID":"c","Name":"c","Definition":{definition}}}}}}}]"#
    )
}

/// Interval, timeout and deregistration of the check of a transaction, seconds.
#[track_caller]
fn lengths(definition: &str) -> [i64; 3] {
    let Write::Txn(request) = written("/v1/txn", &check(definition)) else {
        panic!("a transaction");
    };
    let op = request.ops[0].check.as_ref().expect("a check");
    let definition = &op.check.definition;
    [
        definition.interval,
        definition.timeout,
        definition.deregister_critical_service_after,
    ]
    .map(|length| length.0 / 1_000_000_000)
}

#[test]
fn durations_of_checks_in_transactions_are_kept() {
    let short = r#"{"Interval":"10s","Timeout":2000000000,"DeregisterCriticalServiceAfter":"1m"}"#;
    assert_eq!(lengths(short), [10, 2, 60]);
    let long = r#"{"IntervalDuration":"10s","TimeoutDuration":2000000000,
        "DeregisterCriticalServiceAfterDuration":"1m"}"#;
    assert_eq!(lengths(long), [10, 2, 60]);
    let both =
        r#"{"IntervalDuration":"10s","Interval":"7s","TimeoutDuration":null,"Timeout":"3s"}"#;
    assert_eq!(lengths(both), [10, 3, 0]);
    assert_eq!(
        lengths(r#"{"IntervalDuration":true,"Interval":"7s"}"#),
        [7, 0, 0]
    );
    assert_eq!(lengths(r#"{"TTL":[],"Unheard":1}"#), [0, 0, 0], "lax");
}

#[test]
fn durations_of_the_wrong_kind_are_refused() {
    for (value, quoted) in [
        ("null", "null"),
        ("[]", "[]"),
        ("{}", "{}"),
        ("true", "true"),
        (r#"["a"]"#, r#"[\"a\"]"#),
    ] {
        let cannot = format!(r#"strconv.ParseFloat: parsing "{quoted}": invalid syntax"#);
        for name in ["Interval", "Timeout", "DeregisterCriticalServiceAfter"] {
            let body = check(&format!(r#"{{"{name}":{value}}}"#));
            refused("/v1/txn", &body, &format!("Failed to parse body: {cannot}"));
        }
        let autopilot = ["LastContactThreshold", "ServerStabilizationTime"];
        for name in autopilot.into_iter().filter(|_| value != "null") {
            refused(
                "/v1/operator/autopilot/configuration",
                &format!(r#"{{"{name}":{value}}}"#),
                &format!("Error parsing autopilot config: {cannot}"),
            );
        }
    }
    for name in ["Interval", "IntervalDuration"] {
        refused(
            "/v1/txn",
            &check(&format!(r#"{{"{name}":"soon"}}"#)),
            "Failed to parse body: time: invalid duration \"soon\"",
        );
    }
}

#[test]
fn autopilot_keeps_what_is_left_out() {
    let Write::AutopilotSet { config, .. } = written(
        "/v1/operator/autopilot/configuration",
        r#"{"LastContactThreshold":"1s","MinQuorum":3}"#,
    ) else {
        panic!("a configuration");
    };
    assert_eq!(config.last_contact_threshold.0, 1_000_000_000);
    assert_eq!(config.server_stabilization_time.0, 10_000_000_000);
    assert_eq!((config.min_quorum, config.max_trailing_logs), (3, 250));
    assert!(config.cleanup_dead_servers);
    let Write::AutopilotSet { config, .. } = written(
        "/v1/operator/autopilot/configuration",
        r#"{"LastContactThreshold":null,"ServerStabilizationTime":"3s"}"#,
    ) else {
        panic!("a configuration");
    };
    assert_eq!(config.last_contact_threshold.0, 0, "as the client says it");
    assert_eq!(config.server_stabilization_time.0, 3_000_000_000);
}

#[test]
fn bytes_are_read_as_go_reads_them() {
    let set = |value: &str| format!(r#"[{{"KV":{{"Verb":"set","Key":"k","Value":{value}}}}}]"#);
    for (value, bytes) in [
        (r#""YQ==""#, &b"a"[..]),
        (r#""YR==""#, b"a"),
        (r#""YQ\n==""#, b"a"),
        ("[97, 98, null]", b"ab\0"),
    ] {
        let Write::Txn(request) = written("/v1/txn", &set(value)) else {
            panic!("a transaction");
        };
        let op = request.ops[0].kv.as_ref().expect("a key");
        assert_eq!(op.entry.value.as_deref(), Some(bytes), "{value}");
    }
    for (value, at) in [(r#""YQ=""#, 3), (r#""YWJjZA""#, 4), (r#""Y!==""#, 1)] {
        refused(
            "/v1/txn",
            &set(value),
            &format!("Failed to parse body: illegal base64 data at input byte {at}"),
        );
    }
    let bench = Bench::new(Config::default());
    let got = bench.ask("PUT", "/v1/txn", &[], &set("[300]"));
    assert_eq!(got.status, 400);
    assert!(
        got.body.contains("cannot unmarshal number 300 into Go"),
        "{}",
        got.body
    );
}

/// Checks of the node and deprecated checks of a session.
#[track_caller]
fn session_checks(body: &str) -> String {
    let Write::SessionCreate(session) = written("/v1/session/create", body) else {
        panic!("a session");
    };
    format!(
        "{} {}",
        session.node_checks.join(","),
        session.checks.join(",")
    )
}

#[test]
fn a_session_may_go_without_checks() {
    for (body, checks) in [
        ("", "serfHealth "),
        ("{}", "serfHealth "),
        (r#"{"Checks":null}"#, " "),
        (r#"{"Checks":[]}"#, " "),
        (r#"{"Checks":["serfHealth"]}"#, "serfHealth "),
        (r#"{"Checks":["a"]}"#, "serfHealth a"),
        (r#"{"Checks":[""]}"#, "serfHealth "),
        (r#"{"NodeChecks":[]}"#, " "),
        (r#"{"NodeChecks":null}"#, " "),
        (r#"{"NodeChecks":["a"]}"#, "a "),
        (r#"{"NodeChecks":[],"Checks":["a"]}"#, " "),
    ] {
        assert_eq!(session_checks(body), checks, "{body}");
    }
}

#[test]
fn enterprise_members_of_a_coordinate_are_unknown() {
    for member in ["Partition", "Namespace", "Bogus"] {
        refused(
            "/v1/coordinate/update",
            &format!(r#"{{"Node":"n","{member}":"default"}}"#),
            &format!(r#"Request decode failed: json: unknown field "{member}""#),
        );
    }
}
