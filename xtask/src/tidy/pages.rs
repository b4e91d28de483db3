//! Comments cite pages of the specification: each is named in ARCHITECTURE.md, with where it is to be had.

use super::list::Finding;
use super::source::Source;
use anyhow::Result;
use std::collections::BTreeSet;

pub fn find(sources: &[Source]) -> Result<Vec<Finding>> {
    let named = std::fs::read_to_string(crate::root().join("ARCHITECTURE.md"))?;
    let cited: BTreeSet<&str> = sources
        .iter()
        .filter(|source| source.package() != "xtask")
        .flat_map(|source| cited(&source.text))
        .collect();
    let unnamed = cited.into_iter().filter(|page| !named.contains(*page));
    let finding = |page: &str| Finding {
        what: page.to_owned(),
        size: 1,
    };
    Ok(unnamed.map(finding).collect())
}

fn cited(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("spec/").filter_map(|(at, _)| {
        let end = text[at..].find(".md")? + 3;
        let page = &text[at..at + end];
        let name = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
        page.chars().all(name).then_some(page)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn pages_are_found_in_running_text() {
        let text = "(spec/server.md §3, spec/ui/pages.md) and a spec/ of something else. x.md";
        let found: Vec<&str> = super::cited(text).collect();
        assert_eq!(found, ["spec/server.md", "spec/ui/pages.md"]);
    }
}
