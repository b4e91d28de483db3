//! Sessions and prepared queries (spec/server.md §3.6, §3.7).

use crate::common::*;
use model::{KvEntry, PreparedQuery, QueryTemplateOptions};
use state::{Effect, Key, Resolved};
use std::time::Duration;
use wire::Outcome;

fn held(behavior: &str) -> Cluster {
    let mut c = Cluster::default();
    c.ok(with_check("n", check("n", "c", "", "passing")));
    c.ok(session("s", "n", &["c"], behavior));
    let did = c.ok(kvs(
        "lock",
        KvEntry {
            session: "s".into(),
            ..entry("k", "v")
        },
    ));
    assert_eq!(did.outcome, Outcome::Bool(true));
    c
}

fn ended(did: &crate::common::Did) -> bool {
    let delay = Effect::LockDelay {
        key: Key::from("k"),
        delay: Duration::from_secs(15),
    };
    did.effects.contains(&Effect::SessionDestroyed("s".into())) && did.effects.contains(&delay)
}

#[test]
fn creation_is_checked() {
    let mut c = Cluster::default();
    assert_eq!(c.error(session("", "n", &[], "")), "Missing session ID");
    assert_eq!(
        c.error(session("s", "n", &[], "")),
        "Missing node registration"
    );
    c.ok(with_check("n", check("n", "bad", "", "critical")));
    assert_eq!(
        c.error(session("s", "n", &["none"], "")),
        "Missing check 'none' registration"
    );
    assert_eq!(
        c.error(session("s", "n", &[""], "")),
        "failed check lookup: index error: object is missing a value for this index"
    );
    assert_eq!(
        c.error(session("s", "n", &["bad"], "")),
        "Check 'bad' is in critical state"
    );
    assert_eq!(
        c.error(session("s", "n", &[], "odd")),
        "Invalid session behavior: odd"
    );
}

#[test]
fn the_end_of_a_session_releases_or_deletes_its_keys() {
    let mut c = held("release");
    let did = c.ok(destroy("s"));
    assert!(ended(&did), "{did:?}");
    let row = c.store.root().kv_get(b"k").rows.expect("kept");
    assert_eq!(
        (&*row.session, row.lock_index, row.indexes.modify_index),
        ("", 1, c.index)
    );

    let mut c = held("delete");
    c.ok(destroy("s"));
    assert_eq!(c.store.root().kv_get(b"k").rows, None);
    c.nothing(destroy("s"));
}

#[test]
fn sessions_end_with_their_check_or_node() {
    let mut c = held("release");
    assert!(ended(
        &c.ok(with_check("n", check("n", "c", "", "critical")))
    ));
    let mut c = held("release");
    assert!(ended(&c.ok(deregister("n", "", "c"))));
    let mut c = held("release");
    assert!(ended(&c.ok(deregister("N", "", ""))));
    assert_eq!(c.store.root().sessions().rows, []);
}

#[test]
fn a_session_check_follows_its_session() {
    let mut c = Cluster::default();
    let mut follower = check("n", "f", "", "critical");
    follower.check_type = "session".into();
    follower.definition.session_name = "name of s".into();
    c.ok(with_check("n", follower));
    c.ok(session("s", "n", &["f"], ""));
    let row = |c: &Cluster| {
        c.store
            .root()
            .node_checks("", "n")
            .rows
            .first()
            .cloned()
            .expect("there")
    };
    assert_eq!(
        (&*row(&c).status, &*row(&c).output),
        ("passing", "Session 's' in force")
    );
    c.ok(destroy("s"));
    assert_eq!(
        (&*row(&c).status, &*row(&c).output),
        ("critical", "Session 's' is invalid")
    );
}

fn named(id: &str, name: &str) -> PreparedQuery {
    PreparedQuery {
        id: id.into(),
        name: name.into(),
        ..PreparedQuery::default()
    }
}

fn template(id: &str, name: &str) -> PreparedQuery {
    let template = QueryTemplateOptions {
        template_type: "name_prefix_match".into(),
        ..Default::default()
    };
    PreparedQuery {
        template,
        ..named(id, name)
    }
}

#[test]
fn names_of_queries_are_unique() {
    let mut c = Cluster::default();
    let id = "0123abcd-0000-0000-0000-000000000001";
    c.ok(query("create", named(id, "web")));
    c.ok(query("update", named(id, "web")));
    assert_eq!(
        c.error(query("create", named("b", "WEB"))),
        "name 'WEB' aliases an existing query name"
    );
    assert_eq!(
        c.error(query("create", template("b", "web"))),
        "name 'web' aliases an existing query name"
    );
    assert_eq!(
        c.error(query("create", named("b", id))),
        format!("name '{id}' aliases an existing query ID")
    );
    c.ok(query("create", template("t", "")));
    assert_eq!(
        c.error(query("create", template("u", ""))),
        "a query template with an empty name already exists"
    );
    let bound = PreparedQuery {
        session: "none".into(),
        ..named("b", "b")
    };
    assert_eq!(c.error(query("create", bound)), "invalid session \"none\"");
}

#[test]
fn the_longest_template_wins() {
    let mut c = Cluster::default();
    for (id, name) in [("a", ""), ("b", "geo-"), ("c", "geo-db")] {
        c.ok(query("create", template(id, name)));
    }
    c.ok(query("create", named("d", "geo-db-main")));
    let found = |name: &str| match c.store.root().resolve_query(name).rows {
        Resolved::Query(query) | Resolved::Template(query) => query.id.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        ["x", "Geo-web", "geo-db1", "GEO-DB-MAIN"].map(found),
        ["a", "b", "c", "d"]
    );
}

#[test]
fn queries_end_with_their_session() {
    let mut c = held("release");
    c.ok(query(
        "create",
        PreparedQuery {
            session: "s".into(),
            ..named("q", "q")
        },
    ));
    c.ok(destroy("s"));
    assert_eq!(c.store.root().prepared_queries().rows, []);
}
