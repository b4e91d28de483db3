//! The crates' layers and the arrows between them, checked against `cargo metadata` (ARCHITECTURE.md, "The map").

use anyhow::{Context, Result, bail};
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
    ("ports", 3),
    ("proconsul-client", 3),
    ("server", 4),
    ("agent", 4),
    ("config", 4),
    ("httpd", 4),
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
    ("telemetry", "rt"),
    ("net", "rt"),
    ("consensus", "rt"),
    ("probe", "rt"),
    ("probe", "net"),
    ("gossip", "rt"),
    ("gossip", "net"),
    ("agent", "config"),
    ("cli", "config"),
];

/// The client is published on its own: it may use no other crate of the workspace.
const ALONE: &[&str] = &["proconsul-client"];

/// Fails with the list of all forbidden arrows.
pub fn check() -> Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(crate::root())
        .output()
        .context("cargo metadata")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata's JSON")?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let mut wrong = Vec::new();
    for package in packages {
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
            let sideways = level == below && SIDEWAYS.contains(&(from, to));
            let down = level > below || (test_only && below >= 6);
            if !(down || sideways) || (ALONE.contains(&from) && !test_only) {
                wrong.push(format!(
                    "{from} (layer {level}) may not use {to} (layer {below})"
                ));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("forbidden arrows:\n  {}", wrong.join("\n  "))
    }
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
        super::check().unwrap();
    }
}
