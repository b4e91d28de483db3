//! Regular expressions in the dialect of Go (RE2 syntax), on top of the `regex` crate.
//!
//! The two dialects differ in small things: `\d`, `\w`, `\s` and `\b` are ASCII in Go; `\Q…\E`, octal escapes and a literal
//! `{` exist only there; `**` is refused there; set operations inside `[…]` and most names in `\p{…}` exist only in `regex`.
//! A pattern is therefore read as Go reads it, refused with Go's words where Go refuses it, weighed, and written anew.
//!
//! Owns: what a pattern may cost ([`Budget`]). Must never learn what is matched.

mod class;
mod names;
mod read;
#[cfg(test)]
mod tests;
mod weight;

pub use regex::bytes::{Match, Regex};
use std::fmt;

pub use weight::NESTING_MAX;

/// Memory that the patterns of one expression may take together, bytes as [`weight`] estimates them. The reference allows
/// some 128 MiB for each; ours bounds what one request makes a server build.
pub const COMPILED_BYTES_MAX: usize = 2 << 20;
/// Longest accepted pattern, bytes: parts that weigh nothing end too.
pub const PATTERN_BYTES_MAX: usize = 64 << 10;
/// What one pattern keeps of tables that grow while it is matched, bytes for each thread that matches at a time.
const CACHE_BYTES_MAX: usize = 256 << 10;

/// Why a pattern is refused: a reason and the offending part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    reason: &'static str,
    part: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: {}: `{}`", self.reason, self.part)
    }
}

impl std::error::Error for Error {}

fn error<R>(reason: &'static str, part: &str) -> Result<R, Error> {
    Err(Error {
        reason,
        part: part.to_owned(),
    })
}

const TOO_LARGE: &str = "expression too large";

/// What the patterns of one expression may still cost.
#[derive(Debug)]
pub struct Budget {
    left: usize,
}

impl Default for Budget {
    /// A whole one, of [`COMPILED_BYTES_MAX`].
    fn default() -> Self {
        Self {
            left: COMPILED_BYTES_MAX,
        }
    }
}

impl Budget {
    /// Compiles a pattern that is matched against the bytes of a text. Groups do not capture.
    ///
    /// # Errors
    /// Go's refusal; `expression too large` when the budget does not suffice, which is known before anything is built.
    pub fn compile(&mut self, pattern: &[u8]) -> Result<Regex, Error> {
        self.build(pattern, false)
    }

    fn build(&mut self, pattern: &[u8], capturing: bool) -> Result<Regex, Error> {
        let whole = || String::from_utf8_lossy(pattern);
        let too_large = || error(TOO_LARGE, &whole());
        if pattern.len() > PATTERN_BYTES_MAX {
            return too_large();
        }
        let read = read::read(pattern, capturing, self.left)?;
        let Some(left) = self.left.checked_sub(read.weight) else {
            return too_large();
        };
        let built = regex::bytes::RegexBuilder::new(&read.translated)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(CACHE_BYTES_MAX)
            .nest_limit(weight::NEST_LIMIT)
            .build();
        let Ok(built) = built else {
            return too_large();
        };
        self.left = left;
        Ok(built)
    }

    /// Bytes taken so far.
    pub fn taken(&self) -> usize {
        COMPILED_BYTES_MAX - self.left
    }
}

/// Compiles the only pattern of an expression; groups do not capture.
///
/// # Errors
/// Those of [`Budget::compile`].
pub fn compile(pattern: &[u8]) -> Result<Regex, Error> {
    Budget::default().compile(pattern)
}

/// Compiles the only pattern of an expression; its groups capture, and are counted as in Go.
///
/// # Errors
/// Those of [`Budget::compile`].
pub fn compile_capturing(pattern: &[u8]) -> Result<Regex, Error> {
    Budget::default().build(pattern, true)
}
