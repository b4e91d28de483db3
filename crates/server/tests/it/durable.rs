//! What was acknowledged is there after a restart; a lone server is soon ready.

use crate::bench::{Bench, config, key, value};
use ports::{Caller, Consistency, Data, Operator, Query, Read, ReadOptions, Rpc};
use rt::{Room, Time};

#[tokio::test]
async fn a_restart_finds_everything() {
    let dir = tempfile::tempdir().unwrap();
    let config = || server::Config {
        data_dir: Some(dir.path().to_owned()),
        ..config()
    };
    let bench = Bench::with(config()).await;
    for n in 0..50 {
        bench.kv("set", &format!("k/{n}"), &n.to_string()).await;
    }
    bench.register("n1", "web", "c", "passing").await;
    let index = bench.now(key("k/49")).answer.index;
    bench.end().await;
    let bench = Bench::with(config()).await;
    assert_eq!(value(&bench.now(key("k/49"))).unwrap(), "49");
    assert_eq!(bench.now(key("k/49")).answer.index, index);
    let Data::CheckServiceNodes(rows) = &bench.now(crate::bench::health("web")).answer.data else {
        panic!()
    };
    assert_eq!(rows.len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn the_first_read_after_a_restart_finds_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let config = || server::Config {
        data_dir: Some(dir.path().to_owned()),
        ..config()
    };
    let bench = Bench::with(config()).await;
    let large = "x".repeat(100_000);
    for n in 0..100 {
        bench.kv("set", &format!("k/{n}"), &large).await;
    }
    bench.end().await;
    for consistency in [
        Consistency::Stale,
        Consistency::Default,
        Consistency::Consistent,
    ] {
        let (room, time) = (Room::new("test"), Time::manual());
        let server = server::Server::start(config(), &room, time.clone()).unwrap();
        // Nothing is awaited: not even that somebody leads.
        let options = ReadOptions {
            consistency,
            ..ReadOptions::default()
        };
        let caller = Caller::internal();
        let read = server.read(&caller, Query::new(key("k/99")), options);
        let found = crate::bench::patiently("the read", read).await.unwrap();
        assert_eq!(value(&found).map(|v| v.len()), Some(100_000));
        server.shutdown().await;
        room.close(std::time::Duration::from_secs(30))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn the_first_leader_makes_the_root_and_later_ones_keep_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = || server::Config {
        data_dir: Some(dir.path().to_owned()),
        authority: Some(server::AuthorityConfig::default()),
        ..config()
    };
    let roots = |bench: &Bench| bench.server.unguarded_root().ca_roots().rows;
    let bench = Bench::with(config()).await;
    crate::bench::until("a root", || !roots(&bench).is_empty()).await;
    let made = roots(&bench);
    assert!(made[0].active && made[0].root_cert.starts_with("-----BEGIN CERTIFICATE"));
    let stored = bench.server.unguarded_root().ca_config().rows.unwrap();
    assert_eq!(made[0].external_trust_domain, stored.cluster_id);
    let answered = bench.now(Read::CaRoots).answer;
    let Data::CaRoots {
        trust_domain,
        roots: told,
    } = &answered.data
    else {
        panic!()
    };
    assert_eq!(*told, made);
    assert_eq!(*trust_domain, format!("{}.consul", stored.cluster_id));
    assert_eq!(answered.index, made[0].indexes.modify_index);
    bench.end().await;
    let bench = Bench::with(config()).await;
    bench.kv("set", "k", "v").await;
    assert_eq!(roots(&bench), made);
    bench.end().await;
}

#[tokio::test]
async fn an_archive_without_a_root_is_given_one() {
    let caller = ports::Caller::internal();
    let old = Bench::new().await;
    let saved = old.server.snapshot_save(&caller, "", false).await.unwrap();
    let bench = Bench::with(server::Config {
        authority: Some(server::AuthorityConfig::default()),
        ..config()
    })
    .await;
    let roots = || bench.server.unguarded_root().ca_roots().rows;
    crate::bench::until("a root", || !roots().is_empty()).await;
    let first = roots();
    let restored = bench.server.snapshot_restore(&caller, "", saved.archive);
    restored.await.unwrap();
    crate::bench::until("another root", || {
        roots().first().is_some_and(|root| root.id != first[0].id)
    })
    .await;
    old.end().await;
    bench.end().await;
}

#[tokio::test]
async fn roots_are_refused_where_there_is_no_mesh() {
    let bench = Bench::new().await;
    let query = ports::Query::new(Read::CaRoots);
    let options = ports::ReadOptions::default();
    let refused = "Connect must be enabled in order to use this endpoint";
    let now = bench.server.read_now(&Default::default(), &query, &options);
    assert_eq!(now.unwrap().unwrap_err().to_string(), refused);
    let options = ports::ReadOptions {
        min_index: 1,
        ..options
    };
    let waited = bench.server.read(&Default::default(), query, options).await;
    assert_eq!(waited.unwrap_err().to_string(), refused);
    bench.end().await;
}

#[tokio::test]
async fn the_own_node_stands_in_the_catalog() {
    let bench = Bench::new().await;
    let Data::NodeServices(Some((node, services))) = &bench
        .now(Read::NodeServices {
            node: "server1".into(),
        })
        .answer
        .data
    else {
        panic!()
    };
    assert_eq!(
        node.meta.get("consul-version").map(String::as_str),
        Some("1.21.4")
    );
    assert_eq!((&*services[0].id, services[0].port), ("consul", 8300));
    let Data::Checks(checks) = &bench
        .now(Read::NodeChecks {
            node: "server1".into(),
        })
        .answer
        .data
    else {
        panic!()
    };
    assert_eq!(
        (&*checks[0].check_id, &*checks[0].output),
        ("serfHealth", "Agent alive and reachable")
    );
    let status = bench.server.status();
    assert!(status.is_leader);
    assert_eq!(status.leader, "127.0.0.1:8300");
    assert_eq!(status.peers, ["127.0.0.1:8300"]);
    // Whoever takes it out sees it come back with the next look.
    bench.deregister("server1", "consul").await;
    bench.time.advance(std::time::Duration::from_secs(61));
    crate::bench::until("reconciliation", || {
        matches!(
            &bench.now(Read::NodeServices { node: "server1".into() }).answer.data,
            Data::NodeServices(Some((_, services))) if services.len() == 1
        )
    })
    .await;
    bench.end().await;
}
