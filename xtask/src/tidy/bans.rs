//! Clocks, tasks and chance that do not come from `rt`: what runs beside a room outlives it, and what reads a clock of its own cannot
//! be tested under a turned one. Below the line `purity` forbids them without exception.

use super::list::Finding;
use super::source::Source;
use anyhow::Result;

/// What may not be called, and what to use instead.
const BANNED: &[(&str, &str)] = &[
    ("Instant::now(", "`rt::Time::now`"),
    ("SystemTime::now(", "`rt::Time::wall`"),
    ("time::sleep(", "`rt::Time::sleep`"),
    ("thread::sleep(", "`rt::Time::sleep`"),
    ("tokio::spawn(", "`rt::Room::spawn`"),
    ("task::spawn(", "`rt::Room::spawn`"),
    ("task::spawn_blocking(", "`rt::Room::spawn_blocking`"),
    ("thread::spawn(", "`rt::Room::spawn_blocking`"),
    ("thread::Builder", "`rt::Room::spawn_blocking`"),
    (
        "rand::rng(",
        "a generator that is handed in, with a seed in tests",
    ),
    (
        "rand::random",
        "a generator that is handed in, with a seed in tests",
    ),
    (
        "getrandom::fill(",
        "a generator that is handed in, with a seed in tests",
    ),
];

/// Crates for which the ban makes no sense, with the reason.
const FREE: &[(&str, &str)] = &[
    ("crates/rt", "is what the others use"),
    ("crates/client", "is used without the rest"),
    ("crates/cli", "a process for one command"),
    ("crates/sim", "no part of the product"),
    ("crates/testkit", "no part of the product"),
    ("xtask", "no part of the product"),
];

pub fn find(sources: &[Source]) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for source in sources {
        let free = FREE.iter().any(|(name, _)| *name == source.package());
        let Some(path) = source.in_src().filter(|_| !free) else {
            continue;
        };
        // `testing` is what the tests of others use.
        let tests = ["tests/", "testing/"]
            .iter()
            .any(|part| path.contains(part));
        if path.ends_with("tests.rs") || tests {
            continue;
        }
        let code = &source.code[..source.tests_from()];
        for (word, instead) in BANNED {
            let size = calls(code, word);
            if size > 0 {
                let word = word.trim_end_matches('(');
                let what = format!("{} {word}: {instead}", source.path);
                found.push(Finding { what, size });
            }
        }
    }
    Ok(found)
}

/// How often a call stands in the code: of that name, not of a longer one.
fn calls(code: &str, word: &str) -> usize {
    let longer = |at: usize| code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(word)
        .filter(|(at, _)| !longer(*at))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_found_outside_tests_and_outside_rt() {
        let text = "let now = std::time::Instant::now();\n// Instant::now()\n#[cfg(test)]\nmod tests { tokio::spawn(x) }";
        let source = |name: &str| Source::new(format!("crates/{name}/src/a.rs"), text.into());
        let found = find(&[source("server"), source("rt")]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].what,
            "crates/server/src/a.rs Instant::now: `rt::Time::now`"
        );
    }
}
