//! Which server is asked.

use crate::members::server;
use pool::{Kin, NoRoute, Routes, Server, Servers};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serf::Status;
use std::time::Duration;

fn read(name: &str) -> Server {
    Server::of(&server(name, "dc1", name)).expect("a server")
}

fn list(names: &[&str]) -> Servers {
    let mut servers = Servers::default();
    names.iter().for_each(|name| servers.put(read(name)));
    servers
}

fn order(servers: &Servers) -> Vec<&str> {
    servers.all().map(|server| server.name.as_str()).collect()
}

#[test]
fn who_fails_goes_to_the_end() {
    let mut servers = list(&["a", "b", "c"]);
    servers.failed("a");
    assert_eq!(order(&servers), ["b", "c", "a"]);
    // The second call that failed at the same server moves nobody else.
    servers.failed("a");
    assert_eq!(order(&servers), ["b", "c", "a"]);
    servers.put(read("c"));
    servers.remove("b");
    assert_eq!(order(&servers), ["c", "a"]);
    servers.failed("c");
    servers.failed("a");
    assert_eq!(
        servers.first().map(|server| server.name.as_str()),
        Some("c")
    );
}

#[test]
fn strangers_and_the_dead_are_not_asked() {
    let mut servers = list(&["a", "b", "c"]);
    servers.learn("a", Kin::Stranger);
    servers.put(Server {
        status: Status::Failed,
        ..read("b")
    });
    assert_eq!(servers.first(), Some(&read("c")));
    assert_eq!(
        servers.candidates(&mut SmallRng::seed_from_u64(1)),
        [read("c")]
    );
    assert_eq!(servers.kin("a"), Some(Kin::Stranger));
    // The same process says something else: it stays what it is. Another one under the name is asked again.
    servers.put(Server {
        expect: 5,
        ..read("a")
    });
    assert_eq!(servers.kin("a"), Some(Kin::Stranger));
    servers.put(Server {
        id: "new".into(),
        ..read("a")
    });
    assert_eq!(servers.kin("a"), Some(Kin::Unknown));
    // A failed call to the one that is asked leaves the others' order.
    servers.learn("a", Kin::Stranger);
    servers.failed("c");
    assert_eq!(order(&servers), ["a", "b", "c"]);
}

#[test]
fn a_rebalance_puts_the_one_that_answers_first() {
    let mut servers = list(&["a", "b", "c", "d"]);
    let candidates = servers.candidates(&mut SmallRng::seed_from_u64(3));
    let mut names: Vec<&str> = candidates
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    let answered = names[2];
    servers.put(read("late"));
    servers.remove(names[0]);
    servers.answered(&candidates, answered);
    let (gone, second) = (names.remove(0), names[0]);
    assert_eq!(order(&servers), [answered, second, names[2], "late"]);
    // Who went meanwhile cannot be first.
    let before = order(&servers).join(" ");
    servers.answered(&candidates, gone);
    assert_eq!(order(&servers).join(" "), before);
}

#[test]
fn rebalances_are_rare_however_many_there_are() {
    let mut rng = SmallRng::seed_from_u64(7);
    let servers = list(&["a", "b", "c"]);
    for _ in 0..100 {
        let wait = servers.rebalance_after(100, &mut rng);
        assert!(
            wait >= Duration::from_secs(120) && wait <= Duration::from_secs(180),
            "{wait:?}"
        );
    }
    // 96,000 nodes, three servers: 500 seconds.
    assert_eq!(
        servers.rebalance_after(96_000, &mut rng),
        Duration::from_secs(500)
    );
    assert!(Servers::default().rebalance_after(10, &mut rng) >= Duration::from_secs(120));
}

#[test]
fn datacenters_without_servers_say_why() {
    let mut routes = Routes::default();
    assert_eq!(routes.route("dc1").unwrap_err(), NoRoute::Unknown);
    routes.follow(read("a"));
    assert_eq!(routes.route("dc1"), Ok(&read("a")));
    let failed = Server {
        status: Status::Failed,
        ..read("a")
    };
    routes.follow(failed.clone());
    let why = routes.route("dc1").unwrap_err();
    assert_eq!(
        why.to_string(),
        "Remote DC has no server currently reachable"
    );
    routes.forget(&failed);
    assert_eq!(
        routes.route("dc1").unwrap_err().to_string(),
        "No path to datacenter"
    );
    assert_eq!(routes.datacenters().count(), 0);
}
