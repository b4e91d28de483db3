//! What stands in Cargo.lock, compared with the advisories that are known (`advisories.tsv`), the licences that may be linked
//! (`licences.txt`), and what the workspace says it depends on.
//!
//! As `cargo deny` does it, which needs a database that cannot be had everywhere.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;

/// Advisories that stay, each with the reason. docs/decisions/0001-dependencies.md says more.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "RUSTSEC-2024-0437",
        "raft 0.7 brings protobuf 2; its decoder never sees what a peer sent (crates/consensus/tests/it/protobuf.rs)",
    ),
    (
        "RUSTSEC-2025-0057",
        "raft 0.7 brings fxhash; a finished hash function without unsafe code, fed with server IDs only",
    ),
];

/// One line of the list.
struct Advisory<'a> {
    id: &'a str,
    name: &'a str,
    /// The first version without the fault; `None` when there is none.
    fixed: Option<Vec<u64>>,
    what: &'a str,
}

/// Numbers of a version; what follows a `-` or `+` is left out.
fn version(text: &str) -> Vec<u64> {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    core.split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}

fn advisories(list: &str) -> Result<Vec<Advisory<'_>>> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [id, name, fixed, date, what] = fields[..] else {
                bail!("advisories.tsv: five fields wanted: {line}");
            };
            let dated = date.len() == 10 && date.split('-').count() == 3;
            if !dated || what.is_empty() {
                bail!("advisories.tsv: {id} needs a date and what it is about");
            }
            let fixed = (fixed != "-").then(|| version(fixed));
            Ok(Advisory {
                id,
                name,
                fixed,
                what,
            })
        })
        .collect()
}

/// Names and versions of all packages of a lock file.
fn packages(lock: &str) -> Vec<(&str, &str)> {
    let value = |line: &'_ str, key: &str| -> Option<usize> {
        line.starts_with(&format!("{key} = \""))
            .then(|| key.len() + 4)
    };
    let mut found = Vec::new();
    let mut name = None;
    for line in lock.lines() {
        if let Some(at) = value(line, "name") {
            name = line.get(at..line.len() - 1);
        } else if let (Some(at), Some(name)) = (value(line, "version"), name.take()) {
            found.extend(line.get(at..line.len() - 1).map(|version| (name, version)));
        }
    }
    found
}

/// What is affected and no exception, and exceptions that nothing needs any more.
fn affected(lock: &str, list: &str) -> Result<Vec<String>> {
    let packages = packages(lock);
    let mut wrong = Vec::new();
    let mut needed = BTreeSet::new();
    for advisory in advisories(list)? {
        for (_, own) in packages.iter().filter(|(name, _)| *name == advisory.name) {
            let safe = advisory.fixed.as_ref();
            if safe.is_some_and(|fixed| version(own) >= *fixed) {
                continue;
            }
            if EXCEPTIONS.iter().any(|(id, _)| *id == advisory.id) {
                needed.insert(advisory.id);
            } else {
                let Advisory { id, name, what, .. } = advisory;
                wrong.push(format!("{name} {own}: {id}: {what}"));
            }
        }
    }
    let idle = EXCEPTIONS.iter().filter(|(id, _)| !needed.contains(id));
    wrong.extend(idle.map(|(id, _)| format!("the exception {id} is needed no more")));
    Ok(wrong)
}

/// Whether a licence expression can be met with what is allowed: one of an `OR`, all of an `AND`.
fn licensed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0_usize, 0);
    // Splits at the operator that binds least, outside of parentheses.
    for operator in [" OR ", " AND "] {
        for (at, byte) in expression.bytes().enumerate() {
            match byte {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ if depth == 0 && expression[at..].starts_with(operator) => {
                    parts.push(&expression[from..at]);
                    from = at + operator.len();
                }
                _ => {}
            }
        }
        if from > 0 {
            parts.push(&expression[from..]);
            let mut parts = parts.iter().map(|part| licensed(part, allowed));
            return if operator == " OR " {
                parts.any(|fits| fits)
            } else {
                parts.all(|fits| fits)
            };
        }
    }
    let bare = expression.trim();
    match bare
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(inner) => licensed(inner, allowed),
        None => allowed.contains(bare),
    }
}

/// Packages of others whose licence is not on the list, and lines of the list that no package needs.
fn unlicensed(metadata: &serde_json::Value, list: &str) -> Result<Vec<String>> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let allowed: BTreeSet<&str> = lines.collect();
    let packages = metadata["packages"].as_array().context("packages")?;
    let foreign = packages
        .iter()
        .filter(|package| package["source"].is_string());
    let mut wrong = Vec::new();
    let mut licences = String::new();
    for package in foreign {
        let licence = package["license"].as_str().unwrap_or("none named");
        licences.push_str(licence);
        licences.push('\n');
        if !licensed(licence, &allowed) {
            wrong.push(format!("{}: licence {licence}", package["name"]));
        }
    }
    let idle = allowed.iter().filter(|name| !licences.contains(**name));
    wrong.extend(idle.map(|name| format!("licences.txt: nothing is under {name}")));
    Ok(wrong)
}

/// Dependencies that the workspace names and no crate takes.
fn unused(workspace: &str, manifests: &[String]) -> Vec<String> {
    let section = workspace.split("[workspace.dependencies]").nth(1);
    let section = section.and_then(|rest| rest.split("\n[").next());
    let names = section.unwrap_or_default().lines().filter_map(|line| {
        let (name, value) = line.split_once(" = ")?;
        // Crates of our own may be there for others to come.
        (!name.starts_with('#') && !value.contains("path = ")).then_some(name)
    });
    let taken = |name: &str| {
        let (short, long) = (format!("{name}.workspace"), format!("{name} = {{"));
        manifests.iter().any(|text| {
            text.lines()
                .any(|line| line.starts_with(&short) || line.starts_with(&long))
        })
    };
    names
        .filter(|name| !taken(name))
        .map(|name| format!("no crate uses the workspace's dependency {name}"))
        .collect()
}

/// Fails with everything that is wrong.
pub fn check() -> Result<()> {
    let root = crate::root();
    let text = |path: &str| fs::read_to_string(root.join(path)).with_context(|| path.to_owned());
    let mut wrong = affected(&text("Cargo.lock")?, &text("xtask/advisories.tsv")?)?;
    // What is linked on this platform; packages of others are not there to be asked.
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--offline",
            "--filter-platform",
        ])
        .arg(host)
        .current_dir(&root)
        .output()
        .context("cargo metadata")?;
    let metadata = serde_json::from_slice(&output.stdout).context("cargo metadata's JSON")?;
    wrong.extend(unlicensed(&metadata, &text("xtask/licences.txt")?)?);
    let mut manifests = vec![text("xtask/Cargo.toml")?];
    for entry in fs::read_dir(root.join("crates"))? {
        manifests.push(fs::read_to_string(entry?.path().join("Cargo.toml"))?);
    }
    wrong.extend(unused(&text("Cargo.toml")?, &manifests));
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("dependencies:\n  {}", wrong.join("\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_those_that_are_wanted() {
        check().unwrap();
    }

    const LIST: &str =
        "# a\nA-1\ttar\t0.4.45\t2026-03-20\tlinks\nA-2\told\t-\t2025-01-01\tunmaintained";

    fn lock(name: &str, version: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
    }

    #[test]
    fn what_is_affected_is_told() {
        let told = |name, version| {
            let mut wrong = affected(&lock(name, version), LIST).unwrap();
            wrong.retain(|line| !line.starts_with("the exception"));
            wrong
        };
        assert_eq!(told("tar", "0.4.44"), ["tar 0.4.44: A-1: links"]);
        assert!(told("tar", "0.4.45").is_empty());
        assert!(told("tar", "0.10.0").is_empty());
        assert_eq!(told("old", "9.9.9"), ["old 9.9.9: A-2: unmaintained"]);
        assert!(told("other", "0.1.0").is_empty());
        assert!(affected("", "A-3\ttar\t1\tsoon\tx").is_err());
    }

    #[test]
    fn licences_are_expressions() {
        let allowed = BTreeSet::from(["MIT", "Apache-2.0", "ISC"]);
        for (expression, fits) in [
            ("MIT", true),
            ("MIT/GPL-3.0", true),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0", false),
            ("MIT AND GPL-3.0", false),
            ("ISC AND (Apache-2.0 OR GPL-3.0)", true),
            ("(MIT OR GPL-3.0) AND GPL-2.0", false),
            ("none named", false),
        ] {
            assert_eq!(licensed(expression, &allowed), fits, "{expression}");
        }
    }

    #[test]
    fn unused_dependencies_are_told() {
        let workspace = "[workspace.dependencies]\nown = { path = \"x\" }\na = \"1\"\nb = { version = \"1\" }\n\n[profile.x]\nc = 1\n";
        let manifests = ["[dependencies]\na.workspace = true\n".to_owned()];
        assert_eq!(
            unused(workspace, &manifests),
            ["no crate uses the workspace's dependency b"]
        );
    }
}
