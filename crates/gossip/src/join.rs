//! How a join failed, in the reference's words.

use std::fmt;
use thiserror::Error;

/// Nobody could be joined: one reason per address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct JoinError(pub Vec<String>);

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("1 error occurred:\n")?,
            count => writeln!(f, "{count} errors occurred:")?,
        }
        for reason in &self.0 {
            writeln!(f, "\t* {reason}")?;
        }
        f.write_str("\n")
    }
}
