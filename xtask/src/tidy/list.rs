//! Lists of exceptions: one a line, what it is and, behind a tab, how much of it; sorted.

use super::Lists;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Something found.
pub struct Finding {
    /// What, in one line without a tab.
    pub what: String,
    /// How much: an entry allows as much as it says. 1 where there is nothing to count.
    pub size: usize,
}

/// What is wrong with the list: findings without an entry or beyond it, entries without a finding.
pub fn compare(path: &Path, found: &[Finding], lists: Lists) -> Result<Vec<String>> {
    let mut listed = read(path)?;
    let mut wrong = Vec::new();
    let found: BTreeMap<&str, usize> = found
        .iter()
        .map(|finding| (&*finding.what, finding.size))
        .collect();
    for (what, size) in &found {
        let allowed = listed.get(*what).copied().unwrap_or(0);
        if *size > allowed {
            match lists {
                Lists::Renew => drop(listed.insert((*what).to_owned(), *size)),
                _ => wrong.push(format!("{what} ({size})")),
            }
        }
    }
    if lists == Lists::Keep {
        let stale = listed.keys().filter(|what| !found.contains_key(&***what));
        wrong.extend(stale.map(|what| {
            format!("{what}: no exception any more, `cargo xtask tidy --write` takes it out")
        }));
        return Ok(wrong);
    }
    listed.retain(|what, size| match found.get(&**what) {
        Some(now) => {
            *size = (*size).min(*now);
            true
        }
        None => false,
    });
    let lines: String = listed
        .iter()
        .map(|(what, size)| format!("{what}\t{size}\n"))
        .collect();
    std::fs::write(path, lines).with_context(|| path.display().to_string())?;
    Ok(wrong)
}

fn read(path: &Path) -> Result<BTreeMap<String, usize>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| path.display().to_string())?,
    };
    text.lines()
        .map(|line| {
            let (what, size) = line.split_once('\t').context("an entry without a size")?;
            Ok((what.to_owned(), size.parse()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(what: &str, size: usize) -> Finding {
        Finding {
            what: what.to_owned(),
            size,
        }
    }

    #[test]
    fn a_list_may_only_shrink() {
        let path = std::env::temp_dir().join(format!("tidy-{}.txt", std::process::id()));
        let told = |found: &[Finding], lists| compare(&path, found, lists).unwrap();
        assert_eq!(told(&[finding("a", 2)], Lists::Keep), ["a (2)"]);
        assert_eq!(told(&[finding("a", 2)], Lists::Shrink), ["a (2)"]);
        assert!(told(&[finding("a", 2)], Lists::Renew).is_empty());
        assert!(told(&[finding("a", 2)], Lists::Keep).is_empty());
        assert!(told(&[finding("a", 1)], Lists::Keep).is_empty());
        assert_eq!(told(&[finding("a", 3)], Lists::Keep), ["a (3)"]);
        assert!(told(&[finding("a", 1)], Lists::Shrink).is_empty());
        assert_eq!(told(&[finding("a", 2)], Lists::Keep), ["a (2)"]);
        assert_eq!(told(&[], Lists::Keep).len(), 1);
        assert!(told(&[], Lists::Shrink).is_empty());
        assert!(told(&[], Lists::Keep).is_empty());
        std::fs::remove_file(&path).unwrap();
    }
}
