//! The agent's endpoints, without a socket.

use super::frame::Bench;
use crate::Config;

fn bench() -> Bench {
    Bench::new(Config::default())
}

#[test]
fn services_and_checks() {
    let bench = bench();
    let got = bench.get("/v1/agent/services?filter=Port==80");
    assert_eq!((got.status, got.header("x-consul-index")), (200, ""));
    assert!(
        got.body
            .starts_with(r#"{"web":{"ID":"web","Service":"web","Tags":[],"Meta":{},"Port":80"#)
    );
    assert!(
        got.body.ends_with(r#""Datacenter":"dc1"}}"#),
        "{}",
        got.body
    );
    assert_eq!(bench.get("/v1/agent/services?filter=Port==81").body, "{}");
    let got = bench.get("/v1/agent/services?filter=Nope==1");
    assert_eq!(
        (got.status, got.body.as_str()),
        (
            500,
            r#"Failed to create boolean expression evaluator: Selector "Nope" is not valid"#
        )
    );
    let got = bench.get("/v1/agent/checks?filter=Nope==1");
    assert_eq!(
        (got.status, got.body.as_str()),
        (500, r#"Selector "Nope" is not valid"#)
    );
    let got = bench.get("/v1/agent/checks");
    assert!(got.body.starts_with(r#"{"c":{"#) && got.body.contains(r#""Definition":{}"#));
    assert_eq!(bench.get("/v1/agent/services?ns=x").status, 400);
    assert_eq!(bench.get("/v1/agent/services/").status, 404);
}

#[test]
fn one_service_and_its_hash() {
    let bench = bench();
    let got = bench.get("/v1/agent/service/web");
    let hash = got.header("x-consul-contenthash").to_owned();
    assert!(got.body.contains(&format!(r#""ContentHash":"{hash}""#)));
    assert_eq!(bench.get("/v1/agent/service/web?hash=x").status, 200);
    for (target, status, text) in [
        (
            "/v1/agent/service/none?hash=x",
            404,
            "unknown service ID: none",
        ),
        ("/v1/agent/service/", 404, "unknown service ID: "),
        ("/v1/agent/service/web?wait=x", 400, "Invalid wait time"),
        ("/v1/agent/service/web?index=x", 400, "Invalid index"),
    ] {
        let got = bench.get(target);
        assert_eq!((got.status, got.body.as_str()), (status, text), "{target}");
    }
    bench.agent.move_to(81);
    let got = bench.get(&format!("/v1/agent/service/web?hash={hash}"));
    assert_ne!(got.header("x-consul-contenthash"), hash);
}

#[test]
fn health_of_instances() {
    let bench = bench();
    let got = bench.get("/v1/agent/health/service/id/web?format=text");
    assert_eq!(
        (got.status, got.body.as_str(), got.header("content-type")),
        (200, "passing", "text/plain")
    );
    bench.agent.check.lock().status = "warning".into();
    let got = bench.get("/v1/agent/health/service/name/web");
    assert_eq!(
        (got.status, got.header("x-consul-reason")),
        (429, "warning")
    );
    assert!(
        got.body
            .starts_with(r#"[{"AggregatedStatus":"warning","Service":{"#)
    );
    bench.agent.check.lock().check_id = "_service_maintenance:web".into();
    let got = bench.get("/v1/agent/health/service/id/web?format=text");
    assert_eq!((got.status, got.body.as_str()), (503, "maintenance"));
    let got = bench.get("/v1/agent/health/service/id/none");
    assert_eq!(
        (got.status, got.body.as_str()),
        (
            404,
            r#"{"AggregatedStatus":"critical","Service":null,"Checks":null}"#
        )
    );
    assert_eq!(got.header("x-consul-reason"), "ServiceId none not found");
    let got = bench.get("/v1/agent/health/service/name/none");
    assert_eq!((got.status, got.body.as_str()), (404, "[]"));
    assert_eq!(bench.get("/v1/agent/health/service/id/").status, 500);
}

#[test]
fn what_is_registered_reaches_the_agent() {
    let bench = bench();
    let put = |target: &str, body: &str| {
        let got = bench.ask("PUT", target, &[], body);
        (got.status, got.body)
    };
    let ok = (200, String::new());
    assert_eq!(
        put(
            "/v1/agent/service/register?replace-existing-checks",
            r#"{"Name":"a"}"#
        ),
        ok
    );
    assert_eq!(
        put(
            "/v1/agent/service/register?replace-existing-checks=1",
            r#"{"Name":"a"}"#
        ),
        ok
    );
    assert_eq!(put("/v1/agent/service/deregister/a/b", ""), ok);
    assert_eq!(put("/v1/agent/check/register", r#"{"Name":"c"}"#), ok);
    assert_eq!(put("/v1/agent/check/deregister/c", ""), ok);
    assert_eq!(put("/v1/agent/check/warn/c?note=n", ""), ok);
    assert_eq!(
        put("/v1/agent/check/update/c", r#"{"Status":"critical"}"#),
        ok
    );
    assert_eq!(put("/v1/agent/maintenance?enable=T", ""), ok);
    assert_eq!(
        put("/v1/agent/service/maintenance/a?enable=0&reason=r", ""),
        ok
    );
    assert_eq!(put("/v1/agent/join/x?wan=1", ""), ok);
    assert_eq!(put("/v1/agent/force-leave/x?prune", ""), ok);
    assert_eq!(
        *bench.agent.told.lock(),
        [
            "a true",
            "a false",
            "without a/b",
            "check c",
            "without check c",
            r#"c warning "n""#,
            r#"c critical """#,
            r#"None true """#,
            r#"Some("a") false "r""#,
            "join x true",
            "gone x true false",
        ]
    );
    let refused = |text: &str| (400, text.to_owned());
    assert_eq!(
        put("/v1/agent/check/update/c?ns=x", r#"{"Status":"odd"}"#),
        refused("Invalid check status: 'odd'")
    );
    assert_eq!(
        put("/v1/agent/check/update/c?ns=x", r#"{"Status":"passing"}"#),
        refused("Invalid query parameter: \"ns\" - Namespaces are a Consul Enterprise feature")
    );
    assert_eq!(
        put("/v1/agent/maintenance", ""),
        refused("Missing value for enable")
    );
    assert_eq!(
        put("/v1/agent/maintenance?enable", ""),
        refused("Invalid value for enable: \"\"")
    );
    assert_eq!(
        put("/v1/agent/service/maintenance/?enable=1", ""),
        refused("Missing service ID")
    );
    assert_eq!(
        put("/v1/agent/token/default", "{}"),
        (401, "ACL support disabled".into())
    );
    assert_eq!(put("/v1/agent/reload", ""), (500, "no reload".into()));
}

#[test]
fn itself() {
    let bench = bench();
    let got = bench.get("/v1/agent/self?dc=nowhere&ns=x");
    let body: serde_json::Value = serde_json::from_str(&got.body).unwrap();
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["Config", "DebugConfig", "Coord", "Member", "Stats", "Meta"]
    );
    assert_eq!(body["Coord"]["Vec"].as_array().unwrap().len(), 8);
    assert_eq!(body["Stats"]["build"]["version_metadata"], "ce");
    assert_eq!(
        body["Stats"]["raft"]["latest_configuration"],
        "[{Suffrage:Voter ID:7bd7e3a2-9d1d-4a8f-b5b0-7a3a5a3b9f10 Address:127.0.0.1:8300}]"
    );
    let got = bench.get("/v1/agent/version");
    assert_eq!(
        got.body,
        r#"{"SHA":"abc","BuildDate":"","HumanVersion":"1.2.3+ce","FIPS":""}"#
    );
    let got = bench.get("/v1/agent/members?filter=Name==a");
    assert!(
        got.body
            .starts_with(r#"[{"Name":"a","Addr":"127.0.0.1","Port":0,"Tags":{},"Status":1,"#)
    );
    assert_eq!(bench.get("/v1/agent/members?wan=1").body, "[]");
    // `debug` asks so: all segments of a pool that has none are the pool.
    assert_eq!(bench.get("/v1/agent/members?wan=1&segment=_all").body, "[]");
    assert_eq!(bench.get("/v1/agent/members?wan=1&segment=x").status, 400);
    assert_eq!(bench.get("/v1/agent/members?segment=x").status, 500);
    assert_eq!(bench.get("/v1/agent/members?partition=x").status, 400);
    assert_eq!(bench.get("/v1/agent/host").body, r#"{"Errors":null}"#);
}
