//! The certificate authority's rows (spec/server.md §3.8).

use crate::common::Cluster;
use model::{CaConfiguration, CaProviderState, CaRoot};
use state::WatchKey;
use state::archive::{Loader, write_stream};
use wire::command::CaRequest;
use wire::{Command, Outcome};

fn root(id: &str, active: bool) -> CaRoot {
    CaRoot {
        id: id.into(),
        active,
        ..CaRoot::default()
    }
}

fn roots(index: u64, roots: Vec<CaRoot>) -> Command {
    Command::ConnectCa(Box::new(CaRequest {
        op: "set-roots".into(),
        index,
        roots: roots.into(),
        ..CaRequest::default()
    }))
}

fn config(cluster: &str, expected: u64) -> Command {
    let mut config = CaConfiguration {
        cluster_id: cluster.into(),
        provider: "consul".into(),
        ..CaConfiguration::default()
    };
    config.indexes.modify_index = expected;
    Command::ConnectCa(Box::new(CaRequest {
        op: "set-config".into(),
        config: Some(Box::new(config)),
        ..CaRequest::default()
    }))
}

fn provider(op: &str, id: &str) -> Command {
    Command::ConnectCa(Box::new(CaRequest {
        op: op.into(),
        provider_state: Some(Box::new(CaProviderState {
            id: id.into(),
            private_key: "secret".into(),
            ..CaProviderState::default()
        })),
        ..CaRequest::default()
    }))
}

#[test]
fn roots_are_replaced_together_by_who_knows_their_index() {
    let mut c = Cluster::default();
    let did = c.ok(roots(0, vec![root("a", true)]));
    assert!(did.keys.contains(&WatchKey::CaRoots));
    let first = c.store.root().ca_roots();
    assert_eq!(first.index, first.rows[0].indexes.modify_index);
    // Who comes with an old index is told that all is well, and changes nothing.
    assert_eq!(
        c.nothing(roots(0, vec![root("b", true)])),
        Outcome::Bool(true)
    );
    let text = c.error(roots(first.index, vec![root("a", true), root("b", true)]));
    assert_eq!(text, "there must be exactly one active CA");
    c.ok(roots(first.index, vec![root("a", false), root("b", true)]));
    let second = c.store.root().ca_roots();
    assert_eq!(second.rows.len(), 2);
    assert_eq!(second.rows[0].indexes.create_index, first.index);
    assert_eq!(second.rows[1].indexes.create_index, second.index);
}

#[test]
fn a_configuration_keeps_its_cluster() {
    let mut c = Cluster::default();
    c.ok(config("one", 0));
    let stored = c.store.root().ca_config();
    assert_eq!(
        c.error(config("two", stored.index + 1)),
        "ModifyIndex did not match existing"
    );
    c.ok(config("", stored.index));
    let row = c.store.root().ca_config().rows.unwrap();
    assert_eq!(row.cluster_id, "one");
    assert_eq!(row.indexes.create_index, stored.index);
}

#[test]
fn serial_numbers_rise_from_behind_the_newest_state() {
    let mut c = Cluster::default();
    c.ok(provider("set-provider-state", "p"));
    let at = c
        .store
        .root()
        .ca_provider("p")
        .unwrap()
        .indexes
        .modify_index;
    let increment = || provider("increment-provider-serial", "");
    assert_eq!(c.ok(increment()).outcome, Outcome::Index(at + 1));
    assert_eq!(c.ok(increment()).outcome, Outcome::Index(at + 2));
    c.ok(provider("delete-provider-state", "p"));
    assert!(c.store.root().ca_provider("p").is_none());
    assert!(c.error(provider("no-such", "")).contains("no-such"));
}

#[test]
fn snapshots_and_archives_keep_all_of_it() {
    let mut c = Cluster::default();
    c.ok(config("one", 0));
    c.ok(provider("set-provider-state", "p"));
    c.ok(roots(0, vec![root("a", true)]));
    let mut archive = Vec::new();
    write_stream(c.store.root(), &mut archive).unwrap();
    let mut loader = Loader::new();
    loader.feed(&archive).unwrap();
    let mut native = Vec::new();
    c.store.write_to(&mut native).unwrap();
    let reopened = state::Store::load(&mut &native[..]).unwrap();
    for root in [&loader.finish().unwrap(), reopened.root()] {
        assert_eq!(root.ca_roots(), c.store.root().ca_roots());
        assert_eq!(root.ca_config(), c.store.root().ca_config());
        assert_eq!(root.ca_provider("p"), c.store.root().ca_provider("p"));
    }
}
