//! Agents in one gossip pool: whom they see, and what becomes of who dies, is forgotten, comes back and leaves.

use crate::agent::Agent;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

/// Longest wait for news to spread, a death included.
const LIMIT: Duration = Duration::from_secs(60);

/// An agent of that name, and its address.
fn agent(home: &Path, name: &str) -> (Agent, Ipv4Addr) {
    let at = Mutex::new(Ipv4Addr::LOCALHOST);
    let agent = Agent::with_arguments(home, |address| {
        *at.lock().unwrap() = address;
        vec![format!("-node={name}")]
    });
    (agent, at.into_inner().unwrap())
}

/// Names and statuses as an agent tells them, in the order of names.
fn members(agent: &Agent) -> Option<Vec<(String, i64)>> {
    let answer = agent.client().ask("GET", "/v1/agent/members", b"").ok()?;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&answer.text()).ok()?;
    let row =
        |row: &serde_json::Value| Some((row["Name"].as_str()?.to_owned(), row["Status"].as_i64()?));
    let mut rows: Vec<_> = rows.iter().map(row).collect::<Option<_>>()?;
    rows.sort();
    Some(rows)
}

/// Waits until an agent sees exactly these.
fn sees(agent: &Agent, wanted: &[(&str, i64)]) {
    let alike = || {
        let seen = members(agent)?;
        let seen = seen.iter().map(|(name, status)| (name.as_str(), *status));
        seen.eq(wanted.iter().copied()).then_some(())
    };
    testkit::until(LIMIT, alike, || {
        format!(
            "{:?} in place of {wanted:?}\n{}",
            members(agent),
            agent.log()
        )
    });
}

fn put(agent: &Agent, path: &str) -> (u16, String) {
    let answer = agent.client().ask("PUT", path, b"").unwrap();
    (answer.status, answer.text())
}

#[test]
fn members_of_a_pool_see_each_other_die_come_back_and_leave() {
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (one, _) = agent(homes[0].path(), "one");
    let (mut two, at) = agent(homes[1].path(), "two");
    sees(&one, &[("one", 1)]);
    let (status, text) = put(&one, "/v1/agent/join/127.0.0.1:1");
    assert!(
        status == 500 && text.contains("Failed to join 127.0.0.1:1"),
        "{status} {text}"
    );
    let (status, text) = put(&one, &format!("/v1/agent/join/{at}"));
    assert_eq!((status, text.as_str()), (200, ""));
    for agent in [&one, &two] {
        sees(agent, &[("one", 1), ("two", 1)]);
    }
    // Whom it knows is noted twice a second.
    let snapshot = homes[1].path().join("data/serf/local.snapshot");
    let noted = || {
        let text = std::fs::read_to_string(&snapshot).ok()?;
        text.contains("alive: one ").then_some(())
    };
    testkit::until(LIMIT, noted, || two.log());
    two.kill();
    sees(&one, &[("one", 1), ("two", 4)]);
    assert_eq!(put(&one, "/v1/agent/force-leave/two").0, 200);
    sees(&one, &[("one", 1), ("two", 3)]);
    let (status, text) = put(&one, "/v1/agent/force-leave/three");
    assert_eq!(
        (status, text.as_str()),
        (500, "agent: No node found with name 'three'")
    );
    // It remembers whom it knew, and goes back by itself.
    let (mut two, _) = agent(homes[1].path(), "two");
    sees(&one, &[("one", 1), ("two", 1)]);
    sees(&two, &[("one", 1), ("two", 1)]);
    assert_eq!(put(&two, "/v1/agent/leave").0, 200);
    two.wait();
    sees(&one, &[("one", 1), ("two", 3)]);
}

#[test]
fn another_datacenter_is_not_let_in() {
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (one, at) = agent(homes[0].path(), "one");
    let other = Agent::with_arguments(homes[1].path(), |_| {
        vec!["-node=two".into(), "-datacenter=elsewhere".into()]
    });
    let (status, text) = put(&other, &format!("/v1/agent/join/{at}"));
    assert_eq!(status, 500);
    assert!(text.contains("part of wrong datacenter"), "{text}");
    sees(&one, &[("one", 1)]);
    sees(&other, &[("two", 1)]);
}

/// Networks that members may be in are kept to.
#[test]
fn an_address_outside_the_allowed_networks_is_not_let_in() {
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let strict = Agent::with_arguments(homes[0].path(), |address| {
        vec![
            "-node=one".into(),
            format!("-hcl=serf_lan_allowed_cidrs = [\"{address}/32\"]"),
        ]
    });
    let (_other, at) = agent(homes[1].path(), "two");
    let (status, text) = put(&strict, &format!("/v1/agent/join/{at}"));
    assert!(
        status == 500 && text.contains("not allowed"),
        "{status} {text}"
    );
    sees(&strict, &[("one", 1)]);
}
