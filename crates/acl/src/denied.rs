//! What somebody is told who may not (spec/acl.md §7). Any text with `Permission denied` is a 403 at the HTTP door.

use std::fmt;

use crate::Right;

/// The accessor of the anonymous token.
pub const ANONYMOUS_ACCESSOR: &str = "00000000-0000-0000-0000-000000000002";

/// The secret of the anonymous token.
pub const ANONYMOUS_SECRET: &str = "anonymous";

/// Who was refused what. Shows the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied<'a> {
    /// The accessor of the token; empty if whoever asked has none.
    pub accessor: &'a str,
    /// What they lack.
    pub right: Right<'a>,
}

impl fmt::Display for Denied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Denied { accessor, right } = self;
        if *accessor == ANONYMOUS_ACCESSOR {
            return write!(
                f,
                "Permission denied: anonymous token lacks permission {right}. The anonymous token is used implicitly when a request does not specify a token."
            );
        }
        write!(
            f,
            "Permission denied: token with AccessorID '{accessor}' lacks permission {right}"
        )
    }
}

impl std::error::Error for Denied<'_> {}
