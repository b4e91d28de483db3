//! Dependencies that nobody uses: of the workspace, and of each crate.

use super::list::Finding;
use super::source::Source;
use anyhow::Result;
use std::collections::BTreeSet;

pub fn find(sources: &[Source]) -> Result<Vec<Finding>> {
    let root = crate::root();
    let mut packages: BTreeSet<&str> = sources.iter().map(Source::package).collect();
    packages.retain(|package| root.join(package).join("Cargo.toml").is_file());
    let (mut used, mut found) = (BTreeSet::new(), Vec::new());
    for package in packages {
        let manifest = std::fs::read_to_string(root.join(package).join("Cargo.toml"))?;
        let of = |source: &&Source| source.package() == package;
        for name in names(&manifest, |section| section.contains("dependencies")) {
            let word = name.replace('-', "_");
            if !sources.iter().filter(of).any(|s| mentions(&s.code, &word)) {
                let what = format!("{package} {name}");
                found.push(Finding { what, size: 1 });
            }
            used.insert(name);
        }
    }
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let reasons = std::fs::read_to_string(root.join("docs/decisions/0001-dependencies.md"))?;
    let own: BTreeSet<String> = own(&manifest);
    for name in names(&manifest, |section| section == "workspace.dependencies") {
        // A crate of this workspace may come before the first that uses it.
        if !used.contains(&name) && !own.contains(&name) {
            let what = format!("workspace {name}");
            found.push(Finding { what, size: 1 });
        }
        if !own.contains(&name) && !mentions(&reasons, &name) {
            let what = format!("{name}, which docs/decisions/0001-dependencies.md does not name");
            found.push(Finding { what, size: 1 });
        }
    }
    Ok(found)
}

/// Names on the left of the sections that are wanted.
fn names(manifest: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let (mut inside, mut found) = (false, Vec::new());
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            inside = wanted(section.trim_end_matches(']'));
        } else if inside && !line.trim_start().starts_with('#') {
            let name: String = line
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
                .collect();
            if !name.is_empty() {
                found.push(name);
            }
        }
    }
    found
}

/// Crates of this workspace.
fn own(manifest: &str) -> BTreeSet<String> {
    let here = |line: &&str| line.contains("path = \"crates/");
    let name = |line: &str| line.split_whitespace().next().map(str::to_owned);
    manifest.lines().filter(here).filter_map(name).collect()
}

/// Whether a text has a word.
fn mentions(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_manifest() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\n# why\na-b.workspace = true\nc = \"1\"\n[lints]\nworkspace = true\n";
        let found = names(manifest, |section| section.contains("dependencies"));
        assert_eq!(found, ["a-b", "c"]);
        assert!(mentions("use a_b::C;", "a_b") && !mentions("use a_bc::C;", "a_b"));
    }
}
