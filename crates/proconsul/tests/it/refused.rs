//! Starts that are refused end with the reason and leave nothing behind.

use crate::agent::own_address;
use std::process::Command;

/// Exit status and everything printed by an agent that must end by itself.
fn agent(args: &[&str]) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_proconsul"))
        .arg("agent")
        .arg("-node=n1")
        .arg(format!("-bind={}", own_address()))
        .args(["-http-port=-1", "-dns-port=-1"])
        .args(args)
        .output()
        .unwrap();
    let text = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_promise_that_is_not_kept_ends_the_start_and_nothing_is_written() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let data_dir = format!("-data-dir={}", data.display());
    for (args, promise) in [
        (&[][..], "server = false"),
        (
            &[
                "-server",
                "-bootstrap-expect=1",
                "-hcl=acl { enabled = true default_policy = \"deny\" }",
            ],
            "acl.enabled = true",
        ),
        (&["-server", "-bootstrap-expect=3"], "bootstrap_expect > 1"),
        (
            &["-server", "-bootstrap-expect=1", "-retry-join=10.1.2.3"],
            "retry_join (another agent)",
        ),
    ] {
        let (code, text) = agent(&[&[data_dir.as_str()], args].concat());
        assert_eq!(code, Some(1), "{text}");
        let told = format!(
            "Error starting agent: error=\"{promise} promises more than this version can keep: "
        );
        assert!(text.contains(&told), "{text}");
        assert!(!data.exists(), "{promise} left a data directory");
    }
}

#[test]
fn material_that_is_missing_ends_the_start_before_anything_else() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let data_dir = format!("-data-dir={}", data.display());
    let server = ["-server", "-bootstrap-expect=1", data_dir.as_str()];
    for (hcl, told) in [
        (
            "-hcl=tls { internal_rpc { verify_incoming = true } }",
            "==> VerifyIncoming set but no CA certificates were provided\n",
        ),
        (
            "-hcl=tls { defaults { ca_file = \"/nonexistent/ca.pem\" } }",
            "==> Error loading from /nonexistent/ca.pem: open /nonexistent/ca.pem: no such file or directory\n",
        ),
        (
            "-hcl=log_file = \"/nonexistent/agent.log\"",
            "==> Failed to setup logging: stat /nonexistent: no such file or directory\n",
        ),
    ] {
        let (code, text) = agent(&[&server[..], &[hcl]].concat());
        assert_eq!((code, text.as_str()), (Some(1), told));
        assert!(!data.exists());
    }
}
