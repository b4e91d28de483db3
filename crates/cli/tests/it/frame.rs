//! Dispatch, help texts and the table itself (spec: cli.md §1, §2).

use crate::run::{consul, consul_with};
use cli::commands::COMMANDS;
use std::collections::BTreeSet;

#[test]
fn no_and_unknown_words() {
    for args in [
        &[][..],
        &["nonsense"],
        &["nonsense", "-h"],
        &["--", "version"],
    ] {
        let done = consul(args);
        assert_eq!(done.out, "", "{args:?}");
    }
    let done = consul(&["nonsense", "-h"]);
    assert_eq!(done.status, 127);
    assert!(done.err.starts_with(
        "Usage: consul [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n"
    ));
}

#[test]
fn help_goes_to_stdout() {
    for flag in ["-h", "-help", "--help"] {
        let done = consul(&[flag]);
        assert_eq!((done.status, done.err.as_str()), (0, ""));
        let done = consul(&["version", "x", flag]);
        assert_eq!(done.status, 0);
        assert!(done.out.starts_with("Usage: consul version [options]\n"));
        assert!(done.out.contains("\n  -format=<string>\n"));
    }
}

#[test]
fn help_flag_after_two_dashes_is_an_argument() {
    assert_eq!(consul(&["version", "--", "-h"]).status, 0);
    assert!(consul(&["version", "--", "-h"]).out.starts_with("Consul v"));
}

#[test]
fn version() {
    let done = consul(&["version"]);
    assert_eq!(done.status, 0);
    assert_eq!(
        done.out,
        "Consul v1.21.4\nRevision abcdef12\nBuild Date 2025-08-13T15:25:21Z\nProtocol 2 spoken by default, understands 2 to 3 (agent will automatically use protocol >2 when speaking to compatible agents)\n\nBeyond the reference:\nproconsul "
            .to_owned()
            + env!("CARGO_PKG_VERSION")
            + ", an open implementation of its own; not made by HashiCorp\n"
    );
    for flag in ["-v", "-version", "--version"] {
        assert_eq!(consul(&[flag]).out, done.out);
    }
    let json: serde_json::Value =
        serde_json::from_str(&consul(&["version", "-format=json"]).out).expect("valid JSON");
    assert_eq!(json["RPC"]["Max"], 3);
    let done = consul(&["version", "-format=x"]);
    assert_eq!((done.status, done.err.as_str()), (1, "Unknown format: x\n"));
}

#[test]
fn misplaced_and_refused_flags() {
    let done = consul(&["-token=x", "version"]);
    assert_eq!(done.status, 1);
    assert!(done.err.starts_with(
        "Invalid flags before the subcommand. If these flags are for\nthe subcommand, please put them after the subcommand.\n\nUsage: consul version"
    ));
    assert_eq!(consul(&["-datacenter", "dc1", "version"]).status, 127);
    let done = consul(&["version", "-nosuch"]);
    assert_eq!(done.status, 1);
    assert_eq!(
        done.err,
        "flag provided but not defined: -nosuch\nUsage:\n  -format string\n    \tOutput format: pretty or json. (default \"pretty\")\n"
    );
}

#[test]
fn the_table_is_sound() {
    let mut paths = BTreeSet::new();
    for c in COMMANDS {
        assert!(paths.insert(c.path), "{} twice", c.path);
        if let Some((parent, _)) = c.path.rsplit_once(' ') {
            assert!(paths.contains(parent), "{} before its group", c.path);
        }
        assert!(
            !c.synopsis.is_empty() && !c.synopsis.ends_with('.'),
            "{}",
            c.path
        );
        assert!(c.run.is_some() || c.flags.is_empty(), "{}", c.path);
        let mut names = BTreeSet::new();
        for f in c.all_flags() {
            assert!(names.insert(f.name), "{} -{} twice", c.path, f.name);
            assert!(!f.help.is_empty(), "{} -{} needs a text", c.path, f.name);
        }
        let words: Vec<&str> = c.path.split(' ').chain(["-h"]).collect();
        let help = consul(&words);
        assert_eq!(help.status, 0);
        assert!(!help.out.contains('\t'), "{}: tab in help", c.path);
        assert!(help.out.lines().all(|l| l.trim_end() == l), "{}", c.path);
    }
}

#[test]
fn what_may_have_been_meant_stands_on_the_last_line() {
    for (args, last) in [
        (&["memebrs"][..], "did you mean \"members\"?"),
        (&["kv", "gte", "a"], "did you mean \"get\"?"),
        (&["kv", "get", "-recuse", "a"], "did you mean \"-recurse\"?"),
        (
            &["operator", "raft", "list-peer"],
            "did you mean \"list-peers\"?",
        ),
        (
            &["operator", "raft", "list-peers", "-stales"],
            "did you mean \"-stale\"?",
        ),
    ] {
        let done = consul(args);
        assert_ne!(done.status, 0);
        assert_eq!(done.err.lines().last(), Some(last), "{args:?}");
    }
    for args in [
        &["frobnicate"][..],
        &["kv"],
        &["kv", "frobnicate"],
        &["version", "-frobnicate"],
        &[],
    ] {
        let done = consul(args);
        assert!(!done.err.contains("did you mean"), "{args:?}");
    }
}

#[test]
fn a_shell_may_ask_the_program_to_complete() {
    let env = [
        ("COMP_LINE", "consul operator raft l"),
        ("COMP_POINT", "22"),
    ];
    let done = consul_with(&["consul", "l", "raft"], &env, "");
    assert_eq!(
        (done.status, done.out.as_str(), done.err.as_str()),
        (0, "list-peers\n", "")
    );
}

#[test]
fn validate_hints_only_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c.json");
    std::fs::write(
        &file,
        r#"{"data_dir": "/nowhere", "bind_addr": "127.0.0.1", "node_name": "n", "retry_max": 3}"#,
    )
    .expect("written");
    let file = file.to_str().expect("text");
    let plain = consul(&["validate", file]);
    assert_eq!(
        (plain.status, plain.out.as_str(), plain.err.as_str()),
        (0, "Configuration is valid!\n", "")
    );
    let hints = consul(&["validate", "-hints", file]);
    assert_eq!(
        (hints.status, hints.out.as_str()),
        (0, "Configuration is valid!\n")
    );
    let mut lines = hints.err.lines();
    assert_eq!(
        lines.next(),
        Some("hint: retry_max has no effect: waits for client mode")
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("hint: an agent would not start: server = false"))
    );
}

#[test]
fn our_own_commands_say_what_is_missing() {
    let all = consul(&[]);
    let (reference, beyond) = all.err.split_once("\nBeyond the reference:\n\n").unwrap();
    for ours in ["x", "completion"] {
        let row = format!("    {ours}  ");
        assert!(!reference.contains(&row) && beyond.contains(&row), "{ours}");
    }
    let help = consul(&["validate", "-h"]).out;
    let (reference, beyond) = help.split_once("\nBeyond the reference:\n").unwrap();
    assert!(!reference.contains("-hints") && beyond.contains("  -hints\n"));
    let refused = consul(&["validate", "-nosuch"]).err;
    let (reference, beyond) = refused.split_once("\nBeyond the reference:\n").unwrap();
    assert!(!reference.contains("-hints") && beyond.contains("  -hints\n"));
    for (args, text) in [
        (
            &["x", "changes"][..],
            "Give at least one of -kv, -service, -node, -check, -service-check\n\n",
        ),
        (
            &["x", "changes", "-kv", "a", "-index", "b"],
            "Invalid value \"b\" for -index: not a number\n",
        ),
        (&["x", "deregister", "-service", "web"], "Missing -node\n\n"),
        (
            &[
                "x",
                "deregister",
                "-node",
                "n",
                "-service",
                "a",
                "-check",
                "b",
            ],
            "Give one of -service and -check, or neither for the node\n\n",
        ),
    ] {
        let done = consul(args);
        assert_eq!(done.status, 1, "{args:?}");
        assert!(done.err.starts_with(text), "{args:?}: {}", done.err);
    }
}

/// What every command stands on knows none of them: the table is handed down, so that a command changes no file but its own.
#[test]
fn the_frame_knows_no_command() {
    let source = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        std::fs::read_to_string(format!("{folder}/{name}.rs")).unwrap()
    };
    for name in [
        "api", "child", "command", "flag", "help", "number", "signals", "suggest", "text", "values",
    ] {
        let text = source(name);
        assert!(
            !text.contains("crate::commands") && !text.contains("crate::dispatch"),
            "{name}"
        );
    }
    for name in ["command", "flag", "values"] {
        assert!(!source(name).contains("crate::help"), "{name}");
    }
}

/// Files and standard input that are nested a million times: told, and nothing else happens.
#[test]
fn a_million_levels_need_little_stack() {
    const DEEP: usize = 1_000_000;
    let deep = std::thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let home = tempfile::tempdir().expect("a folder");
        for (open, close, end) in [
            ("[", "]", "json"),
            ("{\"service\":", "}", "json"),
            ("service {", "}", "hcl"),
            ("service = [", "]", "hcl"),
        ] {
            let text = format!("{}{}", open.repeat(DEEP), close.repeat(DEEP));
            let file = home.path().join(format!("deep.{end}"));
            std::fs::write(&file, &text).expect("a file");
            let file = file.to_str().expect("text");
            for args in [
                &["validate", file][..],
                &["services", "register", file],
                &["services", "deregister", file],
                &["kv", "import", &format!("@{file}")],
                &["snapshot", "inspect", file],
                &["snapshot", "decode", file],
                &[
                    "acl",
                    "policy",
                    "create",
                    "-name=a",
                    &format!("-rules=@{file}"),
                ],
                &[
                    "acl",
                    "auth-method",
                    "create",
                    "-name=a",
                    "-type=jwt",
                    &format!("-config=@{file}"),
                ],
                &[
                    "login",
                    "-method=a",
                    &format!("-bearer-token-file={file}"),
                    "-token-sink-file=/dev/null",
                ],
            ] {
                // Where no agent is asked: nothing answers on this port.
                let done = consul_with(args, &[("CONSUL_HTTP_ADDR", "127.0.0.1:1")], &text);
                assert_ne!(done.status, 0, "{args:?}");
            }
        }
    });
    deep.expect("a thread").join().expect("no overflow");
}
