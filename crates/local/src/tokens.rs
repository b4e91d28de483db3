//! Which token a call to the catalog is made with (spec/agent-config.md §17).

use crate::Source;
use std::fmt;

/// The agent's own tokens, "" for none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// `acl.tokens.default`: entries without one of their own.
    pub default: String,
    /// `acl.tokens.agent`: what concerns the node, and removals.
    pub agent: String,
    /// `acl.tokens.config_file_service_registration`: entries of files without one of their own.
    pub files: String,
}

impl fmt::Debug for Tokens {
    /// Tokens are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// The first that is one.
fn first(tokens: [&str; 3]) -> &str {
    let mut given = tokens.into_iter().filter(|token| !token.is_empty());
    given.next().unwrap_or_default()
}

impl Tokens {
    fn of_files(&self, source: Source) -> &str {
        match source {
            Source::File => &self.files,
            Source::Api => "",
        }
    }

    /// For an entry that was registered with `own`.
    pub(crate) fn entry<'a>(&'a self, own: &'a str, source: Source) -> &'a str {
        first([own, self.of_files(source), &self.default])
    }

    /// For the removal of an entry.
    pub(crate) fn removal<'a>(&'a self, own: &'a str, source: Source) -> &'a str {
        first([own, self.of_files(source), self.node()])
    }

    /// For the node alone, and for what the agent reads for itself.
    pub fn node(&self) -> &str {
        first([&self.agent, &self.default, ""])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order() {
        let tokens = |default: &str, agent: &str, files: &str| Tokens {
            default: default.into(),
            agent: agent.into(),
            files: files.into(),
        };
        let all = tokens("d", "a", "f");
        assert_eq!(all.entry("own", Source::File), "own");
        assert_eq!(all.entry("", Source::File), "f");
        assert_eq!(all.entry("", Source::Api), "d");
        assert_eq!(all.removal("own", Source::Api), "own");
        assert_eq!(all.removal("", Source::Api), "a");
        assert_eq!(all.removal("", Source::File), "f");
        assert_eq!(all.node(), "a");
        assert_eq!(tokens("d", "", "").node(), "d");
        assert_eq!(tokens("d", "", "").entry("", Source::File), "d");
        assert_eq!(format!("{all:?}"), "Tokens");
    }
}
