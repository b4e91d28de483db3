//! Definitions of files: start, reload, and what the API registered beside them.

use super::bench::{Bench, SECOND, config};
use agent::{Definitions, check_from_file, service_from_file};
use rt::Time;
use serde_json::{Value, json};
use std::sync::Arc;

fn files(services: &[Value], checks: &[Value]) -> Definitions {
    Definitions {
        services: services
            .iter()
            .map(|tree| service_from_file(tree).unwrap())
            .collect(),
        checks: checks
            .iter()
            .map(|tree| check_from_file(tree).unwrap())
            .collect(),
        watches: Vec::new(),
    }
}

async fn start(definitions: &Definitions) -> Bench {
    Bench::of(config(None), definitions, Arc::default(), Time::manual()).await
}

#[tokio::test]
async fn a_reload_makes_nothing_critical() {
    let first = json!({"name": "first", "port": 1, "check": {"ttl": "1h", "status": "passing"}});
    let bench = start(&files(std::slice::from_ref(&first), &[])).await;
    bench
        .service(r#"{"Name":"by-api","Check":{"TTL":"1h"}}"#)
        .await
        .unwrap();
    bench.beat("service:first", "warning", "kept").await;
    bench.beat("service:by-api", "passing", "kept").await;
    let mut moved = first.clone();
    moved["port"] = json!(11);
    let node = json!({"id": "n", "name": "n", "ttl": "1h", "status": "passing"});
    let second = json!({"name": "second"});
    let definitions = files(&[moved, second], &[node]);
    bench.agent.reload(config(None), &definitions).unwrap();
    bench.settle().await;
    assert_eq!(bench.services(), ["by-api", "first", "second"]);
    assert_eq!(
        bench.shown("service:first"),
        ("warning".into(), "kept".into())
    );
    assert_eq!(
        bench.shown("service:by-api"),
        ("passing".into(), "kept".into())
    );
    assert_eq!(bench.shown("n").0, "passing");
    assert_eq!(bench.catalog.0.lock().services["first"].port, 11);
    bench
        .agent
        .reload(config(None), &files(&[first], &[]))
        .unwrap();
    bench.settle().await;
    assert_eq!(bench.services(), ["by-api", "first"]);
    assert_eq!(bench.catalog_services(), ["by-api", "first"]);
    assert_eq!(bench.shown("n").0, "");
}

#[tokio::test]
async fn a_file_takes_over_what_the_api_registered() {
    let bench = start(&Definitions::default()).await;
    bench.service(r#"{"Name":"x","Port":1}"#).await.unwrap();
    let definitions = files(&[json!({"name": "x", "port": 2})], &[]);
    bench.agent.reload(config(None), &definitions).unwrap();
    bench.settle().await;
    assert_eq!(bench.catalog.0.lock().services["x"].port, 2);
    bench
        .agent
        .reload(config(None), &Definitions::default())
        .unwrap();
    bench.settle().await;
    assert!(bench.services().is_empty());
}

#[tokio::test]
async fn what_cannot_be_registered_is_said() {
    let bench = start(&Definitions::default()).await;
    let script = json!({"id": "f", "name": "f", "args": ["true"], "interval": "10s"});
    let error = bench
        .agent
        .reload(config(None), &files(&[], &[script]))
        .unwrap_err();
    let want = "Failed reloading checks: Failed to register check 'f': Scripts are disabled on this agent; to enable, configure \
                'enable_script_checks' or 'enable_local_script_checks' to true &{";
    assert!(error.starts_with(want), "{error}");
    let mut definitions = Definitions::default();
    let watch = json!({"type": "nope", "args": ["true"]});
    definitions.watches.push(watch.as_object().unwrap().clone());
    assert_eq!(
        bench.agent.reload(config(None), &definitions).unwrap_err(),
        "Failed reloading watches: watch plans require an HTTP or HTTPS endpoint"
    );
    bench.pass(SECOND).await;
}
