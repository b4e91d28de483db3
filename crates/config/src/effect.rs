//! Keys that are accepted and change nothing: which they are, why, and which of them a user has given.
//!
//! The lists stand in `without-effect.txt` (for good) and `waiting.txt` (until a part exists); `docs/config-keys.md` is
//! printed from them. No other key may be without effect (`tests/it/keys.rs`).

use crate::merge::{defaults, get};
use crate::schema::walk;
use crate::tree::{Map, Tree};

const FOR_GOOD: &str = include_str!("../without-effect.txt");
const WAITING: &str = include_str!("../waiting.txt");

/// A key that was given and has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idle {
    /// Dotted path.
    pub key: String,
    /// Why, for the operator: `waits for gossip`.
    pub reason: String,
}

/// `key: reason` lines of a list.
fn rows(list: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    list.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
}

/// Why a key has no effect; `None` if it has one.
fn reason(key: &str) -> Option<String> {
    if let Some((_, why)) = rows(FOR_GOOD).find(|(known, _)| *known == key) {
        return Some(why.to_owned());
    }
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => key.starts_with(beginning),
        None => key == pattern,
    };
    rows(WAITING)
        .find(|(pattern, _)| fits(pattern))
        .map(|(_, part)| format!("waits for {part}"))
}

/// Adds the paths of every key that a decoded source gives.
pub(crate) fn given(source: &Map, paths: &mut Vec<String>) {
    walk(&mut |path, _| {
        if get(source, path).is_some() && !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    });
}

/// The given keys without effect, each once, in table order. One that says what holds anyway is not named, nor one about
/// which the reference's own warnings speak, nor a port that is told to others (`Ports that are told …` at start).
pub(crate) fn idle(merged: &Map, given: &[String], dev: bool) -> Vec<Idle> {
    let defaults = defaults(dev);
    let mut out = Vec::new();
    walk(&mut |path, _| {
        let value = get(merged, path);
        let holds_anyway = value == get(&defaults, path)
            || matches!(
                (value, get(&defaults, path)),
                (Some(Tree::Bool(false)), None)
            );
        if holds_anyway || !given.iter().any(|key| key == path) {
            return;
        }
        let spoken_of = ["a warning says so", "(only told to others)"];
        let reason = reason(path).filter(|why| !spoken_of.iter().any(|end| why.ends_with(end)));
        if let Some(reason) = reason {
            out.push(Idle {
                key: path.to_owned(),
                reason,
            });
        }
    });
    out
}
