//! Error texts that stand in two places: one of them will be changed alone.

use super::list::Finding;
use super::source::Source;
use anyhow::Result;
use std::collections::BTreeMap;

/// Shortest text that is looked at, bytes.
const SHORTEST: usize = 16;
/// A literal is an error's text when one of these stands on its line or the line before.
const SIGNS: &[&str] = &[
    "Err(", "error(", "Error", "refused", "Refused", "ok_or", "bail!", "anyhow!",
];

pub fn find(sources: &[Source]) -> Result<Vec<Finding>> {
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.in_src().is_some()) {
        if source.package() == "xtask" {
            continue;
        }
        let tests = source.tests_from();
        for (at, text) in source.literals.iter().filter(|(at, _)| *at < tests) {
            if text.len() >= SHORTEST && text.contains(' ') && is_error(&source.code, *at) {
                places.entry(text).or_default().push(&source.path);
            }
        }
    }
    let twice = |(text, at): (&str, Vec<&str>)| {
        (at.len() > 1).then(|| Finding {
            what: text.split_whitespace().collect::<Vec<_>>().join(" "),
            size: at.len(),
        })
    };
    Ok(places.into_iter().filter_map(twice).collect())
}

/// Whether the literal at this place is the text of an error.
fn is_error(code: &str, at: usize) -> bool {
    let mut lines = code[..at].rsplitn(3, '\n');
    let near = [lines.next(), lines.next()];
    near.into_iter()
        .flatten()
        .any(|line| SIGNS.iter().any(|sign| line.contains(sign)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_when_it_stands_twice() {
        let text = "fn a() { Err(\"no such thing here\") }\nfn b() {\n bail!(\n\"no such thing here\") }\nlet x = \"some other long text\";";
        let source = |name: &str| Source::new(format!("crates/{name}/src/lib.rs"), text.into());
        let found = find(&[source("a")]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].what, found[0].size), ("no such thing here", 2));
    }
}
