//! With `auto_reload_config` a changed file is in force without anybody asking.

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
