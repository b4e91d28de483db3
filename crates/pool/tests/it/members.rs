//! Members that are servers, or are not, and who is let in.

use pool::{LanRules, Own, Role, Server, ServerSettings, WanRules, wan_short_name};
use serf::{Member, Rules, Status};

pub fn own(dc: &str, id: &str, role: Role) -> Own {
    Own {
        datacenter: dc.into(),
        id: id.into(),
        build: "1.21.4:abcdef12".into(),
        role,
    }
}

fn settings() -> ServerSettings {
    ServerSettings {
        port: 8300,
        grpc_port: 8502,
        wan_join_port: 8302,
        expect: 3,
        read_replica: true,
        use_tls: true,
        acls: true,
        ..ServerSettings::default()
    }
}

pub fn server(name: &str, dc: &str, id: &str) -> Member {
    member(name, own(dc, id, Role::Server(settings())))
}

fn client(name: &str, dc: &str, id: &str) -> Member {
    let reconnect_timeout = "10m0s".into();
    member(name, own(dc, id, Role::Client { reconnect_timeout }))
}

fn member(name: &str, own: Own) -> Member {
    Member {
        name: name.into(),
        addr: "10.0.0.7:8301".parse().expect("an address"),
        tags: own.lan_tags(),
        status: Status::Alive,
        versions: swim::Versions::speaking(4),
    }
}

#[test]
fn a_server_is_what_it_says_and_says_it_whole() {
    let read = Server::of(&server("s1", "dc1", "a")).expect("a server");
    assert_eq!(read.address, "10.0.0.7:8300".parse().unwrap());
    assert_eq!(
        (read.grpc_port, read.grpc_tls_port, read.wan_join_port),
        (8502, 0, 8302)
    );
    assert_eq!((read.expect, read.bootstrap), (3, false));
    assert_eq!(
        (read.read_replica, read.use_tls, read.acls),
        (true, true, Some(true))
    );
    assert_eq!(Server::of(&client("c1", "dc1", "b")), None);
    assert_eq!(client("c1", "dc1", "b").tags["rc_tm"], "10m0s");
    for (tag, value) in [
        ("port", "x"),
        ("port", "70000"),
        ("vsn", ""),
        ("build", "new"),
        ("expect", "three"),
        ("raft_vsn", "x"),
        ("wan_join_port", "x"),
        ("ft_fs", "yes"),
        ("sl_a", "nowhere"),
        ("grpc_port", "0"),
    ] {
        let mut broken = server("s1", "dc1", "a");
        broken.tags.insert(tag.into(), value.into());
        assert_eq!(Server::of(&broken), None, "{tag}={value}");
    }
    for tag in ["port", "vsn", "build", "role"] {
        let mut lacking = server("s1", "dc1", "a");
        lacking.tags.remove(tag);
        assert_eq!(Server::of(&lacking), None, "{tag}");
    }
    // In the WAN pool the name has its datacenter behind it, and there is no port of that pool.
    let mut wan = server("s1.dc1", "dc1", "a");
    wan.tags = own("dc1", "a", Role::Server(settings()))
        .wan_tags()
        .expect("a server");
    let read = Server::of(&wan).expect("a server");
    assert_eq!((read.name.as_str(), read.wan_join_port), ("s1", 0));
    assert_eq!(
        own(
            "dc1",
            "b",
            Role::Client {
                reconnect_timeout: String::new()
            }
        )
        .wan_tags(),
        None
    );
    for (name, dc, short) in [
        ("a.dc1", "dc1", "a"),
        ("a.b.dc1", "dc1", "a.b"),
        ("dc1", "dc1", "dc1"),
        ("adc1", "dc1", "adc1"),
        ("a.", "", "a."),
    ] {
        assert_eq!(wan_short_name(name, dc), short);
    }
}

#[test]
fn a_datacenter_keeps_strangers_out() {
    let mut rules = LanRules {
        datacenter: "dc1".into(),
        name: "s1".into(),
        id: "one".into(),
    };
    let mut refused = |members: &[Member]| rules.admits_all(members).unwrap_err();
    assert_eq!(
        refused(&[client("renamed", "dc1", "one")]),
        "Member 'renamed' has conflicting node ID 'one' with this agent's ID"
    );
    assert_eq!(
        refused(&[client("c1", "dc1", "two"), server("s2", "dc1", "two")]),
        "Member 's2' has conflicting node ID 'two' with member 'c1'"
    );
    for stranger in [client("c9", "dc2", "nine"), server("c9", "dc2", "nine")] {
        assert_eq!(
            refused(&[stranger]),
            "Member 'c9' part of wrong datacenter 'dc2'"
        );
    }
    let mut gone = client("renamed", "dc1", "one");
    gone.status = Status::Left;
    let mut old = [client("o1", "dc1", "two"), client("o2", "dc1", "two")];
    for member in &mut old {
        member.tags.insert("build".into(), "0.8.4".into());
    }
    let mut foreign = client("plain", "dc2", "");
    foreign.tags = [("role".to_owned(), "db".to_owned())].into();
    for admitted in [
        &[server("S1", "dc1", "one")][..],
        &[gone],
        &old,
        &[foreign],
        &[],
    ] {
        assert_eq!(rules.admits_all(admitted), Ok(()), "{admitted:?}");
    }
}

#[test]
fn the_pool_of_all_datacenters_is_of_servers() {
    let mut rules = WanRules { alone: None };
    assert_eq!(rules.admits(&server("s1.dc2", "dc2", "a")), Ok(()));
    let refused = rules.admits_all(&[server("s1.dc2", "dc2", "a"), client("c1", "dc1", "b")]);
    assert_eq!(refused, Err("Member 'c1' is not a server".into()));
    let mut alone = WanRules {
        alone: Some("dc1".into()),
    };
    assert_eq!(alone.admits(&server("s1.dc1", "dc1", "a")), Ok(()));
    assert_eq!(
        alone.admits(&server("s1.dc2", "dc2", "a")),
        Err("Member 's1.dc2' part of wrong datacenter 'dc2'; WAN federation is disabled".into())
    );
}
