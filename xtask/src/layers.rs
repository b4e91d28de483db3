//! The crates' layers and the arrows between them, checked against `cargo metadata` (ARCHITECTURE.md, "The map").
//!
//! `xtask/lists/arrows.txt` names every arrow there is, those of tests apart: a new one is seen by whoever reads the change, and one
//! that is no longer used goes. `cargo xtask layers --write` prints it; what the layers forbid it cannot allow.

use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Every workspace crate with its layer: an arrow may point only to a lower layer, or within a layer where [`SIDEWAYS`] says
/// so. A crate that is missing here fails the check.
const LAYERS: &[(&str, u8)] = &[
    ("dialect", 0),
    ("bexpr", 0),
    ("model", 0),
    ("wire", 0),
    ("acl", 1),
    ("state", 1),
    ("local", 1),
    ("dns", 1),
    ("yamux", 1),
    ("swim", 1),
    ("serf", 1),
    ("pool", 1),
    ("rt", 2),
    ("telemetry", 2),
    ("net", 2),
    ("pki", 2),
    ("consensus", 2),
    ("probe", 2),
    ("gossip", 2),
    ("peers", 2),
    ("ports", 3),
    ("ui", 3),
    ("calls", 3),
    ("proconsul-client", 3),
    ("server", 4),
    ("agent", 4),
    ("remote", 4),
    ("config", 4),
    ("httpd", 4),
    ("rpcd", 4),
    ("dnsd", 4),
    ("cli", 4),
    ("proconsul", 5),
    ("sim", 6),
    ("testkit", 6),
    ("xtask", 6),
];

/// Arrows inside one layer. Doors and rooms have none but these: they meet at `ports`.
const SIDEWAYS: &[(&str, &str)] = &[
    ("model", "dialect"),
    ("wire", "model"),
    ("wire", "dialect"),
    ("serf", "swim"),
    ("pool", "serf"),
    ("pool", "swim"),
    ("telemetry", "rt"),
    ("probe", "rt"),
    ("probe", "net"),
    ("gossip", "rt"),
    ("gossip", "net"),
    ("peers", "consensus"),
    ("calls", "ports"),
    ("cli", "config"),
    // Its tests ask the real door.
    ("remote", "rpcd"),
];

/// The client is published on its own: it may use no other crate of the workspace.
const ALONE: &[&str] = &["proconsul-client"];

/// By crate, apart for its tests: the crates of the workspace that it uses.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Fails with all forbidden arrows, and with those that the list does not name or names in vain; `write` prints the list.
pub fn check(write: bool) -> Result<()> {
    let mut wrong = Vec::new();
    let arrows = arrows(&mut wrong)?;
    for (from, to) in SIDEWAYS {
        let uses = |from: &str| arrows.get(from).is_some_and(|used| used.contains(*to));
        if !uses(from) && !uses(&format!("{from} (tests)")) {
            wrong.push(format!("{from} does not use {to}, which SIDEWAYS allows"));
        }
    }
    let path = crate::tidy::list_path("arrows");
    let printed: BTreeSet<String> = arrows
        .iter()
        .map(|(from, to)| {
            let to: Vec<&str> = to.iter().map(String::as_str).collect();
            format!("{from} ▶ {}", to.join(" "))
        })
        .collect();
    if write {
        let lines: String = printed.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, lines)?;
    } else {
        let text = std::fs::read_to_string(&path).context("the list of arrows")?;
        let listed: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        let advice = "look at it, then `cargo xtask layers --write`";
        let new = printed.difference(&listed);
        wrong.extend(new.map(|line| format!("not in the list of arrows: {line} ({advice})")));
        let gone = listed.difference(&printed);
        wrong.extend(gone.map(|line| format!("only in the list of arrows: {line} ({advice})")));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("arrows:\n  {}", wrong.join("\n  "))
    }
}

/// All arrows; what the layers forbid goes to `wrong`.
fn arrows(wrong: &mut Vec<String>) -> Result<Arrows> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(crate::root())
        .output()
        .context("cargo metadata")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata's JSON")?;
    let mut arrows = Arrows::new();
    for package in metadata["packages"].as_array().context("packages")? {
        let from = package["name"].as_str().unwrap_or_default();
        let Some(level) = layer(from) else {
            wrong.push(format!("crate {from} has no layer in xtask/src/layers.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().context("dependencies")? {
            let to = dependency["name"].as_str().unwrap_or_default();
            let local = dependency["path"].is_string();
            let test_only = dependency["kind"].as_str() == Some("dev");
            let (true, Some(below)) = (local, layer(to)) else {
                continue;
            };
            let from_what = if test_only {
                format!("{from} (tests)")
            } else {
                from.to_owned()
            };
            arrows.entry(from_what).or_default().insert(to.to_owned());
            let sideways = level == below && SIDEWAYS.contains(&(from, to));
            let down = level > below || (test_only && below >= 6);
            if !(down || sideways) || (ALONE.contains(&from) && !test_only) {
                wrong.push(format!(
                    "{from} (layer {level}) may not use {to} (layer {below})"
                ));
            }
        }
    }
    Ok(arrows)
}

fn layer(name: &str) -> Option<u8> {
    LAYERS
        .iter()
        .find(|(crate_name, _)| *crate_name == name)
        .map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    #[test]
    fn arrows_point_down() {
        super::check(false).unwrap();
    }
}
