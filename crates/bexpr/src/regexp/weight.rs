//! What a pattern costs, told from its text alone: bytes of the program that it becomes, levels of nesting, and how often its
//! counted repetitions multiply.
//!
//! The prices are those of the `regex` crate's programs, forwards and backwards with the tables beside them, rounded up: a whole
//! budget of small patterns, counted classes, folded texts or classes of Unicode was measured at up to 1.7 MiB and 0.5 to 37 ms (alternatives take longest).

/// Levels of groups and repetitions within each other (Go's limit).
pub const NESTING_MAX: usize = 1000;
/// The same for the other dialect, which counts more kinds of levels.
pub(super) const NEST_LIMIT: u32 = 8 * NESTING_MAX as u32;
/// Counted repetitions within each other multiply to at most this (Go's limit).
pub(super) const REPEAT_MAX: u32 = 1000;

/// A pattern however small.
pub(super) const PATTERN: usize = 8 << 10;
/// One byte of a literal.
pub(super) const BYTE: usize = 64;
/// A character whose other cases match too.
pub(super) const FOLDED: usize = 4 * BYTE;
/// `.` and anything negated: most of Unicode.
pub(super) const ANY: usize = 1 << 10;
/// A range of characters.
pub(super) const RANGE: usize = 4 * BYTE;
/// A class of Unicode by name.
pub(super) const TABLE: usize = 48 << 10;
/// An operator or group.
pub(super) const NODE: usize = 2 * BYTE;
/// A place that a group may have begun or ended at, for each state of the program.
const SLOT: usize = 8;

/// The weight of a part.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight {
    /// Bytes of program, estimated.
    pub(super) bytes: usize,
    /// Levels within it.
    pub(super) height: usize,
    /// Product of the counted repetitions within each other, where it is greatest.
    pub(super) repeat: u32,
}

impl Weight {
    /// A part without parts.
    pub(super) fn leaf(bytes: usize) -> Self {
        Self {
            bytes,
            height: 1,
            repeat: 1,
        }
    }

    /// Beside or after another.
    pub(super) fn join(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.height = self.height.max(other.height);
        self.repeat = self.repeat.max(other.repeat);
    }

    /// In a group or under an operator.
    pub(super) fn wrapped(self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(NODE),
            height: self.height + 1,
            repeat: self.repeat.max(1),
        }
    }

    /// Under a counted repetition; without `most` there is no upper bound.
    pub(super) fn repeated(self, least: u32, most: Option<u32>) -> Self {
        let copies = most.unwrap_or(least + 1).max(1) as usize;
        // What is repeated no time costs nothing, but Go still looks at nothing within it.
        let factor = most.unwrap_or(least.max(1));
        let inner = self.wrapped();
        Self {
            bytes: inner.bytes.saturating_mul(copies),
            height: inner.height,
            repeat: inner.repeat.saturating_mul(factor),
        }
    }
}

/// The whole: the program, and the places of groups that every state of it may have to remember.
pub(super) fn total(program: usize, groups: usize) -> usize {
    let states = program / BYTE;
    let slots = states.saturating_mul(groups).saturating_mul(2 * SLOT);
    PATTERN.saturating_add(program).saturating_add(slots)
}
