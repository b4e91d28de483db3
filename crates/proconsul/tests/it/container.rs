//! The binary as the entry point of a container: it becomes the agent in the same process, as somebody who is not root.

use crate::agent::Agent;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

/// A user that no machine has.
const USER: u32 = 54_321;
/// `CAP_NET_BIND_SERVICE` as the kernel shows it.
const LOW_PORTS: u64 = 1 << 10;

fn field(status: &str, name: &str) -> Vec<String> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let words = line.expect("a field of the process").split_whitespace();
    words.map(str::to_owned).collect()
}

#[test]
fn the_entry_point_becomes_the_agent_as_somebody_else() {
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for folder in ["data", "config"] {
        fs::create_dir(home.path().join(folder)).unwrap();
    }
    // Of an earlier life, when others could read it.
    fs::write(home.path().join("config/local.json"), "{}").unwrap();
    let user = USER.to_string();
    let agent = Agent::in_container(
        home.path(),
        &[
            ("CONSUL_UID", user.as_str()),
            ("CONSUL_GID", user.as_str()),
            ("CONSUL_ALLOW_PRIVILEGED_PORTS", "yes"),
            ("CONSUL_LOCAL_CONFIG", r#"{"datacenter": "boxed"}"#),
        ],
    );
    let shown = agent
        .client()
        .ask("GET", "/v1/agent/self", b"")
        .unwrap()
        .text();
    assert!(shown.contains(r#""Datacenter":"boxed""#), "{shown}");
    let file = fs::metadata(home.path().join("config/local.json")).unwrap();
    assert_eq!(file.mode() & 0o777, 0o600);

    let status = fs::read_to_string(format!("/proc/{}/status", agent.id())).unwrap();
    // Whoever runs the tests without being root has nobody to become.
    let (wanted, capabilities) = match nix::unistd::geteuid().is_root() {
        true => (USER, LOW_PORTS),
        false => (nix::unistd::geteuid().as_raw(), 0),
    };
    assert_eq!(field(&status, "Uid"), vec![wanted.to_string(); 4]);
    if wanted == USER {
        assert_eq!(field(&status, "Gid"), vec![user.clone(); 4]);
        assert_eq!(field(&status, "Groups").join(" "), user);
    }
    for set in ["CapEff", "CapPrm"] {
        assert_eq!(
            field(&status, set),
            [format!("{capabilities:016x}")],
            "{set}"
        );
    }
    // What it starts has none.
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(field(&status, set), [format!("{:016x}", 0)], "{set}");
    }
    for path in ["data", "config", "config/local.json", "data/raft"] {
        let owner = fs::metadata(home.path().join(path)).unwrap().uid();
        assert_eq!(owner, wanted, "{path}");
    }
}

/// Somebody who may write into the folder leads root to no other file.
#[test]
fn no_link_is_followed() {
    let home = tempfile::tempdir().unwrap();
    let other = home.path().join("other");
    fs::write(&other, "kept").unwrap();
    std::os::unix::fs::symlink(&other, home.path().join("local.json")).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_proconsul"))
        .args(["container", "agent", "-dev"])
        .env("CONSUL_CONFIG_DIR", home.path())
        .env("CONSUL_LOCAL_CONFIG", "{}")
        .env("CONSUL_UID", USER.to_string())
        .env("CONSUL_GID", USER.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{text}");
    assert!(text.contains("CONSUL_LOCAL_CONFIG: "), "{text}");
    assert_eq!(fs::read_to_string(other).unwrap(), "kept");
}

#[test]
fn another_program_is_executed_as_it_is() {
    let run = |args: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_proconsul"))
            .arg("container")
            .args(args)
            .env("CONSUL_BIND_INTERFACE", "no-such-interface")
            .output()
            .unwrap();
        let text = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        (done.status.code(), text)
    };
    assert_eq!(
        run(&["sh", "-c", "echo from a shell; exit 7"]),
        (Some(7), "from a shell\n".into())
    );
    let (code, text) = run(&["no-such-program"]);
    assert_eq!(
        (code, text.as_str()),
        (
            Some(127),
            "==> exec no-such-program: No such file or directory\n"
        )
    );
    let (code, text) = run(&["agent", "-dev"]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("CONSUL_BIND_INTERFACE: no IPv4 address on interface \"no-such-interface\""),
        "{text}"
    );
    let (code, text) = run(&["-h"]);
    assert!(
        code == Some(0) && text.contains("CONSUL_LOCAL_CONFIG"),
        "{text}"
    );
}

/// Processes whose parent is `parent`, with their state.
fn children(parent: u32) -> Vec<(u32, char)> {
    let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        (fields.next()?.parse() == Ok(parent)).then_some((id, state))
    });
    stats.collect()
}

/// As the first process of a container it inherits what scripts leave behind, and collects it when it ends, but not the scripts
/// themselves: their status is waited for.
#[test]
fn the_first_process_of_a_container_collects_orphans() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("only root makes namespaces: not tried");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let done = home.path().join("done");
    let check = format!(
        r#"check {{ id = "leaves" name = "leaves" interval = "1s" timeout = "60s"
           args = ["/bin/sh", "-c", "test -e {0} || for i in $(seq 1000); do sh -c 'true &'; done; touch {0}"] }}"#,
        done.display()
    );
    let arguments = ["-enable-local-script-checks", "-hcl", &check];
    let agent = Agent::as_first_process(home.path(), &arguments);
    let limit = std::time::Duration::from_secs(60);
    let left = || done.exists().then_some(());
    testkit::until(limit, left, || {
        format!("the script has not run: {}", agent.log())
    });
    let [(first, _)] = children(agent.id())[..] else {
        panic!("whoever makes the namespace has one child");
    };
    let none = || (!children(first).iter().any(|(_, state)| *state == 'Z')).then_some(());
    testkit::until(limit, none, || format!("{:?}", children(first)));
    let passing = || {
        let checks = agent.client().ask("GET", "/v1/agent/checks", b"").ok()?;
        checks
            .text()
            .contains(r#""Status":"passing""#)
            .then_some(())
    };
    testkit::until(limit, passing, || agent.log());
}
