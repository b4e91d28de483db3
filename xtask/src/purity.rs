//! Below the line there is no clock, no randomness source, no thread, no socket and no file (ARCHITECTURE.md, invariant 1).

use anyhow::{Result, bail};
use std::path::Path;

/// Crates below the line.
const PURE: &[&str] = &[
    "dialect", "bexpr", "model", "wire", "state", "acl", "local", "dns", "yamux", "swim", "serf",
    "pool",
];

/// What their sources may not name, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("Instant::now", "take `now` as an argument"),
    ("SystemTime::now", "take `now` as an argument"),
    ("thread::spawn", "return the work as a value"),
    ("thread::sleep", "return a deadline"),
    ("std::fs", "take a reader or writer"),
    ("std::net::Tcp", "return bytes"),
    ("std::net::Udp", "return bytes"),
    ("tokio", "below the line nothing is async"),
    ("rand::rng()", "take a seeded generator"),
    ("thread_rng", "take a seeded generator"),
    ("getrandom", "take a seeded generator"),
    ("async fn", "below the line nothing is async"),
];

/// Fails with every place that breaks the rule.
pub fn check() -> Result<()> {
    let mut wrong = Vec::new();
    for name in PURE {
        walk(
            &crate::root().join("crates").join(name).join("src"),
            &mut wrong,
        )?;
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("below the line:\n  {}", wrong.join("\n  "))
    }
}

fn walk(folder: &Path, wrong: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, wrong)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            scan(&path, &std::fs::read_to_string(&path)?, wrong);
        }
    }
    Ok(())
}

/// Test modules may do as they like: they stand at the end of a file behind `#[cfg(test)]`.
fn scan(path: &Path, text: &str, wrong: &mut Vec<String>) {
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            return;
        }
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (word, instead) in BANNED {
            if line.contains(word) {
                wrong.push(format!(
                    "{}:{}: `{word}`: {instead}",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn cores_are_pure() {
        super::check().unwrap();
    }

    #[test]
    fn a_clock_is_found() {
        let mut wrong = Vec::new();
        super::scan(
            std::path::Path::new("x.rs"),
            "let now = Instant::now();\n",
            &mut wrong,
        );
        assert_eq!(wrong.len(), 1);
    }
}
