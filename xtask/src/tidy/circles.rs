//! Circles between files of different ideas. An idea is what stands directly below a crate's `src`: a file, or a folder with all its
//! files, which may know each other. Each idea in a circle is found by itself, with the number of those in it.

use super::list::Finding;
use super::source::Source;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Which idea uses which.
type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

pub fn find(sources: &[Source]) -> Result<Vec<Finding>> {
    let packages: BTreeSet<&str> = sources.iter().map(Source::package).collect();
    let mut found = Vec::new();
    for package in packages {
        let files: Vec<&Source> = sources.iter().filter(|s| s.package() == package).collect();
        let graph = graph(&files);
        for circle in circles(&graph) {
            found.extend(circle.iter().map(|idea| Finding {
                what: format!("{package}: {idea}"),
                size: circle.len(),
            }));
        }
    }
    Ok(found)
}

/// The idea of a file below `src`; `None` for a crate's root, whose business is to know all.
fn idea(path: &str) -> Option<&str> {
    let first = path.split('/').next().unwrap_or(path);
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main" | "bin" | "build")).then_some(name)
}

fn graph<'a>(files: &[&'a Source]) -> Graph<'a> {
    let mut graph: Graph<'a> = BTreeMap::new();
    for file in files {
        if let Some(name) = file.in_src().and_then(idea) {
            graph.entry(name).or_default();
        }
    }
    let ideas: BTreeSet<&'a str> = graph.keys().copied().collect();
    let exported = exported(files, &ideas);
    for file in files {
        let Some(path) = file.in_src() else { continue };
        let Some(name) = idea(path) else { continue };
        let code = &file.code[..file.tests_from()];
        for used in used(code, path.matches('/').count() == 0) {
            let to = ideas.get(used).or_else(|| exported.get(used));
            if let Some(to) = to.copied().filter(|to| *to != name) {
                graph.entry(name).or_default().insert(to);
            }
        }
    }
    graph
}

/// Names that the root exports, each with the idea it comes from.
fn exported<'a>(files: &[&'a Source], ideas: &BTreeSet<&'a str>) -> BTreeMap<&'a str, &'a str> {
    let mut names = BTreeMap::new();
    let root = |file: &&&Source| matches!(file.in_src(), Some("lib.rs" | "main.rs"));
    for file in files.iter().filter(root) {
        for line in file.code.split(';') {
            let Some(at) = line.find("use ") else {
                continue;
            };
            let path = line[at + 4..].trim().trim_start_matches("crate::");
            let from = path.split("::").next().unwrap_or_default();
            if let Some(from) = ideas.get(from) {
                names.extend(words(path).map(|word| (word, *from)));
            }
        }
    }
    names
}

/// First names behind `crate::`, in a list of them too, and in a file directly below the root also behind `super::`.
fn used(code: &str, below_root: bool) -> Vec<&str> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        if start == "super::" && !below_root {
            continue;
        }
        for (at, _) in code.match_indices(start) {
            // `$crate::` of a macro counts as well, `super::super::` cannot stand there.
            let rest = &code[at + start.len()..];
            match rest.strip_prefix('{') {
                Some(list) => found.extend(firsts(list)),
                None => found.extend(words(rest).next()),
            }
        }
    }
    found
}

/// First names of the members of a list in braces.
fn firsts(list: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0usize, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.extend(words(&list[from..at]).next());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.extend(words(&list[from..at]).next());
                from = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

/// Sets of ideas of which each reaches every other.
fn circles<'a>(graph: &Graph<'a>) -> Vec<Vec<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&'a str>> = graph
        .keys()
        .map(|name| (*name, reach(graph, name)))
        .collect();
    let (mut done, mut found) = (BTreeSet::new(), Vec::new());
    for name in graph.keys() {
        if done.contains(name) || !reached[name].contains(name) {
            continue;
        }
        let both =
            |other: &&&'a str| reached[name].contains(**other) && reached[**other].contains(name);
        let circle: Vec<&str> = graph.keys().filter(both).copied().collect();
        done.extend(circle.iter().copied());
        found.push(circle);
    }
    found
}

fn reach<'a>(graph: &Graph<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut reached: BTreeSet<&'a str> = BTreeSet::new();
    let mut open: Vec<&'a str> = graph[from].iter().copied().collect();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(graph[name].iter().copied());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> Source {
        Source::new(format!("crates/x/src/{name}.rs"), text.into())
    }

    #[test]
    fn a_circle_is_found_through_lists_and_exports() {
        let files = [
            file("lib", "mod a; mod b; mod c; pub use c::Thing;"),
            file("a", "use crate::{b::{X, Y}, d};"),
            file("b", "use crate::Thing;"),
            file("c", "fn f() { crate::a::g() }\n#[cfg(test)] use crate::d;"),
            file("d/mod", ""),
            file("d/e", "use crate::d::f; use super::a;"),
        ];
        let found = find(&files).unwrap();
        let found: Vec<(&str, usize)> = found.iter().map(|f| (&*f.what, f.size)).collect();
        assert_eq!(
            found,
            [("crates/x: a", 3), ("crates/x: b", 3), ("crates/x: c", 3)]
        );
    }
}
