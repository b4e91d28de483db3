//! What is registered here is there, and gone when it is gone.

use super::bench::{Bench, SECOND};
use ports::{AgentError, Caller, LocalAgent, RpcError};

#[tokio::test]
async fn a_service_with_its_checks() {
    let bench = Bench::new().await;
    bench
        .service(r#"{"Name":"web","Port":80,"Checks":[{"TTL":"10s","Status":"passing"},{"CheckID":"own","TTL":"1m"}]}"#)
        .await
        .unwrap();
    assert_eq!(bench.catalog_services(), ["web"]);
    assert_eq!(bench.catalog.status("service:web:1"), "passing");
    assert_eq!(bench.catalog.status("own"), "critical");
    assert_eq!(
        bench.catalog.0.lock().writes,
        2,
        "the node, then everything else at once"
    );
    bench.deregister("web").await.unwrap();
    assert!(bench.catalog_services().is_empty());
    assert!(bench.catalog.0.lock().checks.is_empty());
    assert_eq!(
        bench.deregister("web").await,
        Err(AgentError::NotFound(
            "Unknown service ID \"web\". Ensure that the service ID is passed, not the service name.".into()
        ))
    );
}

#[tokio::test]
async fn an_empty_check_in_the_list_is_refused() {
    let bench = Bench::new().await;
    for checks in ["[{}]", r#"[{"TTL":"10s"},{}]"#] {
        assert_eq!(
            bench
                .service(&format!(r#"{{"Name":"web","Checks":{checks}}}"#))
                .await,
            Err(AgentError::Invalid(
                "Invalid check: TTL must be > 0 for TTL checks".into()
            ))
        );
    }
    bench
        .service(r#"{"Name":"web","Check":{},"Checks":[]}"#)
        .await
        .unwrap();
    assert!(bench.port.checks().is_empty());
}

#[tokio::test]
async fn what_the_catalog_refuses_is_tried_again() {
    let bench = Bench::new().await;
    bench.catalog.0.lock().refusal = Some(RpcError::NoLeader);
    bench.service(r#"{"Name":"web"}"#).await.unwrap();
    assert!(bench.catalog_services().is_empty());
    bench.catalog.0.lock().refusal = None;
    bench.pass(SECOND * 121).await;
    assert_eq!(bench.catalog_services(), ["web"]);
}

#[tokio::test]
async fn a_denied_registration_waits_for_the_next_comparison() {
    let bench = Bench::new().await;
    // The second comparison comes soon after the start.
    bench.pass(SECOND * 5).await;
    bench.catalog.0.lock().refusal = Some(RpcError::Denied("Permission denied".into()));
    bench.service(r#"{"Name":"web"}"#).await.unwrap();
    bench.catalog.0.lock().refusal = None;
    bench.pass(SECOND * 10).await;
    assert!(bench.catalog_services().is_empty());
    bench.pass(SECOND * 121).await;
    assert_eq!(bench.catalog_services(), ["web"]);
}

#[tokio::test]
async fn strangers_are_removed_and_drift_is_put_right() {
    let bench = Bench::new().await;
    bench.service(r#"{"Name":"web","Port":1}"#).await.unwrap();
    {
        let mut rows = bench.catalog.0.lock();
        rows.services.get_mut("web").unwrap().port = 2;
        let stranger = model::NodeService {
            id: "stranger".into(),
            service: "stranger".into(),
            ..model::NodeService::default()
        };
        rows.services.insert("stranger".into(), stranger);
        let consul = model::NodeService {
            id: "consul".into(),
            service: "consul".into(),
            ..model::NodeService::default()
        };
        rows.services.insert("consul".into(), consul);
    }
    bench.pass(SECOND * 121).await;
    assert_eq!(bench.catalog_services(), ["consul", "web"]);
    assert_eq!(bench.catalog.0.lock().services["web"].port, 1);
}

#[tokio::test]
async fn sidecars() {
    let bench = Bench::new().await;
    let with_sidecar = |name: &str| {
        format!(r#"{{"Name":"{name}","Port":80,"Connect":{{"SidecarService":{{}}}}}}"#)
    };
    bench.service(&with_sidecar("a")).await.unwrap();
    bench.service(&with_sidecar("b")).await.unwrap();
    let port = |id: &str| bench.port.service(id).map(|row| row.port);
    assert_eq!(port("a-sidecar-proxy"), Some(21000));
    assert_eq!(port("b-sidecar-proxy"), Some(21001));
    assert_eq!(
        bench.service(&with_sidecar("c")).await,
        Err(AgentError::Failed(
            "no port provided for sidecar_service and none left in the configured range [21000, 21001]".into()
        ))
    );
    assert_eq!(port("c"), Some(80), "the parent stays");
    bench.service(&with_sidecar("b")).await.unwrap();
    assert_eq!(port("b-sidecar-proxy"), Some(21001), "and so does a port");
    assert_eq!(
        bench.shown("service:a-sidecar-proxy:2"),
        ("passing".into(), "No checks found.".into())
    );
    bench.deregister("a").await.unwrap();
    assert_eq!(bench.services(), ["b", "b-sidecar-proxy", "c"]);
}

#[tokio::test]
async fn a_bad_sidecar_changes_nothing() {
    let bench = Bench::new().await;
    for (sidecar, want) in [
        (
            r#"{"Meta":{"consul-x":"1"}}"#,
            "Invalid SidecarService: Couldn't load metadata pair ('consul-x', '1'): Key prefix 'consul-' is reserved for internal use",
        ),
        (
            r#"{"Check":{"HTTP":"http://x"}}"#,
            "Invalid check in sidecar_service: Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks",
        ),
        (
            r#"{"Proxy":{"Upstreams":[{"LocalBindPort":1}]}}"#,
            "Failed Validation: 1 error occurred:\n\t* upstream destination name cannot be empty\n\n",
        ),
    ] {
        let body = format!(r#"{{"Name":"a","Port":1,"Connect":{{"SidecarService":{sidecar}}}}}"#);
        assert_eq!(
            bench.service(&body).await,
            Err(AgentError::Invalid(want.into()))
        );
    }
    assert!(bench.services().is_empty());
}

#[tokio::test]
async fn maintenance_keeps_its_first_reason() {
    let bench = Bench::new().await;
    bench.service(r#"{"Name":"web"}"#).await.unwrap();
    let caller = Caller::internal();
    for reason in ["one", "two"] {
        bench
            .port
            .maintenance(&caller, Some("web"), true, reason)
            .await
            .unwrap();
    }
    let rows = bench.port.checks();
    assert_eq!((rows.len(), rows[0].notes.as_str()), (1, "one"));
    assert_eq!(bench.catalog.status("_service_maintenance:web"), "critical");
    bench
        .port
        .maintenance(&caller, Some("web"), false, "")
        .await
        .unwrap();
    assert!(bench.port.checks().is_empty());
    assert!(
        bench
            .port
            .maintenance(&caller, Some("none"), false, "")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_proxy_exposes_the_checks_of_its_service() {
    let bench = Bench::new().await;
    let checks = r#"[{"CheckID":"a","HTTP":"http://127.0.0.1:9/x","Interval":"10s"},{"CheckID":"b","TCP":"127.0.0.1:9","Interval":"10s"}]"#;
    let web = format!(r#"{{"Name":"web","Checks":{checks}}}"#);
    bench.service(&web).await.unwrap();
    let port = |check: &str| {
        let rows = bench.port.checks();
        rows.iter()
            .find(|row| row.check_id == check)
            .unwrap()
            .exposed_port
    };
    assert_eq!(port("a"), 0);
    let proxy = |checks: bool| {
        format!(
            r#"{{"Kind":"connect-proxy","Name":"proxy","Port":1,"Proxy":{{"DestinationServiceName":"web","DestinationServiceID":"web","Expose":{{"Checks":{checks}}}}}}}"#
        )
    };
    bench.service(&proxy(true)).await.unwrap();
    assert_eq!((port("a"), port("b")), (21500, 0));
    // One that comes later gets the next; then there are none.
    let http = r#"{"HTTP":"http://127.0.0.1:9","Interval":"10s"}"#;
    bench.check("c", "web", http).await.unwrap();
    assert_eq!(port("c"), 21501);
    assert_eq!(
        bench.check("d", "web", http).await,
        Err(AgentError::Failed(
            "no ports available to expose 'd'".into()
        ))
    );
    bench.service(&web).await.unwrap();
    assert_eq!(port("a"), 21500);
    bench.service(&proxy(false)).await.unwrap();
    assert_eq!((port("a"), port("c")), (0, 0));
    bench.service(&proxy(true)).await.unwrap();
    assert_eq!(port("a"), 21500);
    bench.deregister("proxy").await.unwrap();
    assert_eq!((port("a"), port("c")), (0, 0));
    bench.settle().await;
    assert_eq!(bench.catalog.0.lock().checks["a"].exposed_port, 0);
}

#[tokio::test]
async fn calls_are_made_with_the_tokens_of_their_entries() {
    let mut config = super::bench::config(None);
    config.tokens = local::Tokens {
        default: "default".into(),
        agent: "agent".into(),
        files: "files".into(),
    };
    let from_file = agent::service_from_file(&serde_json::json!({"name": "file"})).unwrap();
    let definitions = agent::Definitions {
        services: vec![from_file],
        ..agent::Definitions::default()
    };
    let bench = Bench::of(config, &definitions, Default::default(), rt::Time::manual()).await;
    bench.service(r#"{"Name":"api"}"#).await.unwrap();
    bench
        .service(r#"{"Name":"own","Token":"own"}"#)
        .await
        .unwrap();
    bench.deregister("api").await.unwrap();
    let used = std::mem::take(&mut bench.catalog.0.lock().tokens);
    assert_eq!(used, ["files", "default", "own", "agent"]);
}

#[tokio::test]
async fn reads_are_made_with_the_tokens_of_whom_they_are_for() {
    let mut config = super::bench::config(None);
    config.tokens = local::Tokens {
        default: "default".into(),
        agent: "agent".into(),
        files: String::new(),
    };
    let none = agent::Definitions::default();
    let bench = Bench::of(config, &none, Default::default(), rt::Time::manual()).await;
    let used = || std::mem::take(&mut bench.catalog.0.lock().read_tokens);
    let full_sync = used();
    assert!(!full_sync.is_empty() && full_sync.iter().all(|token| token == "agent"));
    let registration = |id: &str, token: &str| ports::CheckRegistration {
        id: id.into(),
        definition: model::CheckType {
            name: id.into(),
            alias_node: "elsewhere".into(),
            ..Default::default()
        },
        token: token.into(),
        ..Default::default()
    };
    for (id, token, expected) in [("a", "own", "own"), ("b", "", "default")] {
        let caller = Caller::internal();
        let registered = bench.port.register_check(&caller, registration(id, token));
        registered.await.unwrap();
        bench.settle().await;
        // The first look, and the one that waits.
        assert_eq!(used(), [expected, expected]);
    }
}
