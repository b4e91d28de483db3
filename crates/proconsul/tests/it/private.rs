//! What the agent keeps is its own: keys, tokens and the authority's private key stand in these files.

use crate::agent::Agent;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Every file and folder below `data` with its mode.
fn modes(data: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    let mut pending = vec![data.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::metadata(&path).unwrap();
            if about.is_dir() {
                pending.push(path.clone());
            }
            found.push((path, about.permissions().mode() & 0o777));
        }
    }
    found
}

fn open_to_others(data: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = modes(data);
    found.retain(|(_, mode)| mode & 0o077 != 0);
    found
}

#[test]
fn nobody_else_reads_the_data_directory() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut agent = Agent::start(home.path(), &[]);
    let mut client = agent.client();
    let service = br#"{"Name": "web", "Check": {"CheckID": "c", "TTL": "1h"}}"#;
    for (target, body) in [
        ("/v1/agent/service/register", &service[..]),
        ("/v1/agent/check/pass/c", b""),
    ] {
        assert_eq!(client.ask("PUT", target, body).unwrap().status, 200);
    }
    assert_eq!(
        client.ask("GET", "/v1/snapshot", b"").unwrap().status,
        200,
        "a snapshot's temporary files count too"
    );
    assert_eq!(open_to_others(&data), []);
    let kept = modes(&data);
    for name in ["raft", "services", "checks", "node-id"] {
        assert!(kept.iter().any(|(path, _)| *path == data.join(name)));
    }
    agent.stop();

    for (path, mode) in &kept {
        let wide = if path.is_dir() { 0o755 } else { 0o644 };
        assert_ne!(*mode, wide, "{}", path.display());
        if path.exists() {
            fs::set_permissions(path, Permissions::from_mode(wide)).unwrap();
        }
    }
    assert!(!agent.log().contains("permissions were corrected"));
    let agent = Agent::start(home.path(), &[]);
    assert_eq!(open_to_others(&data), []);
    let log = agent.log();
    assert!(log.contains("their permissions were corrected"), "{log}");
}
