//! Dispatch, help texts and the table itself (spec: cli.md §1, §2).

use crate::run::consul;
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
        "Consul v1.21.4\nRevision abcdef12\nBuild Date 2025-08-13T15:25:21Z\nProtocol 2 spoken by default, understands 2 to 3 (agent will automatically use protocol >2 when speaking to compatible agents)\n\n"
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
fn our_own_commands_say_what_is_missing() {
    let all = consul(&[]);
    assert!(!all.out.contains("\n    x ") && !all.err.contains("\n    x "));
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
