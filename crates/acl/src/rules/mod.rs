//! Rules as they are written (spec/acl.md §5).
//!
//! [`Policy::parse`] reads a text; what several policies come to together is the business of `merge`.

mod check;
mod read;

use std::fmt;

use blake2::{Blake2b, Digest, digest::consts::U16};
use dialect::hcl::Duplicates;

use crate::{Level, Resource};

/// Why a text is no policy. Shows the reference's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It is not of the language.
    #[error("Failed to parse ACL rules: {0}")]
    Syntax(String),
    /// It grants what does not exist.
    #[error("Invalid {field} policy: {rule}")]
    Level {
        /// The block or attribute, such as `key_prefix` or `service intentions`.
        field: String,
        /// The level in quotes, or the whole rule in Go's notation.
        rule: String,
    },
}

/// A level as it was written: in a merge only literal lowercase words have a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) level: Level,
    pub(crate) literal: bool,
}

impl Grant {
    fn new(word: &str) -> Option<Self> {
        let level = Level::from_word(word)?;
        let literal = level.word() == word;
        Some(Grant { level, literal })
    }

    /// Precedence among equals: deny, write, list, read; capitals displace nothing.
    pub(crate) fn rank(self) -> u8 {
        match self.level {
            _ if !self.literal => 0,
            Level::Read => 1,
            Level::List => 2,
            Level::Write => 3,
            Level::Deny => 4,
        }
    }
}

/// A rule with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) resource: Resource,
    pub(crate) name: Box<str>,
    pub(crate) prefix: bool,
    pub(crate) grant: Grant,
    /// Only rules of services.
    pub(crate) intentions: Option<Grant>,
}

/// The rules of one text, checked. Immutable; cheap to keep: about 40 bytes a rule beside its name.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) plain: Vec<(Resource, Grant)>,
    pub(crate) named: Vec<Rule>,
    pub(crate) fingerprint: [u8; 16],
}

impl Policy {
    /// Reads rules as somebody writes them now: HCL, or JSON if the first character is `{`. Empty text is a policy that says
    /// nothing. Unknown blocks and keys, those of other editions among them, say nothing.
    ///
    /// # Errors
    /// The reference's texts; the first fault of syntax in the order of the text, or else of levels in the order of
    /// resources.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        Self::read(text, Duplicates::Refuse)
    }

    /// Reads rules as they are stored: an attribute given twice, which older versions let pass, counts as given last.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn parse_stored(text: &str) -> Result<Self, RuleError> {
        Self::read(text, Duplicates::Allow)
    }

    fn read(text: &str, duplicates: Duplicates) -> Result<Self, RuleError> {
        let raw = read::read(text, duplicates)?;
        let check::Checked { plain, named } = check::check(raw)?;
        let fingerprint = Blake2b::<U16>::digest(text).into();
        Ok(Policy {
            plain,
            named,
            fingerprint,
        })
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.named.is_empty()
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.plain.len() + self.named.len()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({} rules)", self.len())
    }
}
