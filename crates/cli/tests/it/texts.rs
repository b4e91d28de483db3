//! No text for people shows how the program is written: no number of the operating system, no form for programmers.

use crate::fake::Fake;
use crate::run::{Done, consul, consul_with};
use std::path::Path;

/// What shows it: the suffix of `std::io::Error`, and the forms of `{:?}`.
fn is_raw(text: &str) -> bool {
    let marks = [
        "(os error",
        "Os {",
        "Error {",
        "Some(",
        "Err(",
        "Kind(",
        "Custom {",
    ];
    marks.iter().any(|mark| text.contains(mark))
}

fn check(args: &[&str], done: &Done) {
    assert_ne!(done.status, 0, "{args:?} succeeded: {}", done.out);
    assert!(!done.err.is_empty(), "{args:?} says nothing");
    assert!(!is_raw(&done.err), "{args:?}: {}", done.err);
}

#[test]
fn no_form_for_programmers() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (missing, plain) = (path("missing"), path("plain.txt"));
    std::fs::write(&plain, "no archive, no certificate, no JSON").expect("written");
    let dir = folder.path().to_string_lossy().into_owned();
    let locked = path("locked.json");
    std::fs::write(&locked, "{}").expect("written");
    let below = format!("{plain}/x.json");
    let (missing_data, dir_data) = (format!("@{missing}"), format!("@{dir}"));
    let ca_file = format!("-ca-file={missing}");
    let ca_plain = format!("-ca-file={plain}");
    let ca_path = format!("-ca-path={missing}");
    let token_file = format!("-token-file={missing}");
    let bearer = format!("-bearer-token-file={missing}");
    let socket = format!("-http-addr=unix://{missing}");
    let socket_plain = format!("-http-addr=unix://{plain}");
    let cases: Vec<Vec<&str>> = vec![
        vec!["validate", &missing],
        vec!["validate", &below],
        vec!["validate", "-config-format=json", &plain],
        vec!["validate", "-config-format=hcl", &plain],
        vec!["kv", "put", "k", &missing_data],
        vec!["kv", "put", "k", &dir_data],
        vec!["kv", "import", &missing_data],
        vec!["kv", "get", &ca_file, "k"],
        vec!["kv", "get", &ca_plain, "k"],
        vec!["kv", "get", &ca_path, "k"],
        vec!["kv", "get", &token_file, "k"],
        vec!["kv", "get", &socket, "k"],
        vec!["kv", "get", &socket_plain, "k"],
        vec!["kv", "get", "-http-addr=127.0.0.1:1", "k"],
        vec!["kv", "get", "-http-addr=https://127.0.0.1:1", "k"],
        vec!["kv", "get", "-http-addr=no-such-host.invalid:1", "k"],
        vec!["kv", "get", "-http-addr=ftp://x", "k"],
        vec!["snapshot", "restore", &missing],
        vec!["snapshot", "inspect", &missing],
        vec!["snapshot", "inspect", &plain],
        vec!["snapshot", "inspect", &dir],
        vec!["snapshot", "decode", &dir],
        vec!["snapshot", "decode", &plain],
        vec!["services", "register", &missing],
        vec!["services", "register", &plain],
        vec!["tls", "cert", "create", "-server", "-ca", &missing],
        vec![
            "tls", "cert", "create", "-server", "-ca", &plain, "-key", &plain,
        ],
        vec!["login", "-method=m", &bearer, "-token-sink-file=x"],
        vec![
            "acl",
            "policy",
            "create",
            "-name=x",
            "-rules",
            &missing_data,
        ],
        vec!["watch", "-type=key", "-key=k", "-http-addr=127.0.0.1:1"],
        vec!["lock", "-http-addr=127.0.0.1:1", "p", "true"],
        vec!["monitor", "-http-addr=127.0.0.1:1"],
        vec!["members", "-http-addr=127.0.0.1:1"],
    ];
    for args in cases {
        check(&args, &consul(&args));
    }
    assert!(Path::new(&plain).exists());
}

#[test]
fn nor_when_an_agent_answers_nonsense() {
    for (args, script) in [
        (&["kv", "get", "k"][..], &[(200, "no JSON")][..]),
        (&["members"], &[(200, "{}")]),
        (&["catalog", "nodes"], &[(200, "[1]")]),
        (
            &["operator", "raft", "list-peers"],
            &[(500, "No cluster leader")],
        ),
        (
            &["snapshot", "save", "/nonexistent/x"],
            &[(200, "no archive")],
        ),
        (&["lock", "p", "true"], &[(200, "{}"), (500, "x")]),
    ] {
        let fake = Fake::new(script);
        let done = consul_with(args, &[("CONSUL_HTTP_ADDR", &fake.address)], "");
        check(args, &done);
    }
}

#[test]
fn a_record_s_namespace_is_sent() {
    let fake = Fake::new(&[(
        400,
        "Invalid query parameter: \"ns\" - Namespaces are a Consul Enterprise feature",
    )]);
    let data =
        r#"[{"key": "a", "flags": 0, "value": "eA==", "namespace": "team", "partition": "p"}]"#;
    let done = consul_with(
        &["kv", "import", "-"],
        &[("CONSUL_HTTP_ADDR", &fake.address)],
        data,
    );
    assert_eq!(done.status, 1);
    assert!(
        done.err
            .starts_with("Error! Failed writing data for key a: Unexpected response code: 400"),
        "{}",
        done.err
    );
    assert_eq!(fake.lines(), ["PUT /v1/kv/a?ns=team&partition=p"]);
}
