//! The table of reads.

#[test]
fn the_document_is_current() {
    expect_test::expect_file!["../../../../docs/watch-table.md"]
        .assert_eq(&state::reads::watch_table());
}

use crate::common::{Cluster, deregister, meta, node, register, service};
use model::NodeService;
use state::{Provider, Root, WatchKey};
use wire::Command;

/// Whether a command touches what a read parked on.
fn wakes(c: &mut Cluster, watch: &[WatchKey], command: Command) -> bool {
    let did = c.run(command);
    did.keys.iter().any(|key| watch.contains(key))
}

fn with_meta(name: &str, pairs: &[(&str, &str)]) -> Command {
    let mut request = register(name);
    request.node_meta = meta(pairs);
    Command::Register(Box::new(request))
}

/// An instance on a node whose row stays as it is.
fn with_service(node: &str, service: NodeService) -> Command {
    let mut request = register(node);
    request.skip_node_update = true;
    request.service = Some(Box::new(service));
    Command::Register(Box::new(request))
}

#[test]
fn services_by_node_metadata_wake_for_these_nodes_only() {
    let mut c = Cluster::default();
    c.ok(with_meta("in", &[("zone", "a"), ("rack", "1")]));
    c.ok(with_service("in", service("web", "")));
    c.ok(with_meta("out", &[("zone", "b")]));
    c.ok(with_service("out", service("web", "")));
    let filter = [("zone".to_owned(), "a".to_owned())];
    let watch = |root: &Root| root.services("", &filter).watch;
    let seen = watch(c.store.root());
    assert!(!wakes(
        &mut c,
        &seen,
        with_service("out", service("db", ""))
    ));
    assert!(!wakes(&mut c, &seen, with_meta("out", &[("zone", "c")])));
    assert!(!wakes(&mut c, &seen, node("other")));
    assert!(!wakes(&mut c, &seen, deregister("out", "", "")));
    assert!(wakes(&mut c, &seen, with_service("in", service("db", ""))));
    assert!(wakes(&mut c, &seen, with_meta("new", &[("zone", "a")])));
    let seen = watch(c.store.root());
    assert!(wakes(
        &mut c,
        &seen,
        with_service("new", service("web", ""))
    ));
    assert!(wakes(&mut c, &seen, with_meta("new", &[("zone", "b")])));
    let seen = watch(c.store.root());
    assert!(!wakes(
        &mut c,
        &seen,
        with_service("new", service("db", ""))
    ));
    assert!(wakes(&mut c, &seen, deregister("in", "", "")));
}

#[test]
fn many_nodes_are_watched_together() {
    let mut c = Cluster::default();
    for n in 0..65 {
        c.ok(with_meta(&format!("n{n}"), &[("zone", "a")]));
    }
    let filter = [("zone".to_owned(), "a".to_owned())];
    let seen = c.store.root().services("", &filter).watch;
    assert_eq!(seen.len(), 2);
    assert!(wakes(
        &mut c,
        &seen,
        with_service("n64", service("web", ""))
    ));
    assert!(wakes(&mut c, &seen, with_meta("n64", &[])));
    assert!(wakes(&mut c, &seen, deregister("n0", "", "")));
}

#[test]
fn ingress_wakes_for_no_instance() {
    let mut c = Cluster::default();
    c.ok(node("n"));
    let seen = c
        .store
        .root()
        .service_health("", "web", Provider::Ingress, &[], &[]);
    assert!(!seen.watch.is_empty());
    let watch = seen.watch;
    assert!(!wakes(
        &mut c,
        &watch,
        with_service("n", service("web", ""))
    ));
    assert!(!wakes(&mut c, &watch, deregister("n", "web", "")));
}
