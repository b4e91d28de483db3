//! What comes back after a stop, clean or not.

use super::bench::{Bench, Catalog, SECOND, config};
use agent::Definitions;
use ports::LocalAgent;
use rt::Time;
use std::path::Path;
use std::sync::Arc;

async fn start(folder: &Path, catalog: &Arc<Catalog>, time: &Time) -> Bench {
    let config = config(Some(folder.to_path_buf()));
    Bench::of(
        config,
        &Definitions::default(),
        catalog.clone(),
        time.clone(),
    )
    .await
}

async fn end(bench: Bench, clean: bool) {
    if clean {
        bench.agent.stop();
    }
    bench.room.close(SECOND).await.unwrap();
}

async fn beats_over_a_stop(clean: bool) {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, time) = (Arc::default(), Time::manual());
    let bench = start(folder.path(), &catalog, &time).await;
    bench
        .service(r#"{"Name":"web","Check":{"TTL":"30s","CheckID":"w"}}"#)
        .await
        .unwrap();
    bench
        .check("silent", "", r#"{"TTL":"30s","Status":"passing"}"#)
        .await
        .unwrap();
    bench.beat("w", "warning", "hm").await;
    for _ in 0..3 {
        bench.pass(SECOND * 20).await;
        bench.beat("w", "warning", "hm").await;
    }
    end(bench, clean).await;
    time.advance(SECOND * 20);
    let bench = start(folder.path(), &catalog, &time).await;
    assert_eq!(bench.services(), ["web"]);
    assert_eq!(bench.shown("w"), ("warning".into(), "hm".into()));
    assert_eq!(bench.shown("silent"), ("critical".into(), String::new()));
    assert_eq!(catalog.status("w"), "warning");
    end(bench, clean).await;
    time.advance(SECOND * 31);
    let bench = start(folder.path(), &catalog, &time).await;
    assert_eq!(bench.shown("w"), ("critical".into(), String::new()));
    end(bench, clean).await;
}

#[tokio::test]
async fn beats_over_a_clean_stop() {
    beats_over_a_stop(true).await;
}

#[tokio::test]
async fn beats_over_a_kill() {
    beats_over_a_stop(false).await;
}

#[tokio::test]
async fn what_was_deregistered_stays_away() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, time) = (Arc::default(), Time::manual());
    let bench = start(folder.path(), &catalog, &time).await;
    for name in ["a", "b"] {
        let body = format!(
            r#"{{"Name":"{name}","Port":1,"Check":{{"TTL":"1h"}},"Connect":{{"SidecarService":{{}}}}}}"#
        );
        bench.service(&body).await.unwrap();
    }
    bench.deregister("a").await.unwrap();
    end(bench, false).await;
    let bench = start(folder.path(), &catalog, &time).await;
    assert_eq!(bench.services(), ["b", "b-sidecar-proxy"]);
    bench.deregister("b").await.unwrap();
    assert!(
        bench.services().is_empty(),
        "the sidecar is still known as one"
    );
    let left = std::fs::read_dir(folder.path().join("services"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
    assert!(bench.port.checks().is_empty());
}

#[tokio::test]
async fn checks_of_services_that_are_gone_are_purged() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, time) = (Arc::default(), Time::manual());
    let bench = start(folder.path(), &catalog, &time).await;
    bench
        .service(r#"{"Name":"a","Check":{"TTL":"1h"}}"#)
        .await
        .unwrap();
    end(bench, false).await;
    std::fs::remove_dir_all(folder.path().join("services")).unwrap();
    let bench = start(folder.path(), &catalog, &time).await;
    assert!(bench.port.checks().is_empty() && bench.services().is_empty());
    assert!(bench.catalog_services().is_empty());
}

/// The file is as the reference writes and reads it.
#[tokio::test]
async fn the_file_of_a_check_has_its_id_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, time) = (Arc::default(), Time::manual());
    let bench = start(folder.path(), &catalog, &time).await;
    bench
        .service(r#"{"Name":"web","Check":{"TTL":"1h"}}"#)
        .await
        .unwrap();
    let files = std::fs::read_dir(folder.path().join("checks")).unwrap();
    let file = files
        .flatten()
        .find(|entry| entry.path().is_file())
        .unwrap();
    let stored: serde_json::Value =
        serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
    assert_eq!(stored["Check"]["CheckID"], "service:web");
    assert_eq!(stored["ChkType"]["CheckID"], "service:web");
    end(bench, false).await;
    let bench = start(folder.path(), &catalog, &time).await;
    assert_eq!(bench.shown("service:web").0, "critical");
}
