//! What reviewers would otherwise have to see: long functions and files, circles between files of different ideas, error texts that
//! stand twice, dependencies nobody uses, clocks and tasks beside `rt`.
//!
//! Each check prints what it finds; what stands in its file below `xtask/lists` is today's exception. A list may only shrink:
//! something new fails, and so does an entry that is no exception any more. `cargo xtask tidy --write` takes out the latter.

mod bans;
mod circles;
mod dependencies;
mod files;
mod functions;
mod list;
mod pages;
mod source;
mod texts;

use anyhow::{Result, bail};
use list::Finding;
use source::Source;
use std::path::Path;

/// A check with the file of its exceptions.
struct Check {
    name: &'static str,
    /// What to do about a finding.
    instead: &'static str,
    find: fn(&[Source]) -> Result<Vec<Finding>>,
}

const CHECKS: &[Check] = &[
    Check {
        name: "functions",
        instead: "a function has at most 70 lines: name a part of it",
        find: functions::find,
    },
    Check {
        name: "files",
        instead: "a file has at most 600 lines: split it by what it knows",
        find: files::find,
    },
    Check {
        name: "circles",
        instead: "files of different ideas use each other in a circle: move what both need below both",
        find: circles::find,
    },
    Check {
        name: "texts",
        instead: "an error text stands twice: make it a constant where both can reach it",
        find: texts::find,
    },
    Check {
        name: "dependencies",
        instead: "nobody uses it: take it out, from docs/decisions/0001-dependencies.md too",
        find: dependencies::find,
    },
    Check {
        name: "bans",
        instead: "clocks, tasks and chance come from `rt`",
        find: bans::find,
    },
    Check {
        name: "pages",
        instead: "ARCHITECTURE.md does not name this page of the specification",
        find: pages::find,
    },
];

/// What to do with the lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// Fail when they are not current.
    Keep,
    /// Take out what is no exception any more.
    Shrink,
    /// Take in what is found, too: for a new check.
    Renew,
}

/// Fails with everything that is found and stands in no list.
pub fn check(lists: Lists) -> Result<()> {
    let sources = source::all(&crate::root())?;
    let mut wrong = Vec::new();
    for check in CHECKS {
        let found = (check.find)(&sources)?;
        let path = list_path(check.name);
        let told = list::compare(&path, &found, lists)?;
        if !told.is_empty() {
            let lines = told.join("\n  ");
            wrong.push(format!("{}: {}\n  {lines}", check.name, check.instead));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("{}", wrong.join("\n"))
    }
}

pub fn list_path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("lists")
        .join(format!("{name}.txt"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_tidy() {
        super::check(super::Lists::Keep).unwrap();
    }
}
