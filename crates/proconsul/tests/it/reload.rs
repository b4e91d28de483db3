//! What a reload changes, asked for or by itself (`auto_reload_config`), and what waits for a restart.

use crate::agent::Agent;
use std::time::Duration;

/// Two looks at the files and some slowness.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn files_are_followed() {
    let home = tempfile::tempdir().unwrap();
    let more = home.path().join("config.d");
    std::fs::create_dir_all(&more).unwrap();
    std::fs::write(
        more.join("a.json"),
        r#"{"auto_reload_config": true, "autopilot": {"max_trailing_logs": 77}}"#,
    )
    .unwrap();
    let agent = Agent::start(home.path(), &[]);
    let mut client = agent.client();
    // It is written by the leader right after the start.
    let path = "/v1/operator/autopilot/configuration";
    let autopilot = client
        .until(LIMIT, path, |answer| answer.status == 200)
        .text();
    assert!(autopilot.contains("\"MaxTrailingLogs\":77"), "{autopilot}");
    let mut until = |what: &str, there: bool| {
        client.until(LIMIT, "/v1/agent/services", |services| {
            services.text().contains(what) == there
        });
    };
    let file = more.join("web.hcl");
    std::fs::write(&file, "service { name = \"web\" port = 80 }").unwrap();
    until("\"Port\":80", true);
    // A file that cannot be read changes nothing, and the next change counts again.
    std::fs::write(&file, "service {").unwrap();
    let told = || agent.log().contains("Reload config failed").then_some(());
    testkit::until(LIMIT, told, || agent.log());
    until("\"Port\":80", true);
    std::fs::write(&file, "service { name = \"web\" port = 81 }").unwrap();
    until("\"Port\":81", true);
    std::fs::remove_file(&file).unwrap();
    until("\"web\"", false);
}

/// Keys that do not reload are shown by `agent/self` and change nothing that services and answers say.
#[test]
fn another_datacenter_waits_for_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let more = home.path().join("config.d");
    std::fs::create_dir_all(&more).unwrap();
    let web = "service { name = \"web\" port = 80 }";
    std::fs::write(more.join("web.hcl"), web).unwrap();
    let agent = Agent::start(home.path(), &[]);
    let mut client = agent.client();
    let paths = [
        "/v1/agent/services",
        "/v1/catalog/datacenters",
        "/v1/catalog/nodes?dc=dc1",
        "/v1/catalog/service/web",
        "/v1/status/leader?dc=dc1",
    ];
    let mut all = || -> Vec<String> {
        // A service from a file is in the catalog after the first sync.
        client.until(LIMIT, paths[3], |answer| answer.text().contains("web"));
        client.until(LIMIT, paths[2], |answer| {
            answer.text().contains("consul-version")
        });
        paths
            .map(|path| client.ask("GET", path, b"").unwrap().text())
            .into()
    };
    let before = all();
    let changed = r#"{"datacenter": "elsewhere", "ports": {"dns": 1}, "domain": "d", "node_name": "other",
        "enable_script_checks": false, "services": [{"name": "new"}]}"#;
    std::fs::write(more.join("z.json"), changed).unwrap();
    let mut other = agent.client();
    assert_eq!(
        other.ask("PUT", "/v1/agent/reload", b"").unwrap().status,
        200
    );
    let after = all();
    assert!(after[0].contains("\"new\""), "{}", after[0]);
    assert!(!after[0].contains("elsewhere"), "{}", after[0]);
    assert_eq!(before[1..], after[1..]);
    let shown = other.ask("GET", "/v1/agent/self", b"").unwrap().text();
    assert!(shown.contains("\"Datacenter\":\"elsewhere\""), "{shown}");
}
