//! Nodes, services, checks (spec/server.md §3.1–§3.3, §3.12, §4).

use crate::common::*;
use model::{NodeService, SystemMetadataEntry};
use state::archive::{Loader, write_stream};
use state::{Provider, Store, WatchKey};
use wire::Command;
use wire::command::{RegisterRequest, SystemMetadataRequest};

const A: &str = "11111111-0000-0000-0000-000000000001";
const B: &str = "22222222-0000-0000-0000-000000000002";

fn with_id(name: &str, id: &str) -> RegisterRequest {
    RegisterRequest {
        id: id.into(),
        ..register(name)
    }
}

fn reg(request: RegisterRequest) -> Command {
    Command::Register(Box::new(request))
}

#[test]
fn a_node_is_renamed_unless_the_name_lives() {
    let mut c = Cluster::default();
    c.ok(reg(with_id("a", A)));
    c.ok(reg(RegisterRequest {
        check: Some(Box::new(check("live", "serfHealth", "", "passing"))),
        ..with_id("live", B)
    }));
    assert_eq!(
        c.error(reg(with_id("live", A))),
        format!(
            "failed inserting node: Error while renaming Node ID: \"{A}\" (10.0.0.1): \
             Node name live is reserved by node {B} with name live (10.0.0.1)"
        )
    );
    let unknown = "33333333-0000-0000-0000-000000000003";
    assert_eq!(
        c.error(reg(with_id("live", unknown))),
        format!(
            "failed inserting node: Error while renaming Node ID: \"{unknown}\": \
             Node name live is reserved by node {B} with name live (10.0.0.1)"
        )
    );
    c.ok(reg(with_id("b", A)));
    let root = c.store.root();
    assert_eq!(root.node("", "a").rows, None);
    let b = root.node("", "B").rows.expect("renamed");
    assert_eq!(
        (b.indexes.create_index, b.indexes.modify_index),
        (1, c.index)
    );
    c.ok(with_check(
        "live",
        check("live", "serfHealth", "", "critical"),
    ));
    c.ok(reg(with_id("live", unknown)));
}

#[test]
fn what_counts_as_a_change_of_a_node() {
    let mut c = Cluster::default();
    c.ok(node("n"));
    c.nothing(node("n"));
    c.nothing(node("N"));
    c.ok(reg(RegisterRequest {
        node_meta: meta(&[]),
        ..register("n")
    }));
    c.nothing(reg(RegisterRequest {
        address: "x".into(),
        skip_node_update: true,
        ..register("n")
    }));
    c.ok(reg(RegisterRequest {
        address: "x".into(),
        ..register("n")
    }));
}

#[test]
fn an_id_prefix_finds_one_node() {
    let mut c = Cluster::default();
    c.ok(reg(with_id("a", A)));
    c.ok(reg(with_id("b", "11112222-0000-0000-0000-000000000002")));
    let found = |text: &str| {
        let read = c.store.root().node_services("", text);
        (read.rows.map(|row| row.node.node.clone()), read.index)
    };
    assert_eq!(found("A"), (Some("a".into()), 1));
    assert_eq!(found("11112"), (None, 0), "an odd digit is cut, both match");
    assert_eq!(found("111122"), (Some("b".into()), 2));
    assert_eq!(found("11111111-00"), (None, 0), "nine digits are left");
    assert_eq!(found("11111111-0000-00"), (Some("a".into()), 1));
    assert_eq!(found("1"), (None, 0));
    assert_eq!(found("zz"), (None, 0));
}

#[test]
fn services_and_their_indexes() {
    let mut c = Cluster::default();
    c.ok(with_service("n", service("web", "w1")));
    c.nothing(with_service("n", service("web", "w1")));
    c.ok(with_service(
        "n",
        NodeService {
            tags: vec!["V1".to_owned()].into(),
            ..service("web", "w2")
        },
    ));
    c.ok(with_service("n", service("db", "d")));
    let index = |c: &Cluster, name: &str| {
        c.store
            .root()
            .service_nodes("", name, &[], &[], false)
            .index
    };
    assert_eq!((index(&c, "Web"), index(&c, "db")), (3, 4));
    assert_eq!(
        index(&c, "none"),
        4,
        "nothing ever went: the newest of the tables"
    );
    let tagged = c
        .store
        .root()
        .service_nodes("", "web", &["v1".to_owned()], &[], false);
    assert_eq!((tagged.rows.len(), tagged.index), (1, 3));
    let absent = c
        .store
        .root()
        .service_nodes("", "web", &["v2".to_owned()], &[], false);
    assert_eq!((absent.rows.len(), absent.index), (0, 3));
    c.ok(deregister("n", "w1", ""));
    assert_eq!(index(&c, "web"), 5);
    c.ok(deregister("n", "w2", ""));
    assert_eq!((index(&c, "web"), index(&c, "none")), (6, 6));
    c.ok(with_service("n", service("other", "o")));
    assert_eq!(index(&c, "none"), 6);
    let usage = c.store.root().usage().rows;
    assert_eq!(
        (usage.nodes, usage.services, usage.service_names),
        (1, 2, 2)
    );
    c.nothing(deregister("n", "none", ""));
}

#[test]
fn metadata_of_services_is_checked() {
    let mut c = Cluster::default();
    let bad = |pairs: &[(&str, &str)]| {
        with_service(
            "n",
            NodeService {
                meta: meta(pairs),
                ..service("web", "w")
            },
        )
    };
    let long = "x".repeat(513);
    let text = "failed inserting service: Invalid Service Meta for node n and serviceID w: Couldn't load metadata pair";
    assert_eq!(
        c.error(bad(&[("", "v")])),
        format!("{text} ('', 'v'): Key cannot be blank")
    );
    assert_eq!(
        c.error(bad(&[("a b", "v")])),
        format!("{text} ('a b', 'v'): Key contains invalid characters")
    );
    assert_eq!(
        c.error(bad(&[("consul-x", "v")])),
        format!("{text} ('consul-x', 'v'): Key prefix 'consul-' is reserved for internal use")
    );
    assert_eq!(
        c.error(bad(&[("k", &long)])),
        format!("{text} ('k', '{long}'): Value is too long (limit: 512 characters)")
    );
    let keys: Vec<String> = (0..65).map(|i| format!("k{i}")).collect();
    let many: Vec<(&str, &str)> = keys.iter().map(|key| (&**key, "v")).collect();
    assert_eq!(
        c.error(bad(&many)),
        "failed inserting service: Invalid Service Meta for node n and serviceID w: \
         Node metadata cannot contain more than 64 key/value pairs"
    );
}

#[test]
fn checks_are_joined_node_first() {
    let mut c = Cluster::default();
    c.ok(with_service("n", service("web", "w")));
    c.ok(with_check("n", check("n", "a-service", "w", "passing")));
    c.ok(with_check("n", check("n", "z-node", "", "")));
    let read = c
        .store
        .root()
        .service_health("", "WEB", Provider::Name, &[], &[]);
    let ids: Vec<&str> = read.rows[0]
        .checks
        .iter()
        .map(|check| &*check.check_id)
        .collect();
    assert_eq!((ids, read.index), (vec!["z-node", "a-service"], 3));
    assert_eq!(read.rows[0].checks[0].status, "critical");
    c.nothing(with_check("n", check("n", "a-service", "w", "passing")));
    assert_eq!(
        c.error(with_check("n", check("n", "c", "none", ""))),
        "failed inserting check on node \"n\": Missing service registration"
    );
    assert_eq!(
        c.error(with_check("n", check("m", "c", "", ""))),
        "failed inserting check on node \"m\": check node \"m\" does not match node \"n\""
    );
    c.ok(deregister("n", "w", ""));
    let left: Vec<String> = c
        .store
        .root()
        .node_checks("", "n")
        .rows
        .iter()
        .map(|check| check.check_id.clone())
        .collect();
    assert_eq!(left, ["z-node"]);
}

#[test]
fn a_new_name_under_an_old_id_wakes_only_the_new_one() {
    let mut c = Cluster::default();
    c.ok(with_service("n", service("web", "w")));
    let did = c.ok(with_service("n", service("api", "w")));
    assert!(did.keys.contains(&WatchKey::service("api")));
    for old in [WatchKey::service("web"), WatchKey::service_health("web")] {
        assert!(!did.keys.contains(&old) && did.stale.contains(&old));
    }
    assert_eq!(c.store.root().usage().rows.service_names, 1);
}

/// Lets services of the mesh have virtual addresses.
fn with_virtual_ips(c: &mut Cluster) {
    c.ok(Command::SystemMetadata(Box::new(SystemMetadataRequest {
        op: "upsert".into(),
        entry: Some(Box::new(SystemMetadataEntry {
            key: "virtual-ips".into(),
            value: "true".into(),
            ..SystemMetadataEntry::default()
        })),
        ..SystemMetadataRequest::default()
    })));
}

fn native(name: &str) -> NodeService {
    let mut row = service(name, name);
    row.connect.native = true;
    row
}

fn proxy_of(name: &str) -> NodeService {
    let mut row = service("proxy", "proxy");
    row.kind = "connect-proxy".into();
    row.proxy.destination_service_name = name.into();
    row
}

/// The virtual address on a service's only row.
fn told(c: &Cluster, name: &str) -> Option<(String, i64)> {
    let rows = c.store.root().service_nodes("", name, &[], &[], false).rows;
    let tagged = rows.first()?.service.tagged_addresses.get("consul-virtual");
    tagged.map(|tagged| (tagged.address.clone(), tagged.port))
}

#[test]
fn services_of_the_mesh_get_virtual_addresses() {
    let ip = |last: u8| Some((format!("240.0.0.{last}"), 80));
    let mut c = Cluster::default();
    c.ok(with_service("n", native("early")));
    assert_eq!(told(&c, "early"), None);
    with_virtual_ips(&mut c);
    c.ok(with_service("n", proxy_of("web")));
    assert_eq!(told(&c, "proxy"), ip(1));
    assert_eq!(c.store.root().index("service-virtual-ips"), c.index);
    // The address is part of the comparison: early's row gains one, web's does not change.
    c.nothing(with_service("n", proxy_of("web")));
    c.ok(with_service("n", native("early")));
    c.ok(with_service("n", native("web")));
    c.ok(with_service("n", service("plain", "plain")));
    assert_eq!(
        (told(&c, "early"), told(&c, "web"), told(&c, "plain")),
        (ip(2), ip(1), None)
    );
    c.ok(deregister("n", "early", ""));
    assert_eq!(c.store.root().index("service-virtual-ips"), c.index);
    let mut bytes = Vec::new();
    c.store.write_to(&mut bytes).expect("memory takes all");
    c.store = Store::load(&mut &bytes[..]).expect("own bytes");
    let mut stream = Vec::new();
    write_stream(c.store.root(), &mut stream).expect("memory takes all");
    let mut loader = Loader::new();
    loader.feed(&stream).expect("own stream");
    assert_eq!(
        loader.finish().expect("whole").hash(),
        c.store.root().hash()
    );
    for (name, last) in [("again", 2), ("next", 3)] {
        c.ok(with_service("n", native(name)));
        assert_eq!(told(&c, name), ip(last));
    }
}

#[test]
fn sidecars_stand_for_their_destination() {
    let mut c = Cluster::default();
    let mut proxy = NodeService {
        kind: "connect-proxy".into(),
        ..service("web-proxy", "p")
    };
    proxy.proxy.destination_service_name = "web".into();
    c.ok(with_service("n", service("web", "w")));
    c.ok(with_service("n", proxy.clone()));
    let root = c.store.root();
    assert_eq!(root.service_nodes("", "web", &[], &[], true).rows.len(), 1);
    assert_eq!(
        root.service_nodes("", "web", &[], &[], true).index,
        1,
        "the destination's own entry stays"
    );
    assert_eq!(
        root.service_health("", "web", Provider::Connect, &[], &[])
            .index,
        2
    );
    assert_eq!(root.service_dump("", Some("connect-proxy")).rows.len(), 1);
    proxy.proxy.destination_service_name = "api".into();
    let keys = c.ok(with_service("n", proxy)).keys;
    assert!(keys.contains(&WatchKey::connect("web")) && keys.contains(&WatchKey::connect("api")));
}

#[test]
fn a_node_goes_with_everything() {
    let mut c = Cluster::default();
    c.ok(with_service("n", service("web", "w")));
    c.ok(with_check("n", check("n", "c", "w", "")));
    c.ok(coordinate("n"));
    c.nothing(coordinate("none"));
    c.ok(deregister("n", "", ""));
    let root = c.store.root();
    assert!(root.nodes("", &[]).rows.is_empty() && root.service_dump("", None).rows.is_empty());
    assert!(
        root.checks_in_state("", "any", &[]).rows.is_empty() && root.coordinates().rows.is_empty()
    );
    assert_eq!(root.node_services("", "n").index, 0, "too short");
    assert_eq!(root.node_services("", "never").index, c.index);
    c.nothing(deregister("n", "", ""));
}
