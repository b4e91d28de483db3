//! What a node remembers when it starts again.

use crate::support::{Node, pool, settings, start};
use serf::Status;
use std::path::Path;

fn remembering(name: &str, path: &Path, rejoin: bool) -> Node {
    let mut settings = settings(name);
    settings.snapshot = Some(path.to_owned());
    settings.rejoin_after_leave = rejoin;
    start(settings)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_starts_again_finds_the_pool_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("serf/local.snapshot");
    let mut nodes = pool(2, |_| {}).await;
    let node = remembering("again", &path, false);
    node.join(&nodes[0]).await;
    nodes[1].until_sees("again", Some(Status::Alive)).await;
    node.pool
        .user_event("old", "x".into(), false)
        .await
        .expect("short");
    node.stop().await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains(&format!("alive: n0 {}\n", nodes[0].pool.address())),
        "{text}"
    );
    assert!(text.contains("event-clock: 1\n"), "{text}");
    // The first one that is tried may be dead.
    nodes.remove(0).stop().await;
    let mut node = remembering("again", &path, false);
    node.until_sees("n1", Some(Status::Alive)).await;
    // What was heard before is not told again.
    let stats = node.pool.stats().await.expect("runs");
    assert!(stats.clocks[1] >= 2, "{stats:?}");
    assert!(
        !node
            .heard
            .iter()
            .any(|event| matches!(event, gossip::PoolEvent::User { .. }))
    );
    node.pool.leave().await.expect("leaves");
    node.stop().await;
    assert!(std::fs::read_to_string(&path).unwrap().ends_with("leave\n"));
    // Who left stays away, unless it is told to return.
    let node = remembering("again", &path, false);
    assert_eq!(node.pool.members().len(), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_returns_if_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("local.snapshot");
    let mut nodes = pool(1, |_| {}).await;
    let node = remembering("again", &path, true);
    node.join(&nodes[0]).await;
    node.pool.leave().await.expect("leaves");
    node.stop().await;
    nodes[0].until_sees("again", Some(Status::Left)).await;
    let mut node = remembering("again", &path, true);
    node.until_sees("n0", Some(Status::Alive)).await;
    nodes[0].until_sees("again", Some(Status::Alive)).await;
}
