//! How checks change, and what of it is told when.

use super::bench::{Bench, SECOND};
use std::time::Duration;

#[tokio::test]
async fn a_beat_that_does_not_come() {
    let bench = Bench::new().await;
    bench.check("c", "", r#"{"TTL":"10s"}"#).await.unwrap();
    bench.beat("c", "passing", "well").await;
    assert_eq!(bench.catalog.status("c"), "passing");
    bench.pass(SECOND * 9).await;
    bench.beat("c", "passing", "well").await;
    bench.pass(SECOND * 9).await;
    assert_eq!(bench.shown("c").0, "passing");
    bench.pass(SECOND * 2).await;
    let text = "TTL expired (last output before timeout follows): well";
    assert_eq!(bench.shown("c"), ("critical".into(), text.into()));
    assert_eq!(bench.catalog.status("c"), "critical");
    bench.beat("c", "warning", "").await;
    bench.pass(SECOND * 11).await;
    assert_eq!(bench.shown("c"), ("critical".into(), "TTL expired".into()));
}

#[tokio::test]
async fn registered_again_it_goes_on() {
    let bench = Bench::new().await;
    bench
        .check("c", "", r#"{"TTL":"10s","Status":"passing"}"#)
        .await
        .unwrap();
    bench.beat("c", "warning", "hm").await;
    bench
        .check("c", "", r#"{"TTL":"20s","Status":"critical"}"#)
        .await
        .unwrap();
    assert_eq!(bench.shown("c"), ("warning".into(), "hm".into()));
    bench.pass(SECOND * 15).await;
    assert_eq!(bench.shown("c").0, "warning");
    bench.pass(SECOND * 6).await;
    assert_eq!(bench.shown("c").0, "critical");
}

#[tokio::test]
async fn outputs_alone_wait() {
    let bench = Bench::new().await;
    bench.check("c", "", r#"{"TTL":"1h"}"#).await.unwrap();
    bench.beat("c", "passing", "0").await;
    let before = bench.catalog.0.lock().writes;
    for n in 1..100 {
        bench.beat("c", "passing", &n.to_string()).await;
    }
    bench.settle().await;
    assert_eq!(bench.catalog.0.lock().writes, before);
    let output = || bench.catalog.0.lock().checks["c"].output.clone();
    assert_eq!(output(), "0");
    bench.pass(Duration::from_secs(450)).await;
    assert_eq!(output(), "99");
    assert_eq!(bench.catalog.0.lock().writes, before + 1);
}

#[tokio::test]
async fn critical_for_too_long() {
    let bench = Bench::new().await;
    bench
        .service(r#"{"Name":"web","Check":{"TTL":"1h","DeregisterCriticalServiceAfter":"1s"}}"#)
        .await
        .unwrap();
    bench.pass(SECOND * 59).await;
    assert_eq!(bench.services(), ["web"]);
    bench.pass(SECOND * 32).await;
    assert!(bench.services().is_empty());
    assert!(bench.catalog_services().is_empty());
}

#[tokio::test]
async fn aliases_follow_at_once() {
    let bench = Bench::new().await;
    bench.service(r#"{"Name":"web"}"#).await.unwrap();
    bench.service(r#"{"Name":"front"}"#).await.unwrap();
    bench
        .check("a", "front", r#"{"AliasService":"web"}"#)
        .await
        .unwrap();
    assert_eq!(
        bench.shown("a"),
        ("passing".into(), "No checks found.".into())
    );
    bench.check("w", "web", r#"{"TTL":"1h"}"#).await.unwrap();
    assert_eq!(bench.shown("a").0, "critical");
    bench.beat("w", "passing", "").await;
    assert_eq!(
        bench.shown("a"),
        ("passing".into(), "All checks passing.".into())
    );
    bench.beat("w", "warning", "hm").await;
    let text = "Aliased check \"w\" failing: hm";
    assert_eq!(bench.shown("a"), ("warning".into(), text.into()));
    assert_eq!(bench.catalog.status("a"), "warning");
}

#[tokio::test]
async fn aliases_of_each_other_end() {
    let bench = Bench::new().await;
    bench.service(r#"{"Name":"a"}"#).await.unwrap();
    bench.service(r#"{"Name":"b"}"#).await.unwrap();
    bench
        .check("1-of-b", "a", r#"{"AliasService":"b"}"#)
        .await
        .unwrap();
    bench
        .check("1-of-a", "b", r#"{"AliasService":"a"}"#)
        .await
        .unwrap();
    bench
        .check("2", "a", r#"{"TTL":"1h","Status":"critical"}"#)
        .await
        .unwrap();
    bench.beat("2", "critical", &"x".repeat(3000)).await;
    bench.pass(SECOND * 200).await;
    assert_eq!(bench.shown("1-of-a").0, "critical");
    assert!(bench.shown("1-of-a").1.len() <= 4096);
}
